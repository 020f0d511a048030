# SPDX-License-Identifier: Apache-2.0
"""Drives boards through pyOCD: one debug probe and one worker process for each RSE."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hil.errors import DeviceError, UsageError
from hil.targets.launcher import Armed, OpenConsole, ResetKind
from hil.targets.load import LoadedImage, LoadPlan, LoadReport
from hil.targets.pyocd_crew import Crew
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings

#: Seconds in which a USB adapter hands over the old bytes of its FIFO.
_DRAIN_SECONDS = 0.1
#: Seconds for saying goodbye to the probes when everything ends.
_STOP_LIMIT = 3.0


class PyocdLauncher:
    """A `Launcher`; see there for the contract.

    A whole system is held first and reset once more when nothing runs any more: what an RSE said
    to another that was held already must not reach that one in its next boot.

    Args:
        settings: The launcher's part of the board file.
        rses: All RSEs of the system.
    """

    capabilities: frozenset[str] = frozenset(
        {"load", "load-ram", "read-back", "reset", "reset-one", "hold", "nreset"}
    )

    def __init__(self, settings: PyocdSettings, rses: Sequence[PyocdRse]) -> None:
        self._settings = settings
        self._limits = settings.timeouts
        self._rses = {rse.id: rse for rse in rses}
        self._crew = Crew(settings, rses)
        self._held: set[int] = set()
        self._lock = threading.RLock()

    def load(self, plan: LoadPlan) -> LoadReport:
        """Program and read back all images, all RSEs at once; leave every RSE held."""
        with self._lock:
            self._check(plan)
            started = time.monotonic()
            self._hold(self._rses, "hold")
            requests = {
                rse: {"command": "load", "images": [_as_json(i) for i in plan.for_rse(rse)]}
                for rse in self._rses
            }
            megabytes = max(
                (sum(i.size for i in plan.for_rse(rse)) / (1 << 20) for rse in self._rses),
                default=0,
            )
            limit = self._limits.load + megabytes * self._limits.load_per_mb
            self._held.clear()  # while a flash algorithm may stand in the way
            results = self._ask("load", requests, limit)
            self._held.update(results)
            digests = {rse: iter(result["digests"]) for rse, result in results.items()}
            images = tuple(
                LoadedImage(image, digest, digest == image.sha256, "read-back")
                for image, digest in ((image, next(digests[image.rse])) for image in plan.images)
            )
            return LoadReport(images, time.monotonic() - started, dict(self._crew.versions))

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
        with self._lock:
            if rse is None:
                self._hold_all("reset", kind)
            else:
                self._hold({rse}, "reset", kind)
            self._drained(armed)
            self._release(self._rses if rse is None else {rse})

    def hold(self, rse: int) -> None:
        """Keep one RSE at its reset vector."""
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
        if console.kind == "serial" and not Path(console.address).exists():
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
