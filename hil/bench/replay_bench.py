# SPDX-License-Identifier: Apache-2.0
"""A run of the past as a bench: its recorded UARTs, with their times, instead of devices.

Every testcase runs against it as on the day: the stages and their budgets are judged by the recorded
times, and a boot is the part of the recording from one `let go` of the run's journal to the next.
What needs a device (loading, holding, another reset than the recorded ones) is not there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil.bench.bench import Bench
from hil.bench.board_file import BoardFile, find_board, load_board
from hil.bench.boot_outcome import renewed, tell_boot
from hil.bench.boots import SystemBoot
from hil.bench.journal import Journal
from hil.errors import DeviceError, NoDeviceError, UsageError
from hil.targets.launcher import Armed, OpenConsole, ResetKind
from hil.targets.load import LoadPlan, LoadReport
from hil.uart.console import Console
from hil.uart.follower import BootFollower
from hil.uart.guard import Guard
from hil.uart.replay import recorded_consoles
from hil.uart.transcript import Recording
from hil.uart.waiting import wait_stages

#: How `--board` names a run: replay:runs/20261121T101500Z-virtual-rse4.
PREFIX = "replay:"
_NO_DEVICES = "a replay has no devices"


@dataclass(frozen=True)
class RecordedBoot:
    """One boot of a recorded run.

    Attributes:
        at: When the RSEs were let go, in monotonic seconds of then; None if that is not recorded.
        offsets: Where the boot begins in the transcript of each RSE.
    """

    at: float | None
    offsets: Mapping[int, int]
    #: A testcase had put damaged images on the devices: no boot for any other one.
    damaged: bool = False


def read_run(folder: Path) -> dict[str, Any]:
    """Return what a run's record says of itself.

    Raises:
        UsageError: there is no such run, or it has no transcript, or one without times.
    """
    path = folder / "run.json"
    try:
        run = json.loads(path.read_text())
    except OSError as error:
        raise UsageError(
            f"{PREFIX}{folder}: {path}: {error.strerror}; expected the folder of a run (`hil runs`)"
        ) from None
    except ValueError as error:
        raise UsageError(f"{PREFIX}{folder}: {path}: not JSON: {error}") from None
    if not isinstance(run, dict) or not isinstance(run.get("board"), dict):
        raise UsageError(f"{PREFIX}{folder}: {path}: expected the record of a run")
    if not (consoles := recorded_consoles(folder)):
        raise UsageError(f"{PREFIX}{folder}: no transcript: expected uart/rse<N>.log")
    for log in consoles.values():
        _check_times(folder, log)
    return run


def _check_times(folder: Path, log: Path) -> None:
    recording = Recording(log)
    try:
        fault = recording.fault_of_times if recording.size else None
    finally:
        recording.close()
    if fault is not None:
        raise UsageError(
            f"{PREFIX}{folder}: uart/{log.stem}.idx, which holds the times of {log.name}, is {fault}; "
            "no budget can be judged without; `hil log` reads the log without times"
        )


def board_of_run(folder: Path, folders: Sequence[Path] = ()) -> BoardFile:
    """Return the board that a run was on: its file, or a board of that name.

    Raises:
        UsageError: there is no such run, or its board is not known here.
    """
    board = read_run(folder)["board"]
    path = Path(str(board.get("file", "")))
    return load_board(path if path.is_file() else find_board(str(board.get("name")), folders))


def recorded_boots(folder: Path) -> list[RecordedBoot]:
    """Return the boots of a run's last bench, oldest first; without a journal all is one boot.

    A bench that the lab broke has its transcripts elsewhere (`attempts/`).
    """
    boots: list[RecordedBoot] = []
    bench, damaged = 1, False
    try:
        lines = (folder / "events.jsonl").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # the last line of a killed run
        if not isinstance(event, dict):
            continue
        if event.get("kind") == "bench" and event.get("session", 1) != bench:
            bench = event["session"]
            boots.clear()
        if event.get("kind") == "let go":
            offsets = {int(rse): int(at) for rse, at in event.get("offsets", {}).items()}
            boots.append(RecordedBoot(event.get("monotonic"), offsets, damaged))
            damaged = False
        damaged = damaged or event.get("kind") == "damaged images"
    return boots or [RecordedBoot(None, {})]


class ReplayBench(Bench):
    """A recorded run that is looked at as if it happened again.

    Args:
        file: The board that the run was on.
        run: Folder of the recorded run.
        folder: Folder of the run that looks at it.
        journal: Told of everything that happens.
    """

    def __init__(self, file: BoardFile, run: Path, folder: Path, journal: Journal) -> None:
        super().__init__(file, folder, folder, journal)
        self._run = run
        self._recorded = recorded_boots(run)
        self._sound = [n for n, boot in enumerate(self._recorded) if not boot.damaged]
        self._uarts: dict[int, Recording] = {}

    @property
    def recordings(self) -> Mapping[int, Recording]:
        """What every UART said, by RSE id."""
        return self._uarts

    @property
    def probes(self) -> dict[int, str]:
        """No probe: nothing is driven."""
        return {}

    def open(self, *, images: bool = True) -> None:
        """Open the recordings."""
        del images
        found = recorded_consoles(self._run)
        missing = [rse for rse in self.board.rse_ids if rse not in found]
        if missing:
            raise UsageError(
                f"{PREFIX}{self._run}: no uart/rse{missing[0]}.log, which {self.board.name} needs"
            )
        self._launcher = _NoDevices()
        self._uarts = {rse: Recording(found[rse], f"rse{rse}") for rse in self.board.rse_ids}
        self._journal.event("replay", run=str(self._run), boots=len(self._recorded))

    def cannot(self, capability: str) -> str | None:
        """Return why not; it is not the launcher of the board that cannot."""
        return None if capability in self.launcher.capabilities else _NO_DEVICES

    def load(self) -> LoadReport:
        """Load nothing: what ran was loaded then."""
        self.plan = LoadPlan(())
        return LoadReport((), 0.0, {})

    def start(self) -> SystemBoot:
        """Look at the first recorded boot."""
        return self._look()

    def reset(self) -> SystemBoot:
        """Look at the next recorded boot."""
        return self._look()

    def cycle_power(self) -> None:
        """Refuse: the recorded board is not here, whatever the board's command would switch."""
        raise _nothing("cycle the power")

    @property
    def can_reset(self) -> str | None:
        """None if another boot was recorded, else why there is none."""
        if self._boots < len(self._sound):
            return None
        return f"the recorded run has {len(self._sound)} boot(s) of the system"

    def close(self) -> None:
        """Close the recordings; may be called twice."""
        for recording in self._uarts.values():
            recording.close()
        super().close()

    def _look(self) -> SystemBoot:
        if (reason := self.can_reset) is not None:
            raise (NoDeviceError if self._boots else DeviceError)(reason, operation="replay")
        number = self._boots
        place = self._sound[number]
        boot = self._recorded[place]
        behind = self._recorded[place + 1] if place + 1 < len(self._recorded) else None
        self.boot_offsets = {rse: boot.offsets.get(rse, 0) for rse in self._uarts}
        parts = {
            rse: Recording(whole.path, whole.name, end=behind.offsets.get(rse) if behind else None)
            for rse, whole in self._uarts.items()
        }
        try:
            self.consoles = {
                rse: Console(whole, from_offset=self.boot_offsets[rse])
                for rse, whole in self._uarts.items()
            }
            followers = {
                rse: BootFollower(part, rse=rse, from_offset=self.boot_offsets[rse])
                for rse, part in parts.items()
            }
            started = boot.at if boot.at is not None else self._first_output(parts)
            self._journal.event("boot", number=number, how="replay")
            self._journal.event(
                "let go", number=number, offsets=self.boot_offsets, monotonic=started
            )
            budgets = self._budgets(
                provisioning=number == 0 and self.board.provisioning.from_virgin
            )
            guard = Guard(self.board.fail_on, allowed=self.board.allowed_errors)
            for rse, part in parts.items():
                guard.add(part, self.boot_offsets[rse] if place else 0)
            results = wait_stages(followers, budgets, start=started, guard=guard, recorded=True)
            self.guard.fatal = self.guard.fatal or guard.fatal
            for follower in followers.values():
                follower.poll()
            results = {rse: renewed(result, followers[rse]) for rse, result in results.items()}
        finally:
            for part in parts.values():
                part.close()
        seen = SystemBoot(number, results, started)
        self._boots += 1
        tell_boot(self._journal, seen, budgets)
        return seen

    def _first_output(self, parts: Mapping[int, Recording]) -> float:
        times = [part.time_at(self.boot_offsets[rse]) for rse, part in parts.items()]
        return min((t for t in times if t is not None), default=0.0)


class _NoDevices:
    """The launcher of a replay: there is nothing to drive."""

    capabilities: frozenset[str] = frozenset({"reset"})

    def load(self, plan: LoadPlan) -> LoadReport:
        raise _nothing("load")

    def start(self, open_console: OpenConsole, *, armed: Armed | None = None) -> None:
        raise _nothing("start")

    def reset(
        self, rse: int | None = None, kind: ResetKind = "system", *, armed: Armed | None = None
    ) -> None:
        raise _nothing("reset")

    def hold(self, rse: int) -> None:
        raise _nothing("hold")

    def release(self, rse: int) -> None:
        raise _nothing("release")

    def stop(self) -> None:
        """End nothing."""

    def alive(self, rse: int) -> str | None:
        return None


def _nothing(operation: str) -> NoDeviceError:
    return NoDeviceError(_NO_DEVICES, operation=operation)
