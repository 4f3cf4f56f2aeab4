"""Rules that name a failure while it happens, from what a training has logged.

Each rule is a pure function of the logged rows: it answers with a `Finding`, or None. A rule
speaks only when what it looks for has held for `PATIENCE` looks at the validation scenes, none of
them before `SETTLED` steps: until then everything is in motion.

Sources: Pyro issues 637 and 1374; the AIR paper's supplement; our own broken runs, recorded in
tests/series/.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from air_core.records import LOOK, confusion_of, is_look
from air_core.store import Row

PATIENCE = 3
SETTLED = 1_000
BLANK_NATS = 20.0
"""An ELBO within so many nats of a blank canvas's has painted nothing."""
SHARE = 0.04
"""Share of scenes counted wrong in the same way from which on it is a failure, not an error."""
PLATEAU_LOOKS = 6
PLATEAU_NATS = 1.0
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
    gains = [row.record[LOOK + "elbo"] - row.record[LOOK + "blank"] for row in looks[-PATIENCE:]]
    if max(gains) > BLANK_NATS:
        return None
    evidence = (
        f"at step {looks[-1].step:,} the ELBO is {max(gains[-1], 0):.0f} nats above that of a blank canvas."
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
    shares = [_largest_count_share(table) for table in _confusions(looks[-PATIENCE:])]
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
    tables = _confusions(looks[-PATIENCE:])
    if min(_largest_count_share(table) for table in tables) >= 0.5:
        return None  # that is three_objects
    truths = range(1, tables[-1].shape[1] - 1)
    shares = [_share_counted(table, lambda n: slice(n + 1, None), truths) for table in tables]
    if not _stuck(shares):
        return None
    evidence = f"{shares[-1]:.1%} of the scenes are counted with more objects than they hold."
    remedy = "Lower the learning_rate or p_more, or start from another seed; a late escape is rare."
    return Finding("split_digit", "Single digits are split in two", evidence, remedy)


def two_in_one_window(looks: Sequence[Row]) -> Finding | None:
    """Two digits are painted in one window and counted as one."""
    if _is_blank(looks):
        return None
    tables = _confusions(looks[-PATIENCE:])
    shares = [_share_counted(table, lambda n: slice(1, n), range(2, len(table))) for table in tables]
    if not _stuck(shares):
        return None
    evidence = f"{shares[-1]:.1%} of the scenes with two or more digits are counted with fewer."
    remedy = (
        "Keep windows small (where_mean s = 3, where_sd 0.1), use the convolutional embedding, and do not "
        "let p_more fall too early."
    )
    return Finding("two_in_one_window", "Two digits share one window", evidence, remedy)


def _is_blank(looks: Sequence[Row]) -> bool:
    return blank_collapse(looks) is not None


def plateau(looks: Sequence[Row]) -> Finding | None:
    """The ELBO no longer rises although many counts are wrong."""
    late = looks[-PLATEAU_LOOKS:]
    accuracy = late[-1].record[LOOK + "count_accuracy"]
    if len(late) < PLATEAU_LOOKS or accuracy >= GOOD_ENOUGH or _is_blank(looks):
        return None
    elbos = [row.record[LOOK + "elbo"] for row in late]
    half = PLATEAU_LOOKS // 2
    gain = max(elbos[half:]) - max(elbos[:half])
    if gain > PLATEAU_NATS:
        return None
    since = late[-1].step - late[0].step
    evidence = (
        f"over {since:,} steps the ELBO rose by {max(gain, 0):.1f} nats, with {accuracy:.1%} counted right."
    )
    remedy = (
        "It will hardly get better by itself: stop it, and start a copy with another seed or learning_rate."
    )
    return Finding("plateau", "It no longer learns", evidence, remedy)


RULES: tuple[Callable[[Sequence[Row]], Finding | None], ...] = (
    blank_collapse,
    three_objects,
    split_digit,
    two_in_one_window,
    plateau,
)
"""The rules over looks at the validation scenes, what explains more before what explains less."""


def diagnose(rows: Sequence[Row]) -> list[Finding]:
    """What is wrong with a training, by all rules, from its logged rows in order."""
    broken = non_finite(rows)
    if broken:
        return [broken]
    looks = [row for row in rows if row.step >= SETTLED and is_look(row.record)]
    if len(looks) < PATIENCE:
        return []
    return [finding for rule in RULES if (finding := rule(looks))]
