"""The health rules on recorded series of broken and of good trainings."""

import dataclasses
import math

import pytest

from air_core import health
from air_core.health import PATIENCE, SETTLED, diagnose
from air_core.history import History
from air_core.records import LOOK, is_look
from air_core.runs import Run
from air_core.store import Row
from tests.record_series import SERIES, load
from tests.server import ROOT

FAILURES = {
    "three_objects": "three_objects",
    "blank": "blank_collapse",
    "split": "split_digit",
    "shared_window": "two_in_one_window",
    "non_finite": "non_finite",
}


def rules_over_time(rows: list[Row]) -> list[set[str]]:
    """What is found after each row."""
    return [{finding.rule for finding in diagnose(rows[: k + 1])} for k in range(len(rows))]


def test_every_series_is_recorded():
    assert set(FAILURES) | {"good"} == set(SERIES)


@pytest.mark.parametrize("name", FAILURES)
def test_a_broken_training_is_named(name):
    rows = load(name)
    found = diagnose(rows)
    assert FAILURES[name] in {finding.rule for finding in found}
    assert {finding.rule for finding in found} <= {FAILURES[name], "plateau"}
    assert all(finding.evidence.endswith(".") and finding.remedy.endswith(".") for finding in found)
    if name != "non_finite":
        first = next(k for k, rules in enumerate(rules_over_time(rows)) if FAILURES[name] in rules)
        assert rows[first].step >= SETTLED


def test_a_good_training_is_left_alone():
    rows = load("good")
    assert not set().union(*rules_over_time(rows))
    assert rows[-1].record[LOOK + "count_accuracy"] > 0.98


def test_the_shipped_training_is_left_alone():
    looks = History(Run(ROOT / "checkpoints" / "multi_mnist").folder).refresh().telling_rows()
    assert len(looks) > 20 and not set().union(*rules_over_time(looks))


def with_confusion(row: Row, table: list[list[int]], **values: float) -> Row:
    record = {key: value for key, value in row.record.items() if "confusion" not in key}
    cells = {f"{LOOK}confusion_{n}_{k}": c for n, line in enumerate(table) for k, c in enumerate(line)}
    return dataclasses.replace(row, record=record | cells | {LOOK + k: v for k, v in values.items()})


def test_errors_that_fall_away_are_no_failure():
    rows = [row for row in load("good") if row.step >= SETTLED][:PATIENCE]
    shares = (30, 15, 6)
    falling = [
        with_confusion(row, [[100, 0, 0, 0], [0, 100 - k, k, 0], [0, 0, 100, 0]])
        for row, k in zip(rows, shares)
    ]
    assert diagnose(falling) == []
    staying = [with_confusion(row, [[100, 0, 0, 0], [0, 70, 30, 0], [0, 0, 100, 0]]) for row in rows]
    assert [finding.rule for finding in diagnose(staying)] == ["split_digit"]
    assert "15.0%" in str(diagnose(staying)[0])


def test_a_flat_elbo_is_a_plateau_only_if_counts_are_wrong():
    rows = [row for row in load("good") if row.step >= SETTLED]
    table = [[90, 10, 0, 0], [0, 100, 0, 0], [0, 0, 100, 0]]  # an error that no other rule names
    flat = [with_confusion(row, table, elbo=600.0, count_accuracy=0.96) for row in rows]
    assert [finding.rule for finding in diagnose(flat)] == ["plateau"]
    assert diagnose([with_confusion(row, table, elbo=600.0, count_accuracy=0.98) for row in rows]) == []
    rising = [with_confusion(row, table, elbo=600.0 + k, count_accuracy=0.96) for k, row in enumerate(rows)]
    assert diagnose(rising) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_named_at_once(value):
    found = diagnose([Row(25, 1.0, {"elbo": 400.0}), Row(26, 1.1, {"kl_what": value})])
    assert [finding.rule for finding in found] == ["non_finite"]
    assert "kl_what" in found[0].evidence and "26" in found[0].evidence


def test_nothing_is_said_of_nothing():
    assert diagnose([]) == []
    assert diagnose([row for row in load("blank") if row.step < SETTLED]) == []


def test_rules_are_named_as_their_functions():
    for rule in health.RULES:
        for name in SERIES:
            looks = [row for row in load(name) if is_look(row.record) and row.step >= SETTLED]
            if looks and (finding := rule(looks)):
                assert finding.rule == rule.__name__
