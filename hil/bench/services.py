# SPDX-License-Identifier: Apache-2.0
"""Processes that a bench needs while it is live, and what they announce.

Programs of a lab say on their standard output where they can be reached ("char device redirected to
/dev/pts/3"); a service's `announce` expression waits for that line and keeps its named groups.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

from hil.bench.board import Board, Service
from hil.bench.janitor import new_mark
from hil.bench.placeholders import expand
from hil.errors import DeviceError, UsageError
from hil.targets import fvp_leash
from hil.targets.process import Child, find_program

KEPT_LINES = 40
#: Seconds in which what a service said last is still read.
LAST_WORDS = 1.0


class RunningService:
    """One process; its output goes to a log file, line by line, for as long as it lives."""

    def __init__(
        self,
        name: str,
        rse: int | None,
        spec: Service,
        command: list[str],
        log: Path,
        env: Mapping[str, str],
    ) -> None:
        self.name = name
        self.rse = rse
        self._timeout = spec.timeout
        self.values: dict[str, str] = {}
        self._announce = re.compile(spec.announce) if spec.announce else None
        self._up = threading.Event()
        self._last: deque[str] = deque(maxlen=KEPT_LINES)
        self._log = log
        self._told: str | None = None
        self._child = Child(command, name=name, env=env, line=self._line)

    def wait_until_up(self) -> None:
        """Wait for the announcement.

        Raises:
            DeviceError: it ended before, or said nothing in time; with its last lines.
        """
        timeout = self._timeout
        deadline = time.monotonic() + timeout
        while self._announce and not self._up.wait(0.02):
            told = self.ended()
            if told is None and time.monotonic() > deadline:
                said = " | ".join(list(self._last)[-3:]) or "it printed nothing"
                told = f"service {self.name} is not up in {timeout:g} s: {said}"
            if told is not None:
                raise DeviceError(told, operation="start services")

    def ended(self) -> str | None:
        """Return None while it runs, else one sentence that says how it ended."""
        status = self._child.returncode()
        if self._told is None and status is not None:
            self._child.drain(LAST_WORDS)
            said = " | ".join(list(self._last)[-3:]) or "it printed nothing"
            self._told = f"service {self.name} ended with status {status}: {said}"
        return self._told

    def check(self) -> None:
        """Raise DeviceError if it has ended."""
        if (told := self.ended()) is not None:
            raise DeviceError(told, operation="start services")

    def stop(self) -> None:
        """End it and everything it started."""
        self._child.stop()

    def _line(self, text: str) -> None:
        self._last.append(text)
        # A full disk must not end the thread that waits for the announcement.
        with contextlib.suppress(OSError), self._log.open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")
        if self._announce and not self._up.is_set() and (match := self._announce.search(text)):
            self.values |= {k: v for k, v in match.groupdict().items() if v is not None}
            self._up.set()


class Services:
    """All services of a bench; started together, so that slow ones start side by side.

    Args:
        board: The board.
        folder: Receives their logs.
        values: What placeholders stand for.
        mark: `NAME=VALUE` in the environment of all that they start, so that it is found again.
    """

    def __init__(
        self, board: Board, folder: Path, values: Mapping[str, str], mark: str | None = None
    ) -> None:
        self._board = board
        self._folder = folder
        self._values = dict(values)
        self._mark = mark or new_mark()
        self._started = False
        self._running: list[RunningService] = []

    def start(self) -> dict[str, str]:
        """Start them and return the placeholders that they announce.

        Raises:
            UsageError: a program does not exist or a placeholder has no value.
            DeviceError: one does not come up; those that did are stopped.
        """
        self._started = bool(self._board.services)
        try:
            for name, spec in self._board.services.items():
                for rse in self._board.rse_ids if spec.for_each_rse else [None]:
                    self._running.append(self._start_one(name, spec, rse))
            found: dict[str, str] = {}
            for service in self._running:
                service.wait_until_up()
                found |= {f"{service.name}.{k}": v for k, v in service.values.items()}
            for service in self._running:
                service.check()
        except BaseException:
            self.stop()
            raise
        return found

    def ended(self, rse: int) -> str | None:
        """Return None while every service lives that an RSE needs, else how one ended."""
        needed = (service for service in self._running if service.rse in {None, rse})
        return next((told for service in needed if (told := service.ended()) is not None), None)

    def stop(self) -> None:
        """End all, and what left their groups; may be called twice."""
        try:
            while self._running:
                self._running.pop().stop()
        finally:
            # Also one whose start a signal cut short, before it was among those that run.
            if self._started:
                fvp_leash.sweep(self._mark)
                self._started = False

    def _start_one(self, name: str, spec: Service, rse: int | None) -> RunningService:
        where = f"services.{name}.command"
        values = self._values | ({"id": str(rse)} if rse is not None else {})
        words = [*spec.command, *(spec.arguments_of.get(rse, []) if rse is not None else [])]
        command = [expand(word, values, where=where) for word in words]
        program = find_program(command[0])
        if program is None:
            raise UsageError(f"{where}: no program {command[0]!r} on PATH")
        label = name if rse is None else f"{name}{rse}"
        command = [str(program), *command[1:]]
        env = os.environ | spec.env | dict([self._mark.split("=", 1)])
        return RunningService(label, rse, spec, command, self._folder / f"{label}.log", env)


def service_programs(board: Board) -> Iterable[tuple[str, str]]:
    """Yield (service, program) for everything that a board's services start."""
    for name, spec in board.services.items():
        yield name, spec.command[0]
