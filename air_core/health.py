"""Rules that name a failure while it happens, from what a training has logged.

Each rule is a pure function of the logged rows: it answers with a `Finding`, or None. Until a
training is settled everything is in motion, so rules look only at what came after, and speak only
when what they look for has held over several looks at the validation scenes and for a while.

Sources: Pyro issues 637 and 1374; the AIR paper's supplement; our own broken runs, recorded in
tests/series/.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from air_core.config import TrainConfig
from air_core.records import LOOK, confusion_of, is_look
from air_core.store import Row

PATIENCE = 3
"""Looks over which a failure must have held, and"""
WHILE = 0.4
"""for how long, as a share of the steps that a training takes to settle."""
SETTLED = 1_000
"""Steps that our preset takes to count most scenes right, with some to spare."""
BLANK_NATS = 20.0
"""An ELBO within so many nats of a blank canvas's has painted nothing."""
SHARE = 0.04
"""Share of scenes counted wrong in the same way from which on it is a failure, not an error."""
PLATEAU_NATS = 2.0
GOOD_ENOUGH = 0.97
"""Count accuracy from which on a flat ELBO is called success."""


@dataclass(frozen=True)
class Finding:
    """A failure: the name of its rule, a title, what shows it, and what to do about it."""

    rule: str
    title: str
    evidence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.title}: {self.evidence} {self.remedy}"


def settled_after(config: TrainConfig) -> int:
    """Steps after which a training with these settings should have settled.

    Small steps, small batches and long annealing take their time; estimators that draw the count
    instead of summing over it take about five times as long.
    """
    slower = max(1.0, 1e-3 / config.learning_rate) * max(1.0, 64 / config.batch_size)
    slower *= 1 if config.estimator == "count_enumeration" else 5
    annealed = 3 * config.anneal_steps if config.anneal_from else 0
    return int(max(SETTLED * slower, annealed))


def _confusions(looks: Sequence[Row]) -> list[np.ndarray]:
    return [confusion_of(row.record) for row in looks]


def _share_counted(confusion: np.ndarray, counted: Callable[[int], slice], truths: range) -> float:
    """Of the scenes whose true count is in `truths`, the share counted as `counted(truth)` says."""
    rows = [confusion[n] for n in truths if n < len(confusion)]
    total = sum(row.sum() for row in rows)
    hits = sum(confusion[n, counted(n)].sum() for n in truths if n < len(confusion))
    return float(hits / total) if total else 0.0


def _stuck(shares: Sequence[float]) -> bool:
    """Whether a share of errors stays high rather than falls away."""
    return min(shares) > SHARE and shares[-1] > 0.7 * shares[0]


def non_finite(rows: Sequence[Row]) -> Finding | None:
    """A logged value is not a number or infinite."""
    for row in rows[-1:]:
        for name, value in row.record.items():
            if not math.isfinite(value):
                evidence = f"{name} became {value} at step {row.step:,}."
                remedy = (
                    "Resume with a smaller learning_rate, a longer warm-up or clip_norm (100 is a start)."
                )
                return Finding("non_finite", "A number is no longer finite", evidence, remedy)
    return None


def blank_collapse(looks: Sequence[Row]) -> Finding | None:
    """The canvases stay empty: the ELBO is that of a blank canvas."""
    gains = [row.record[LOOK + "elbo"] - row.record[LOOK + "blank"] for row in looks]
    something = confusion_of(looks[-1].record)[1:].sum() > 0
    if not something or max(abs(gain) for gain in gains) > BLANK_NATS:
        return None
    evidence = (
        f"at step {looks[-1].step:,} the ELBO is {gains[-1]:+.0f} nats from that of a blank canvas, although "
        "most scenes hold digits."
    )
    remedy = (
        "Let the prior be generous at first (anneal_from 0.5), keep decoder_bias near −2 and z_pres_bias "
        "near +2, and start with a narrow where_sd_start (0.1)."
    )
    return Finding("blank_collapse", "Nothing is painted", evidence, remedy)


def _largest_count_share(confusion: np.ndarray) -> float:
    """Of the scenes of the truth that is least often counted as the largest count, the share that is."""
    largest = confusion.shape[1] - 1
    truths = [n for n in range(1, min(largest, len(confusion))) if confusion[n].sum()]
    each = [_share_counted(confusion, lambda _: slice(largest, None), range(n, n + 1)) for n in truths]
    return min(each, default=0.0)


def three_objects(looks: Sequence[Row]) -> Finding | None:
    """Every scene that is not empty is counted as the largest count there is (Pyro issue 637)."""
    shares = [_largest_count_share(table) for table in _confusions(looks)]
    if min(shares) < 0.5:
        return None
    largest = confusion_of(looks[-1].record).shape[1] - 1
    evidence = (
        f"of scenes that hold any digits, at least {shares[-1]:.0%} are counted as {largest}, although the "
        f"ELBO, {looks[-1].record[LOOK + 'elbo']:.0f} nats, may look well."
    )
    remedy = "Make an object dear: p_more 0.01, decoder_bias −2, likelihood_sd 0.3; then start anew."
    return Finding("three_objects", "Everything is explained with all objects there are", evidence, remedy)


