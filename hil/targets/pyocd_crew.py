# SPDX-License-Identifier: Apache-2.0
"""The harness's side of the worker processes: start, ask all at once, end those that hang."""

from __future__ import annotations

import json
import queue
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.errors import DeviceError
from hil.targets.process import Child
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings

Request = Mapping[str, Any]

_POLL = 0.05
_LAST_LINES = 8


@dataclass(frozen=True)
class Reply:
    """What a worker answered."""

    result: Mapping[str, Any]


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
        """Whether the process has ended."""
        return self._child.returncode() is not None

    def send(self, request: Request) -> None:
        """Send a request; a worker that has ended shows when its answer is awaited."""
        try:
            self._child.write(json.dumps(request) + "\n")
        except DeviceError:
            return

    def answer(self) -> Mapping[str, Any] | None:
        """Return the answer if there is one, without waiting."""
        try:
            reply: Mapping[str, Any] = json.loads(self._lines.get_nowait())
        except queue.Empty:
            return None
        return reply

    def last_words(self) -> str:
        """Return the end of what it wrote to standard error."""
        return " | ".join(list(self._said)[-2:]) or "it said nothing"

    def stop(self, *, kill: bool = False) -> None:
        """End the process."""
        if kill:
            self._child.kill()
        else:
            self._child.stop()


class Crew:
    """The workers of all RSEs.

    Args:
        settings: The launcher's settings.
        rses: All RSEs.
    """

    def __init__(self, settings: PyocdSettings, rses: Sequence[PyocdRse]) -> None:
        self._settings = settings
        self._rses = {rse.id: rse for rse in rses}
        self._workers: dict[int, Worker] = {}
        #: Versions of the tools, as the workers say.
        self.versions: dict[str, str] = {}

    def ask(self, operation: str, requests: Mapping[int, Request], limit: float) -> dict[int, Any]:
        """Send each RSE its request, all at once, and wait for all answers.

        Raises:
            DeviceError: Of the first RSE that fails; the others are named in it.
        """
        self._start(requests)
        for rse, request in requests.items():
            self._workers[rse].send(request)
        return self._collect(operation, list(requests), limit)

    def running(self, rse: int) -> bool:
        """Whether the worker of an RSE is there."""
        return rse in self._workers and not self._workers[rse].ended

    def stop(self, limit: float) -> None:
        """Detach from every chip and end all workers."""
        live = [rse for rse in self._workers if self.running(rse)]
        for rse in live:
            self._workers[rse].send({"command": "close"})
        deadline = time.monotonic() + limit
        waiting = set(live)
        while waiting and time.monotonic() < deadline:
            waiting = {
                rse for rse in waiting if self.running(rse) and not self._workers[rse].answer()
            }
            time.sleep(_POLL if waiting else 0)
        for worker in self._workers.values():
            worker.stop(kill=True)
        self._workers.clear()

    def _start(self, rses: Mapping[int, Request]) -> None:
        new = []
        for rse in rses:
            if rse in self._workers and self._workers[rse].ended:
                self._workers.pop(rse).stop()
            if rse not in self._workers:
                self._workers[rse] = Worker(self._rses[rse], self._settings)
                new.append(rse)
        if new:
            for result in self._collect("start pyOCD", new, self._settings.timeouts.start).values():
                self.versions |= result["versions"]

    def _collect(self, operation: str, rses: Sequence[int], limit: float) -> dict[int, Any]:
        deadline = time.monotonic() + limit
        results: dict[int, Any] = {}
        failures: dict[int, DeviceError] = {}
        waiting = set(rses)
        while waiting:
            for rse in sorted(waiting):
                worker = self._workers[rse]
                ended = worker.ended  # looked at first: an answer may stand before the end
                reply = worker.answer()
                if reply is None and time.monotonic() > deadline:
                    failures[rse] = self._too_late(rse, operation, limit)
                elif reply is None and ended:
                    failures[rse] = self._lost(rse, operation)
                elif reply is None:
                    continue
                elif reply["ok"]:
                    results[rse] = reply["result"]
                else:
                    failures[rse] = DeviceError(
                        reply["message"], rse=rse, operation=operation, hint=reply["hint"]
                    )
                waiting.discard(rse)
            if waiting:
                time.sleep(_POLL / 10)
        if failures:
            raise _combined(failures)
        return results

    def _too_late(self, rse: int, operation: str, limit: float) -> DeviceError:
        self._workers.pop(rse).stop(kill=True)
        return DeviceError(
            f"probe {self._rses[rse].probe} did not answer within {limit:g} s; pyOCD was ended",
            rse=rse,
            operation=operation,
            hint="is the probe (or its server) alive? launcher.timeouts sets the limits",
        )

    def _lost(self, rse: int, operation: str) -> DeviceError:
        worker = self._workers.pop(rse)
        worker.stop()
        return DeviceError(
            f"pyOCD's process ended: {worker.last_words()}", rse=rse, operation=operation
        )


def _combined(failures: Mapping[int, DeviceError]) -> DeviceError:
    first, *others = (failures[rse] for rse in sorted(failures))
    for other in others:
        first.add_note(str(other))
    return first
