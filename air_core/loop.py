"""The loop: knows steps and observers, not AIR.

A step returns a record of named values; observers may add to it for those that come after them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from air_core.records import Record

Observer = Callable[[int, Record], None]


class NonFinite(ArithmeticError):
    """A number that should be finite is not; says which, and at which step."""

    def __init__(self, step: int, term: str, value: float):
        super().__init__(f"step {step}: {term} became {value}")
        self.step, self.term, self.value = step, term, value


class StopRequest:
    """Asks for an orderly stop: set by a signal, and tells which, or by a person's request."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.by_request = False

    def __call__(self) -> bool:
        return self.by_request or self.signal is not None


@contextmanager
def stop_on_signals(request: StopRequest) -> Iterator[None]:
    """Within it, Ctrl-C and `kill` ask for a stop after the current step; twice means at once."""

    def handle(number: int, frame) -> None:
        if request.signal is not None:
            raise KeyboardInterrupt
        request.signal = number

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_steps(
    step: Callable[[int], Record],
    start: int,
    stop: int,
    observers: Iterable[Observer] = (),
    stop_requested: Callable[[], bool] = lambda: False,
) -> int:
    """Do steps `start` + 1 to `stop`, showing each to the observers in order.

    Returns the last step done, which is less than `stop` if a stop was requested. Whatever a
    step or an observer raises ends the loop.
    """
    observers = list(observers)
    for number in range(start + 1, stop + 1):
        record = step(number)
        for observe in observers:
            observe(number, record)
        if stop_requested():
            return number
    return max(start, stop)


def when(condition: Callable[[int, Record], bool], observer: Observer) -> Observer:
    """`observer` called only where `condition` of step and record holds."""

    def observe(step: int, record: Record) -> None:
        if condition(step, record):
            observer(step, record)

    return observe


def every(interval: int, observer: Observer, also: Iterable[int] = ()) -> Observer:
    """`observer` called only at multiples of `interval` and at the steps in `also`."""
    extra = set(also)
    return when(lambda step, record: step % interval == 0 or step in extra, observer)
