# SPDX-License-Identifier: Apache-2.0
"""One QEMU whose machine is made: its process and its two channels, from start to end."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.qemu_command import CONSOLE, MEMORY, MONITOR
from hil.targets.qemu_errors import check_version, meaning_of, version_of
from hil.targets.qemu_monitor import LineChannel, Memory, Monitor, connect
from hil.targets.qemu_process import QemuProcess
from hil.targets.qemu_settings import QemuTimeouts
from hil.uart.boot_result import FirmwareEnded

#: Seconds in which a process that closed its monitor must be gone.
_LAST_WORDS = 1.0
LOG = "qemu.log"


class RunningQemu:
    """A QEMU that is held at the reset vector of its core.

    Args:
        command: Program and arguments.
        folder: Working directory; receives sockets and logs.
        rse: Id of the RSE, for messages.
        timeouts: Of the board file.

    Raises:
        DeviceError: it does not start; says why, as far as QEMU did.
    """

    def __init__(
        self, command: list[str], *, folder: Path, rse: int, timeouts: QemuTimeouts
    ) -> None:
        self._folder = folder
        self._timeouts = timeouts
        self._channels: list[LineChannel] = []
        for name in (MONITOR, MEMORY, CONSOLE):
            (folder / name).unlink(missing_ok=True)
        self._process = QemuProcess(
            command, name=f"QEMU of RSE {rse}", folder=folder, log=folder / LOG
        )
        try:
            until = time.monotonic() + timeouts.start
            self.monitor = Monitor.greeted(self._channel(MONITOR, until), until)
            check_version(self.monitor.version, Path(command[0]))
            self.memory = Memory(self._channel(MEMORY, until))
        except DeviceError as error:
            self._process.wait(_LAST_WORDS)
            told = self._why_not_started(Path(command[0]), rse)
            self.end()
            raise (told or DeviceError(str(error), rse=rse)) from error
        except BaseException:
            self.end()
            raise

    def dead(self) -> str | None:
        """Return None while it lives, else one sentence that says why not."""
        status = self._process.status()
        if status is None:
            return None
        how = f"was killed by {_name(-status)}" if status < 0 else f"ended with status {status}"
        told = meaning_of(self._process.said())
        if told is None:
            lines = [line.strip() for line in self._process.said().splitlines() if line.strip()]
            return f"QEMU {how}; last lines: {' | '.join(lines[-4:]) or 'none'}"
        sentence = f"QEMU {how}: {told.message}"
        return FirmwareEnded(sentence) if told.firmware else sentence

    def last_words(self) -> str | None:
        """Return why it ended, after a moment in which it may still do so."""
        self._process.wait(_LAST_WORDS)
        return self.dead()

    def quit(self) -> None:
        """Ask it to end, and wait for that a little."""
        with contextlib.suppress(DeviceError):
            self.monitor.command("quit")
            self._process.wait(self._timeouts.stop)

    def end(self) -> None:
        """End it, whatever it does.

        Raises:
            DeviceError: it survived even SIGKILL.
        """
        for channel in self._channels:
            channel.close()
        self._process.end(self._timeouts.stop)
        for log in self._folder.glob("uart*.log"):
            if log.stat().st_size == 0:
                log.unlink()

    def _channel(self, name: str, until: float) -> LineChannel:
        sock = connect(self._folder / name, until, lambda: self._process.status() is not None)
        self._channels.append(LineChannel(sock, self._timeouts.monitor))
        return self._channels[-1]

    def _why_not_started(self, binary: Path, rse: int) -> DeviceError | None:
        """Return why it ended at once; None if it did not."""
        dead = self.dead()
        if dead is None:
            return None
        try:
            # An old one fails for many reasons; its age is the one that counts.
            check_version(version_of(binary), binary)
        except DeviceError as old:
            return DeviceError(str(old), rse=rse)
        told = meaning_of(self._process.said())
        hint = told.hint if told else f"its output is {self._folder / LOG}"
        return DeviceError(dead, rse=rse, operation="start QEMU", hint=hint)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
