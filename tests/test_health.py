"""The health rules on recorded series of broken and of good trainings."""

import dataclasses
import math

import pytest

from air_core import health
from air_core.config import TrainConfig
from air_core.health import PATIENCE, SETTLED, diagnose, settled_after
from air_core.history import History
from air_core.presets import PRESETS
from air_core.records import LOOK, is_look
from air_core.runs import Run
from air_core.store import Row
from tests.record_series import BASE, SERIES, load
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
    assert name != "shared_window" or found[-1].rule == "plateau"
    assert all(finding.evidence.endswith(".") and finding.remedy.endswith(".") for finding in found)
    if name != "non_finite":
        assert "blank canvas" not in str(found[0]) or name == "blank"
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
    assert "15.0% of the scenes that hold digits" in str(diagnose(staying)[0])


def test_a_flat_elbo_is_a_plateau_only_if_counts_are_wrong():
    rows = [row for row in load("good") if row.step >= SETTLED]
    table = [[90, 10, 0, 0], [0, 100, 0, 0], [0, 0, 100, 0]]  # an error that no other rule names
    flat = [with_confusion(row, table, elbo=600.0) for row in rows]
    assert [finding.rule for finding in diagnose(flat)] == ["plateau"]
    right = [[95, 5, 0, 0], [0, 100, 0, 0], [0, 0, 100, 0]]
    assert diagnose([with_confusion(row, right, elbo=600.0) for row in rows]) == []
    rising = [with_confusion(row, table, elbo=600.0 + 2 * k) for k, row in enumerate(rows)]
    assert diagnose(rising) == []


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_named_at_once(value):
    found = diagnose([Row(25, 1.0, {"elbo": 400.0}), Row(26, 1.1, {"kl_what": value})])
    assert [finding.rule for finding in found] == ["non_finite"]
    assert "kl_what" in found[0].evidence and "26" in found[0].evidence


def test_nothing_is_said_of_nothing():
    assert diagnose([]) == []
    assert diagnose([row for row in load("blank") if row.step < SETTLED]) == []


@pytest.mark.parametrize("slower", [2, 5, 10])
def test_a_good_training_that_is_slow_by_its_settings_is_left_alone(slower):
    rows = [dataclasses.replace(row, step=row.step * slower) for row in load("good")]
    settled = settled_after(TrainConfig(learning_rate=1e-3 / slower))
    assert settled == SETTLED * slower
    for k in range(len(rows)):
        assert diagnose(rows[: k + 1], settled) == []


def test_how_long_a_training_may_take_to_settle():
    assert settled_after(BASE.train) == SETTLED
    assert settled_after(PRESETS["multi_mnist"].train) == 1200
    assert settled_after(PRESETS["tutorial"].train) == 50 * SETTLED
    assert settled_after(TrainConfig(anneal_from=0.5, anneal_steps=2000)) == 6000


def test_frequent_looks_do_not_make_it_speak_sooner():
    rows = [row for row in load("blank") if is_look(row.record)]
    dense = [dataclasses.replace(row, step=1000 + 10 * k) for k, row in enumerate(rows)]
    assert diagnose(dense) == []


@pytest.mark.parametrize("counts", [range(5), (0, 1, 4)])
def test_a_guide_with_too_few_steps_is_the_only_thing_that_is_wrong(counts):
    rows = [row for row in load("good") if row.step >= SETTLED]
    table = [[100 * (n in counts and k == min(n, 3)) for k in range(4)] for n in range(5)]
    found = diagnose([with_confusion(row, table, elbo=600.0) for row in rows])
    assert [finding.rule for finding in found] == ["too_few_steps"] and "max_steps 4" in found[0].remedy


def test_scenes_that_are_all_empty_are_not_a_collapse():
    rows = [row for row in load("blank") if is_look(row.record)]
    assert diagnose([with_confusion(row, [[100, 0, 0, 0]]) for row in rows]) == []


def test_rules_are_named_as_their_functions():
    for rule in health.RULES:
        for name in SERIES:
            looks = [row for row in load(name) if is_look(row.record) and row.step >= SETTLED]
            if looks and (finding := rule(looks)):
                assert finding.rule == rule.__name__
