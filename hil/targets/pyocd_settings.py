# SPDX-License-Identifier: Apache-2.0
"""`launcher: {kind: pyocd, ...}` of a board file: how boards are driven through pyOCD."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hil.targets.endpoint import Endpoint
from hil.targets.launcher import ResetKind
from hil.targets.load import FlashPolicy
from hil.targets.recovery import Rung

#: Options of pyOCD that the launcher sets itself, with the key of the board file that stands for
#: each, or the reason why it is fixed.
OWN_OPTIONS = {
    "auto_unlock": "fixed: unlocking erases the device",
    "chip_erase": "fixed: only the sectors of the images are erased",
    "config_file": "fixed: no configuration from outside the board file",
    "connect_mode": "use launcher.connect_mode",
    "fast_program": "fixed: a CRC is no proof of the content",
    "frequency": "use launcher.frequency",
    "hide_programming_progress": "fixed",
    "keep_unwritten": "use launcher.keep_unwritten",
    "no_config": "fixed: no configuration from outside the board file",
    "pack": "use launcher.pack",
    "project_dir": "fixed",
    "reset_type": "use launcher.reset_type",
    "resume_on_disconnect": "fixed: the launcher decides when the core runs",
    "smart_flash": "use launcher.flash",
    "target_override": "use launcher.target",
    "user_script": "use launcher.user_script",
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExpectedRegister(_Strict):
    """A register by which a board knows its chip."""

    address: int = Field(ge=0, le=0xFFFFFFFC, multiple_of=4)
    value: int = Field(ge=0, le=0xFFFFFFFF)
    mask: int = Field(0xFFFFFFFF, ge=0, le=0xFFFFFFFF, description="bits of it that count")


class ExpectedIdentity(_Strict):
    """What the chip must say about itself before anything is erased."""

    dpidr: int | None = Field(None, description="DPIDR of the debug port")
    dpidr_mask: int = Field(0xFFFFFFFF, description="bits of it that count")
    cpuid: int | None = Field(None, description="CPUID of the core")
    cpuid_mask: int = Field(0xFF0FFFF0, description="bits of it that count; not the revision")
    targetid: int | None = Field(None, description="TARGETID of the debug port (DPv2 and later)")
    targetid_mask: int = Field(0x0FFFFFFF, description="bits of it that count; not the revision")
    registers: tuple[ExpectedRegister, ...] = Field(
        (), description="words of the chip that are read and compared before anything is erased"
    )


class PyocdTimeouts(_Strict):
    """Seconds after which a step has failed, whatever the probe does."""

    start: float = Field(60, gt=0, description="from the start of a worker to its first answer")
    appear: float = Field(
        5, ge=0, description="until a probe on USB is there, after its power was switched on"
    )
    open: float = Field(20, gt=0, description="connecting to a probe and its chip")
    load: float = Field(30, gt=0, description="loading, besides load_per_mb")
    load_per_mb: float = Field(60, ge=0, description="loading and reading back, for each MiB")
    mass_erase: float = Field(300, gt=0, description="erasing all of a chip, where that is allowed")
    reset: float = Field(15, gt=0, description="resetting and halting")
    release: float = Field(15, gt=0, description="letting the core go and detaching")
    probe: float = Field(10, gt=0, description="asking a probe whether its chip is there")


class PyocdSettings(_Strict):
    """Boards with one debug probe for each RSE, driven through pyOCD."""

    kind: Literal["pyocd"]
    target: str = Field(
        min_length=1, description="pyOCD's target type, or one that user_script registers"
    )
    user_script: Path | None = Field(None, description="pyOCD user script; none by default")
    pack: tuple[Path, ...] = Field((), description="CMSIS-Packs that hold the target type")
    frequency: int | None = Field(None, gt=0, description="SWD or JTAG clock in Hz")
    connect_mode: Literal["halt", "pre-reset", "under-reset", "attach"] = Field(
        "under-reset", description="how to take hold of a chip; under-reset needs the reset line"
    )
    reset_type: ResetKind = Field(
        "nreset", description="reset before the run: nreset (reset line) or system (SYSRESETREQ)"
    )
    flash: FlashPolicy = Field(
        FlashPolicy.CHANGED,
        description="sectors that are written: always (all of the images), changed (those that hold "
        "something else), never (the device must hold the images); --flash overrides it",
    )
    verify_after_reset: bool = Field(
        False, description="read everything once more after the reset that follows the load"
    )
    secure_debug: bool = Field(
        True, description="the images need secure debug access; a chip without it is refused"
    )
    recovery: tuple[Rung, ...] = Field(
        (Rung.RESET, Rung.UNDER_RESET, Rung.POWER_CYCLE),
        description="what is tried after a failed load, in this order: reset, under-reset, "
        "power-cycle (needs power.cycle), mass-erase (erases all of the chip; only if named here)",
    )
    keep_unwritten: bool = Field(
        False, description="restore what shares a flash sector with an image"
    )
    expect_identity: ExpectedIdentity = ExpectedIdentity()
    options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="further session options of pyOCD"
    )
    timeouts: PyocdTimeouts = PyocdTimeouts()

    @field_validator("options")
    @classmethod
    def _not_our_own(
        cls, options: dict[str, bool | int | float | str]
    ) -> dict[str, bool | int | float | str]:
        for name in options:
            if name in OWN_OPTIONS:
                raise ValueError(f"{name}: {OWN_OPTIONS[name]}")
        return options

    @field_validator("user_script")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.absolute() if path is not None else None

    @field_validator("pack")
    @classmethod
    def _all_absolute(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.absolute() for path in paths)

    @field_validator("pack", mode="before")
    @classmethod
    def _one_or_many(cls, pack: object) -> object:
        return (pack,) if isinstance(pack, (str, Path)) else pack


@dataclass(frozen=True)
class PyocdRse:
    """One RSE as this launcher drives it."""

    id: int
    #: Unique id of its debug probe, exactly; `remote:HOST:PORT` for a probe server.
    probe: str
    console: Endpoint
