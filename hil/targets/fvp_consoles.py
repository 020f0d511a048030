# SPDX-License-Identifier: Apache-2.0
"""Where the UARTs of the RSEs come out of a model: ports of terminals, or files."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from hil.errors import UsageError
from hil.targets.endpoint import Endpoint
from hil.targets.fvp_command import Names
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_ports import Announcement, PortPlan
from hil.targets.fvp_settings import FvpConsole

_TERMINAL, _UART = "launcher.console.terminal", "launcher.console.uart"


class TerminalConsoles:
    """One TCP port for each RSE, known only when the model has announced it.

    Where a UART can also write a file without holding bytes back, it does: what it said before
    somebody was attached, or while nobody was, is in there.

    Args:
        console: `launcher.console` of the board file.
        names: What placeholders stand for.
        model: What the model has.
        plan: Start ports of the RSEs' terminals.
        start: Number of this start, for names of files.

    Raises:
        UsageError: The model has no such terminal.
    """

    def __init__(
        self,
        console: FvpConsole,
        names: Names,
        model: ModelParameters,
        plan: PortPlan,
        *,
        start: int,
    ) -> None:
        self._plan = plan
        self.mode = console.mode
        self._terminals = {
            rse: names.of(console.terminal, rse, where=_TERMINAL) for rse in names.prefixes
        }
        self.parameters: dict[str, str] = {}
        #: What an RSE's UART writes beside its terminal.
        self.files: dict[int, Path] = {}
        for rse, terminal in self._terminals.items():
            if not model.has(f"{terminal}.start_port"):
                raise _missing(_TERMINAL, "terminal", terminal, model.terminals())
            self.parameters |= {
                f"{terminal}.start_port": str(plan.start_ports[rse]),
                # Otherwise an xterm takes the only place that a terminal has.
                f"{terminal}.start_telnet": "0",
                f"{terminal}.mode": console.mode,
            }
            if model.has(f"{terminal}.quiet"):
                self.parameters[f"{terminal}.quiet"] = "0"
            uart = names.of(console.uart, rse, where=_UART)
            live = {f"{uart}.out_file": "", f"{uart}.unbuffered_output": "1"}
            if console.mode == "raw" and all(map(model.has, live)):
                self.files[rse] = _file(names, rse, start)
                self.parameters |= live | {f"{uart}.out_file": str(self.files[rse])}

    @property
    def start_ports(self) -> Mapping[int, int]:
        """First port that each RSE's terminal tries."""
        return self._plan.start_ports

    def rse_of(self, announcement: Announcement) -> int | None:
        """Whose console was announced, None for a terminal that is no RSE's."""
        return self._plan.key_of(announcement.port)

    def complete(self, seen: Iterable[Announcement]) -> bool:
        """Whether every RSE's terminal has been announced."""
        return len(self._plan.assign(seen)) == len(self._terminals)

    def missing(self, seen: Iterable[Announcement]) -> str:
        """Which terminals were not announced, and what was instead."""
        known = self._plan.assign(seen)
        silent = [
            f"{name} (start_port {self._plan.start_ports[rse]})"
            for rse, name in self._terminals.items()
            if rse not in known
        ]
        others = ", ".join(f"{a.leaf} on {a.port}" for a in seen) or "none"
        return f"no port of {', '.join(silent)}; announced were: {others}"

    def ports(self, seen: Iterable[Announcement]) -> Mapping[int, int]:
        """Port of each RSE's terminal."""
        return self._plan.assign(seen)


class FileConsoles:
    """One file for each RSE, made before the model writes it; a new one for each start.

    Raises:
        UsageError: The model has no such UART.
    """

    def __init__(
        self, console: FvpConsole, names: Names, model: ModelParameters, *, start: int
    ) -> None:
        self._files = {rse: _file(names, rse, start) for rse in names.prefixes}
        self.parameters: dict[str, str] = {}
        for rse, path in self._files.items():
            uart = names.of(console.uart, rse, where=_UART)
            if not model.has(f"{uart}.out_file"):
                raise _missing(_UART, "UART that writes a file", uart, model.with_leaf("out_file"))
            self.parameters |= {f"{uart}.out_file": str(path), f"{uart}.unbuffered_output": "1"}

    def endpoints(self) -> Mapping[int, Endpoint]:
        """Make the files and say where they are."""
        for path in self._files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return self.places()

    def places(self) -> Mapping[int, Endpoint]:
        """Where they are."""
        return {rse: Endpoint("file", str(path)) for rse, path in self._files.items()}

    def paths(self) -> Iterable[Path]:
        """All files."""
        return self._files.values()


def _missing(where: str, what: str, instance: str, known: Sequence[str]) -> UsageError:
    near = difflib.get_close_matches(instance, known, n=2) or known[:2]
    return UsageError(
        f"{where}: the model has no {what} {instance!r}; nearest: {', '.join(near) or 'none'}"
    )


def _file(names: Names, rse: int, start: int) -> Path:
    return names.state / f"uart-rse{rse}-start{start}.log"
