"""An optional second place for what a training logs: event files that TensorBoard reads."""

from __future__ import annotations

import json
from pathlib import Path

from air_core.config import ConfigError
from air_core.records import Record
from air_core.runs import Run


def summary_writer() -> type:
    """TensorBoard's writer, imported only when asked for; raises `ConfigError` if it is not there."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        how = "pip install -r requirements-tensorboard.txt"
        raise ConfigError(f"--tensorboard needs the package tensorboard: {how}") from None
    return SummaryWriter


def sink_folder(run: Run) -> Path:
    """Where a run's event files are."""
    return run.folder / "tensorboard"


class TensorBoardSink:
    """The loop's observer behind `--tensorboard`: writes each record to the run's `tensorboard/`.

    A resumed training purges what came after `start`, the step it goes on from.
    """

    def __init__(self, run: Run, start: int):
        self.writer = summary_writer()(str(sink_folder(run)), purge_step=start + 1)
        if not start:
            self.writer.add_text("config", f"```\n{json.dumps(run.config().to_dict(), indent=2)}\n```")

    def __call__(self, step: int, record: Record) -> None:
        for name, value in record.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def close(self) -> None:
        """Write what is still held back."""
        self.writer.close()
