"""The engine in JavaScript against torch, number by number, in Chromium.

Torch computes in double precision here. In float32 its own rounding is larger than the tolerance at places that no
answer depends on: after the last object, where boxes are huge and steps read noise.
"""

import base64
import copy
import json

import numpy as np
import pyro
import pytest
import torch
from pyro.poutine.messenger import Messenger

from air_core.air import AIR
from air_core.browser import FOLDERS, export_weights, pack
from air_core.config import Config, ModelConfig, SceneConfig
from air_core.estimators.count_enumeration import count_terms, elbo_parts
from air_core.explain import explain
from air_core.guide import GUIDES
from air_core.networks import EMBEDDINGS
from air_core.presets import PRESETS
from air_core.runs import find_run
from air_core.scenes import load_scenes, to_float
from air_core.spatial_transformer import crop, place
from tests.server import browser_page

N_SCENES = 200
STEPS = ("p_pres", "z_where", "where_sd", "z_what", "what_sd", "crops", "windows", "canvases")
PARTS = {"elbo": "elbo", "log_likelihood": "logLikelihood", "kl_pres": "klPres", "kl_where": "klWhere"}
PARTS |= {"kl_what": "klWhat", "blank": "blank"}

EXPLAIN_ALL = """async ([weights, data, places]) => {
  const { AIR } = await import("/engine/air.js");
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const air = new AIR(bytes(weights)), numbers = new Float32Array(bytes(data));
  const rows = ({ shape, offset }) => {
    const size = shape.slice(1).reduce((n, axis) => n * axis, 1);
    return (i) => Float64Array.from(numbers.subarray(offset + i * size, offset + (i + 1) * size));
  };
  const image = rows(places.images), where = rows(places.where), what = rows(places.what);
  const D = air.config.z_what_size, T = air.config.max_steps, found = [];
  for (let i = 0; i < places.images.shape[0]; i++) {
    const noise = Array.from({ length: T }, (_, t) => ({
      where: where(i).slice(3 * t, 3 * t + 3), what: what(i).slice(D * t, D * t + D) }));
    const e = air.explain(image(i), noise), of = (read) => e.steps.map((s) => [...read(s)]);
    found.push({
      p_pres: e.steps.map((s) => s.pPres), z_where: of((s) => s.zWhere), where_sd: of((s) => s.where.sd),
      z_what: of((s) => s.zWhat), what_sd: of((s) => s.what.sd), crops: of((s) => air.crop(e.image, s.zWhere)),
      windows: of((s) => s.window), canvases: of((s) => s.canvas),
      q_counts: e.qCounts, per_count: e.logLikelihood, ...e.parts, count: e.count });
  }
  return JSON.stringify(found);
}"""


class WithNoise(Messenger):
    """Draws each latent of a guide as mean + sd * given noise."""

    def __init__(self, noise: dict[str, torch.Tensor]):
        super().__init__()
        self.noise = noise  # z_where (B, T, 3), z_what (B, T, D)

    def _pyro_sample(self, msg: dict) -> None:
        latent, _, t = msg["name"].rpartition("_")
        if latent in self.noise and msg["value"] is None:
            fn = msg["fn"].base_dist.base_dist
            msg["value"] = fn.loc + fn.scale * self.noise[latent][:, int(t) - 1]
            msg["done"] = True


