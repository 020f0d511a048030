# SPDX-License-Identifier: Apache-2.0
"""Launcher of an Arm FVP: one process that holds all RSEs.

A model takes images only when it starts, so a load ends the one that runs, and a reset is a stop
and a start; what survives is what the model writes to files in the run's folder (OTP). Consoles
are open before the first instruction: the model is frozen (SIGSTOP) from its last port
announcement until every console is attached, or its UARTs write files that exist before it
starts.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from hil.errors import DeviceError
from hil.targets import fvp_command, fvp_query
from hil.targets.fvp_command import Names
from hil.targets.fvp_consoles import FileConsoles, TerminalConsoles
from hil.targets.fvp_images import make_copies, verify
from hil.targets.fvp_ports import AnnouncementScanner
from hil.targets.fvp_process import ModelProcess
from hil.targets.fvp_query import Model
from hil.targets.fvp_settings import FvpSettings
from hil.targets.launcher import Armed, OpenConsole, ResetKind
from hil.targets.load import LoadedImage, LoadPlan, LoadReport

#: With files as consoles nothing tells that a model is up; one that refuses has ended by then.
_SETTLE_SECONDS = 1.0
_REASON = re.compile(r"Simulation is stopping\. Reason: ([^|]+)")


class FvpLauncher:
    """Starts, watches and ends one model.

    Args:
        settings: `launcher` of the board file.
        rse_ids: Ids of the board's RSEs.
        state: Folder of this run; receives the model's log and the files that it writes.
        base: Folder of the board file, for relative paths.
    """

    capabilities: frozenset[str] = frozenset({"load", "reset"})

    def __init__(
        self, settings: FvpSettings, rse_ids: Sequence[int], *, state: Path, base: Path
    ) -> None:
        self._settings = settings
        self._rse_ids = list(rse_ids)
        self._state = state.absolute()
        self._base = base.absolute()
        self._plan = LoadPlan(())
        self._process: ModelProcess | None = None
        self._open_console: OpenConsole | None = None
        self._command: list[str] = []
        self._starts = 0
        self._model: Model | None = None

    def __enter__(self) -> FvpLauncher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """File with everything that the model printed."""
        return self._state / "model.log"

    def load(self, plan: LoadPlan) -> LoadReport:
        """Check the images and keep them for the next start; ends a running model."""
        begin = time.monotonic()
        model = self._query()
        self.stop()
        verify(plan)
        self._plan = plan
        loaded = tuple(
            LoadedImage(image, sha256_on_device=None, verified=False, how="given to the model")
            for image in plan.images
        )
        tools = {"fvp": model.version, "fvp binary": str(model.binary)}
        return LoadReport(loaded, time.monotonic() - begin, tools)

    def start(self, open_console: OpenConsole, *, armed: Armed | None = None) -> None:
        """Start the model and open every console before its first byte.

        Args:
            open_console: Opens one console.
            armed: Called before the firmware runs; not called where the model already runs.

        Raises:
            UsageError: The model has other parameters or RSEs than the board file says.
            DeviceError: It ended or did not announce its terminals; with its last lines.
        """
        if self._process is not None and self._process.status() is None:
            return
        self.stop()
        self._open_console = open_console
        verify(self._plan)
        try:
            if self._settings.console.kind == "terminal":
                self._start_with_terminals(open_console, armed or _nothing)
            else:
                self._start_with_files(open_console, armed or _nothing)
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
        self.stop()
        self.start(self._open_console, armed=armed)

    def hold(self, rse: int) -> None:
        """Refuse: an FVP is started as a whole."""
        raise DeviceError("an FVP cannot hold one RSE", rse=rse, operation="hold")

    def release(self, rse: int) -> None:
        """Refuse: an FVP is started as a whole."""
        raise DeviceError("an FVP cannot hold one RSE", rse=rse, operation="release")

    def stop(self) -> None:
        """End the model and all that it started; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            took = process.end(self._settings.timeouts)
            self._note(f"end: {took}, exit status {process.status()}")

    def alive(self, rse: int) -> str | None:
        """None while the model runs, else why it does not; all RSEs share its life."""
        if rse not in self._rse_ids:
            return f"the board has no RSE {rse}"
        if self._process is None:
            return "the model is not running (it was not started, or it was stopped)"
        status = self._process.status()
        return None if status is None else f"the model {self._obituary(self._process, status)}"

    def command_line(self) -> str:
        """The last command as a line for a shell, without secret values; empty before a start."""
        return fvp_command.shown(self._command)

    def _query(self) -> Model:
        """Ask the model once for what it is."""
        if self._model is None:
            self._state.mkdir(parents=True, exist_ok=True)
            names = Names({}, self._state, self._base)
            cwd = fvp_command.working_folder(self._settings, names)
            self._model = fvp_query.query(self._settings, base=self._base, cwd=cwd)
        return self._model

    def _start_with_terminals(self, open_console: OpenConsole, armed: Armed) -> None:
        model = self._query()
        names = self._names(model)
        consoles = TerminalConsoles(self._settings.console, names, model.parameters)
        scanner = AnnouncementScanner()
        process = self._spawn(model, names, consoles.parameters, scanner)
        seconds = self._settings.timeouts.start
        if not process.wait_until(lambda: consoles.complete(scanner.seen), seconds):
            self._fail_to_start(process, consoles.missing(scanner.seen))
        process.freeze()
        for rse, endpoint in consoles.endpoints(scanner.seen).items():
            open_console(rse, endpoint)
        armed()
        process.thaw()

    def _start_with_files(self, open_console: OpenConsole, armed: Armed) -> None:
        model = self._query()
        names = self._names(model)
        consoles = FileConsoles(self._settings.console, names, start=self._starts + 1)
        for rse, endpoint in consoles.endpoints().items():
            open_console(rse, endpoint)
        scanner = AnnouncementScanner()
        armed()
        process = self._spawn(model, names, consoles.parameters, scanner)
        paths = list(consoles.paths())
        process.wait_until(
            lambda: bool(scanner.seen) and any(path.stat().st_size for path in paths),
            _SETTLE_SECONDS,
        )
        if process.status() is not None:
            self._fail_to_start(process, "")

    def _names(self, model: Model) -> Names:
        prefixes = fvp_command.prefixes(self._settings, model.parameters, self._rse_ids)
        return Names(prefixes, self._state, self._base)

    def _spawn(
        self, model: Model, names: Names, own: Mapping[str, str], scanner: AnnouncementScanner
    ) -> ModelProcess:
        settings = self._settings
        parameters = fvp_command.parameters(settings, names, model.parameters, own)
        fvp_command.check(parameters, model.parameters, version=model.version)
        if self._starts == 0:
            make_copies(settings, names)
        self._command = fvp_command.command_line(
            model.binary, settings, names, parameters, self._plan.images
        )
        self._starts += 1
        self._note(f"start {self._starts}: {self.command_line()}")
        self._process = ModelProcess(
            self._command,
            cwd=fvp_command.working_folder(settings, names),
            env=fvp_query.environment(settings),
            log=self.log,
            on_text=scanner.feed,
        )
        return self._process

    def _fail_to_start(self, process: ModelProcess, missing: str) -> None:
        status = process.status()
        if status is not None:
            message = f"the model {self._obituary(process, status)}"
            raise DeviceError(
                message, operation="start the model", hint=fvp_query.hint_for(process.tail())
            )
        raise DeviceError(
            f"{missing}; after {self._settings.timeouts.start:g} s; last lines: "
            f"{process.tail() or 'none'}",
            operation="start the model",
            hint=f"launcher.console.terminal, launcher.timeouts.start; its output is {self.log}",
        )

    def _obituary(self, process: ModelProcess, status: int) -> str:
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        tail = process.tail()
        reason = _REASON.search(tail)
        why = f" ({reason[1].strip()})" if reason else ""
        return f"{how}{why}; last lines: {tail or 'none'}"

    def _note(self, text: str) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            log.write(f"# {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n")


def _nothing() -> None:
    """Stand in for an `armed` that nobody gave."""
