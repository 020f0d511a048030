# SPDX-License-Identifier: Apache-2.0
"""One round of chaos: a run of the testcases that meets a fault or a signal, and what became of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml

from benchmarks import chaos_traces
from benchmarks.chaos_faults import (
    BOARDS,
    LAUNCHERS,
    PASSED,
    ROOT,
    Act,
    Fault,
    launcher_overlay,
    merged,
)
from hil.errors import HilError
from hil.report.recorded import RecordedRun, read_record
from hil.report.runs_view import find_runs, read_run, render_run
from hil.targets.fvp_ports import Reservation

MARK = "HIL_CHAOS_ROUND"
#: Seconds in which a run must end, in which it must end after a signal, and until nothing is left.
RUN_LIMIT, SIGNAL_LIMIT, TRACES_LIMIT = 120.0, 20.0, 10.0
_LOOK = 0.01
#: Below those of models, and of clients.
_PORTS = (15300, 17900)
_CLASSES = {1: "product", 8: "infrastructure", 9: "harness"}


@dataclass(frozen=True)
class Blow:
    """Signals to the harness.

    Attributes:
        signals: Their names, one after the other.
        moment: Seconds until the first, counted from the beginning of the record, or of the process.
        early: Whether it is counted from the beginning of the process.
        pause: Seconds between two.
    """

    signals: tuple[str, ...]
    moment: float
    early: bool = False
    pause: float = 0.5

    def __str__(self) -> str:
        """Return it as the table has it."""
        return "+".join(name.removeprefix("SIG") for name in self.signals)


@dataclass(frozen=True)
class Round:
    """What is to happen.

    Attributes:
        launcher: Key of LAUNCHERS.
        number: From 0; names the round's folder.
        fault: What goes wrong with a device.
        blow: What is done to the harness.
        seed: Of everything that is drawn in this round.
    """

    launcher: str
    number: int
    fault: Fault
    blow: Blow | None
    seed: int

    def __str__(self) -> str:
        """Return it as a failure names it."""
        blow = f", {self.blow} at {self.blow.moment:.2f} s" if self.blow else ""
        return f"{self.launcher} round {self.number}: {self.fault.name}{blow} (seed {self.seed})"


@dataclass
class Outcome:
    """What happened.

    Attributes:
        status: Exit status of the run, negative for a signal.
        verdict: As its record says; "" without a record.
        struck: Whether the signal met the harness alive.
        reported: Whether the fault was reported by its name; None where the run was cut short or
            there was nothing to report.
        wrong: What is not as it must be.
        left: What is left of it.
        seconds: Of the run.
        settled: Seconds until nothing was left.
        stopped: Seconds from the first signal to the end of the harness.
    """

    round: Round
    status: int = 0
    verdict: str = ""
    struck: bool = False
    reported: bool | None = None
    wrong: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    seconds: float = 0.0
    settled: float = 0.0
    stopped: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing is wrong and nothing left."""
        return not self.wrong and not self.left


class Arena:
    """Carries out rounds in folders of their own below one folder, several at a time.

    Args:
        folder: Is made; holds also the images that all rounds share.
        slots: How many at a time; each has ports and locks of its own.
    """

    def __init__(self, folder: Path, slots: int) -> None:
        self.folder = folder
        (folder / "images").mkdir(parents=True, exist_ok=True)
        # Other chaos runs on this host take others.
        self._reservation = Reservation()
        blocks = (range(first, first + BOARDS) for first in range(*_PORTS, BOARDS))
        free = (block for block in blocks if self._reservation.take(block))
        self._ports = [next(free) for _ in range(slots)]

    def close(self) -> None:
        """Let others have the ports."""
        self._reservation.close()

    def carry_out(self, plan: Round, slot: int) -> Outcome:
        """Carry out one round; the folder of a good one is removed.

        Args:
            plan: The round.
            slot: Number among those that go on at the same time.
        """
        folder = self.folder / f"{plan.launcher}-{plan.number:04}"
        # One round after the other uses the same hardware, also after a harness that was killed.
        locks = self.folder / f"locks-{slot}"
        locks.mkdir(exist_ok=True)
        one = _OneRound(plan, folder, self.folder, locks, self._ports[slot])
        outcome = one.carry_out()
        if outcome.good:
            shutil.rmtree(folder)
        return outcome


