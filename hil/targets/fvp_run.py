# SPDX-License-Identifier: Apache-2.0
"""One start of a model while it lasts: process, terminals, ports, and what its output says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.fvp_consoles import TerminalConsoles
from hil.targets.fvp_ending import EndingReader
from hil.targets.fvp_invocation import Invocation
from hil.targets.fvp_ports import Announcement, AnnouncementScanner
from hil.targets.fvp_process import ModelProcess
from hil.targets.fvp_settings import FvpTimeouts
from hil.targets.fvp_terminals import Terminals
from hil.uart.boot_result import FirmwareEnded


class ModelRun:
    """A model that was started; holds everything that must be given back.

    Args:
        invocation: What is executed.
        log: Receives everything that it prints.
        consoles: The RSEs' terminals, None where their consoles are files.
        left: Leaf names of terminals that are left to others.
        note: Takes one sentence about what happened, from any thread.
    """

    def __init__(
        self,
        invocation: Invocation,
        *,
        log: Path,
        consoles: TerminalConsoles | None,
        left: Collection[str],
        note: Callable[[str], None],
    ) -> None:
        self._log = log
        self.ending = EndingReader()
        self._scanner = AnnouncementScanner()
        self._consoles = consoles
        self.terminals = Terminals(
            folder=invocation.state,
            rse_of=self._rse_of,
            files=consoles.files if consoles else {},
            left=left,
            note=note,
        )
        try:
            self.process = ModelProcess(
                list(invocation.argv),
                cwd=invocation.cwd,
                env=invocation.env,
                log=log,
                on_text=self._said,
                on_end=self.terminals.finish,
            )
        except BaseException:
            self.terminals.close()
            raise

    @property
    def announced(self) -> Sequence[Announcement]:
        """Terminals that the model has announced so far."""
        return self._scanner.seen

    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self.process.status()

    def obituary(self) -> str | None:
        """None while it runs; else how it ended, why, its last words, and what to do.

        It is a `FirmwareEnded` where the lab has no part in it.
        """
        status = self.status()
        if status is None:
            return None
        self.process.hear_out()
        lines = self.process.lines
        told, todo = self.ending.obituary(status, lines), self.ending.hint(lines)
        sentence = f"the model {told} ({todo})" if todo else f"the model {told}"
        return FirmwareEnded(sentence) if self.ending.by_firmware(status) else sentence

    def failure(self, missing: str) -> DeviceError:
        """Why it did not start: its end, or what is missing although it runs."""
        operation, status = "start the model", self.status()
        if status is not None:
            self.process.hear_out()
            lines = self.process.lines
            message = f"the model {self.ending.obituary(status, lines)}"
            return DeviceError(message, operation=operation, hint=self.ending.hint(lines))
        return DeviceError(
            f"{missing}; last lines: {self.process.tail() or 'none'}",
            operation=operation,
            hint=f"launcher.console.terminal, launcher.timeouts.start; its output is {self._log}",
        )

    def end(self, timeouts: FvpTimeouts) -> str:
        """End it and give everything back; returns the signal that it took, "exit" for none."""
        self.terminals.let_go()
        try:
            return self.process.end(timeouts)
        finally:
            self.terminals.close()

    def _said(self, text: str) -> None:
        self.ending.feed(text)
        for announcement in self._scanner.feed(text):
            if (
                self._consoles
                and self._consoles.mode == "telnet"
                and self._rse_of(announcement) is not None
            ):
                continue  # its one place is the console's
            self.terminals.announced(announcement)

    def _rse_of(self, announcement: Announcement) -> int | None:
        return self._consoles.rse_of(announcement) if self._consoles else None
