# SPDX-License-Identifier: Apache-2.0
"""What a board file says: one system of RSEs, how it is driven, and what is expected of it.

These models are the contract of `boards/NAME.yaml`; `hil boards schema` prints them as JSON schema.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretBytes, model_validator

from hil.bench.power import Power
from hil.errors import ModelError, UsageError
from hil.images.image_spec import ImageSpec
from hil.images.platforms import platform
from hil.model.releases import release_for
from hil.targets.fvp_settings import FvpSettings
from hil.targets.mps_settings import MpsSettings
from hil.targets.pyocd_settings import PyocdSettings
from hil.targets.qemu_settings import QemuSettings


class Strict(BaseModel):
    """Base of all parts of a board file: an unknown key is an error, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(StrEnum):
    """Steps of a boot, in the order in which they are reached."""

    BL1_1 = "BL1_1"
    PROVISIONING = "provisioning"
    BL1_2 = "BL1_2"
    VHUK = "vhuk"
    BL2 = "BL2"
    RUNTIME = "runtime"
    NS = "ns"


class Console(Strict):
    """Where the UART of one RSE is found (boards; an FVP's consoles come from its launcher)."""

    serial: str | None = Field(
        None, description="device path, e.g. /dev/serial/by-id/..., or rfc2217://host:port"
    )
    tcp: str | None = Field(None, description="host:port of a raw TCP console")
    telnet: str | None = Field(None, description="host:port of a telnet console")
    baud: int = Field(115200, ge=300, le=12_000_000)
    reopen: float = Field(
        5, ge=0, description="seconds in which a serial device that vanishes may come back"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Console:
        if sum(x is not None for x in (self.serial, self.tcp, self.telnet)) != 1:
            raise ValueError("expected exactly one of serial, tcp, telnet")
        return self


class Rse(Strict):
    """One RSE of the system."""

    id: int = Field(ge=0, le=63)
    probe: str | None = Field(None, description="unique id of its debug probe, exactly")
    console: Console | None = None
    pace: float | None = Field(
        None,
        ge=0,
        le=1,
        description="seconds between two characters that are sent to its console; input without "
        "flow control is lost if it comes too fast. By default 0.01 on an FVP, else 0",
    )


class Service(Strict):
    """A process that the bench needs while it is live: ser2net, `pyocd server`, socat, ..."""

    command: list[str] = Field(min_length=1, description="program and arguments; no shell")
    for_each_rse: bool = Field(False, description="start one per RSE; {id} is its id")
    arguments_of: dict[int, list[str]] = Field(
        default_factory=dict, description="further arguments for single RSEs, by id"
    )
    announce: str | None = Field(
        None,
        description="regular expression; the service is up when a line of its output matches. Its "
        "named groups become placeholders: {SERVICE.GROUP}, or {SERVICE0.GROUP} for each RSE",
    )
    timeout: float = Field(20, gt=0, description="seconds until it must be up")
    env: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _valid_expression(self) -> Service:
        try:
            re.compile(self.announce or "")
        except re.error as error:
            raise ValueError(f"announce: not a regular expression: {error}") from None
        if self.arguments_of and not self.for_each_rse:
            raise ValueError("arguments_of: only with for_each_rse")
        return self


class Key(Strict):
    """A 32-byte key: `hex: ...` or `file: ...`."""

    hex: SecretBytes | None = Field(None, description="64 hexadecimal digits")
    file: Path | None = Field(
        None, description="binary file of 32 bytes, relative to the board file"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Key:
        if (self.hex is None) == (self.file is None):
            raise ValueError("expected exactly one of hex, file")
        if self.hex is not None:
            try:
                size = len(bytes.fromhex(self.hex.get_secret_value().decode()))
            except (ValueError, UnicodeDecodeError):
                raise ValueError("expected 64 hexadecimal digits") from None
            if size != 32:
                raise ValueError(f"expected 32 bytes (64 hexadecimal digits), got {size} bytes")
        return self


class Provisioning(Strict):
    """What the devices are provisioned with, as far as it is known, and the state they end in."""

    lcs: Literal["CM", "DM", "SE"] = "SE"
    tp_mode: Literal["TCI", "PCI"] = "TCI"
    reprovisioning: int = Field(0, ge=0, le=0xFFFFFFFF, description="CM reprovisioning word")
    vhuk_agreement: bool = Field(
        True, description="CM policy bit 0 (VHUK_AGREEMENT_REQUIRED) is provisioned"
    )
    from_virgin: bool = Field(
        False, description="the run starts on virgin devices and provisions them"
    )
    bl1_2: Path | None = Field(
        None, description="the padded BL1_2 code (bl1_2_padded.bin); its hash enters the vHUK"
    )
    guk: Key | None = None
    kp_cm: Key | None = None
    kce_cm: Key | None = None
    kp_dm: Key | None = None
    kce_dm: Key | None = None
    krtl: Key | None = None
    huks: dict[int, Key] = Field(
        default_factory=dict, description="known HUKs of development devices, by RSE id"
    )


class Fingerprint(Strict):
    """Which of the reporter's fingerprints the firmware prints."""

    sources: list[Literal["bl1_2", "runtime"]] = Field(default=["bl1_2"], min_length=1)
    partition_id: int = Field(3000, description="client id of the runtime reporter's partition")


Launcher = Annotated[
    PyocdSettings | FvpSettings | MpsSettings | QemuSettings, Field(discriminator="kind")
]

#: What `launcher.kind` can be.
LAUNCHER_KINDS: tuple[str, ...] = tuple(
    get_args(settings.model_fields["kind"].annotation)[0]
    for settings in get_args(get_args(Launcher)[0])
)

#: An FVP's terminal buffers input without flow control: a hundred characters a second arrive.
FVP_PACE = 0.01
#: Seconds from one stage to the next; the first counts from the release of reset.
DEFAULT_BUDGETS: dict[Stage, float] = {
    Stage.BL1_1: 10,
    Stage.PROVISIONING: 10,
    Stage.BL1_2: 60,
    Stage.VHUK: 30,
    Stage.BL2: 30,
    Stage.RUNTIME: 120,
    Stage.NS: 30,
}


class Retries(Strict):
    """How often a run tries again what the lab broke; what the product failed is never retried."""

    budget: int = Field(2, ge=0, le=100, description="retries in one run, of all tests together")
    per_test: int = Field(1, ge=0, le=10, description="retries of one test")
    pause: float = Field(1, ge=0, le=600, description="seconds before the bench is built anew")


class Suite(Strict):
    """Tests that the firmware itself runs after it has booted, and prints on the console."""

    areas: list[str] = Field(
        default=["Secure"],
        description="areas or suites that must come to their end: Secure, Non-secure, Crypto Suite; "
        "without any the end marker decides (EOT, `Entering standby..`)",
    )
    silence: float = Field(
        20, gt=0, description="seconds without output that mean a hang; good runs pause for 8.4 s"
    )
    limit: float = Field(900, gt=0, description="seconds that all tests together may take")


class Board(Strict):
    """A board file."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    description: str = ""
    extends: str | None = Field(None, description="board file whose values this one starts from")
    release: str = Field(description="TF-M release profile: 2.1.0, 2.2.2, 2.3.1, ...")
    platform: str | None = Field(
        None,
        description="flash and memory layout that images must fit: rdv3, rdv3r1, rd1ae, css-aspen, "
        "tc or kronos; without it only overlaps are found",
    )
    launcher: Launcher
    rses: list[Rse] = Field(min_length=1, max_length=64)
    stages: list[Stage] = Field(
        default=[Stage.BL1_1, Stage.BL1_2, Stage.VHUK, Stage.BL2, Stage.RUNTIME], min_length=1
    )
    budgets: dict[Stage, Annotated[float, Field(gt=0)]] = Field(default_factory=dict)
    services: dict[str, Service] = Field(default_factory=dict)
    images: list[ImageSpec] = Field(default_factory=list)
    image_version: str | None = Field(
        None, description="version that BL2 must print for image 0; of the signed image by default"
    )
    provisioning: Provisioning = Provisioning()
    fingerprint: Fingerprint | None = None
    suite: Suite | None = Field(None, description="the firmware's own tests, if it has any")
    power: Power = Power()
    warm_reset: bool = Field(
        True, description="a reset without a power cycle works from the memory it boots from"
    )
    allowed_errors: list[str] = Field(
        default_factory=list, description="regular expressions of error lines that are expected"
    )
    retries: Retries = Retries()
    quarantine_after: int | None = Field(
        None,
        ge=1,
        le=100,
        description="failures of the lab in a row (runs, or `hil doctor --live`) after which a device "
        "is put in quarantine; by default 3 for hardware, never for devices that are made anew for "
        "each run",
    )
    fail_on: list[str] = Field(
        default_factory=list,
        description="regular expressions that no UART may ever say: the first match ends every wait "
        "with its line, unless allowed_errors matches that line",
    )

    @model_validator(mode="before")
    @classmethod
    def _images_by_name(cls, data: Any) -> Any:
        """Take `images:` as a mapping by name, which a file that extends another can amend."""
        if isinstance(data, dict) and isinstance(data.get("images"), dict):
            named = [
                {"name": name} | spec if isinstance(spec, dict) else spec
                for name, spec in data["images"].items()
            ]
            return data | {"images": named}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Board:
        ids = [rse.id for rse in self.rses]
        if ids != list(range(len(ids))):
            raise ValueError(f"rses: expected ids 0 to {len(ids) - 1} in order, got {ids}")
        if self.launcher.kind == "pyocd":
            for rse in self.rses:
                if rse.probe is None or rse.console is None:
                    raise ValueError(f"rses: RSE {rse.id} needs `probe` and `console` with pyocd")
        if self.launcher.kind == "mps":
            for rse in self.rses:
                if rse.console is None:
                    raise ValueError(f"rses: RSE {rse.id} needs `console` with mps")
            unknown = sorted(self.launcher.images.keys() - {image.name for image in self.images})
            if unknown:
                raise ValueError(f"launcher.images: there is no image {unknown[0]!r}")
        nvm = getattr(self.launcher, "nvm", None)
        if nvm is not None and nvm.keep is not None and self.provisioning.from_virgin:
            raise ValueError(
                "provisioning.from_virgin: only the first run is, as launcher.nvm.keep keeps the OTP; "
                "expected false"
            )
        for name, rules in (("allowed_errors", self.allowed_errors), ("fail_on", self.fail_on)):
            for rule in rules:
                try:
                    re.compile(rule)
                except re.error as error:
                    raise ValueError(f"{name}: {rule!r}: {error}") from None
        try:
            release = release_for(self.release)
        except ModelError as error:
            raise ValueError(f"release: {error}") from None
        if self.platform is not None:
            try:
                platform(self.platform, release.generation)
            except UsageError as error:
                raise ValueError(f"platform: {error}") from None
        if self.stages != [s for s in Stage if s in self.stages]:
            raise ValueError(f"stages: expected the order {', '.join(Stage)}, each at most once")
        return self

    @property
    def rse_ids(self) -> list[int]:
        """Ids of all RSEs, ascending."""
        return [rse.id for rse in self.rses]

    def pace(self, rse: int) -> float:
        """Return the seconds between two characters that are sent to an RSE."""
        pace = self.rses[rse].pace
        if pace is not None:
            return pace
        return FVP_PACE if self.launcher.kind == "fvp" else 0

    def budget(self, stage: Stage) -> float:
        """Return the seconds that a stage may take after the one before it."""
        return self.budgets.get(stage, DEFAULT_BUDGETS[stage])


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
