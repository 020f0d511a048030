# SPDX-License-Identifier: Apache-2.0
"""Holds every terminal of a running model, from its announcement to its end.

A terminal whose client does not read stops the whole simulation, one without a client loses or
keeps what is said, and one that drops its client opens again, perhaps on another port. So one
thread attaches to each terminal as soon as it is announced, reads it always, and attaches again.
Terminals of the RSEs are handed on through a port of its own; all others go into files.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.endpoint import Endpoint
from hil.targets.fvp_ports import Announcement
from hil.targets.fvp_relay import Relay
from hil.targets.fvp_terminal_line import Line, Recorder, Sink

#: A file is looked at this often beside the terminal that announces what is in it.
_LOOK_SECONDS = 0.01
_AGAIN_SECONDS = 0.1
_FLUSH_SECONDS = 2.0


class Terminals:
    """All terminals of one start of a model.

    Args:
        folder: Receives `terminal-LEAF-PORT.log` of each terminal that is no RSE's.
        rse_of: Whose console an announcement is, None for nobody's.
        files: What the UARTs of RSEs write beside their terminals.
        left: Leaf names of terminals that are left to others.
        note: Takes one sentence about what happened, from this object's thread.
    """

    def __init__(
        self,
        *,
        folder: Path,
        rse_of: Callable[[Announcement], int | None],
        files: dict[int, Path],
        left: Collection[str],
        note: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._rse_of = rse_of
        self._left = left
        self._note = note
        self._selector = selectors.DefaultSelector()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._todo: deque[Callable[[], object]] = deque()
        self._lines: dict[str, Line] = {}
        self._relays: dict[int, Relay] = {}
        self._files = files
        self._over = False
        self._leaving = False
        self._ended = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="fvp terminals", daemon=True)
        self._thread.start()

    def announced(self, announcement: Announcement) -> None:
        """Attach to a terminal; may be called from any thread."""
        self._post(lambda: self._attach(announcement))

    def console(self, rse: int) -> Endpoint:
        """Where the console of an RSE can be opened; silent until `release`.

        Raises:
            DeviceError: The model has ended, and all consoles with it.
        """
        listener = socket.create_server(("127.0.0.1", 0), backlog=1)
        listener.setblocking(False)
        if not self._post(lambda: self._relay(rse).serve(listener)):
            listener.close()
            raise DeviceError("the model has ended", rse=rse, operation="open console")
        return Endpoint("tcp", f"127.0.0.1:{listener.getsockname()[1]}")

    def release(self) -> None:
        """Let the consoles speak: all that was said so far, and what comes."""
        self._post(self._release)

    def let_go(self) -> None:
        """Attach to nothing again: the model is about to end."""
        self._leaving = True

    def finish(self) -> None:
        """Hand on what is left and end the consoles: the model has ended. From any thread."""
        self._leaving = self._over = True
        self._post(lambda: None)

    def close(self) -> None:
        """Finish, and give back sockets and thread; may be called twice."""
        self.finish()
        self._thread.join(_FLUSH_SECONDS + 1)

    def _post(self, action: Callable[[], object]) -> bool:
        """Have something done in this object's thread; whether it will be."""
        with self._lock:
            if self._ended:
                return False
            self._todo.append(action)
            os.eventfd_write(self._wake, 1)
            return True

    def _release(self) -> None:
        for relay in self._relays.values():
            relay.release()

    def _relay(self, rse: int) -> Relay:
        if rse not in self._relays:
            self._relays[rse] = Relay(rse, self._selector, self._files.get(rse), self._note)
        return self._relays[rse]

    def _attach(self, announcement: Announcement) -> None:
        rse = self._rse_of(announcement)
        if rse is None and announcement.leaf in self._left:
            return
        key = f"RSE {rse}" if rse is not None else f"{announcement.leaf}-{announcement.port}"
        line = self._lines.get(key)
        if line is not None:
            line.moved(announcement.port)
            return
        sink: Sink
        if rse is None:
            sink = Recorder(self._folder / f"terminal-{key}.log")
            what = f"terminal {announcement.leaf} on port {announcement.port}"
        else:
            sink = self._relay(rse)
            what = f"terminal {announcement.leaf} of RSE {rse}"
        line = Line(what, announcement.port, self._selector, sink, self._note)
        self._lines[key] = line
        if rse is not None:
            self._relay(rse).line = line
        line.connect()

    def _run(self) -> None:
        try:
            while not self._over:
                self._serve(self._timeout())
            self._flush()
        finally:
            self._take_no_more()
            for line in self._lines.values():
                line.close()
            for relay in self._relays.values():
                relay.close()
            self._selector.close()
            os.close(self._wake)

    def _take_no_more(self) -> None:
        """Do what was accepted, so that what it holds is given back with the rest."""
        with self._lock:
            self._ended = True
        while self._todo:
            with contextlib.suppress(OSError, ValueError):
                self._todo.popleft()()

    def _timeout(self) -> float | None:
        if any(relay.looks for relay in self._relays.values()):
            return _LOOK_SECONDS
        return _AGAIN_SECONDS if any(line.lost for line in self._lines.values()) else None

    def _serve(self, timeout: float | None) -> None:
        for key, mask in self._selector.select(timeout):
            if key.data is None:
                os.eventfd_read(self._wake)
            else:
                key.data(mask)
        while self._todo:
            self._todo.popleft()()
        for line in self._lines.values():
            if line.lost and not self._leaving:
                line.connect()
        for relay in self._relays.values():
            relay.look()

    def _flush(self) -> None:
        """Read and hand on the rest, as long as somebody takes it."""
        deadline = time.monotonic() + _FLUSH_SECONDS
        while time.monotonic() < deadline:
            self._serve(0)
            more = [line.read() for line in self._lines.values()]
            more += [relay.look() for relay in self._relays.values()]
            if not any(more):
                waiting = any(relay.pending for relay in self._relays.values())
                if not waiting:
                    return
                time.sleep(0.001)
