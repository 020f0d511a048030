# SPDX-License-Identifier: Apache-2.0
"""A board that is live: services up, hardware locked, consoles captured, devices driven."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hil.bench.board import Stage
from hil.bench.board_file import BoardFile
from hil.bench.boot_outcome import let_go_at, tell_boot, with_runtime_reports
from hil.bench.boots import SystemBoot
from hil.bench.image_events import tell_loaded, tell_plan
from hil.bench.image_plan import build_plan
from hil.bench.janitor import Janitor, new_mark, put_away
from hil.bench.journal import Journal
from hil.bench.locks import BenchLock
from hil.bench.placeholders import expand
from hil.bench.power import VANISH_SECONDS, SerialLine, await_devices, switch
from hil.bench.resources import resources
from hil.bench.services import Services
from hil.bench.targets import console_endpoints, endpoint, make_launcher
from hil.errors import DeviceError, UsageError
from hil.targets.endpoint import Endpoint
from hil.targets.launcher import Launcher
from hil.targets.load import FlashPolicy, LoadPlan, LoadReport, Progress
from hil.targets.recovery import Lab
from hil.uart.capture import Capture
from hil.uart.capture_events import CaptureEvent
from hil.uart.console import Console
from hil.uart.follower import BootFollower
from hil.uart.guard import Guard
from hil.uart.opening import comes_back, open_source
from hil.uart.transcript import Recording, Transcript
from hil.uart.waiting import wait_stages


class Bench:
    """One system of RSEs, from power on to power off.

    Args:
        file: The board.
        folder: The run's folder: `uart/` receives the transcripts, `logs/` what services and models
            say, and `state/`, while the bench is live, what devices write.
        cache: Folder of signed images, kept from run to run.
        journal: Told of everything that happens.
        boots_before: Boots of the same run on benches before this one; their numbers are taken.
        flash: Which sectors are written; None: as the board file says.
        progress: Told how far a load is.
    """

    def __init__(
        self,
        file: BoardFile,
        folder: Path,
        cache: Path,
        journal: Journal,
        *,
        boots_before: int = 0,
        flash: FlashPolicy | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.board = file.board
        self._file = file
        self._folder = folder.absolute()
        self._cache = cache.absolute()
        self._journal = journal
        self._stack = ExitStack()
        self._launcher: Launcher | None = None
        self._services: Services | None = None
        self._capture: Capture | None = None
        self._boots = 0
        self._boots_before = boots_before
        self._flash = flash
        self._progress = progress
        self._values: dict[str, str] = {}
        self.plan = LoadPlan(())
        self._endpoints: dict[int, Endpoint] = {}
        self.transcripts: dict[int, Transcript] = {}
        #: Where in each transcript the latest boot of the system begins.
        self.boot_offsets: dict[int, int] = {}
        self.consoles: dict[int, Console] = {}
        #: Fail-fast patterns of the board file, armed on every console from its first byte on.
        self.guard = Guard(self.board.fail_on, allowed=self.board.allowed_errors)

    @property
    def launcher(self) -> Launcher:
        """What drives the devices.

        Raises:
            DeviceError: the bench is not open.
        """
        if self._launcher is None:
            raise DeviceError("the bench is not open", operation="use the bench")
        return self._launcher

    def open(self, *, images: bool = True) -> None:
        """Build the images, start services, take locks, power up.

        Args:
            images: False if nothing will be loaded: the images need not even be there.

        Raises:
            UsageError, ImageError, DeviceError: what is wrong; everything is closed again.
        """
        try:
            self._open(images)
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise _of_host(error, "open the bench") from error
            raise

    def _open(self, images: bool) -> None:
        state, logs, mark = self._folder / "state", self._folder / "logs", new_mark()
        self._stack.callback(Janitor(mark, state, logs).dismiss)
        state.mkdir(parents=True, mode=0o700)
        self._stack.callback(put_away, state, logs)
        if images:
            self.plan = build_plan(self._file, self._cache)
            tell_plan(self._journal, self.plan)

        self._values = {
            "state": str(state),
            "board": str(self._file.path.parent),
            "release": self.board.release,
        }
        self._services = Services(self.board, state, self._values, mark)
        self._stack.callback(self._services.stop)
        self._values |= self._services.start()
        self._journal.event("services", announced=self._values)

        holder = f"the run {self._folder.name}"
        self._stack.enter_context(BenchLock(resources(self.board, self._expand), holder))
        if self.board.power.off:
            self._stack.callback(self._switch, "off", self.board.power.off)
        if self.board.power.on:
            self._switch("on", self.board.power.on)
            self._await_consoles()

        self._capture = Capture(self._captured)
        self._stack.callback(self._capture.close)
        self._launcher = make_launcher(self._file, state, self._expand, self._lab())
        self._stack.callback(self._launcher.stop)

    def load(self) -> LoadReport:
        """Put all images on the devices and read them back; every RSE is held afterwards."""
        self._journal.event("load")
        try:
            report = self.launcher.load(self.plan)
        except DeviceError as error:
            if self._services is None or error.rse is None:
                raise
            if (dead := self._services.ended(error.rse)) is None:
                raise
            raise DeviceError(dead, rse=error.rse, operation="load") from error
        tell_loaded(self._journal, report)
        return report

    def cycle_power(self) -> None:
        """Switch the supply off and on with the board's command, and boot nothing on purpose.

        Raises:
            UsageError: the board file gives no command.
            DeviceError: it fails, or the devices do not come back.
        """
        if (cycle := self.board.power.cycle) is None:
            raise UsageError("power.cycle: the board file says no command that switches the supply")
        self._cycle(cycle, lambda: None)

    def listen(self, *, start: bool = False) -> None:
        """Open every console, and watch nothing.

        Args:
            start: Also let all RSEs go, which `load` left held; else they run on as they are.

        Raises:
            UsageError: the consoles exist only once the launcher has started.
            DeviceError: a console cannot be opened.
        """
        if start:
            self.launcher.start(self._open_console)
            return
        for rse, place in console_endpoints(self._file, self._expand).items():
            self._open_console(rse, place)

    def start(self) -> SystemBoot:
        """Let all RSEs go and watch them until each has booted or cannot any more."""
        cycle = self.board.power.cycle
        if cycle is None or self.board.warm_reset:
            return self._boot(
                "start", lambda armed: self.launcher.start(self._open_console, armed=armed)
            )
        # What was loaded boots only after a power cycle; starting it warm merely opens the consoles.
        self.launcher.start(self._open_console)
        return self._boot("power cycle", lambda armed: self._cycle(cycle, armed))

    def tell(self, kind: str, **values: Any) -> None:
        """Tell the journal something about the next boot."""
        self._journal.event(kind, **values)

    def reset(self) -> SystemBoot:
        """Reset the whole system, by power cycle where the board asks for it, and watch it."""
        if (cycle := self.board.power.cycle) is not None:
            return self._boot("power cycle", lambda armed: self._cycle(cycle, armed))
        pull = self.board.power.reset
        if pull is not None and "reset" not in self.launcher.capabilities:

            def by_line(armed: Callable[[], None]) -> None:
                armed()
                self._switch("reset", pull)

            return self._boot("reset line", by_line)
        return self._boot("reset", lambda armed: self.launcher.reset(None, armed=armed))

    @property
    def probes(self) -> dict[int, str]:
        """The debug probe of each RSE that has one, by its id as the driver knows it."""
        return {
            rse.id: self._expand(rse.probe, f"rses.{rse.id}.probe")
            for rse in self.board.rses
            if rse.probe is not None
        }

    @property
    def recordings(self) -> Mapping[int, Recording]:
        """What every UART said, by RSE id."""
        return self.transcripts

    @property
    def boots(self) -> int:
        """How often the system was booted on this bench."""
        return self._boots

    @property
    def can_reset(self) -> str | None:
        """None if the system can be booted again, else why not."""
        if self.board.power.cycle:
            return None
        if not self.board.warm_reset:
            return "the board file says warm_reset: false, and gives no power.cycle command"
        if "reset" not in self.launcher.capabilities and self.board.power.reset is None:
            return f"the launcher {self.board.launcher.kind} cannot reset"
        return None

    def close(self) -> None:
        """End everything, in the reverse order; may be called twice."""
        try:
            self._stack.close()
        finally:  # also when a board could not be switched off
            for transcript in self.transcripts.values():
                transcript.close()
            self._launcher = None

    def _boot(self, how: str, let_go: Callable[[Callable[[], None]], None]) -> SystemBoot:
        """Boot the system and watch it.

        Args:
            how: What is done, for the journal.
            let_go: Does it; calls its argument when all consoles are open and nothing runs yet, so
                that old output is not taken for that of this boot.
        """
        first = self._boots == 0
        offsets: dict[int, int] = {}

        def armed() -> None:
            offsets.update({rse: t.size for rse, t in self.transcripts.items()})

        number = self._boots_before + self._boots
        self._journal.event("boot", number=number, how=how)
        try:
            let_go(armed)
        except OSError as error:
            raise _of_host(error, how) from error
        fresh = "new-device" in self.launcher.capabilities
        started = let_go_at(self.transcripts, offsets) if fresh else time.monotonic()
        self.boot_offsets = {rse: offsets.get(rse, 0) for rse in self.transcripts}
        # Whoever reads the transcripts later knows by this that these resets were asked for.
        self._journal.event("let go", number=number, offsets=self.boot_offsets, monotonic=started)
        followers = {
            rse: BootFollower(transcript, rse=rse, from_offset=offsets.get(rse, 0))
            for rse, transcript in sorted(self.transcripts.items())
        }
        budgets = self._budgets(provisioning=first and self.board.provisioning.from_virgin)
        results = wait_stages(followers, budgets, start=started, alive=self.alive, guard=self.guard)
        fingerprint = self.board.fingerprint
        if fingerprint is not None and "runtime" in fingerprint.sources:
            results = with_runtime_reports(followers, results)
        boot = SystemBoot(number, results, started)
        self._boots += 1
        tell_boot(self._journal, boot, budgets)
        return boot

    def cannot(self, capability: str) -> str | None:
        """Return why the launcher cannot do something ("load", "hold", ...); None if it can."""
        if capability in self.launcher.capabilities:
            return None
        return f"the launcher {self.board.launcher.kind} cannot {capability}"

    def alive(self, rse: int) -> str | None:
        """Return None while an RSE's device and the services it needs live, else why not."""
        dead = self._services.ended(rse) if self._services else None
        return dead or self.launcher.alive(rse)

    def _budgets(self, *, provisioning: bool) -> dict[str, float]:
        stages = [s for s in self.board.stages if provisioning or s is not Stage.PROVISIONING]
        return {stage.value: self.board.budget(stage) for stage in stages}

    def _open_console(self, rse: int, place: Endpoint) -> None:
        assert self._capture is not None
        self._endpoints[rse] = place
        if rse not in self.transcripts:
            transcript = Transcript(self._folder / "uart" / f"rse{rse}.log", f"rse{rse}")
            self.transcripts[rse] = transcript
            self.consoles[rse] = Console(
                transcript, self._capture, pace=self.board.pace(rse), guard=self.guard
            )
            self.guard.add(transcript)
        try:
            source = open_source(place.kind, place.address, place.baud)
        except DeviceError as error:
            raise DeviceError(str(error), rse=rse) from None
        console = self.board.rses[rse].console
        again = console is not None and comes_back(place.kind, place.address)
        self._capture.attach(
            self.transcripts[rse],
            source,
            reopen=lambda: open_source(place.kind, place.address, place.baud),
            reopen_for=console.reopen if console is not None and again else 0,
        )
        self._journal.event("console", rse=rse, kind_of_console=place.kind, at=place.address)

    def _captured(self, event: CaptureEvent) -> None:
        self._journal.event("uart", console=event.console, what=event.kind, text=event.text)

    def _expand(self, text: str, where: str) -> str:
        return expand(text, self._values, where=where)

    def _switch(self, what: str, method: list[str] | SerialLine) -> None:
        self._journal.event("power", what=what)
        switch(what, method, lambda text: self._expand(text, f"power.{what}"))

    def _lab(self) -> Lab:
        """Return what a launcher may use of this bench."""
        cycle, reset = self.board.power.cycle, self.board.power.reset

        def switch_off_and_on() -> None:
            if cycle is not None:
                self._cycle(cycle, lambda: None)
                self._await_consoles()

        return Lab(
            tell=self._journal.event,
            progress=self._progress,
            flash=self._flash,
            power_cycle=switch_off_and_on if cycle is not None else None,
            reset=(lambda: self._switch("reset", reset)) if reset is not None else None,
        )

    def _await_consoles(self) -> None:
        """Wait for the serial devices that come with the board's supply."""
        places = (
            endpoint(rse.id, rse.console, self._expand)
            for rse in self.board.rses
            if rse.console is not None
        )
        await_devices(place.address for place in places if place.device is not None)

    def _cycle(self, command: list[str] | SerialLine, armed: Callable[[], None]) -> None:
        """Switch the supply off and on, and open again the consoles that went with it."""
        armed()
        self._switch("cycle", command)
        time.sleep(VANISH_SECONDS)
        for rse, place in self._endpoints.items():
            if self._capture is not None and not self._capture.attached(self.transcripts[rse]):
                self._capture.detach(self.transcripts[rse])  # no reopening beside this one
                if place.device is not None:
                    await_devices([place.address])
                self._open_console(rse, place)


def _of_host(error: OSError, operation: str) -> DeviceError:
    """Return what this host refused (a full disk, a missing folder) as what it is for the run."""
    where = f": {error.filename}" if error.filename else ""
    return DeviceError(f"{error.strerror or error}{where}", operation=operation)
