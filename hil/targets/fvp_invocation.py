# SPDX-License-Identifier: Apache-2.0
"""One start of a model, complete: what is executed, where, with which files; and by hand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.errors import UsageError
from hil.targets.fvp_shown import HIDDEN, without_secrets

_STATE = "state"


@dataclass(frozen=True)
class Invocation:
    """All that it takes to run a model as the harness does.

    Attributes:
        argv: Program and arguments.
        cwd: Folder that it runs in.
        state: Folder of the run, for files that it writes.
        env: Additions to the environment.
        copies: Original (None for a new file) and copy of each file that it writes.
        consoles: Where each RSE's UART is: a port of this host, or a file.
        version: What the model calls itself.
        nvm: Which provisioning state it starts with, in words.
        user_ports: Port of this host by `INSTANCE:PORT` inside the model.
        left_out: Optional parameters that the model lacks, each with what was probably meant.
    """

    argv: tuple[str, ...]
    cwd: Path
    state: Path
    env: Mapping[str, str]
    copies: tuple[tuple[Path | None, Path], ...]
    consoles: Mapping[int, str]
    version: str
    nvm: str
    user_ports: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """The same as plain data for a record, without secret values."""
        return {
            "argv": without_secrets(self.argv),
            "cwd": str(self.cwd),
            _STATE: str(self.state),
            "env": dict(pair.split("=", 1) for pair in without_secrets(self._environment())),
            "copies": [[str(source or ""), str(copy)] for source, copy in self.copies],
            "consoles": {str(rse): place for rse, place in self.consoles.items()},
            "version": self.version,
            "nvm": self.nvm,
            "user_ports": dict(self.user_ports),
            "left_out": dict(self.left_out),
        }

    @classmethod
    def of(cls, told: Mapping[str, Any], *, where: str) -> Invocation:
        """Read what `told` gave; raises UsageError, with `where`, if it is something else."""
        try:
            return cls(
                argv=tuple(map(str, told["argv"])),
                cwd=Path(told["cwd"]),
                state=Path(told[_STATE]),
                env={str(k): str(v) for k, v in told["env"].items()},
                copies=tuple((Path(s) if s else None, Path(c)) for s, c in told["copies"]),
                consoles={int(rse): str(place) for rse, place in told["consoles"].items()},
                version=str(told["version"]),
                nvm=str(told["nvm"]),
                user_ports={str(k): str(v) for k, v in told["user_ports"].items()},
                left_out={str(k): str(v) for k, v in told.get("left_out", {}).items()},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"{where}: no start of a model: {error!r}") from None

    def moved(self, state: Path) -> Invocation:
        """The same with another folder for what it writes: that of a run is gone after it."""
        old, new = str(self.state), str(state)

        def place(text: str) -> str:
            return text.replace(old, new)

        return Invocation(
            argv=tuple(place(word) for word in self.argv),
            cwd=Path(place(str(self.cwd))),
            state=state,
            env={name: place(value) for name, value in self.env.items()},
            copies=tuple((source, Path(place(str(copy)))) for source, copy in self.copies),
            consoles={rse: place(text) for rse, text in self.consoles.items()},
            version=self.version,
            nvm=self.nvm,
            user_ports=self.user_ports,
            left_out=self.left_out,
        )

    def script(self, *, title: str, wrapped: bool = True) -> str:
        """Lines for a shell that run the model by hand.

        Args:
            title: First line, as a comment.
            wrapped: One option a line, for people; else the command is one line.
        """
        words = without_secrets(self.argv)
        environment = without_secrets(self._environment())
        remarks = [title, f"{self.version}; OTP: {self.nvm}"]
        remarks += [f"RSE {rse}: {_attach(place)}" for rse, place in sorted(self.consoles.items())]
        remarks += [f"{inside} is port {port} here" for inside, port in self.user_ports.items()]
        remarks += [f"left out, the model lacks it: {told}" for told in unknown(self.left_out)]
        remarks += [f"not there any more: {path}" for path in self._missing()]
        if any(HIDDEN in word for word in (*words, *environment)):
            remarks.append(f"{HIDDEN}: put the value in; the harness shows no keys")
        # A remark must not end before its line does: what stands in it comes from files.
        lines = [f"# {' '.join(''.join(_printable(remark)).split())}" for remark in remarks]
        steps = [["mkdir", "-p", str(self.state)]]
        for source, copy in self.copies:
            steps.append(["cp", str(source), str(copy)] if source else ["rm", "-f", str(copy)])
        steps.append(["cd", str(self.cwd)])
        lines += [f"{shlex.join(step)} &&" for step in steps]
        command = [["env", *environment]] if environment else []
        command += [[words[0]], *_options(words[1:])]
        joint = " \\\n    " if wrapped else " "
        lines.append(joint.join(shlex.join(part) for part in command))
        return "\n".join(lines)

    def _missing(self) -> list[Path]:
        """Files that the command reads and that have gone since."""
        loads = [
            Path(value.partition("=")[2].rpartition("@")[0])
            for option, value in zip(self.argv, self.argv[1:], strict=False)
            if option == "--data"
        ]
        sources = [source for source, _ in self.copies if source is not None]
        return [path for path in (*loads, *sources) if not path.is_file()]

    def _environment(self) -> list[str]:
        return [f"{name}={value}" for name, value in self.env.items()]


def unknown(left_out: Mapping[str, str]) -> list[str]:
    """Optional parameters that a model lacks, in words.

    >>> unknown({"{rse}.DISABLE_GATNG": "css0.rse.DISABLE_GATING", "ros.x": ""})
    ['{rse}.DISABLE_GATNG (nearest: css0.rse.DISABLE_GATING)', 'ros.x']
    """
    return [f"{name} (nearest: {near})" if near else name for name, near in left_out.items()]


def _printable(text: str) -> list[str]:
    return [letter if letter.isprintable() else " " for letter in text]


def _options(words: Sequence[str]) -> list[list[str]]:
    """Words grouped as they belong together: an option with its value."""
    groups: list[list[str]] = []
    for word in words:
        if groups and len(groups[-1]) == 1 and groups[-1][0].startswith("-") and word[:1] != "-":
            groups[-1].append(word)
        else:
            groups.append([word])
    return groups


def _attach(place: str) -> str:
    host, _, port = place.rpartition(":")
    if host and port.isdecimal():
        return f"nc {host} {port} (or the port that the model announces, if that one is taken)"
    return shlex.join(["tail", "-f", place])
