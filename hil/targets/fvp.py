# SPDX-License-Identifier: Apache-2.0
"""Launcher of an Arm FVP: one process that holds all RSEs.

A model takes images only when it starts, so a load ends the one that runs, and a reset is a stop
and a start; what survives is what the model writes to files in the run's folder (OTP, flash).
Consoles are open before the first instruction: the model is frozen (SIGSTOP) from its last port
announcement until every console is attached, and what it said before that is in the files which
its UARTs write; or these files are the consoles.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.fvp_consoles import FileConsoles, TerminalConsoles
from hil.targets.fvp_given import given_files
from hil.targets.fvp_images import PlannedImages
from hil.targets.fvp_invocation import Invocation
from hil.targets.fvp_log import ModelLog, Tell
from hil.targets.fvp_opening import open_files, open_terminals
from hil.targets.fvp_ports import PortPlan
from hil.targets.fvp_query import Model
from hil.targets.fvp_run import ModelRun
from hil.targets.fvp_settings import FvpSettings
from hil.targets.fvp_shown import shown
from hil.targets.fvp_start import Start, ask_model, names_of
from hil.targets.fvp_state import RunState
from hil.targets.launcher import Armed, OpenConsole, ResetKind
from hil.targets.load import GIVEN, GivenFile, LoadedImage, LoadPlan, LoadReport


class FvpLauncher:
    """Starts, watches and ends one model.

    Args:
        settings: `launcher` of the board file.
        rse_ids: Ids of the board's RSEs.
        state: Folder of this run; receives the model's log and the files that it writes.
        base: Folder of the board file, for relative paths.
        tell: Takes events for the record: `fvp` with each start, `fvp end`, `fvp note`.
    """

    capabilities: frozenset[str] = frozenset({"load", "reset", "new-device"})

    def __init__(
        self,
        settings: FvpSettings,
        rse_ids: Sequence[int],
        *,
        state: Path,
        base: Path,
        tell: Tell | None = None,
    ) -> None:
        self._settings = settings
        self._rse_ids = list(rse_ids)
        self._state = state.absolute()
        self._base = base.absolute()
        self._log = ModelLog(self._state / "model.log", tell)
        self._plan = LoadPlan(())
        self._images = PlannedImages()
        self._given: tuple[GivenFile, ...] | None = None
        self._files: RunState | None = None
        self._run: ModelRun | None = None
        self._open_console: OpenConsole | None = None
        self._invocation: Invocation | None = None
        self._ports: PortPlan | None = None
        self._starts = 0
        self._model: Model | None = None

    def __enter__(self) -> FvpLauncher:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """File with everything that the model printed."""
        return self._log.path

    def load(self, plan: LoadPlan) -> LoadReport:
        """Check the images and keep them for the next start; ends a running model."""
        begin = time.monotonic()
        model = self._query()
        self._end()
        names = self._own_files(model).names
        self._plan = plan
        if self._given is None:
            self._given = given_files(self._settings, names, model.parameters)
        self._images.verify((*plan.images, *self._given), again=True)
        loaded = tuple(
            LoadedImage(image, sha256_on_device=None, verified=False, how=GIVEN)
            for image in plan.images
        )
        tools = {"fvp": model.version, "fvp binary": str(model.binary)}
        return LoadReport(loaded, time.monotonic() - begin, tools, given=self._given)

    def start(self, open_console: OpenConsole, *, armed: Armed | None = None) -> None:
        """Start the model and open every console before its first byte.

        Args:
            open_console: Opens one console.
            armed: Called before the firmware runs; not called where the model already runs.

        Raises:
            UsageError: The model has other parameters or RSEs than the board file says.
            DeviceError: It ended or did not announce its terminals; with its last lines.
        """
        if self._run is not None and self._run.status() is None:
            return
        self._end()
        self._open_console = open_console
        self._images.verify((*self._plan.images, *(self._given or ())))
        try:
            self._begin(open_console, armed or _nothing)
        except BaseException:
            self.stop()
            raise

    def reset(
        self,
        rse: int | None = None,
        kind: ResetKind = "system",
        *,
        armed: Armed | None = None,
    ) -> None:
        """Stop the model and start it again; consoles are opened anew, OTP files stay."""
        if rse is not None:
            raise DeviceError(
                "an FVP cannot reset one RSE alone",
                rse=rse,
                operation=f"{kind} reset",
                hint="reset all of them; tests that need this have the mark requires('reset-one')",
            )
        if self._open_console is None:
            raise DeviceError("the model was never started", operation=f"{kind} reset")
        self._end()
        self.start(self._open_console, armed=armed)

    def hold(self, rse: int) -> None:
        """Refuse: an FVP is started as a whole."""
        raise DeviceError("an FVP cannot hold one RSE", rse=rse, operation="hold")

    def release(self, rse: int) -> None:
        """Refuse: an FVP is started as a whole."""
        raise DeviceError("an FVP cannot hold one RSE", rse=rse, operation="release")

    def stop(self) -> None:
        """End the model and all that it started, let go of kept state; may be called twice."""
        try:
            self._end()
        finally:
            if self._files is not None:
                self._files.release()

    def alive(self, rse: int) -> str | None:
        """None while the model runs, else why it does not; all RSEs share its life."""
        if rse not in self._rse_ids:
            return f"the board has no RSE {rse}"
        if self._run is None:
            return "the model is not running (it was not started, or it was stopped)"
        return self._run.obituary()

    def command_line(self) -> str:
        """The last command as a line for a shell, without secret values; empty before a start."""
        return shown(self._invocation.argv) if self._invocation else ""

    def _query(self) -> Model:
        """Ask the model once for what it is."""
        if self._model is None:
            self._model = ask_model(self._settings, state=self._state, base=self._base)
        return self._model

    def _own_files(self, model: Model) -> RunState:
        """Give this run its own copies of what the model writes, once."""
        if self._files is None:
            names = names_of(
                self._settings, model, self._rse_ids, state=self._state, base=self._base
            )
            self._files = RunState(self._settings, names, self._log.note)
        self._files.make()
        return self._files

    def _prepare(self) -> Start:
        model = self._query()
        files = self._own_files(model)
        self._starts += 1
        return Start(self._settings, model, files.names, files.copies, self._starts)

    def _begin(self, open_console: OpenConsole, armed: Armed) -> None:
        """Start the model with all its consoles."""
        start = self._prepare()
        if self._settings.console.kind == "terminal":
            ports = self._ports = PortPlan(start.names.prefixes)
            terminals = start.terminals(ports)
            open_terminals(
                terminals,
                partial(self._spawn, start, terminals, ports),
                open_console,
                armed,
                seconds=self._settings.timeouts.start,
            )
        else:
            ports = self._ports = PortPlan(())
            files = start.files()
            limit = self._settings.timeouts.start if start.announces else None
            spawn = partial(self._spawn, start, files, ports)
            open_files(files, spawn, open_console, armed, seconds=limit)

    def _spawn(
        self, start: Start, consoles: TerminalConsoles | FileConsoles, ports: PortPlan
    ) -> ModelRun:
        nvm = self._files.nvm if self._files else ""
        invocation = start.invocation(consoles, self._plan.images, ports.reservation, nvm=nvm)
        self._invocation = invocation
        self._log.remark(f"start {start.number}: {self.command_line()}")
        self._log.tell("fvp", start=start.number, **invocation.told())
        self._run = ModelRun(
            invocation,
            log=self._log.path,
            consoles=consoles if isinstance(consoles, TerminalConsoles) else None,
            left=self._settings.free_terminals,
            note=self._log.note,
        )
        return self._run

    def _end(self) -> None:
        """End the model, and settle what it wrote."""
        run, self._run = self._run, None
        try:
            took = run.end(self._settings.timeouts) if run else ""
        finally:
            if self._ports is not None:
                self._ports.close()
        if run is None:
            return
        status = run.status()
        self._log.remark(f"end: {took}, exit status {status}")
        self._log.tell("fvp end", took=took, status=status, reason=run.ending.reason)
        if self._files is not None:
            self._files.settle(orderly=run.ending.orderly(status, took), how=took)


def _nothing() -> None:
    """Stand in for an `armed` that nobody gave."""
