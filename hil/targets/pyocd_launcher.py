# SPDX-License-Identifier: Apache-2.0
"""Drives boards through pyOCD: one debug probe and one worker process for each RSE."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any, get_args

from hil.errors import DeviceError, UsageError
from hil.targets.launcher import Armed, OpenConsole, ResetKind
from hil.targets.load import LoadPlan, LoadReport
from hil.targets.pyocd_crew import Crew, combined
from hil.targets.pyocd_ladder import Ladder
from hil.targets.pyocd_report import report
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings
from hil.targets.recovery import Lab, climb

#: Seconds in which a USB adapter hands over old bytes of its FIFO: its latency timer and more.
_DRAIN_SECONDS = 0.025
#: Seconds for saying goodbye to the probes when everything ends.
_STOP_LIMIT = 3.0


class PyocdLauncher:
    """A `Launcher`; see there for the contract.

    A whole system is held first and reset once more when nothing runs any more: what an RSE said
    to another that was held already must not reach that one in its next boot.

    Args:
        settings: The launcher's part of the board file.
        rses: All RSEs of the system.
        lab: What there is around the boards.
    """

    capabilities: frozenset[str] = frozenset(
        {"load", "load-ram", "read-back", "reset", "reset-one", "hold", "nreset"}
    )

    def __init__(
        self, settings: PyocdSettings, rses: Sequence[PyocdRse], lab: Lab | None = None
    ) -> None:
        self._settings = settings
        self._limits = settings.timeouts
        self._rses = {rse.id: rse for rse in rses}
        self._lab = lab or Lab()
        self._crew = Crew(settings, rses, self._lab.progress)
        self._held: set[int] = set()
        self._lock = threading.RLock()

    def load(self, plan: LoadPlan) -> LoadReport:
        """Write and read back all images, all RSEs at once; leave every RSE held.

        A board that fails is taken up the recovery ladder of the board file, and loaded again.
        """
        with self._lock:
            self._check(plan)
            plan = replace(plan, flash=plan.flash or self._lab.flash)
            started = time.monotonic()
            loaded: dict[int, Any] = {}
            ladder = Ladder(self._settings, self._crew, self._lab)

            def attempt() -> None:
                missing = [rse for rse in self._rses if rse not in loaded]
                self._hold(missing, "hold", None)
                self._load(plan, missing, loaded)

            def lost_all() -> None:
                loaded.clear()
                self._held.clear()

            taken = climb(attempt, ladder.rungs(lost_all, plan.flash), self._lab.tell)
            return report(plan, loaded, dict(self._crew.versions), started, taken)

    def _load(self, plan: LoadPlan, rses: Sequence[int], loaded: dict[int, Any]) -> None:
        requests: dict[int, Any] = {
            rse: {
                "command": "load",
                "images": [_as_json(image) for image in plan.for_rse(rse)],
                "flash": plan.flash,
            }
            for rse in rses
        }
        sizes = [sum(i.size for i in plan.for_rse(rse)) / (1 << 20) for rse in rses]
        limit = self._limits.load + max(sizes, default=0) * self._limits.load_per_mb
        self._held.difference_update(rses)  # while a flash algorithm may stand in the way
        results, failures = self._crew.ask_each("load", requests, limit)
        loaded.update(results)
        self._held.update(results)
        if failures:
            self._crew.drop(failures)  # the next session must not inherit a half-run algorithm
            raise combined(failures)

    def start(self, open_console: OpenConsole, *, armed: Armed | None = None) -> None:
        """Open every console, let old bytes come out of their adapters, let all RSEs go together."""
        with self._lock:
            if self._rses.keys() - self._held:
                self._hold_all("hold", self._settings.reset_type)
            for rse in self._rses.values():
                open_console(rse.id, rse.console)
            self._drained(armed)
            self._release(self._rses)

    def reset(
        self, rse: int | None = None, kind: ResetKind = "system", *, armed: Armed | None = None
    ) -> None:
        """Reset one RSE, or hold all and release all."""
        if kind not in get_args(ResetKind):
            raise UsageError(
                f"reset: no kind {kind!r}; expected {' or '.join(get_args(ResetKind))}"
            )
        with self._lock:
            if rse is None:
                self._hold_all("reset", kind)
            else:
                self._hold({rse}, "reset", kind)
            self._drained(armed)
            self._release(self._rses if rse is None else {rse})

    def hold(self, rse: int) -> None:
        """Keep one RSE at its reset vector."""
        if rse not in self._rses:
            raise UsageError(f"hold: no RSE {rse} on this board; it has {sorted(self._rses)}")
        with self._lock:
            self._hold({rse}, "hold")

    def release(self, rse: int) -> None:
        """Let a held RSE run."""
        with self._lock:
            if rse in self._held:
                self._release({rse})

    def stop(self) -> None:
        """Detach from all probes and end all workers; a held RSE stays held."""
        with self._lock:
            self._crew.stop(_STOP_LIMIT)
            self._held.clear()

    def alive(self, rse: int) -> str | None:
        """Return None while the board's console is there, else one sentence why not.

        The probe is left alone: this is asked again and again while the firmware boots, and a
        debugger that connects then changes what is being watched.
        """
        console = self._rses[rse].console
        if console.gone:
            return f"the serial device {console.address} of RSE {rse} is gone"
        return None

    @staticmethod
    def _drained(armed: Armed | None) -> None:
        """Let adapters hand over what they still hold of the time before, then tell the caller."""
        if armed is not None:
            time.sleep(_DRAIN_SECONDS)
            armed()

    def _check(self, plan: LoadPlan) -> None:
        for image in plan.images:
            if image.rse not in self._rses:
                known = ", ".join(str(rse) for rse in sorted(self._rses))
                raise UsageError(f"image {image.name} is for RSE {image.rse}; there are {known}")

    def _hold_all(self, operation: str, kind: ResetKind) -> None:
        self._hold(self._rses, operation, kind)
        if len(self._rses) > 1:
            self._hold(self._rses, operation, kind)

    def _hold(self, rses: Iterable[int], operation: str, kind: ResetKind | None = None) -> None:
        requests = {rse: {"command": "hold", "kind": kind} for rse in sorted(rses)}
        limits = self._limits
        self._ask(operation, requests, limits.appear + limits.open + limits.reset)
        self._held.update(requests)

    def _release(self, rses: Iterable[int]) -> None:
        requests = {rse: {"command": "release"} for rse in sorted(rses)}
        self._held.difference_update(requests)
        self._ask("release", requests, self._limits.release)

    def _ask(self, operation: str, requests: dict[int, Any], limit: float) -> dict[int, Any]:
        try:
            return self._crew.ask(operation, requests, limit)
        except DeviceError:
            # A worker that was ended took its hold with it.
            self._held = {rse for rse in self._held if self._crew.running(rse)}
            raise


def _as_json(image: Any) -> dict[str, Any]:
    return {**asdict(image), "path": str(image.path.absolute())}
