"""How well a trained AIR counts, explains and finds: counting, bounds, boxes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from air_core.air import AIR
from air_core.config import ConfigError
from air_core.estimators.count_enumeration import count_terms, elbo_parts
from air_core.explain import BATCH, Answer, batches, explain
from air_core.reconsider import FITS
from air_core.scenes import Scenes, to_float

IOU_HIT = 0.5
"""A box that overlaps a digit's at least this much has found it (AP50)."""


def blank_score(images: np.ndarray, likelihood_sd: float) -> float:
    """Mean log p(x | empty canvas) in nats of scenes (N, S, S) in [0, 1] or uint8.

    The floor that every ELBO is measured from: it depends on the data alone.
    """
    pixels = to_float(images) if images.dtype == np.uint8 else images
    constant = pixels[0].size * math.log(likelihood_sd * math.sqrt(2 * math.pi))
    energy = np.mean([np.square(image, dtype=np.float64).sum() for image in pixels])
    return float(-0.5 * energy / likelihood_sd**2 - constant)


def confusion_matrix(truth: np.ndarray, answer: np.ndarray, max_steps: int) -> np.ndarray:
    """Scenes by true count (rows 0..max) and answered count (columns 0..T)."""
    matrix = np.zeros((int(truth.max()) + 1, max_steps + 1), np.int64)
    np.add.at(matrix, (truth, answer), 1)
    return matrix


