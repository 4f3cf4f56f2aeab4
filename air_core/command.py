"""What all commands share: one clear line for what the user can mend, and exit codes."""

from __future__ import annotations

import errno
import sqlite3
import sys
from collections.abc import Callable

from air_core.config import ConfigError
from air_core.loop import NonFinite
from air_core.runs import RunError

MENDABLE = {getattr(errno, name) for name in "ENOSPC EDQUOT EACCES EPERM EROFS EEXIST ENOTDIR EISDIR".split()}
"""Errors of the system that a user can do something about."""


class Interrupted(Exception):
    """The user (or the system) stopped the command in good order; `code` is its exit code."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def run_command(name: str, main: Callable[[], None]) -> int:
    """Run `main`; the process's exit code. Errors of the user's become one line on stderr."""
    try:
        main()
        return 0
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.code
    except KeyboardInterrupt:
        print(f"{name}: stopped", file=sys.stderr)
        return 130
    except (ConfigError, RunError, NonFinite, sqlite3.Error) as error:
        message = str(error)
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        message = f"{error.strerror}: {error.filename or 'the run folder'}"
    print(f"{name}: {message}", file=sys.stderr)
    return 1
