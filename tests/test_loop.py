"""The loop knows steps and observers."""

import os
import signal

import pytest

from air_core.loop import StopRequest, every, run_steps, stop_on_signals


def test_observers_see_every_step_in_order():
    seen = []
    reached = run_steps(
        lambda n: {"n": n},
        2,
        5,
        [lambda n, r: r.update(double=2 * n), lambda n, r: seen.append((n, r["double"]))],
    )
    assert reached == 5 and seen == [(3, 6), (4, 8), (5, 10)]


def test_nothing_left_to_do():
    assert run_steps(lambda n: pytest.fail("no step was due"), 5, 5) == 5


def test_every_and_also():
    seen = []
    run_steps(lambda n: {}, 0, 10, [every(4, lambda n, r: seen.append(n), also={10})])
    assert seen == [4, 8, 10]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_the_step(number):
    before = signal.getsignal(number)
    requested = StopRequest()
    with stop_on_signals(requested):
        reached = run_steps(
            lambda n: os.kill(os.getpid(), number) or {} if n == 3 else {}, 0, 10, stop_requested=requested
        )
        assert reached == 3 and requested.signal == number
    assert signal.getsignal(number) is before
