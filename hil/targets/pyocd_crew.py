# SPDX-License-Identifier: Apache-2.0
"""The harness's side of the worker processes: start, ask all at once, end those that hang."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hil.errors import DeviceError
from hil.targets.load import LoadProgress, Progress
from hil.targets.pyocd_child import Request, Worker
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings
from hil.targets.recovery import MistakeError, RefusedError

_POLL = 0.005


class Crew:
    """The workers of all RSEs.

    Args:
        settings: The launcher's settings.
        rses: All RSEs.
        progress: Told how far loads are.
    """

    def __init__(
        self,
        settings: PyocdSettings,
        rses: Sequence[PyocdRse],
        progress: Progress | None = None,
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._rses = {rse.id: rse for rse in rses}
        self._workers: dict[int, Worker] = {}
        #: Versions of the tools, as the workers say.
        self.versions: dict[str, str] = {}

    def ask(self, operation: str, requests: Mapping[int, Request], limit: float) -> dict[int, Any]:
        """Send each RSE its request, all at once, and wait for all answers.

        Raises:
            DeviceError: Of the first RSE that fails; the others are named in it.
        """
        results, failures = self.ask_each(operation, requests, limit)
        if failures:
            raise combined(failures)
        return results

    def ask_each(
        self, operation: str, requests: Mapping[int, Request], limit: float
    ) -> tuple[dict[int, Any], dict[int, DeviceError]]:
        """Send each RSE its request, all at once; return results and failures, by RSE."""
        failures = self._start(requests)
        sent = [rse for rse in requests if rse not in failures]
        for rse in sent:
            self._workers[rse].send(requests[rse])
        results, failed = self._collect(operation, sent, limit)
        return results, failures | failed

    def drop(self, rses: Iterable[int]) -> None:
        """End the workers of some RSEs; the next request starts new ones."""
        for rse in rses:
            if rse in self._workers:
                with contextlib.suppress(DeviceError):  # one that hangs in the kernel
                    self._workers.pop(rse).stop(kill=True)

    @property
    def ids(self) -> list[int]:
        """Ids of all RSEs."""
        return sorted(self._rses)

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
            waiting = {rse for rse in waiting if not self._workers[rse].said_goodbye()}
            time.sleep(_POLL if waiting else 0)
        stuck: DeviceError | None = None
        while self._workers:
            _, worker = self._workers.popitem()
            try:
                worker.stop(kill=True)
            except DeviceError as error:
                stuck = error
        if stuck is not None:
            raise stuck

    def _start(self, rses: Iterable[int]) -> dict[int, DeviceError]:
        new = []
        for rse in rses:
            if rse in self._workers and self._workers[rse].ended:
                self._workers.pop(rse).stop()
            if rse not in self._workers:
                self._workers[rse] = Worker(self._rses[rse], self._settings)
                new.append(rse)
        results, failures = self._collect("start pyOCD", new, self._settings.timeouts.start)
        for result in results.values():
            self.versions |= result["versions"]
        return failures

    def _collect(
        self, operation: str, rses: Sequence[int], limit: float
    ) -> tuple[dict[int, Any], dict[int, DeviceError]]:
        deadline = time.monotonic() + limit
        results: dict[int, Any] = {}
        failures: dict[int, DeviceError] = {}
        waiting = set(rses)
        while waiting:
            for rse in sorted(waiting):
                worker = self._workers[rse]
                ended = worker.ended  # looked at first: an answer may stand before the end
                reply = self._answer(rse)
                if reply is None and time.monotonic() > deadline:
                    failures[rse] = self._too_late(rse, operation, limit)
                elif reply is None and ended:
                    failures[rse] = self._lost(rse, operation)
                elif reply is None:
                    continue
                elif reply["ok"]:
                    results[rse] = reply["result"]
                else:
                    final = MistakeError if reply["mistake"] else RefusedError
                    kind = final if reply["final"] else DeviceError
                    failures[rse] = kind(
                        reply["message"], rse=rse, operation=operation, hint=reply["hint"]
                    )
                waiting.discard(rse)
            if waiting:
                time.sleep(_POLL)
        return results, failures

    def _answer(self, rse: int) -> Mapping[str, Any] | None:
        """Return the answer to the last request if there is one; hand on how far it is.

        Answers to earlier requests are passed over: nobody waits for them any more.
        """
        worker = self._workers[rse]
        while (reply := worker.answer()) is not None and ("step" in reply or worker.owed > 0):
            if "step" in reply and worker.owed == 1 and self._progress is not None:
                self._progress(LoadProgress(rse, reply["step"], reply["done"], reply["total"]))
        return reply

    def _too_late(self, rse: int, operation: str, limit: float) -> DeviceError:
        self.drop([rse])
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


class SeveralError(DeviceError):
    """Raised when several boards failed: the failure of the first, with the others as notes."""

    def __init__(self, failures: Mapping[int, DeviceError]) -> None:
        first, *others = (failures[rse] for rse in sorted(failures))
        super().__init__("")
        self.args = first.args
        self.rse, self.operation, self.hint = first.rse, first.operation, first.hint
        self.rses = sorted(failures)
        for other in others:
            self.add_note(str(other))


def combined(failures: Mapping[int, DeviceError]) -> DeviceError:
    """Return one failure for those of several boards; a refusal among them decides."""
    refused = {rse: why for rse, why in failures.items() if isinstance(why, RefusedError)}
    if refused:
        first, *others = refused.values()
        for other in (*others, *(why for why in failures.values() if why not in refused.values())):
            first.add_note(str(other))
        return first
    return next(iter(failures.values())) if len(failures) == 1 else SeveralError(failures)
