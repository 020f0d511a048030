# SPDX-License-Identifier: Apache-2.0
"""One worker process (`hil.targets.pyocd_worker`) as the harness sees it."""

from __future__ import annotations

import json
import queue
import sys
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.errors import DeviceError
from hil.targets.process import Child
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings

Request = Mapping[str, Any]

_LAST_LINES = 8
_LAST_WORDS = 1.0


class Worker:
    """One worker process, which holds the probe of one RSE.

    Args:
        rse: The RSE.
        settings: The launcher's settings.
    """

    def __init__(self, rse: PyocdRse, settings: PyocdSettings) -> None:
        self.rse = rse
        self._lines: queue.Queue[str] = queue.Queue()
        self._said: deque[str] = deque(maxlen=_LAST_LINES)
        #: Requests whose answers were not read: a signal may end whoever waits for one.
        self.owed = 0
        self._child = Child(
            [sys.executable, "-P", "-m", "hil.targets.pyocd_worker"],
            name=f"pyocd-rse{rse.id}",
            cwd=Path("/"),
            line=self._lines.put,
            errors=self._said.append,
            leash=False,  # it ends with its standard input
        )
        self.send({"probe": rse.probe, "settings": settings.model_dump(mode="json")})

    @property
    def ended(self) -> bool:
        """Whether the process has ended; its answers and last words are there then."""
        if self._child.returncode() is None:
            return False
        self._child.drain(_LAST_WORDS)
        return True

    def send(self, request: Request) -> None:
        """Send a request; a worker that has ended shows when its answer is awaited."""
        self.owed += 1
        try:
            self._child.write(json.dumps(request) + "\n")
        except DeviceError:
            return

    def answer(self) -> Mapping[str, Any] | None:
        """Return the answer if there is one, without waiting."""
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                return None
            try:
                reply = json.loads(line)
            except ValueError:
                reply = None
            if isinstance(reply, dict):
                self.owed -= "step" not in reply
                return reply
            self._said.append(line)  # what some plugin prints, or half an answer of one that died

    def said_goodbye(self) -> bool:
        """Whether it has detached from its chip, or has ended; earlier answers are passed over."""
        ended = self.ended
        while (reply := self.answer()) is not None:
            if reply.get("result") == {"closed": True}:
                return True
        return ended

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error."""
        return " | ".join(list(self._said)[-2:]) or "it said nothing"

    def stop(self, *, kill: bool = False) -> None:
        """End the process."""
        if kill:
            self._child.kill()
        else:
            self._child.stop()
