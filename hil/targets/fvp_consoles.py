# SPDX-License-Identifier: Apache-2.0
"""Where the UARTs of the RSEs come out of a model: ports of terminals, or files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from hil.errors import DeviceError
from hil.targets.endpoint import Endpoint
from hil.targets.fvp_command import Names
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_ports import Announcement, PortPlan
from hil.targets.fvp_settings import FvpConsole


class TerminalConsoles:
    """One TCP port for each RSE, known only when the model has announced it."""

    def __init__(self, console: FvpConsole, names: Names, model: ModelParameters) -> None:
        self._console = console
        self._plan = PortPlan(names.prefixes)
        self._terminals = {
            rse: names.of(console.terminal, rse, where="launcher.console.terminal")
            for rse in names.prefixes
        }
        self.parameters: dict[str, str] = {}
        for rse, terminal in self._terminals.items():
            self.parameters |= {
                f"{terminal}.start_port": str(self._plan.start_ports[rse]),
                # Otherwise an xterm takes the only place that a terminal has.
                f"{terminal}.start_telnet": "0",
                f"{terminal}.mode": console.mode,
            }
            if f"{terminal}.quiet" in model.types:
                self.parameters[f"{terminal}.quiet"] = "0"

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

    def endpoints(self, seen: Iterable[Announcement]) -> Mapping[int, Endpoint]:
        """Where each RSE's console is."""
        ports = self._plan.assign(seen)
        if len(ports) != len(self._terminals):
            raise DeviceError(self.missing(seen), operation="start the model")
        return {
            rse: Endpoint(
                "telnet" if self._console.mode == "telnet" else "tcp", f"127.0.0.1:{ports[rse]}"
            )
            for rse in self._terminals
        }


class FileConsoles:
    """One file for each RSE, made before the model writes it; a new one for each start."""

    def __init__(self, console: FvpConsole, names: Names, *, start: int) -> None:
        self._files = {
            rse: names.state / f"uart-rse{rse}-start{start}.log" for rse in names.prefixes
        }
        self.parameters: dict[str, str] = {}
        for rse, path in self._files.items():
            uart = names.of(console.uart, rse, where="launcher.console.uart")
            self.parameters |= {f"{uart}.out_file": str(path), f"{uart}.unbuffered_output": "1"}

    def endpoints(self) -> Mapping[int, Endpoint]:
        """Make the files and say where they are."""
        for path in self._files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return {rse: Endpoint("file", str(path)) for rse, path in self._files.items()}

    def paths(self) -> Iterable[Path]:
        """All files."""
        return self._files.values()
