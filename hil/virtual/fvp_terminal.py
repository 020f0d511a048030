# SPDX-License-Identifier: Apache-2.0
"""TelnetTerminal: the TCP port behind a UART of an FVP.

After Arm's component reference: listens from construction on, takes the next free port when its
own is busy, serves one client and re-opens after it, in telnet mode greets with five 3-byte
commands and is transparent afterwards. Input has no flow control: what does not fit into the
UART's FIFO is lost. Unlike the real one it binds to this host only.
"""

from __future__ import annotations

import errno
import selectors
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hil.errors import DeviceError

#: IAC WILL ECHO, WILL SGA, WILL BINARY, DO BINARY, DO SGA: no public trace shows the real five.
PREAMBLE = bytes.fromhex("fffb01 fffb03 fffb00 fffd00 fffd03")

_LAST_PORT = 65535
_IAC = 0xFF


@dataclass(frozen=True)
class TerminalSettings:
    """Values of a terminal's parameters.

    Attributes:
        name: Full instance name.
        start_port: First port to try.
        mode: Whether a client is greeted as a telnet client.
        start_telnet: Whether the first output without a client starts `command`.
        command: Shell command with %port and %title; empty stands for an xterm.
        buffer: Bytes held while no client is attached (the oldest go) or it does not read.
        stall: Whether a client that does not read stops the simulation.
        stall_unattached: Whether output that no client is there for does, once it fills the buffer.
        keep: Whether output is kept at all until there is a client.
    """

    name: str
    start_port: int
    mode: Literal["telnet", "raw"]
    start_telnet: bool
    command: str
    buffer: int
    stall: bool
    stall_unattached: bool = False
    keep: bool = True


class TelnetTerminal:
    """One listening terminal, driven by the simulation's selector."""

    def __init__(
        self,
        settings: TerminalSettings,
        selector: selectors.BaseSelector,
        on_input: Callable[[bytes], None],
        complain: Callable[[str], None],
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._selector = selector
        self._on_input = on_input
        self._complain = complain
        self._pending = bytearray()
        self._client: socket.socket | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._started = False
        self._options = 0
        self._listener = self._bind()
        self.port: int = self._listener.getsockname()[1]
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    @property
    def stalled(self) -> bool:
        """Whether the attached client has left more unread than the terminal holds."""
        settings = self._settings
        full = len(self._pending) > settings.buffer
        return full and (settings.stall if self._client else settings.stall_unattached)

    def write(self, data: bytes) -> None:
        """Output of the UART; without a client the newest bytes are kept for the next one."""
        self._pending += data
        if self._client is None:
            self._start_command()
            if not self._settings.keep:
                self._pending.clear()
        self._flush()
        if not self.stalled:
            del self._pending[: max(0, len(self._pending) - self._settings.buffer)]

    def drop(self, *, move: bool) -> bool:
        """Let go of the client, and listen on another port if told; whether there was one."""
        if self._client is None:
            return False
        self._detach()
        if move:
            old = self._listener
            self._listener = self._bind()  # while the old port is taken
            self._selector.unregister(old)
            old.close()
            self.port = self._listener.getsockname()[1]
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        return True

    def close(self) -> None:
        """Close all sockets and end the terminal's own process."""
        self._detach()
        self._selector.unregister(self._listener)
        self._listener.close()
        if self._child is not None:
            self._child.terminate()
            self._child.wait(timeout=5)

    def _bind(self) -> socket.socket:
        for port in range(self._settings.start_port, _LAST_PORT + 1):
            listener = socket.socket()
            # Ports of connections that just ended are free, listening ones are not.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen(1)
            except OSError as error:
                listener.close()
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise
            else:
                listener.setblocking(False)
                return listener
        raise DeviceError(f"{self.name}: no free port from {self._settings.start_port} on")

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        if self._client is not None:
            # It may have left just now.
            self._serve()
        if self._client is not None:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._selector.register(client, selectors.EVENT_READ, self._serve)
        if self._settings.mode == "telnet":
            self._options = 15
            self._pending[:0] = PREAMBLE
        self._flush()

    def _serve(self) -> None:
        if self._client is None:
            return
        try:
            data = self._client.recv(4096)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data == b"":
            self._detach()
            return
        if data:
            self._on_input(self._without_replies(data))
        self._flush()

    def _without_replies(self, data: bytes) -> bytes:
        """Drop the client's answers to the greeting, at most as many as there were questions."""
        while self._options > 0 and data[:1] == bytes([_IAC]):
            data = data[3:]
            self._options -= 3
        return data

    def _flush(self) -> None:
        if self._client is None:
            return
        try:
            while self._pending:
                sent = self._client.send(self._pending[:65536], socket.MSG_NOSIGNAL)
                del self._pending[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._detach()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._pending else 0)
        self._selector.modify(self._client, events, self._serve)

    def _detach(self) -> None:
        if self._client is not None:
            self._selector.unregister(self._client)
            self._client.close()
            self._client = None

    def _start_command(self) -> None:
        if self._started or not self._settings.start_telnet:
            return
        self._started = True
        if not self._settings.command:
            self._complain("xterm: Xt error: Can't open display: ")
            self._complain("xterm: DISPLAY is not set")
            return
        command = self._settings.command.replace("%port", str(self.port))
        command = command.replace("%title", self.name.rpartition(".")[2])
        # The parameter is a shell command line on real models too (`echo %port > FIFO` is in use).
        self._child = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL)