def split_digit(looks: Sequence[Row]) -> Finding | None:
    """Single digits are explained by two windows, each with a half."""
    tables = _confusions(looks)
    if min(_largest_count_share(table) for table in tables) >= 0.5:
        return None  # that is three_objects
    truths = range(1, tables[-1].shape[1] - 1)
    shares = [_share_counted(table, lambda n: slice(n + 1, None), truths) for table in tables]
    if not _stuck(shares):
        return None
    evidence = f"{shares[-1]:.1%} of the scenes that hold digits are counted with more than they hold."
    remedy = (
        "Use a guide that searches (attentive), lower the learning_rate or p_more, or start from another seed; "
        "a late escape is rare."
    )
    return Finding("split_digit", "Single digits are split in two", evidence, remedy)


def two_in_one_window(looks: Sequence[Row]) -> Finding | None:
    """Two digits are painted in one window and counted as one."""
    if _is_blank(looks):
        return None
    tables = _confusions(looks)
    shares = [_share_counted(table, lambda n: slice(1, n), range(2, table.shape[1])) for table in tables]
    if not _stuck(shares):
        return None
    evidence = f"{shares[-1]:.1%} of the scenes with two or more digits are counted with fewer."
    remedy = (
        "Use a guide that searches (attentive), keep windows small (where_mean s near 3), and do not let "
        "p_more fall too early."
    )
    return Finding("two_in_one_window", "Two digits share one window", evidence, remedy)


def _is_blank(looks: Sequence[Row]) -> bool:
    return blank_collapse(looks) is not None


def too_few_steps(looks: Sequence[Row]) -> Finding | None:
    """Scenes hold more objects than the guide may find."""
    table = confusion_of(looks[-1].record)
    most, steps = len(table) - 1, table.shape[1] - 1
    if most <= steps:
        return None
    evidence = f"scenes hold up to {most} digits, the guide may find {steps}."
    return Finding(
        "too_few_steps", "The guide has too few steps", evidence, f"Start a copy with max_steps {most}."
    )


def _countable_accuracy(look: Row) -> float:
    """Count accuracy on the scenes that hold no more objects than the guide may find."""
    table = confusion_of(look.record)
    square = table[: table.shape[1]]
    return float(np.trace(square) / max(square.sum(), 1))


def plateau(looks: Sequence[Row]) -> Finding | None:
    """The ELBO no longer rises although many counts are wrong."""
    accuracy = _countable_accuracy(looks[-1])
    if len(looks) < 2 * PATIENCE or accuracy >= GOOD_ENOUGH or _is_blank(looks):
        return None
    elbos = [row.record[LOOK + "elbo"] for row in looks]
    half = len(elbos) // 2
    gain = max(elbos[half:]) - max(elbos[:half])
    if gain > PLATEAU_NATS:
        return None
    since = looks[-1].step - looks[0].step
    evidence = (
        f"over {since:,} steps the ELBO rose by {max(gain, 0):.1f} nats, with {accuracy:.1%} counted right."
    )
    remedy = (
        "It will hardly get better by itself: stop it, and start a copy with another seed or learning_rate."
    )
    return Finding("plateau", "It no longer learns", evidence, remedy)


Rule = Callable[[Sequence[Row]], Finding | None]

RULES: dict[Rule, float] = {
    too_few_steps: WHILE,
    blank_collapse: WHILE,
    three_objects: WHILE,
    split_digit: WHILE,
    two_in_one_window: WHILE,
    plateau: 1.0,
}
"""The rules over looks at the validation scenes, what explains more before what explains less, and
for how long each must have held, as a share of the steps that a training takes to settle."""


def _window(looks: Sequence[Row], span: float) -> list[Row]:
    """The last looks that reach back over `span` steps; none if there are too few."""
    back = [row for row in looks if row.step <= looks[-1].step - span][-1:]
    window = [row for row in looks if back and row.step >= back[0].step]
    return window if len(window) >= PATIENCE else []


def diagnose(rows: Sequence[Row], settled: int = SETTLED) -> list[Finding]:
    """What is wrong with a training, by all rules, from its logged rows in order.

    `settled` is how many steps it may take until it is judged; see `settled_after`.
    """
    broken = non_finite(rows)
    if broken:
        return [broken]
    looks = [row for row in rows if row.step >= settled and is_look(row.record)]
    found = []
    for rule, span in RULES.items():
        window = _window(looks, span * settled) if looks else []
        if window and (finding := rule(window)):
            found.append(finding)
    return found
