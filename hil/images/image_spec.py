# SPDX-License-Identifier: Apache-2.0
"""What a board file says of one image: where it goes, on which RSEs, and how it is made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from hil.errors import ImageError
from hil.images.bl2_image import MAX_SECURITY_COUNTER
from hil.images.mcuboot import Version

RecipeKind = Literal["file", "mcuboot", "bl2", "provisioning"]
RECIPES: tuple[RecipeKind, ...] = ("file", "mcuboot", "bl2", "provisioning")

#: Environment variables, ${NAME}, are none of these.
_PLACEHOLDER = re.compile(r"(?<!\$)\{(.*?)\}")


def _number(value: Any) -> Any:
    """Take "0x31000400" as the number it is."""
    if isinstance(value, str):
        try:
            return int(value, 0)
        except ValueError:
            raise ValueError(f'expected a number like 0x31000400, got "{value}"') from None
    return value


def _version(value: str) -> str:
    try:
        Version.parse(value)
    except ImageError:
        raise ValueError(f'expected MAJOR.MINOR.REVISION[+BUILD], got "{value}"') from None
    return value


_NUMBER_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": "^(0[xX])?[0-9a-fA-F_]+$"},
    ]
}
#: An address or a size: an integer or a text like "0x31000400".
Number = Annotated[
    int,
    BeforeValidator(_number),
    Field(strict=True, ge=0, le=0xFFFF_FFFF_FFFF_FFFF),
    WithJsonSchema(_NUMBER_SCHEMA),
]
VersionText = Annotated[str, BeforeValidator(_version)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class McubootRecipe(_Strict):
    """A MCUboot image, signed by imgtool."""

    payload: Path = Field(description="raw binary, relative to the board file")
    key: Path = Field(description="private key, PEM (EC P-256)")
    version: VersionText = "0.0.0+0"
    security_counter: int = Field(1, ge=0, le=0xFFFF_FFFF)
    header_size: Number = 0x400
    slot_size: Number
    load_address: Number | None = Field(None, description="where BL2 copies it to (RAM load)")


class Bl2Recipe(_Strict):
    """The BL2 image in BL1_2's own format; encrypted under the board's KCE_CM."""

    payload: Path = Field(description="raw binary of at most 32 KiB")
    key: Path = Field(description="private key, PEM (EC P-256)")
    version: VersionText = "0.0.0+0"
    security_counter: int = Field(1, ge=0, le=MAX_SECURITY_COUNTER)


class Policies(_Strict):
    """Policy bits that are provisioned."""

    vhuk_agreement: bool = Field(
        True, description="CM policy bit 0 (VHUK_AGREEMENT_REQUIRED): RSEs agree on one vHUK"
    )


class ProvisioningRecipe(_Strict):
    """The combined message of development devices, one for each RSE, with the board's keys."""

    bl1_2: Path = Field(description="padded BL1_2 code, 8192 bytes")
    key: Path = Field(description="private key that the ROM trusts, PEM (EC P-256)")
    tp_mode: Literal["TCI", "PCI"] = "TCI"
    policies: Policies = Policies()


class ImageSpec(_Strict):
    """One image: its place and exactly one recipe."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    memory: Literal["flash", "ram"]
    address: Number = Field(description="as the debugger of the RSE sees it")
    rses: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, description="ids of the RSEs that get it; all by default", min_length=1
    )
    file: Path | None = Field(None, description="file that is placed as it is; {id} is the RSE")
    mcuboot: McubootRecipe | None = None
    bl2: Bl2Recipe | None = None
    provisioning: ProvisioningRecipe | None = None

    @property
    def recipe(self) -> RecipeKind:
        """Which of the recipes is given."""
        return next(kind for kind in RECIPES if getattr(self, kind) is not None)

    @field_validator("file")
    @classmethod
    def _known_placeholders(cls, value: Path | None) -> Path | None:
        unknown = {name for name in _PLACEHOLDER.findall(str(value)) if name != "id"}
        if unknown:
            raise ValueError(f"only {{id}} is known in a path, got {{{min(unknown)}}}")
        return value

    @model_validator(mode="after")
    def _one_recipe(self) -> ImageSpec:
        given = [kind for kind in RECIPES if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"expected exactly one of {', '.join(RECIPES)}, got {found}")
        if self.rses is not None and len(set(self.rses)) != len(self.rses):
            raise ValueError(f"rses: each RSE once, got {self.rses}")
        return self
