# SPDX-License-Identifier: Apache-2.0
"""What is written down about a model: its log, and events for the record of the run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

#: Takes what happened, for the record: a kind and its values.
Tell = Callable[..., None]


class ModelLog:
    """The file with everything that a model prints, between remarks of the launcher.

    Args:
        path: The file.
        tell: Takes events for the record, None where there is none.
    """

    def __init__(self, path: Path, tell: Tell | None) -> None:
        self.path = path
        self.tell: Tell = tell or _unsaid

    def remark(self, text: str) -> None:
        """Write one line into the file, if there is room."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as log:
                log.write(f"# {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")

    def note(self, text: str) -> None:
        """Write one line into the file, and tell the record."""
        self.remark(text)
        self.tell("fvp note", text=text)


def _unsaid(*_: object, **__: object) -> None:
    """Take what there is no record for."""
