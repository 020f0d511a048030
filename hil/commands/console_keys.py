# SPDX-License-Identifier: Apache-2.0
"""`hil console`: the keyboard, as bytes for an RSE and commands for the command itself."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

#: Ctrl-]: the next key is a command.
ESCAPE = 0x1D
HELP = (
    "Ctrl-] 0..9: type to that RSE; Ctrl-] q or Ctrl-C: end; Ctrl-] Ctrl-]: send Ctrl-]; Ctrl-] ?"
)


class Keys:
    """Tells typed bytes from commands: ("send", bytes), ("to", digit), ("quit", ""), ("help", "")."""

    def __init__(self) -> None:
        self._escaped = False

    def take(self, typed: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield what was typed, in order."""
        sent = bytearray()
        for byte in typed:
            if not self._escaped:
                if byte == ESCAPE:
                    self._escaped = True
                else:
                    sent.append(byte)
                continue
            self._escaped = False
            if byte == ESCAPE:
                sent.append(byte)
                continue
            if sent:
                yield "send", bytes(sent)
                sent.clear()
            if 0x30 <= byte <= 0x39:
                yield "to", bytes([byte])
            elif byte in b"qQ":
                yield "quit", b""
            else:
                yield "help", b""
        if sent:
            yield "send", bytes(sent)


@contextmanager
def keyboard() -> Iterator[int | None]:
    """Give the file descriptor of standard input, without echo and line by line input.

    The terminal is as it was afterwards. None stands for an input that is closed.
    """
    try:
        fd = sys.stdin.fileno()
    except (AttributeError, OSError, ValueError):
        yield None
        return
    if not os.isatty(fd):
        yield fd
        return
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        # Enter is CR on a UART.
        mode = termios.tcgetattr(fd)
        mode[0] &= ~termios.ICRNL
        termios.tcsetattr(fd, termios.TCSADRAIN, mode)
        yield fd
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def typed(fd: int | None, wait: float) -> bytes | None:
    """Return what was typed within `wait` seconds, b"" for nothing, None if no more can come."""
    ready, _, _ = select.select([fd] if fd is not None else [], [], [], wait)
    if not ready or fd is None:
        return b""
    try:
        return os.read(fd, 4096) or None
    except OSError:
        return None