def bootstrap_interval(
    right: np.ndarray, digits: np.ndarray, repeats: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of an accuracy, by bootstrap over digits: had other digits been held out.

    right bool (N,); digits (N, K), the digit's place in its split, -1 where none. Each repeat draws
    the digits anew with replacement, and a scene weighs the product of how often its digits came.
    """
    n_digits = int(digits.max(initial=-1)) + 1
    if not n_digits:
        return float(right.mean()), float(right.mean())
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(repeats):
        times = rng.multinomial(n_digits, np.full(n_digits, 1 / n_digits))
        weight = np.where(digits >= 0, times[digits], 1).prod(1)
        if weight.any():  # of very few scenes it may leave none
            means.append(np.average(right, weights=weight))
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


def squared(boxes: np.ndarray) -> np.ndarray:
    """Boxes (..., 4) as x, y, w, h grown to squares of their longer side, same centre."""
    side = boxes[..., 2:].max(-1, keepdims=True)
    centre = boxes[..., :2] + boxes[..., 2:] / 2
    return np.concatenate([centre - side / 2, side, side], -1)


def iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of every box of a (M, 4) with every one of b (K, 4): (M, K)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum((a[:, :2] + a[:, 2:])[:, None], (b[:, :2] + b[:, 2:])[None])
    shared = np.clip(high - low, 0, None).prod(-1)
    union = a[:, 2:].prod(-1)[:, None] + b[:, 2:].prod(-1)[None] - shared
    return shared / np.maximum(union, 1e-12)


def box_scores(found: Answer, truth: np.ndarray) -> dict[str, float | None]:
    """`box_iou`, `box_ap50` and `centre_error` against ink boxes (N, K, 4), zeros where none.

    IoU: boxes of the most probable count are matched to squared ink boxes by the Hungarian
    method; the mean is over matched pairs and whatever is unmatched on either side, which counts
    0. Centre error: mean distance in pixels of the matched pairs. AP50: all T boxes
    ranked by the probability that they are there, area under the precision-recall curve.
    """
    overlaps, distances, hits, ranks, n_truth = [], [], [], [], 0
    for i, count in enumerate(found.counts):
        real = squared(truth[i][truth[i, :, 2] > 0])
        n_truth += len(real)
        boxes = found.boxes[i]
        table = iou(boxes, real)
        rows, columns = linear_sum_assignment(-table[:count])
        matched = table[rows, columns]
        overlaps += [*matched, *[0.0] * (max(count, len(real)) - len(rows))]
        centres = boxes[rows, :2] + boxes[rows, 2:] / 2 - real[columns, :2] - real[columns, 2:] / 2
        distances += list(np.linalg.norm(centres, axis=1))
        hits += _greedy_hits(table, found.p_present[i])
        ranks += list(found.p_present[i])
    return {
        "box_iou": float(np.mean(overlaps)) if overlaps else None,
        "box_ap50": average_precision(np.array(ranks), np.array(hits), n_truth),
        "centre_error": float(np.mean(distances)) if distances else None,
    }


def _greedy_hits(table: np.ndarray, rank: np.ndarray) -> list[bool]:
    """Which boxes (rows) hit a truth (columns) that no better-ranked box has hit."""
    free, hit = np.ones(table.shape[1], bool), [False] * len(table)
    for row in np.argsort(-rank, kind="stable"):
        candidates = np.where(free, table[row], 0)
        if candidates.size and candidates.max() >= IOU_HIT:
            hit[row] = True
            free[candidates.argmax()] = False
    return hit


def average_precision(rank: np.ndarray, hit: np.ndarray, n_truth: int) -> float | None:
    """Area under the interpolated precision-recall curve of detections ranked by `rank` (M,)."""
    if n_truth == 0:
        return None
    hit = hit[np.argsort(-rank, kind="stable")]
    precision = hit.cumsum() / np.arange(1, len(hit) + 1)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    return float((best_after * hit).sum() / n_truth)


def sampled(air: AIR, images: Tensor, samples: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Per scene: parts of the ELBO and a drawn count from the first z; IWAE and posterior of all."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        weights = []
        for k in range(samples):
            terms, _, _ = count_terms(air.model, air.guide, images)
            weights.append(terms.log_weight)  # (T + 1, B)
            if k == 0:
                first = elbo_parts(terms)
                drawn = torch.distributions.Categorical(logits=terms.log_q_count.T).sample()
        per_count = torch.stack(weights).logsumexp(0) - math.log(samples)  # (T + 1, B)
    parts = {
        name: getattr(first, name) for name in ("elbo", "log_likelihood", "kl_pres", "kl_where", "kl_what")
    }
    return parts | {"iwae": per_count.logsumexp(0), "posterior": per_count.argmax(0), "drawn": drawn}


@torch.no_grad()
def evaluate(
    air: AIR,
    scenes: Scenes,
    samples: int = 10,
    seed: int = 0,
    progress: Callable[[Iterable, int], Iterable] = lambda items, total: items,
    looks: int = 1,
    fit: str = "none",
) -> dict:
    """Everything that `python -m air_core.evaluate --json` prints; the design of its keys is there.

    `samples` >= 1 is K of the importance-weighted figures; `progress` wraps the batches. With `looks` > 1 or `fit`
    the counts of `count_accuracy`, `confusion` and the boxes are those of the refined answer (see `explain`). Keys
    whose ground truth is missing are None. Raises `ConfigError` if the scenes do not fit, `ValueError` for another `fit`.
    """
    side, max_steps = air.config.scene.canvas_side, air.config.model.max_steps
    if scenes.images.shape[1] != side:
        raise ConfigError(f"scenes of side {scenes.images.shape[1]} do not fit a run of side {side}")
    if fit not in FITS:
        raise ValueError(f"fit: {fit!r} is none of {', '.join(FITS)}")
    generator = torch.Generator().manual_seed(seed)
    n_batches = -(-len(scenes) // BATCH)
    drawn = [sampled(air, batch, samples, generator) for batch in progress(batches(scenes.images), n_batches)]
    values = {name: torch.cat([part[name] for part in drawn]).numpy() for name in drawn[0]}
    found = explain(air, scenes.images, Answer, looks, fit, progress)

    result: dict = {"n": len(scenes), "samples": samples, "looks": looks, "fit": fit}
    truth = scenes.counts
    answers = {
        "count_accuracy": found.counts,
        "count_accuracy_sampled": values["drawn"],
        "count_accuracy_posterior": values["posterior"],
    }
    for name, answer in answers.items():
        result[name] = None if truth is None else float((answer == truth).mean())
    known = truth is not None and scenes.digits is not None
    interval = bootstrap_interval(found.counts == truth, scenes.digits) if known else None
    result["count_accuracy_interval"] = interval
    result["confusion"] = None if truth is None else confusion_matrix(truth, found.counts, max_steps).tolist()
    for name in ("elbo", "log_likelihood", "kl_pres", "kl_where", "kl_what", "iwae"):
        result[name] = float(values[name].mean(dtype=np.float64))
    result["blank"] = blank_score(scenes.images, air.config.model.likelihood_sd)
    no_boxes = {"box_iou": None, "box_ap50": None, "centre_error": None}
    return result | (no_boxes if scenes.ink_boxes is None else box_scores(found, scenes.ink_boxes))
