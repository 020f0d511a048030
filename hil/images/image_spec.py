# SPDX-License-Identifier: Apache-2.0
"""What a board file says of one image: where it goes, on which RSEs, and how it is made."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

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
from hil.images.fip import RSE_ALIGNMENT
from hil.images.fip_uuids import BY_NAME
from hil.images.mcuboot import Version

RecipeKind = Literal["file", "files", "mcuboot", "bl2", "provisioning", "fip"]
RECIPES: tuple[RecipeKind, ...] = ("file", "files", "mcuboot", "bl2", "provisioning", "fip")

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


def fip_kind(name: str) -> UUID:
    """Return the UUID of an image of a FIP, given by fiptool's name or as UUID."""
    if kind := BY_NAME.get(name):
        return kind.uuid
    try:
        return UUID(name)
    except ValueError:
        near = difflib.get_close_matches(name, BY_NAME, n=1)
        hint = f"did you mean {near[0]}?" if near else "or a UUID"
        raise ValueError(f"no image of a FIP is called {name!r} ({hint})") from None


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


class PackedImage(_Strict):
    """An image that is made for a package, by exactly one recipe."""

    mcuboot: McubootRecipe | None = None
    bl2: Bl2Recipe | None = None

    @model_validator(mode="after")
    def _one_recipe(self) -> PackedImage:
        if (self.mcuboot is None) == (self.bl2 is None):
            found = "both" if self.mcuboot else "none"
            raise ValueError(f"expected exactly one of mcuboot, bl2, got {found}")
        return self


class FipRecipe(_Strict):
    """A package of images as fiptool makes it, by itself or in the partitions of a GPT image."""

    images: dict[str, Path | PackedImage] = Field(
        min_length=1,
        description="file or recipe of each image, by fiptool's name (rse-bl2, ...) or UUID",
    )
    align: Number = Field(RSE_ALIGNMENT, description="of the offsets; a power of two")
    gpt: Path | None = Field(
        None, description="GPT image of the host that gets the package and is placed then"
    )
    partitions: list[str] = Field(
        default=["FIP_A", "FIP_B"], min_length=1, description="of that image, all get it"
    )

    @field_validator("images")
    @classmethod
    def _known_names(cls, images: dict[str, Path | PackedImage]) -> dict[str, Path | PackedImage]:
        kinds = [fip_kind(name) for name in images]
        for name, kind in zip(images, kinds, strict=True):
            if kinds.count(kind) > 1:
                raise ValueError(f"{name} is there under two names")
        return images


class ImageSpec(_Strict):
    """One image: its place and exactly one recipe."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    memory: Literal["flash", "ram"]
    address: Number = Field(description="as the debugger of the RSE sees it")
    rses: list[Annotated[int, Field(ge=0)]] | None = Field(
        None, description="ids of the RSEs that get it; all by default", min_length=1
    )
    file: Path | None = Field(None, description="file that is placed as it is; {id} is the RSE")
    files: dict[int, Path] | None = Field(
        None, min_length=1, description="file of each RSE by its id, where no one name fits all"
    )
    mcuboot: McubootRecipe | None = None
    bl2: Bl2Recipe | None = None
    provisioning: ProvisioningRecipe | None = None
    fip: FipRecipe | None = None

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
        if self.files is not None and self.rses is not None and {*self.rses} - {*self.files}:
            missing = ", ".join(str(rse) for rse in self.rses if rse not in self.files)
            raise ValueError(f"files: none for RSE {missing}")
        return self

    def targets(self, rse_ids: Sequence[int]) -> list[int]:
        """Return the ids of the RSEs that get it, of all that there are."""
        return self.rses or (sorted(self.files) if self.files is not None else list(rse_ids))

    @property
    def differs(self) -> bool:
        """Whether each RSE gets a file of its own."""
        named = self.file is not None and "{id}" in str(self.file)
        return named or self.files is not None or self.provisioning is not None


def with_paths(spec: ImageSpec, change: Callable[[Path, str], Path]) -> ImageSpec:
    """Return an image whose files, placed or packed as they are, have other paths.

    Args:
        spec: The image.
        change: From a path and its key in the board file to the path instead.
    """
    if spec.file is not None:
        return spec.model_copy(update={"file": change(spec.file, "file")})
    if spec.files is not None:
        files = {rse: change(path, f"files.{rse}") for rse, path in spec.files.items()}
        return spec.model_copy(update={"files": files})
    if spec.fip is not None:
        images = {
            name: change(image, f"fip.images.{name}") if isinstance(image, Path) else image
            for name, image in spec.fip.images.items()
        }
        gpt = change(spec.fip.gpt, "fip.gpt") if spec.fip.gpt else None
        fip = spec.fip.model_copy(update={"images": images, "gpt": gpt})
        return spec.model_copy(update={"fip": fip})
    return spec
