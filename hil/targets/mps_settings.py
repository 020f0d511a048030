# SPDX-License-Identifier: Apache-2.0
"""`launcher: {kind: mps, ...}` of a board file: MPS2 and MPS3 boards loaded through their USB drive."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hil.targets.load import FlashPolicy

#: Images that the boards' controller can load.
MAX_IMAGES = 32


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MpsImage(_Strict):
    """How one image stands in `images.txt`, where that does not follow from the image list."""

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_]{1,8}(\.[A-Za-z0-9]{1,3})?$",
        description="name in SOFTWARE, at most 8 letters and 3; made from the image's name by default",
    )
    address: str | None = Field(
        None,
        pattern=r"^0[xX][0-9A-Fa-f_]+$",
        description="as the board's controller writes it, e.g. 0x01_00_1100_0000",
    )
    port: int | None = Field(None, ge=0, le=15, description="preload port")
    update: Literal["NONE", "AUTO", "FORCE", "RAM", "AUTOQSPI", "FORCEQSPI"] | None = None


class MpsTimeouts(_Strict):
    """Seconds after which a step has failed."""

    drive: float = Field(60, gt=0, description="until the drive is there, also after a reboot")
    command: float = Field(30, gt=0, description="for the mount and unmount commands")


class MpsSettings(_Strict):
    """MPS2 and MPS3 boards: files on their USB drive, `images.txt`, and `reboot.txt` to start."""

    kind: Literal["mps"]
    drive: str = Field(
        min_length=1, description="folder where the drive is mounted; ${VAR} allowed"
    )
    application: str = Field(
        pattern=r"^[A-Za-z0-9_]{1,8}$", description="application note, e.g. AN521: MB/HBI*/AN521"
    )
    images: dict[str, MpsImage] = Field(
        default_factory=dict, description="further values by the name of the image"
    )
    flash: FlashPolicy = Field(
        FlashPolicy.CHANGED,
        description="files that are copied: always (all), changed (those that the drive has not), never "
        "(it must have them); --flash overrides it",
    )
    reboot_text: str = Field(
        "hsyxhj", description="content of reboot.txt; the controller ignores it"
    )
    mount: list[str] | None = Field(None, description="command that mounts the drive; no shell")
    unmount: list[str] | None = Field(
        None, description="command that unmounts it after reboot.txt was written; no shell"
    )
    timeouts: MpsTimeouts = MpsTimeouts()

    @model_validator(mode="after")
    def _names_differ(self) -> MpsSettings:
        names = [image.name.upper() for image in self.images.values() if image.name]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"images: two are called {twice} on the drive")
        return self
