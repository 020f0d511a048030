# SPDX-License-Identifier: Apache-2.0
"""The process that holds one probe: `python -m hil.targets.pyocd_worker`.

Reads requests from standard input, answers on standard output, one JSON object a line; what pyOCD
prints goes to standard error. Ends with its standard input, so that it cannot outlive the harness.
One process for each probe, because pyOCD changes the working directory, keeps one current session,
and cannot be interrupted when a probe hangs.
"""

from __future__ import annotations

import collections
import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TextIO

from hil.targets import pyocd_watch
from hil.targets.pyocd_errors import Explanation, Refusal, explain
from hil.targets.pyocd_session import Chip, versions

_GONE = Explanation(
    "the probe server closed the connection", "the probe server or the board ended; start it again"
)


#: Seconds between two messages about how far a load is.
_TELL_INTERVAL = 0.1


class _Warnings(logging.Handler):
    """Keeps pyOCD's last warnings: they often say more than its exception."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last: collections.deque[str] = collections.deque(maxlen=3)

    def emit(self, record: logging.LogRecord) -> None:
        self.last.append(record.getMessage())


class _Replies:
    """Writes replies; one at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._told = 0.0
        self._lock = threading.Lock()

    def result(self, result: Mapping[str, Any]) -> None:
        self._write({"ok": True, "result": result})

    def failure(self, why: Explanation) -> None:
        told = {"message": why.message, "hint": why.hint, "final": why.final}
        self._write({"ok": False, **told, "mistake": why.mistake})

    def progress(self, step: str, done: int, total: int) -> None:
        """Say how far a load is; seldom, and at the end of each step."""
        now = time.monotonic()
        if now - self._told >= _TELL_INTERVAL or done >= total:
            self._told = now
            self._write({"step": step, "done": done, "total": total})

    def _write(self, reply: Mapping[str, Any]) -> None:
        with self._lock:
            self._stream.write(json.dumps(reply) + "\n")
            self._stream.flush()


def _read_requests(requests: queue.Queue[dict[str, Any]], given_up: threading.Event) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if request.get("command") == "close":
            given_up.set()  # not killed in mid-page: some probes then need to be unplugged
        requests.put(request)
    os._exit(0)  # the harness has gone, and pyOCD may hang in another thread


def _carry_out(
    commands: Mapping[str, Callable[..., dict[str, Any]]], request: dict[str, Any]
) -> dict[str, Any]:
    name = request.pop("command")
    if name not in commands:
        raise Refusal(f"unknown command {name!r}")
    return commands[name](**request)


def main() -> int:
    """Serve until standard input ends, or a session cannot be closed."""
    replies = _Replies(os.fdopen(os.dup(1), "w", encoding="utf-8"))
    os.dup2(2, 1)
    warnings = _Warnings()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger().addHandler(warnings)
    requests: queue.Queue[dict[str, Any]] = queue.Queue()
    given_up = threading.Event()
    reader = threading.Thread(target=_read_requests, args=(requests, given_up), daemon=True)
    reader.start()

    def gone() -> None:
        replies.failure(_GONE)
        os._exit(1)

    def tell(step: str, done: int, total: int) -> None:
        if given_up.is_set():
            raise Refusal("the load was given up")
        replies.progress(step, done, total)

    start = requests.get()
    chip = Chip(start["probe"], start["settings"], tell)
    if str(start["probe"]).startswith("remote:"):
        pyocd_watch.watch(gone)
    replies.result({"versions": versions()})
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "ping": chip.ping,
        "hold": chip.hold,
        "load": chip.load,
        "mass_erase": chip.mass_erase,
        "release": chip.release,
        "close": chip.close,
    }
    while not chip.broken:
        request = requests.get()
        warnings.last.clear()
        try:
            replies.result(_carry_out(commands, request))
        except Exception as error:  # noqa: BLE001 - drivers of probes raise what they like
            why = explain(error)
            said = [text for text in warnings.last if text not in why.message]
            where = getattr(error, "__notes__", [])
            message = "; ".join([why.message, *where, *(f"pyOCD: {text}" for text in said)])
            replies.failure(replace(why, message=message))
    return 0


if __name__ == "__main__":
    sys.exit(main())
