"""Fair timing: variants take turns, and the median of many rounds is compared."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def medians(
    variants: dict[str, Callable[[], object]], rounds: int = 60, warm_up: int = 5
) -> dict[str, float]:
    """Median seconds of each variant; within a round each runs once, so drifts hit all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(warm_up + rounds):
        for name, run in variants.items():
            start = time.perf_counter()
            run()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}
