# SPDX-License-Identifier: Apache-2.0
"""The two private channels to a running QEMU: its monitor (QMP) and its memory (qtest).

Memory is read and written through QEMU's own test protocol, which needs no state of the core:
neither the debugger's view (limited by MPU and SAU) nor a loader device (which puts the same bytes
back at each reset) would do for memory that is to be kept. Both are lines over a socket of this
host; no answer is waited for without a limit, and none may be longer than what was asked for.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hil.errors import DeviceError

#: Bytes of memory in one request.
_PIECE = 1 << 20
#: No answer is longer: a piece in base64, or an object of the monitor.
_LONGEST = 2 << 20
_POLL_SECONDS = 0.002


class LineChannel:
    """Lines over a socket, each with a time limit."""

    def __init__(self, sock: socket.socket, limit: float) -> None:
        self._socket = sock
        self._limit = limit
        self._rest = b""

    def send(self, text: str) -> None:
        """Send one line.

        Raises:
            DeviceError: QEMU has gone, or takes nothing.
        """
        self._socket.settimeout(self._limit)
        try:
            self._socket.sendall(text.encode() + b"\n")
        except OSError as error:
            raise DeviceError(f"QEMU takes no command: {error}", operation="monitor") from error

    def receive(self, until: float) -> str:
        """Return the next line, waiting no longer than `until` (monotonic).

        Raises:
            DeviceError: QEMU has gone, says nothing in time, or says too much.
        """
        while (end := self._rest.find(b"\n")) < 0:
            if len(self._rest) > _LONGEST:
                raise DeviceError("QEMU's answer has no end", operation="monitor")
            left = until - time.monotonic()
            if left <= 0:
                raise DeviceError(f"no answer in {self._limit:g} s", operation="monitor")
            self._socket.settimeout(left)
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                continue
            except OSError as error:
                raise DeviceError(f"QEMU has gone: {error}", operation="monitor") from error
            if not data:
                raise DeviceError("QEMU has closed its monitor", operation="monitor")
            self._rest += data
        line, self._rest = self._rest[:end], self._rest[end + 1 :]
        return line.decode(errors="replace")

    def deadline(self) -> float:
        """When an answer asked for now must have come."""
        return time.monotonic() + self._limit

    def close(self) -> None:
        """Close it; QEMU goes on."""
        self._socket.close()


class Monitor:
    """QMP: commands and events as JSON objects, a line each."""

    def __init__(self, channel: LineChannel, greeting: dict[str, Any]) -> None:
        self._channel = channel
        self._events: list[dict[str, Any]] = []
        version = greeting["QMP"]["version"]["qemu"]
        #: Major, minor, micro.
        self.version: tuple[int, int, int] = (version["major"], version["minor"], version["micro"])

    @classmethod
    def greeted(cls, channel: LineChannel, until: float) -> Monitor:
        """Return the monitor once QEMU has greeted: its machine is made then.

        Raises:
            DeviceError: it is no monitor, or does not answer in time.
        """
        try:
            monitor = cls(channel, json.loads(channel.receive(until)))
        except (ValueError, KeyError, TypeError) as error:
            raise DeviceError(
                f"what answers is no QEMU monitor: {error!r}", operation="monitor"
            ) from error
        monitor.command("qmp_capabilities")
        return monitor

    def command(self, name: str, **arguments: Any) -> Any:
        """Carry out one command; return its answer.

        Raises:
            DeviceError: it was refused, or not answered in time.
        """
        request = {"execute": name} | ({"arguments": arguments} if arguments else {})
        self._channel.send(json.dumps(request))
        until = self._channel.deadline()
        while True:
            answer = self._next(until)
            if "event" in answer:
                self._events.append(answer)
            elif "error" in answer:
                told = answer["error"].get("desc", answer["error"])
                raise DeviceError(f"{name}: {told}", operation="monitor")
            elif "return" in answer:
                return answer["return"]

    def reset(self) -> None:
        """Reset the machine and wait until that is done; it stays stopped if it was.

        Raises:
            DeviceError: it was not done in time.
        """
        self._events.clear()
        self.command("system_reset")
        until = self._channel.deadline()
        while True:
            event = self._events.pop(0) if self._events else self._next(until)
            # The firmware's own resets are reported as well.
            if event.get("event") == "RESET" and not event.get("data", {}).get("guest"):
                return

    def _next(self, until: float) -> dict[str, Any]:
        line = self._channel.receive(until)
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise DeviceError(f"not JSON: {line[:80]!r}", operation="monitor") from error
        if not isinstance(answer, dict):
            raise DeviceError(f"not an object: {line[:80]!r}", operation="monitor")
        return answer


class Memory:
    """Reads and writes memory as the secure side sees it after reset."""

    def __init__(self, channel: LineChannel) -> None:
        self._channel = channel

    def read(self, address: int, size: int) -> bytes:
        """Return what is at an address.

        Raises:
            DeviceError: not answered, or not as asked for.
        """
        parts = []
        for at in range(0, size, _PIECE):
            length = min(_PIECE, size - at)
            text = self._ask(f"b64read {address + at:#x} {length:#x}")
            try:
                data = base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise DeviceError(f"not base64: {text[:40]!r}", operation="read memory") from error
            if len(data) != length:
                raise DeviceError(f"{len(data)} bytes instead of {length}", operation="read memory")
            parts.append(data)
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Put bytes at an address.

        Raises:
            DeviceError: not answered.
        """
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            text = base64.b64encode(piece).decode()
            self._ask(f"b64write {address + at:#x} {len(piece):#x} {text}")

    def _ask(self, request: str) -> str:
        self._channel.send(request)
        until = self._channel.deadline()
        while True:
            line = self._channel.receive(until).strip()
            if line == "OK" or line.startswith("OK "):
                return line[3:]
            # An interrupt line that somebody asked to watch; nobody here does.
            if not line.startswith("IRQ "):
                raise DeviceError(f"{request[:40]}: {line[:80]}", operation="access memory")


def connect(path: Path, until: float, ended: Callable[[], bool]) -> socket.socket:
    """Return a connection to a socket that QEMU is about to make.

    Args:
        path: Of the socket; as long as it likes to be.
        until: Monotonic time after which it has failed.
        ended: Whether QEMU has ended meanwhile.

    Raises:
        DeviceError: it ended, or made no socket in time.
    """
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        while True:
            sock = socket.socket(socket.AF_UNIX)
            try:
                # By the folder's descriptor: a socket's own path may have no more than 107 bytes.
                sock.connect(f"/proc/self/fd/{folder}/{path.name}")
            except OSError:
                sock.close()
            else:
                return sock
            if ended():
                raise DeviceError("QEMU ended at once", operation="start QEMU")
            if time.monotonic() > until:
                raise DeviceError(f"QEMU made no socket {path}", operation="start QEMU")
            time.sleep(_POLL_SECONDS)
    finally:
        os.close(folder)
