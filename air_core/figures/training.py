"""What a training logged, as curves: one function a chart."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from air_core.figures.charts import RUN_COLOURS
from air_core.figures.curves import Curve, curves_figure
from air_core.figures.sheet import MUTED, STEP_DASHES, step_style
from air_core.history import History, Series
from air_core.records import GRADIENT_VARIANCE, LOOK, recall_counts

View = tuple[float, float] | None


@dataclass(frozen=True)
class Axes:
    """How curves over training are drawn.

    `unit` of the x axis is `steps`, `epochs` or `seconds`; `span` logged points make a trailing
    mean; `above_blank` subtracts the score of a blank canvas from likelihoods; `mark` is the step
    that other pictures show.
    """

    unit: str = "steps"
    log_x: bool = False
    span: int = 1
    above_blank: bool = False
    steps_per_epoch: float = 1.0
    mark: int | None = None

    def x(self, series: Series) -> np.ndarray:
        """The x of a series' points (N,) in `unit`."""
        if self.unit == "seconds":
            return series.seconds
        return series.steps / (self.steps_per_epoch if self.unit == "epochs" else 1.0)

    def marked(self, history: History) -> float | None:
        """`mark` in `unit`."""
        if self.mark is None or self.unit == "steps":
            return self.mark
        if self.unit == "epochs":
            return self.mark / self.steps_per_epoch
        clock = history.series("scenes_per_second")
        steps, seconds = np.append(0.0, clock.steps), np.append(0.0, clock.seconds)
        return float(np.interp(self.mark, steps, seconds))


def _curve(history: History, axes: Axes, logged: str, name: str, colour: str, dash: str = "solid") -> Curve:
    """A logged value; a trailing mean for training steps, which are many and noisy."""
    series = history.series(logged)
    span = 1 if logged.startswith(LOOK) else axes.span
    return Curve(name, axes.x(series), series.values, colour, dash, span)


def _figure(history: History, axes: Axes, view: View, curves: list[Curve], y_title: str, **more) -> dict:
    mark = axes.marked(history)
    return curves_figure(curves, axes.unit, y_title, log_x=axes.log_x, mark=mark, view=view, **more)


def _blank_at(history: History, series: Series, prefix: str) -> np.ndarray:
    """The score of a blank canvas on the scenes of a series' points; of validation scenes if unknown."""
    blank = history.series(prefix + "blank")
    if not len(blank.values):
        blank = history.series(LOOK + "blank")
    if not len(blank.values):
        return np.zeros_like(series.values)
    return np.interp(series.steps, blank.steps, blank.values)


def elbo_figure(history: History, axes: Axes, view: View = None) -> dict:
    """The ELBO of training and validation scenes, and the log-likelihood that it is at most."""
    curves = []
    for prefix, part, name, colour, dash in (
        ("", "log_likelihood", "log-likelihood, training", RUN_COLOURS[2], "dot"),
        ("", "elbo", "ELBO, training", RUN_COLOURS[0], "solid"),
        (LOOK, "elbo", "ELBO, validation", RUN_COLOURS[1], "dash"),
    ):
        series = history.series(prefix + part)
        y = series.values - (_blank_at(history, series, prefix) if axes.above_blank else 0.0)
        curves.append(Curve(name, axes.x(series), y, colour, dash, 1 if prefix else axes.span))
    blank = history.series(LOOK + "blank").values
    floor = (0.0 if axes.above_blank else float(blank[-1])) if len(blank) else None
    title = "nats above blank" if axes.above_blank else "nats"
    return _figure(history, axes, view, curves, title, floor=floor)


def accuracy_figure(history: History, axes: Axes, view: View = None) -> dict:
    """Count accuracy on validation scenes, with one line per true count."""
    curves = [_curve(history, axes, LOOK + "count_accuracy", "all", RUN_COLOURS[0])]
    for n in recall_counts(history.looks[-1].record) if history.looks else ():
        style = step_style(n - 1) if n else {"colour": MUTED, "dash": "dot"}
        curves.append(
            _curve(history, axes, f"{LOOK}recall_{n}", f"holding {n}", style["colour"], style["dash"])
        )
    return _figure(history, axes, view, curves, "share right", percent_axis=True)


def latents_figure(history: History, axes: Axes, view: View = None) -> dict:
    """What each latent costs; of validation scenes where the estimator does not tell."""
    prefix = "" if len(history.series("kl_what").values) else LOOK
    curves = [
        _curve(history, axes, f"{prefix}kl_{name}", f"z_{name}", RUN_COLOURS[k], STEP_DASHES[k])
        for k, name in enumerate(("what", "where", "pres"))
    ]
    return _figure(history, axes, view, curves, "nats")


def gradient_figure(history: History, axes: Axes, view: View = None) -> dict:
    """The variance of the gradient that teaches the guide to count."""
    curve = _curve(history, axes, GRADIENT_VARIANCE, "z_pres", RUN_COLOURS[3])
    return _figure(history, axes, view, [curve], "nats²", log_y=True, form=".3g")


def speed_figure(history: History, axes: Axes, view: View = None) -> dict:
    """How many scenes a second the trainer works through."""
    curve = _curve(history, axes, "scenes_per_second", "speed", RUN_COLOURS[2])
    return _figure(history, axes, view, [curve], "scenes/s", form=",.0f")


ABOVE_BLANK = LOOK + "elbo above blank"
COMPARED = {
    "nats above blank, validation": (ABOVE_BLANK, "nats above blank", {}),
    "count accuracy, validation": (LOOK + "count_accuracy", "share right", {"percent_axis": True}),
    "ELBO, training": ("elbo", "nats", {}),
    "KL of z_what, validation": (LOOK + "kl_what", "nats", {}),
    "KL of z_where, validation": (LOOK + "kl_where", "nats", {}),
    "KL of z_pres, validation": (LOOK + "kl_pres", "nats", {}),
    "gradient variance of z_pres": (GRADIENT_VARIANCE, "nats²", {"log_y": True, "form": ".3g"}),
    "scenes/s": ("scenes_per_second", "scenes/s", {"form": ",.0f"}),
}
"""What runs can be compared by: title to logged name, axis title, and how to draw it."""


def measured(history: History, measure: str) -> Series:
    """A measure of `COMPARED` over a run's training; empty if it was never logged."""
    logged = COMPARED[measure][0]
    if logged != ABOVE_BLANK:
        return history.series(logged)
    series = history.series(LOOK + "elbo")
    return replace(series, values=series.values - _blank_at(history, series, LOOK))


def compare_figure(
    histories: dict[str, History],
    axes: dict[str, Axes],
    measure: str,
    places: dict[str, int] | None = None,
    view: View = None,
) -> dict:
    """One curve per run, by name, of a measure of `COMPARED`.

    A run's place gives its colour and dash; by default the order of `histories`.
    """
    logged, y_title, more = COMPARED[measure]
    curves = []
    for k, (name, history) in enumerate(histories.items()):
        again, place = divmod(places[name] if places else k, len(RUN_COLOURS))
        colour, dash = RUN_COLOURS[place], STEP_DASHES[again % len(STEP_DASHES)]
        series = measured(history, measure)
        span = axes[name].span if not logged.startswith(LOOK) else 1
        curves.append(Curve(name, axes[name].x(series), series.values, colour, dash, span))
    first = next(iter(axes.values()))
    return curves_figure(curves, first.unit, y_title, log_x=first.log_x, view=view, **more)
