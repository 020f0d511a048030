# SPDX-License-Identifier: Apache-2.0
"""The simulation of a virtual FVP: one thread, and time that stands still when stalled.

An Arm model stops as a whole when a client leaves its terminal unread or stdout is full; it ends
cleanly on SIGINT and on its limits, always with status 0, and dies by any other signal.
"""

from __future__ import annotations

import heapq
import os
import resource
import selectors
import signal
import socket
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from hil.virtual import fvp_output
from hil.virtual.fvp_output import Output
from hil.virtual.fvp_terminal import TelnetTerminal

_POLL_SECONDS = 0.05
_MOST_STEP_SECONDS = 0.25
_STEPS_BETWEEN_SOCKETS = 64
_CYCLES_PER_SECOND = 100_000_000


@dataclass(frozen=True)
class Limits:
    """When a simulation ends or fails by itself; None and 0 mean never.

    Attributes:
        sim: Simulated seconds.
        wall: Seconds of wall clock.
        cpu: Seconds of host CPU time.
        cycles: Cycles of the system clock.
        drop_after: Seconds until terminals drop their clients.
        drop_moves: Whether they open again on other ports.
        exit_after: Seconds until a clean end without a reason.
        crash_after: Seconds until a segmentation fault.
        hang_after: Seconds until time stands still.
    """

    sim: float | None = None
    wall: float | None = None
    cpu: float | None = None
    cycles: int | None = None
    drop_after: float = 0.0
    drop_moves: bool = False
    exit_after: float = 0.0
    crash_after: float = 0.0
    hang_after: float = 0.0


class Simulation:
    """Runs chips until a limit, a signal or the firmware ends it.

    Args:
        output: The model's stdout.
        limits: When it ends.
        time_scale: Wall seconds per simulated second.
        held: True while a debug server waits for its client.
        deaf: SIGINT is ignored.
    """

    def __init__(
        self, output: Output, limits: Limits, *, time_scale: float, held: bool, deaf: bool = False
    ) -> None:
        self.selector = selectors.DefaultSelector()
        self._output = output
        self._limits = limits
        self._scale = time_scale
        self._held = held
        self._deaf = deaf
        self._slept = 0.0
        self._stop = False
        self._dropped = False
        self._paced = 0.0
        self._resumed = 0.0
        self._wall_start = 0.0
        self._queue: list[tuple[float, int, Generator[float, None, None]]] = []

    @property
    def simulated(self) -> float:
        """Simulated seconds so far."""
        return self._paced / self._scale

    def stop(self) -> None:
        """End the simulation after the current step."""
        self._stop = True

    def run(
        self, chips: Sequence[Generator[float, None, None]], terminals: Sequence[TelnetTerminal]
    ) -> None:
        """Run until the end and say why on stdout."""
        self._queue = [(0.0, index, chip) for index, chip in enumerate(chips)]
        self._wall_start = self._resumed = time.monotonic()
        running = False
        with _SigintWakes(self, deaf=self._deaf):
            while not self._stop:
                running = not self._held and not any(t.stalled for t in terminals)
                self._pass_time(running=running)
                if self._limit_reached():
                    break
                self._drop_clients(terminals)
                if running and self._hanging():
                    running = False
                if running:
                    self._step(terminals)
                timeout = self._timeout(running=running)
                self._slept = float("inf") if timeout is None else timeout
                self._serve(timeout)
        self._pass_time(running=running)
        self._output.report_end()

    def statistics(self) -> list[str]:
        """The block that --stat prints at the end."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        wall = time.monotonic() - self._wall_start
        rows = {
            "Simulated time": f"{self.simulated:.6f}s",
            "User time": f"{usage.ru_utime:.6f}s",
            "System time": f"{usage.ru_stime:.6f}s",
            "Wall time": f"{wall:.6f}s",
            "Performance index": f"{self.simulated / wall if wall else 0.0:.2f}",
        }
        head = f"--- {self._output.top} statistics: "
        return ["", head.ljust(79, "-"), *(f"{k:<40}: {v}" for k, v in rows.items()), "-" * 79]

    def _pass_time(self, *, running: bool) -> None:
        now = time.monotonic()
        if running:
            # A stopped process (SIGSTOP) simulates nothing.
            self._paced += min(now - self._resumed, self._slept + _MOST_STEP_SECONDS)
        self._resumed = now

    def _step(self, terminals: Sequence[TelnetTerminal]) -> None:
        for _ in range(_STEPS_BETWEEN_SOCKETS):
            if self._stop or not self._queue or self._queue[0][0] > self._paced:
                return
            due, index, chip = heapq.heappop(self._queue)
            delay = next(chip, None)
            if delay is not None:
                heapq.heappush(self._queue, (max(due, self._paced) + delay, index, chip))
            if any(terminal.stalled for terminal in terminals):
                return

    def _timeout(self, *, running: bool) -> float | None:
        waits = []
        if running and self._queue:
            waits.append(max(0.0, self._queue[0][0] - self._paced))
        if self._limits != Limits():
            waits.append(_POLL_SECONDS)
        return min(waits, default=None)

    def _serve(self, timeout: float | None) -> None:
        for key, _ in self.selector.select(timeout):
            if callable(key.data):
                key.data()

    def _limit_reached(self) -> bool:
        limits = self._limits
        over = {
            fvp_output.SIM_LIMIT: limits.sim is not None and self.simulated >= limits.sim,
            fvp_output.CYCLE_LIMIT: limits.cycles is not None
            and self.simulated * _CYCLES_PER_SECOND >= limits.cycles,
            fvp_output.CPU_LIMIT: (limits.cpu is not None and time.process_time() >= limits.cpu)
            or (limits.wall is not None and time.monotonic() - self._wall_start >= limits.wall),
        }
        if limits.crash_after and self._paced >= limits.crash_after:
            self._output.flush()
            crash()
        for reason, reached in over.items():
            if reached:
                self._output.line(f"\n{reason}")
                return True
        return bool(limits.exit_after and self._paced >= limits.exit_after)

    def _drop_clients(self, terminals: Sequence[TelnetTerminal]) -> None:
        """Once, as when a host's network stumbles."""
        if not self._limits.drop_after or self._dropped or self._paced < self._limits.drop_after:
            return
        self._dropped = True
        for terminal in terminals:
            if terminal.drop(move=self._limits.drop_moves) and self._limits.drop_moves:
                self._output.announce("a", [(terminal.name, terminal.port)], glue=False)

    def _hanging(self) -> bool:
        return bool(self._limits.hang_after and self._paced >= self._limits.hang_after)


class _SigintWakes:
    """While active, SIGINT asks the simulation to stop, also when it sleeps in select()."""

    def __init__(self, simulation: Simulation, *, deaf: bool) -> None:
        self._simulation = simulation
        self._deaf = deaf
        self._read, self._write = socket.socketpair()

    def __enter__(self) -> None:
        self._write.setblocking(False)
        self._simulation.selector.register(self._read, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(self._write.fileno())
        # Also where a shell started the model in the background with SIGINT ignored.
        heard = signal.SIG_IGN if self._deaf else lambda *_: self._simulation.stop()
        signal.signal(signal.SIGINT, heard)

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        self._simulation.selector.unregister(self._read)
        self._read.close()
        self._write.close()


def crash() -> NoReturn:
    """Die as a model with a segmentation fault does, without a core file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError("unreachable")