class _OneRound:
    def __init__(
        self, plan: Round, folder: Path, arena: Path, locks: Path, ports: Sequence[int]
    ) -> None:
        self._plan = plan
        self._folder = folder
        self._dice = random.Random(plan.seed)
        self._mark = f"{MARK}={plan.launcher}-{plan.number}-{plan.seed}"
        self._outcome = Outcome(plan)
        for name in ("boards", "tmp", "cache"):
            (folder / name).mkdir(parents=True)
        overlay = merged(
            launcher_overlay(plan.launcher, ports), plan.fault.make(self._dice, folder / "boards")
        )
        text = yaml.safe_dump({"extends": LAUNCHERS[plan.launcher].extends, **overlay})
        (folder / "boards" / "chaos.yaml").write_text(text)
        cold = self._dice.random() < 0.15  # images are signed in this round
        self._env = os.environ | {
            **dict([self._mark.split("=", 1)]),
            "TMPDIR": str(folder / "tmp"),
            "HIL_LOCKS": str(locks),
            "HIL_STATE": str(folder / "quarantine"),
            # Compiled once, outside the checkout.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(arena / "bytecode"),
            "XDG_CACHE_HOME": str(folder / "cache" if cold else arena / "images"),
        }

    def carry_out(self) -> Outcome:
        """Run, judge, look around."""
        outcome = self._outcome
        with (self._folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "pytest", "testcases", "-q", "-p", "no:cacheprovider"),
                    *("--board", "chaos", "--boards", str(self._folder / "boards")),
                    *("--runs", str(self._folder / "runs")),
                    *("-k", LAUNCHERS[self._plan.launcher].tests),
                ],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            began = time.monotonic()
            try:
                self._attend(process, began)
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        outcome.seconds = time.monotonic() - began
        outcome.status = process.returncode
        ports = self._ports()
        outcome.left, outcome.settled = chaos_traces.wait_for_nothing(
            self._mark, self._folder, ports, TRACES_LIMIT
        )
        self._judge()
        for pid in chaos_traces.processes(self._mark, self._folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return outcome

    # While it goes on ---------------------------------------------------------------------------

    def _attend(self, process: subprocess.Popen[bytes], began: float) -> None:
        act, blow = self._plan.fault.act, self._plan.blow
        due = began + blow.moment if blow is not None and blow.early else None
        while process.poll() is None:
            now = time.monotonic()
            if now > began + RUN_LIMIT:
                self._outcome.wrong.append(f"the run did not end in {RUN_LIMIT:g} s")
                return
            if blow is not None and due is None and self._find("run.json"):
                due = now + blow.moment
            if blow is not None and due is not None and now >= due:
                self._strike(process, blow)
                return
            if act is not None and self._said(act.after):
                time.sleep(self._dice.uniform(0, act.within))
                self._act(act)
                act = None
            time.sleep(_LOOK)

    def _strike(self, process: subprocess.Popen[bytes], blow: Blow) -> None:
        began = time.monotonic()
        for name in blow.signals:
            process.send_signal(signal.Signals[name])
            self._outcome.struck = True
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(blow.pause)
        try:
            process.wait(SIGNAL_LIMIT)
        except subprocess.TimeoutExpired:
            self._outcome.wrong.append(f"the run did not end in {SIGNAL_LIMIT:g} s after {blow}")
        self._outcome.stopped = time.monotonic() - began

    def _act(self, act: Act) -> None:
        found = chaos_traces.processes(self._mark, self._folder)
        victims = [pid for pid, line in found.items() if all(word in line for word in act.words)]
        for pid in victims[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.Signals[act.signal])
                return
        self._outcome.wrong.append(f"no process {act.words} to send {act.signal} to")

    def _find(self, pattern: str) -> list[Path]:
        return sorted((self._folder / "runs").glob(f"*/{pattern}"))

    def _said(self, text: str) -> bool:
        files = [*self._find("events.jsonl"), *self._find("uart/*.log")]
        return any(text.encode() in path.read_bytes() for path in files)

    # Afterwards ---------------------------------------------------------------------------------

    def _ports(self) -> set[int]:
        """Ports and nothing else that the record says devices listened on."""
        found: set[int] = set()
        for path in self._find("events.jsonl"):
            found |= {int(n) for n in re.findall(rb"127\.0\.0\.1:(\d{1,5})\b", path.read_bytes())}
        return found

    def _judge(self) -> None:
        outcome = self._outcome
        wrong = outcome.wrong
        output = (self._folder / "output.txt").read_text(errors="replace")
        run = self._record()
        # A signal before pytest has its handlers, or after the end, ends in Python's own words.
        between = run is not None and run.finished is None
        if "INTERNALERROR" in output or ("Traceback" in output and (between or not outcome.struck)):
            wrong.append("a traceback")
        if run is None:
            if not outcome.struck:
                wrong.append(f"no record; status {outcome.status}")
            return
        outcome.verdict = run.verdict
        ended = run.finished is not None
        if not ended and run.verdict not in ("killed", "interrupted"):
            wrong.append(f"the record of a run that was cut off says {run.verdict!r}")
        if not ended and not outcome.struck:
            wrong.append("the run did not close its record")
        if ended and run.verdict in ("pass", "flaky", "fail", "error"):
            self._judge_report(run)
        elif ended and not outcome.struck:
            wrong.append(f"verdict {run.verdict!r}, and no signal")

    def _record(self) -> RecordedRun | None:
        folders = sorted(path for path in (self._folder / "runs").glob("*") if path.is_dir())
        if not folders:
            return None
        try:
            run = read_record(folders[-1])
        except HilError as error:
            self._outcome.wrong.append(f"the record cannot be read: {error}")
            return None
        # What `hil runs` shows; standard output belongs to all rounds.
        [shown] = [render_run(read_run(path)) for path in find_runs(self._folder / "runs")]
        if not shown.startswith(run.verdict.upper()):
            self._outcome.wrong.append(f"hil runs: {shown}")
        if not self._outcome.struck and run.torn:
            self._outcome.wrong.append(f"{run.torn} torn lines")
        return run

    def _judge_report(self, run: RecordedRun) -> None:
        """Of a run that came to its end: class, exit status, the fault's name."""
        outcome, fault, wrong = self._outcome, self._plan.fault, self._outcome.wrong
        if len([test for test in run.tests if not test.on_target]) < run.values["selected"]:
            wrong.append(f"verdict {run.verdict!r}, and not every test has a result")
        # A signal that comes after the verdict still has the exit status.
        if outcome.status != fault.status and not outcome.struck:
            wrong.append(f"exit status {outcome.status}, expected {fault.status}")
        if run.failure_class != _CLASSES.get(fault.status):
            wrong.append(f"class {run.failure_class}, expected {_CLASSES.get(fault.status)}")
        try:
            cases = ET.parse(run.junit).getroot()
        except (OSError, ET.ParseError) as error:
            wrong.append(f"JUnit file: {error}")
            return
        if fault.status == PASSED:
            told = (run.folder / "events.jsonl").read_text()
        else:
            found = [e for kind in ("failure", "error") for e in cases.iter(kind)]
            told = "\n".join(f"{e.get('type')} {e.get('message')} {e.text}" for e in found)
            if _CLASSES[fault.status] not in {e.get("type") for e in found}:
                wrong.append(f"no case of class {_CLASSES[fault.status]} in the JUnit file")
        if fault.told:
            outcome.reported = re.search(fault.told, told, re.DOTALL) is not None
            if not outcome.reported:
                wrong.append(f"not reported: {json.dumps(run.reasons)[:300]}")
