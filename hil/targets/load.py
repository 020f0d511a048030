# SPDX-License-Identifier: Apache-2.0
"""What is put on the devices, how it goes on, and what was found there afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from hil.images.placement import PlacedImage

__all__ = [
    "GIVEN",
    "BoardLoad",
    "FlashPolicy",
    "GivenFile",
    "LoadPlan",
    "LoadProgress",
    "LoadReport",
    "LoadedImage",
    "PlacedImage",
    "Progress",
]

#: How a file is recorded that a model was given, and that nobody can read back.
GIVEN = "given to the model"

_UNITS = ((1 << 20, "MiB"), (1 << 10, "KiB"))


class FlashPolicy(StrEnum):
    """Which sectors of a flash are written; what the device holds decides, never a note on the host."""

    #: All sectors of the images.
    ALWAYS = "always"
    #: Those whose content on the device is another one than that of the images.
    CHANGED = "changed"
    #: None: the device must hold the images already. RAM is written all the same.
    NEVER = "never"


@dataclass(frozen=True)
class LoadPlan:
    """Everything that one load puts on all RSEs, in this order."""

    images: tuple[PlacedImage, ...]
    #: None: what `--flash` or else the board file says.
    flash: FlashPolicy | None = None

    def for_rse(self, rse: int) -> tuple[PlacedImage, ...]:
        """Return the images of one RSE, in the order of the plan."""
        return tuple(image for image in self.images if image.rse == rse)


@dataclass(frozen=True)
class LoadProgress:
    """How far the load of one board is."""

    rse: int
    #: "compare", "erase", "program", "verify", "write RAM" or "copy".
    step: str
    #: Bytes of this step, done and in all.
    done: int
    total: int


#: Told now and then while boards are loaded; called by the thread that loads.
Progress = Callable[[LoadProgress], None]


@dataclass(frozen=True)
class LoadedImage:
    """One image after the load."""

    image: PlacedImage
    #: Hex digest of the file all of whose bytes were read back from the device; None where the device
    #: cannot be read.
    sha256_on_device: str | None
    #: Whether the digest read back equals the digest of the file.
    verified: bool
    #: Where the digest comes from: "read-back" or `GIVEN`.
    how: str
    #: Bytes that were written to the device, and those it held already.
    written: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class GivenFile:
    """A file of firmware that a model reads because of its command line, not of the plan."""

    #: Where it goes to, the same for each RSE ("rse.rom.raw_image", "ros.flash_loader.fname").
    name: str
    #: The RSE whose it is, None for one of the whole model.
    rse: int | None
    path: Path
    #: The parameter, or the option, that names it.
    parameter: str
    #: Hex digest of the whole file.
    sha256: str

    def told(self) -> dict[str, str | int | None]:
        """The same as plain data for a record, without the path."""
        told = asdict(self)
        del told["path"]
        return told


@dataclass(frozen=True)
class BoardLoad:
    """What one load did to the board of one RSE; amounts in bytes."""

    rse: int
    #: Of all images of this board.
    size: int
    written: int
    #: Whole sectors of flash.
    erased: int
    skipped: int
    #: Compared with the images after the last write.
    verified: int
    seconds: float
    #: What had to be done before the load succeeded, in order ("reset", "power-cycle", ...).
    recovered: tuple[str, ...] = ()
    #: What the launcher noticed, e.g. flash settings that it turned off.
    notes: tuple[str, ...] = ()

    @property
    def rate(self) -> float:
        """Bytes of images per second, comparing and reading back included."""
        return self.size / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        """Return it as one line for a terminal."""
        parts = (("erased", self.erased), ("written", self.written), ("skipped", self.skipped),
                 ("verified", self.verified))  # fmt: skip
        told = ", ".join(f"{amount(size)} {what}" for what, size in parts)
        after = f"; after {', '.join(self.recovered)}" if self.recovered else ""
        return (
            f"RSE {self.rse}: {amount(self.size)} in {self.seconds:.1f} s "
            f"({self.rate / 1000:.0f} kB/s): {told}{after}"
        )


@dataclass(frozen=True)
class LoadReport:
    """What one load did."""

    images: tuple[LoadedImage, ...]
    seconds: float
    #: Versions of the tools that did it, e.g. {"pyocd": "0.46.0"}.
    tools: Mapping[str, str]
    #: One for each board that was written or read; none where nothing can be said of a board.
    boards: tuple[BoardLoad, ...] = ()
    #: What else a model was given; part of what ran, as the images are.
    given: tuple[GivenFile, ...] = ()


def amount(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    for unit, name in _UNITS:
        if size >= 10 * unit:
            return f"{size // unit} {name}"
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} B"