@torch.no_grad()
def by_torch(air: AIR, images: np.ndarray, noise: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All that the engine says, from torch in double precision."""
    torch.set_default_dtype(torch.float64)
    try:
        air, x = copy.deepcopy(air).double(), torch.from_numpy(images).double()
        given = WithNoise({name: torch.from_numpy(value).double() for name, value in noise.items()})

        def guide(*args):
            with given:
                air.guide(*args)

        terms, q, _ = count_terms(air.model, guide, x)
        steps = range(1, air.config.model.max_steps + 1)

        def read(latent, what):
            return torch.stack([what(q.nodes[f"{latent}_{t}"]) for t in steps], 1)

        z_where, z_what = (read(latent, lambda site: site["value"]) for latent in ("z_where", "z_what"))
        windows, parts = air.model.decoder(z_what), elbo_parts(terms)
        found = {
            "p_pres": read("z_pres", lambda site: site["fn"].probs),
            "z_where": z_where,
            "where_sd": read("z_where", lambda site: site["fn"].base_dist.base_dist.scale),
            "z_what": z_what,
            "what_sd": read("z_what", lambda site: site["fn"].base_dist.base_dist.scale),
            "crops": crop(x[:, None], z_where, air.config.model.window_side),
            "windows": windows,
            "canvases": place(windows, z_where, images.shape[-1]).cumsum(1),
            "q_counts": terms.log_q_count.exp().T,
            "per_count": terms.log_likelihood.T,
            "count": terms.log_q_count.argmax(0),
        }
        return {
            name: value.numpy() for name, value in (found | {k: getattr(parts, k) for k in PARTS}).items()
        }
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="module")
def engine_page():
    """A page of no server that may import the engine's modules."""

    def serve(route, request):
        path = FOLDERS["engine"] / request.url.rpartition("/")[2]
        known = path.suffix == ".js" and path.is_file()
        kind = "text/javascript" if known else "text/html"
        route.fulfill(content_type=kind, body=path.read_text() if known else "<title>engine</title>")

    with browser_page("http://air.test") as (page, wrong):
        page.route("http://air.test/**", serve)
        page.goto("http://air.test/")
        yield page
        assert not [text for text in wrong if "favicon" not in text]


def by_engine(page, air: AIR, images: np.ndarray, noise: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    places, block = pack({"images": images, "where": noise["z_where"], "what": noise["z_what"]})
    encoded = [base64.b64encode(part).decode() for part in (export_weights(air), block)]
    found = json.loads(page.evaluate(EXPLAIN_ALL, [*encoded, places]))
    names = {name: PARTS.get(name, name) for name in (*STEPS, "q_counts", "per_count", "count", *PARTS)}
    return {name: np.array([scene[key] for scene in found]) for name, key in names.items()}


def excess(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference, in units of 1e-4 + 1e-5 |value|."""
    wanted = wanted.reshape(found.shape)
    return float((np.abs(found - wanted) / (1e-4 + 1e-5 * np.abs(wanted))).max())


def standard_noise(n: int, config: ModelConfig, size: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    sizes = {"z_where": 3, "z_what": config.z_what_size}
    return {
        k: (size * rng.standard_normal((n, config.max_steps, d))).astype(np.float32) for k, d in sizes.items()
    }


def same_answers(page, air: AIR, images: np.ndarray, noise: dict[str, np.ndarray]) -> None:
    found, wanted = by_engine(page, air, images, noise), by_torch(air, images, noise)
    assert (found.pop("count") == wanted.pop("count")).all()
    worst = {name: excess(value, wanted[name]) for name, value in found.items()}
    print({name: f"{value:.1e}" for name, value in worst.items()})
    assert max(worst.values()) < 1, worst


@pytest.mark.parametrize("size", [0.0, 1.0], ids=["means", "noise"])
def test_shipped_run(engine_page, size):
    run = find_run("multi_mnist")
    images = to_float(load_scenes(run.config().scene, "test").images[:N_SCENES])
    same_answers(engine_page, run.load(), images, standard_noise(N_SCENES, run.config().model, size))


def test_the_app_sees_what_the_browser_sees(engine_page):
    """What the app computes in float32 agrees, too, wherever an answer depends on it."""
    run = find_run("multi_mnist")
    images = to_float(load_scenes(run.config().scene, "test").images[:N_SCENES])
    air = run.load()
    found = by_engine(engine_page, air, images, standard_noise(N_SCENES, run.config().model, 0.0))
    app = explain(air, images)
    present = np.arange(air.config.model.max_steps) < app.counts[:, None]
    assert (found["count"] == app.counts).all()
    for name in ("q_counts", "elbo"):
        assert excess(found[name], getattr(app, name)) < 1
    for name in ("z_where", "z_what", "windows", "crops"):
        wanted = getattr(app, name)
        assert excess(found[name].reshape(wanted.shape)[present], wanted[present]) < 1, name


VARIANTS = {f"guide {name}": {"guide": name} for name in GUIDES}
VARIANTS |= {f"embedding {name}": {"guide": "windowed", "embedding": name} for name in EMBEDDINGS}
VARIANTS |= {"odd sizes": {"map_channels": (5, 3), "window_side": 9, "z_what_size": 7, "rnn_size": 11}}
VARIANTS |= {"five steps": {"max_steps": 5, "prior": "bernoulli_chain"}}
VARIANTS |= {"one layer of the map": {"map_channels": (6,), "activation": "relu"}}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets(engine_page, preset):
    an_untrained_air_agrees(engine_page, PRESETS[preset])


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
def test_every_guide_and_embedding(engine_page, changes):
    scene = SceneConfig(canvas_side=37) if "map_channels" in changes else SceneConfig()
    an_untrained_air_agrees(
        engine_page, Config(scene=scene, model=PRESETS["multi_mnist"].model).with_settings(**changes)
    )


def an_untrained_air_agrees(page, config: Config) -> None:
    torch.manual_seed(3)
    pyro.enable_validation(True)
    air, side = AIR(config), config.scene.canvas_side
    with torch.no_grad():
        for parameter in air.parameters():  # so that no bias is zero
            parameter.add_(0.05 * torch.randn_like(parameter))
    images = np.random.default_rng(1).uniform(size=(4, side, side)).astype(np.float32)
    images[0] = 0
    same_answers(page, air, images, standard_noise(4, config.model))


def test_answers_do_not_depend_on_what_was_seen_before(engine_page):
    run = find_run("multi_mnist")
    images = to_float(load_scenes(run.config().scene, "test").images[:6])
    air, noise = run.load(), standard_noise(6, run.config().model, 0.0)
    found = by_engine(engine_page, air, images, noise)
    again = by_engine(engine_page, air, images[::-1].copy(), noise)
    for name, value in found.items():
        assert (value == again[name][::-1]).all(), name


def test_a_broken_file_is_refused(engine_page):
    refused = """async (size) => {
      const { AIR } = await import("/engine/air.js");
      try { new AIR(new Uint8Array(size).fill(255).buffer); } catch (error) { return error.message; }
    }"""
    assert engine_page.evaluate(refused, 64) == "this is no file of weights"
