# SPDX-License-Identifier: Apache-2.0
"""`launcher: {kind: qemu, ...}` of a board file: how QEMU is started, watched and ended.

Texts may hold `${VAR}` (environment) and `{board}`, the folder of the board file.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from hil.targets.qemu_machines import MACHINES, MachineName

#: Options that the launcher gives itself, with what to do instead.
OWN_OPTIONS = {
    "M": "use launcher.machine",
    "S": "fixed: it always starts held",
    "accel": "fixed",
    "chardev": "use launcher.uart",
    "daemonize": "fixed: it must end with the run",
    "display": "fixed",
    "fda": "not on these machines",
    "incoming": "fixed: it starts at its reset vector",
    "kernel": "use images: each gets its address there",
    "loadvm": "fixed: it starts at its reset vector",
    "machine": "use launcher.machine",
    "mon": "fixed: the monitor is private to the run",
    "monitor": "fixed: the monitor is private to the run",
    "no-reboot": "fixed: a reset is a reset",
    "nodefaults": "fixed",
    "nographic": "fixed",
    "pidfile": "fixed",
    "qmp": "fixed: the monitor is private to the run",
    "qmp-pretty": "fixed: the monitor is private to the run",
    "qtest": "fixed: the run reads and writes memory through it",
    "qtest-log": "fixed",
    "runas": "fixed",
    "s": "use -gdb tcp:127.0.0.1:PORT: this one listens for the whole network",
    "serial": "use launcher.uart; the other UARTs are kept in logs/ of the run",
    "snapshot": "not on these machines",
    "vnc": "fixed",
}
_LISTENS_FOR_ALL = re.compile(r"(?:^|,)(?:tcp|telnet|udp)::|0\.0\.0\.0|\[::\]")
_REGION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QemuRegion(_Strict):
    """A range of memory that stands for non-volatile memory."""

    address: int = Field(ge=0, le=0xFFFFFFFF, description="either of its addresses")
    size: int = Field(gt=0, le=64 << 20)

    @property
    def end(self) -> int:
        """First address after it."""
        return self.address + self.size


class QemuNvm(_Strict):
    """Memory that keeps its content when QEMU is started anew: on these machines flash is RAM."""

    regions: dict[str, QemuRegion] = Field(
        default_factory=dict,
        description="by name; an image inside a region is written once, and what the firmware makes "
        "of it stays, while any other image is as in its file again after each reset",
    )
    keep: str | None = Field(
        None,
        description="folder that keeps the regions from run to run, relative to the board file; "
        "without it every run starts fresh. Deleting the folder gives fresh devices",
    )

    @model_validator(mode="after")
    def _apart(self) -> QemuNvm:
        for name in self.regions:
            if not _REGION_NAME.fullmatch(name):
                raise ValueError(f"regions: {name!r}: expected letters, digits, `_` and `-`")
        ordered = sorted(self.regions.items(), key=lambda item: item[1].address)
        for (one, first), (other, second) in pairwise(ordered):
            if second.address < first.end:
                raise ValueError(f"regions: {one} and {other} overlap at {second.address:#x}")
        if self.keep is not None and not self.regions:
            raise ValueError("keep: there is nothing to keep; expected regions beside it")
        return self


class QemuTimeouts(_Strict):
    """Seconds after which a step has failed."""

    start: float = Field(20, gt=0, description="until its monitor answers")
    monitor: float = Field(5, gt=0, description="for the answer to one command")
    stop: float = Field(0.5, gt=0, description="from `quit` to SIGTERM, and from there to SIGKILL")


class QemuSettings(_Strict):
    """One QEMU for each RSE of the board."""

    kind: Literal["qemu"]
    machine: MachineName = Field(description="-machine")
    binary: str = Field(
        "qemu-system-arm",
        min_length=1,
        description="name on PATH, path, or ${VAR} that holds one; 7.2 or later",
    )
    uart: int = Field(0, ge=0, description="number of the UART that the firmware talks on")
    args: tuple[str, ...] = Field((), description="further arguments, as they are")
    nvm: QemuNvm = QemuNvm()
    timeouts: QemuTimeouts = QemuTimeouts()

    @field_validator("args")
    @classmethod
    def _not_ours(cls, args: tuple[str, ...]) -> tuple[str, ...]:
        for text in args:
            if "\0" in text:
                raise ValueError("an argument cannot hold a NUL character")
            name = text.lstrip("-")
            if text.startswith("-") and name in OWN_OPTIONS:
                raise ValueError(f"{text}: given by the launcher ({OWN_OPTIONS[name]})")
            if _LISTENS_FOR_ALL.search(text):
                raise ValueError(f"{text}: listens for the whole network; expected 127.0.0.1:PORT")
        if args and not args[0].startswith("-"):
            raise ValueError(f"{args[0]}: expected an option; the launcher gives the images itself")
        return args

    @model_validator(mode="after")
    def _fits_the_machine(self) -> QemuSettings:
        machine = MACHINES[self.machine]
        if self.uart >= machine.uarts:
            raise ValueError(f"uart: {machine.name} has 0 to {machine.uarts - 1}, got {self.uart}")
        for name, region in self.nvm.regions.items():
            if machine.ram_of(region.address, region.size) is None:
                raise ValueError(
                    f"nvm.regions.{name}: no memory of {machine.name} holds {region.address:#x} to "
                    f"{region.end - 1:#x}; it has {machine.describe()}"
                )
        return self
