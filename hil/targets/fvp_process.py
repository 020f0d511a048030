# SPDX-License-Identifier: Apache-2.0
"""One running model: its output drained, its life watched, its end certain.

A model whose stdout nobody reads stops simulating, so a thread drains it into a log file from the
first byte on. It gets a pseudo-terminal because C programs hold back their lines in a pipe. Its
end is asked for in three tones (SIGINT is the clean stop of a model), each with a time limit, and
always takes the whole process group with it.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
import tty
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from hil.errors import DeviceError
from hil.targets import fvp_leash, fvp_spawn
from hil.targets.fvp_settings import FvpTimeouts
from hil.targets.fvp_terminal_line import Recorder

_KEPT_LINES = 40
_LONGEST_LINE = 4096
_POLL_SECONDS = 0.02
_LAST_WORDS_SECONDS = 1
_STANDSTILL_SECONDS = 2


class ModelProcess:
    """A model in its own session and process group.

    Args:
        command: Program and arguments.
        cwd: Working directory.
        env: Additions to the environment.
        log: File that receives what it prints, appended, as far as there is room.
        on_text: Called with each piece of output, in the thread that drains it.
        on_end: Called in that thread once the model has ended.
    """

    def __init__(
        self,
        command: list[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: Path,
        on_text: Callable[[str], None],
        on_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._command = command
        self._cwd = cwd
        self._env = dict(env)
        self._log = log
        self._on_text = on_text
        self._on_end = on_end
        # All that it starts inherits this; so also who leaves its group is found.
        self._mark = fvp_spawn.new_mark()
        self._changed = threading.Condition()
        self._lines: deque[str] = deque([""], maxlen=_KEPT_LINES)
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None
        self._failure: OSError | None = None
        self._closing = False
        #: Set once all is over: no output comes any more; and whether somebody waited for that in vain.
        self._silent = threading.Event()
        self._waited = False
        # The kernel ties the leash to the thread that forks, so this thread lives with the model.
        self._thread = threading.Thread(target=self._live, name="fvp output", daemon=True)
        self._thread.start()
        with self._changed:
            self._changed.wait_for(lambda: self._process or self._failure)
        if self._failure:
            raise DeviceError(str(self._failure), operation="start the model") from self._failure

    @property
    def pid(self) -> int:
        """Process id, which is also the id of its group."""
        if self._process is None:
            raise DeviceError("the model is not started")
        return self._process.pid

    def status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        process = self._process
        if process is None or process.returncode is not None:
            return process.returncode if process else None
        # Reaped at the end only: until then nobody else can get the id of the group.
        try:
            state = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return process.returncode
        if state is None:
            return None
        return state.si_status if state.si_code == os.CLD_EXITED else -state.si_status

    def wait_until(
        self, condition: Callable[[], bool], timeout: float, *, look: float = 0.2
    ) -> bool:
        """Wait for a condition; False after the time limit or when it ended.

        The condition is looked at after each piece of output, and every `look` seconds.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0 or self.status() is not None:
                    break
                self._changed.wait(min(left, look))
        if self.status() is not None:
            self.hear_out()
        with self._changed:
            return condition()

    def hear_out(self) -> None:
        """Take what it said last, which explains its end; somebody else may hold its terminal open."""
        if not self._waited:
            self._waited = not self._silent.wait(_LAST_WORDS_SECONDS)

    @property
    def lines(self) -> list[str]:
        """Its last lines that are not blank."""
        with self._changed:
            return [line.strip() for line in self._lines if line.strip()]

    def tail(self, count: int = 8) -> str:
        """Its last lines in one."""
        return " | ".join(self.lines[-count:])

    def freeze(self) -> None:
        """Stop it where it is; what connects meanwhile waits in its sockets."""
        self._signal(signal.SIGSTOP)
        deadline = time.monotonic() + _STANDSTILL_SECONDS
        flags = os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT
        while not os.waitid(os.P_PID, self.pid, flags) and time.monotonic() < deadline:
            time.sleep(0.001)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def end(self, timeouts: FvpTimeouts) -> str:
        """End it and its group; returns what it took ("exit" when it had ended by itself).

        Raises:
            DeviceError: It survived even SIGKILL.
        """
        if self._process is None or self._process.returncode is not None:
            return "exit"
        took = "exit"
        ladder = (
            (signal.SIGINT, timeouts.interrupt),
            (signal.SIGTERM, timeouts.terminate),
            (signal.SIGKILL, timeouts.kill),
        )
        for number, seconds in ladder:
            if self.status() is not None:
                break
            took = number.name
            self._signal(number)
            self._signal(signal.SIGCONT)
            self._wait_for_end(seconds)
        if self.status() is None:
            raise DeviceError(
                f"process {self.pid} does not end on SIGKILL",
                operation="stop the model",
                hint="the host keeps it in the kernel; see ps -o pid,stat,wchan",
            )
        self._signal(signal.SIGKILL)
        fvp_leash.sweep(self._mark)
        self._process.wait()
        self._closing = True
        self._thread.join(timeouts.kill)
        if self._watcher:
            self._watcher.communicate(b"end", timeout=timeouts.kill)
        return took

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def _wait_for_end(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.status() is None and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def _live(self) -> None:
        try:
            master, slave = os.openpty()
            try:
                tty.setraw(slave)
                process, self._watcher = fvp_spawn.spawn(
                    self._command, cwd=self._cwd, env=self._env, terminal=slave, mark=self._mark
                )
            finally:
                os.close(slave)
        except OSError as error:
            with self._changed:
                self._failure = error
                self._changed.notify_all()
            return
        with self._changed:
            self._process = process
            self._changed.notify_all()
        log = Recorder(self._log, append=True)
        try:
            while data := self._read(master):
                log.take(data)
                self._take(data.decode(errors="replace"))
        finally:
            log.close()
            os.close(master)
        # Stdout may be closed long before the end.
        while self.status() is None and not self._closing:
            time.sleep(_POLL_SECONDS)
        with self._changed:
            self._changed.notify_all()
        self._on_end()
        self._silent.set()

    def _read(self, master: int) -> bytes:
        """Next piece of output; empty when there will be none."""
        while not select.select([master], [], [], 0.2)[0]:
            # A process that left the group may hold the terminal open for ever.
            if self._closing:
                return b""
        try:
            return os.read(master, 65536)
        except OSError:
            return b""

    def _take(self, text: str) -> None:
        with self._changed:
            first, *more = text.split("\n")
            self._lines[-1] = (self._lines[-1] + first)[-_LONGEST_LINE:]
            self._lines.extend(line[-_LONGEST_LINE:] for line in more)
            self._on_text(text)
            self._changed.notify_all()
