# SPDX-License-Identifier: Apache-2.0
"""`launcher: {kind: fvp, ...}` of a board file: how an Arm FVP is started, watched and ended.

Texts may hold `${VAR}` (environment) and these placeholders; a text with one of the first four is
expanded for each RSE: `{id}` RSE id, `{rse}` its prefix such as `css0.sysctrl.rse`, `{sysctrl}`
the parent, `{css}` the grandparent, `{state}` the folder of this run, `{board}` the folder of the
board file.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Scalar = bool | int | float | str

#: Seconds of wall clock that end a model whose board file gives no limit: longer than any test takes.
DEFAULT_TIMELIMIT = 7200.0


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FvpConsole(_Strict):
    """How the UART of an RSE is captured."""

    kind: Literal["terminal", "out_file"] = Field(
        "terminal", description="TCP port of the terminal, or the file that the UART writes"
    )
    terminal: str = Field(
        "{sysctrl}.terminal_rse_uart", description="TelnetTerminal instance of an RSE"
    )
    uart: str = Field("{rse}_uart", description="UART instance of an RSE")
    mode: Literal["raw", "telnet"] = Field(
        "raw", description="raw: the bytes of the UART; telnet: for a person who wants to attach"
    )


class FvpTimeouts(_Strict):
    """Seconds after which a step has failed."""

    query: float = Field(60, gt=0, description="--version and --list-params")
    start: float = Field(120, gt=0, description="from the start to the last port announcement")
    interrupt: float = Field(10, gt=0, description="from SIGINT to SIGTERM")
    terminate: float = Field(10, gt=0, description="from SIGTERM to SIGKILL")
    kill: float = Field(5, gt=0, description="from SIGKILL to giving up")


class FvpNvm(_Strict):
    """The provisioning state (OTP): fresh for each run, or kept from run to run."""

    images: dict[str, str] = Field(
        default_factory=dict,
        description="parameter that names the file of an OTP -> file that a fresh one starts as, or "
        "an empty text for a blank one",
    )
    keep: str | None = Field(
        None,
        description="folder that keeps the OTPs from run to run, relative to the board file; without "
        "it every run starts fresh. Deleting the folder gives fresh devices",
    )


class FvpSettings(_Strict):
    """An Arm FVP that runs all RSEs of the board in one process."""

    kind: Literal["fvp"]
    binary: str = Field(
        min_length=1, description="name on PATH, absolute path, or ${VAR} that holds one"
    )
    rse_pattern: str = Field(
        "*.rse.rom.raw_image",
        description="a parameter that every RSE has: `*`, the RSE's own name, the parameter; "
        "the matches in --list-params, in natural order, are RSE 0, 1, ...",
    )
    rse_prefixes: tuple[str, ...] | None = Field(
        None, description="fixed prefixes in the order of the RSE ids, instead of rse_pattern"
    )
    parameters: dict[str, Scalar] = Field(
        default_factory=dict, description="given with -C; each must exist in this model"
    )
    optional_parameters: dict[str, Scalar] = Field(
        default_factory=dict,
        description="given with -C where the model has them; `hil doctor` lists those that it lacks",
    )
    writable_images: dict[str, str] = Field(
        default_factory=dict,
        description="parameter that names a file the model writes (flash, disk) -> file whose copy "
        "in the folder of the run it gets, or an empty text for a new file",
    )
    nvm: FvpNvm = FvpNvm()
    data_instance: str = Field("{rse}.cpu", description="instance that --data loads into")
    console: FvpConsole = FvpConsole()
    free_terminals: tuple[str, ...] = Field(
        (),
        description="leaf names of terminals that people attach to; all others are read by the run, "
        "into logs/ of its record",
    )
    args: tuple[str, ...] = Field(
        (), description="further arguments, as they are; parameters (-C) stand in `parameters`"
    )
    env: dict[str, str] = Field(default_factory=dict, description="further environment")
    cwd: str | None = Field(
        None, description="working directory (some models look for mesh files there); {state}"
    )
    timelimit: float | None = Field(
        None,
        gt=0,
        description="safety limit, wall-clock seconds; 7200 where no limit of any kind is given",
    )
    simlimit: float | None = Field(None, gt=0, description="safety limit, simulated seconds")
    cpulimit: float | None = Field(None, gt=0, description="safety limit, host CPU seconds")
    timeouts: FvpTimeouts = FvpTimeouts()

    @model_validator(mode="after")
    def _one_owner(self) -> FvpSettings:
        if both := sorted(self.nvm.images.keys() & self.writable_images.keys()):
            raise ValueError(f"{both[0]} stands in both nvm.images and writable_images")
        if self.nvm.keep is not None and not self.nvm.images:
            raise ValueError("nvm.keep: there is nothing to keep; expected nvm.images beside it")
        return self

    @field_validator("rse_pattern")
    @classmethod
    def _names_one_rse(cls, pattern: str) -> str:
        star, dot, rest = pattern.partition(".")
        if star != "*" or not dot or "*" in rest or "." not in rest:
            raise ValueError(
                f"expected `*.NAME.PARAMETER` such as *.rse.rom.raw_image, got {pattern!r}"
            )
        return pattern

    @field_validator("rse_prefixes")
    @classmethod
    def _distinct(cls, prefixes: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if prefixes is not None and len(set(prefixes)) != len(prefixes):
            raise ValueError("expected a different prefix for each RSE")
        return prefixes
