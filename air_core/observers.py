"""What watches the loop: looks at validation scenes, records, snapshots, progress, health."""

from __future__ import annotations

import time

import torch
from tqdm import tqdm

from air_core.air import AIR
from air_core.control import Control
from air_core.estimators import ESTIMATORS
from air_core.estimators.count_enumeration import count_terms, elbo_parts
from air_core.evaluation import blank_score, confusion_matrix
from air_core.explain import Answer, batches, explain
from air_core.gradients import z_pres_gradient_variance
from air_core.health import diagnose, settled_after
from air_core.loop import NonFinite
from air_core.records import GRADIENT_VARIANCE, LOOK_SECONDS, PARTS, Record, is_look, look_record
from air_core.runs import N_STATES, Run, write_tensors
from air_core.scenes import Scenes
from air_core.store import Row, StoreWriter, read_metrics
from air_core.trainer import Trainer

FIRST_SNAPSHOT = 100


class Validator:
    """Adds what the validation scenes say to a step's record, under `validation/`."""

    N_GRADIENT_SCENES = 64
    """Scenes whose gradients are compared: enough for a curve, a sixtieth of the training time."""

    def __init__(self, air: AIR, scenes: Scenes):
        self.air, self.scenes = air, scenes
        self.blank = blank_score(scenes.images, air.config.model.likelihood_sd)

    def __call__(self, step: int, record: Record) -> None:
        started = time.perf_counter()
        config = self.air.config
        self.air.model.set_p_more(config.model.p_more)
        few = next(batches(self.scenes.images[: self.N_GRADIENT_SCENES]))
        record[GRADIENT_VARIANCE] = z_pres_gradient_variance(
            self.air, ESTIMATORS[config.train.estimator], few
        )
        answer = explain(self.air, self.scenes.images, Answer).counts
        confusion = confusion_matrix(self.scenes.counts, answer, config.model.max_steps)
        record |= look_record(self._parts(), self.blank, confusion)
        record[LOOK_SECONDS] = time.perf_counter() - started

    @torch.no_grad()
    def _parts(self) -> dict[str, float]:
        """The named parts of the ELBO, means over the validation scenes."""
        torch.manual_seed(0)  # the same noise at every look, so that looks differ by the weights
        terms = [count_terms(self.air.model, self.air.guide, x)[0] for x in batches(self.scenes.images)]
        looks = [elbo_parts(term) for term in terms]
        return {name: torch.cat([getattr(look, name) for look in looks]).mean().item() for name in PARTS}


class Recorder:
    """Writes records to the store, with seconds of training and scenes per second."""

    def __init__(self, run: Run, store: StoreWriter, control: Control, start: int, seconds: float):
        self.run, self.store, self.control = run, store, control
        self.batch_size = run.config().train.batch_size
        self._started = time.perf_counter() - seconds
        self._last = (start, seconds)

    def seconds(self) -> float:
        """Seconds of training so far, over all sessions of the run, pauses left out."""
        return time.perf_counter() - self._started - self.control.paused_seconds

    def __call__(self, step: int, record: Record) -> None:
        seconds = self.seconds()
        last_step, last_seconds = self._last
        record["scenes_per_second"] = (step - last_step) * self.batch_size / max(seconds - last_seconds, 1e-9)
        self._last = (step, seconds)
        self.store.log(step, seconds, record)
        self.store.status(step=step)

    def broken(self, error: NonFinite) -> Record:
        """Log the value that ended the training in its last row; that row."""
        record = {error.term: error.value}
        for row in read_metrics(self.run.folder, after=error.step - 1):
            record = row.record | record  # the step was logged before its weights were looked at
        self.store.log(error.step, self.seconds(), record)
        return record


def snapshot_steps(every: int, steps: int) -> list[int]:
    """The steps at which a run of `steps` steps is looked back at later.

    Multiples of `every`, the last, and on the way to the first `FIRST_SNAPSHOT`, twice that, four
    times that, ..., because most is learned early.
    """
    early = [FIRST_SNAPSHOT << k for k in range(64) if FIRST_SNAPSHOT << k < min(every, steps)]
    return sorted({0, *early, *range(every, steps, every), steps})


class Snapshotter:
    """Writes weights to look at and states to resume from."""

    def __init__(self, run: Run, trainer: Trainer, recorder: Recorder):
        self.run, self.trainer, self.recorder = run, trainer, recorder

    def __call__(self, step: int, record: Record) -> None:
        weights = self.trainer.air.state_dict()
        last = step == self.trainer.config.train.steps
        halved = {name: value if last else value.half() for name, value in weights.items()}
        write_tensors(self.run.snapshot_path(step), halved, {"step": step})

    def check(self, step: int, record: Record) -> None:
        """Raise `NonFinite` rather than let broken weights be written."""
        for name, value in self.trainer.air.state_dict().items():
            if not torch.isfinite(value).all():
                raise NonFinite(step, f"weights {name}", float("nan"))

    def save_state(self, step: int, record: Record) -> None:
        """Write the state of a step and drop all but the last `N_STATES`."""
        facts = {"step": step, "seconds": self.recorder.seconds()}
        write_tensors(self.run.state_path(step), self.trainer.state(), facts)
        for old in self.run.states()[:-N_STATES]:
            self.run.state_path(old).unlink(missing_ok=True)


class HealthMonitor:
    """Writes an event when a rule of `health` begins to find something, and when it no longer does."""

    def __init__(self, run: Run, store: StoreWriter):
        self.store, self.settled = store, settled_after(run.config().train)
        self.rows = [row for row in read_metrics(run.folder) if is_look(row.record)]
        self.found = {finding.rule: finding for finding in diagnose(self.rows, self.settled)}

    def __call__(self, step: int, record: Record) -> None:
        """At looks at the validation scenes, and at a row whose values are not finite."""
        self.rows.append(Row(step, 0.0, dict(record)))
        found = {finding.rule: finding for finding in diagnose(self.rows, self.settled)}
        for rule in found.keys() - self.found.keys():
            self.store.event(step, "health", str(found[rule]))
        for rule in self.found.keys() - found.keys():
            self.store.event(step, "recovered", f"no longer: {self.found[rule].title.lower()}")
        self.found = found


class Progress:
    """A progress bar on a terminal, a line at each look at the validation scenes elsewhere."""

    def __init__(self, start: int, stop: int):
        self.bar = tqdm(total=stop, initial=start, unit="step", disable=None, smoothing=0.05)
        self.facts: Record = {}

    def __call__(self, step: int, record: Record) -> None:
        self.facts |= record
        self.bar.update(step - self.bar.n if not self.bar.disable else 0)
        if self.bar.disable:
            if is_look(record):
                print(f"step {step}: {self.text()}", flush=True)
        elif "scenes_per_second" in record:
            self.bar.set_postfix_str(self.text())

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()

    def text(self) -> str:
        """The newest ELBO, validation accuracy and speed."""
        parts = [f"ELBO {self.facts['elbo']:.1f}"]
        if "validation/count_accuracy" in self.facts:
            parts.append(f"count accuracy {self.facts['validation/count_accuracy']:.2%}")
        return ", ".join([*parts, f"{self.facts.get('scenes_per_second', 0):.0f} scenes/s"])
