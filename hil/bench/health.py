# SPDX-License-Identifier: Apache-2.0
"""The health check of a live bench: does the lab's part of it work, whatever the firmware does?

It opens the bench as a run does, with services, locks and power; it loads nothing and changes no
memory. Every RSE is halted once by its probe, which is when the driver checks that it is the chip of
the board file; every UART is opened; every power command is run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hil.bench.bench import Bench
from hil.bench.board_file import BoardFile, name_of
from hil.bench.doctor import Finding
from hil.bench.quarantine import Quarantine
from hil.errors import DeviceError, HilError
from hil.targets.load import LoadPlan

#: Failures that are another run's, not the device's.
_BUSY = frozenset({"lock"})


@dataclass(frozen=True)
class Health:
    """What the health check of a bench found.

    Attributes:
        findings: In the order in which things were looked at.
        failures: First line of each failure of the lab, by the RSE that it is about; None for all.
    """

    findings: list[Finding]
    failures: dict[int | None, str]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.missing for finding in self.findings)


def check_live(file: BoardFile) -> Health:
    """Open the bench of a board, look at every device, and close it again."""
    with tempfile.TemporaryDirectory(prefix="rse-hil-health-") as folder:
        (Path(folder) / "uart").mkdir()
        check = _Check(file, Path(folder))
        check.run()
    return Health(check.findings, check.failures)


def count(file: BoardFile, health: Health) -> list[Finding]:
    """Tell the quarantine what a health check found; return what it made of that."""
    quarantine = Quarantine(file)
    if health.failures:
        quarantine.failed(health.failures, "hil doctor")
    elif health.ok:
        quarantine.worked()
    return quarantined(file)


def quarantined(file: BoardFile) -> list[Finding]:
    """Return a finding for every device of a board that is in quarantine."""
    return [
        Finding(
            "quarantine",
            f"{state.device} since {state.since}, {state.failures} failures in a row: {state.reason}",
            f"mend it, then `hil doctor {name_of(file)} --live` and "
            f"`hil doctor {name_of(file)} --release`",
        )
        for state in Quarantine(file).held()
    ]


class _Check:
    """One health check."""

    def __init__(self, file: BoardFile, folder: Path) -> None:
        self._file = file
        self._folder = folder
        self.findings: list[Finding] = []
        self.failures: dict[int | None, str] = {}

    def run(self) -> None:
        """Look at everything that can be looked at."""
        board, bench = self._file.board, Bench(self._file, self._folder, self._folder, _Nobody())
        services = ", ".join(board.services) or "none needed"
        opened = self._try("bench", partial(bench.open, images=False), f"services: {services}")
        try:
            if opened:
                self._devices(bench)
        finally:
            self._try("power.off" if board.power.off else "end", bench.close, "the bench is closed")

    def _devices(self, bench: Bench) -> None:
        board = bench.board
        if board.power.on:
            self.findings.append(Finding("power.on", "the command answers"))
        if board.power.cycle:
            self._try("power.cycle", bench.cycle_power, "the command answers")
        if "hold" in bench.launcher.capabilities:
            for rse in (each.id for each in board.rses if each.probe is not None):
                told = f"RSE {rse} halts, and is the chip of the board file"
                self._try(f"probe of RSE {rse}", partial(bench.launcher.hold, rse), told, rse)
        count = f"{len(board.rses)} UARTs open"
        if all(rse.console is not None for rse in board.rses):
            self._try("consoles", bench.listen, count)
            return
        # A model has consoles only while it runs; it needs no images for that.
        told = "it is there and knows the parameters of the board file"
        if self._try(board.launcher.kind, partial(bench.launcher.load, LoadPlan(())), told):
            self._try("consoles", partial(bench.listen, start=True), f"it starts, {count}")

    def _try(self, what: str, act: Callable[[], Any], told: str, rse: int | None = None) -> bool:
        try:
            act()
        except HilError as error:
            hint = getattr(error, "hint", None)
            seen = str(error).removesuffix(f" ({hint})")
            self.findings.append(Finding(what, seen, hint or "see the message"))
            if (
                isinstance(error, DeviceError)
                and error.failure_class == DeviceError.failure_class
                and error.operation not in _BUSY
            ):
                self.failures.setdefault(
                    error.rse if error.rse is not None else rse, str(error).splitlines()[0]
                )
            return False
        self.findings.append(Finding(what, told))
        return True


class _Nobody:
    """A journal that nobody reads."""

    def event(self, kind: str, **values: Any) -> None:
        """Forget what happened."""
