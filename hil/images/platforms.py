# SPDX-License-Identifier: Apache-2.0
"""Memories and flash slots of the RSE platforms of TF-M, as tables.

Addresses are those that the RSE's debugger sees. Sources: TF-M 2.3.1 (2.2.2 where a row says so)
neoverse_rd/common/flash_layout.h and rdv3*/size_defs.h, automotive_rd/*/flash_layout.h,
tc/common/flash_layout.h, kronos/flash_layout.h, common/partition/platform_base_address.h,
mps2/an521/partition/flash_layout.h (no RSE, but TF-M's reference platform on QEMU).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from hil.errors import ModelError, UsageError
from hil.images.rom import RSE_ROM, RomLayout
from hil.model.releases import release_for


@dataclass(frozen=True)
class Slot:
    """A place in the flash for one image."""

    #: Name of the image, with "_secondary" for the second slot.
    name: str
    #: From the base of the flash.
    offset: int
    size: int
    #: An RSE does not boot when neither slot of this image holds something.
    required: bool = False

    @property
    def end(self) -> int:
        """First byte after it."""
        return self.offset + self.size

    @property
    def image(self) -> str:
        """Name of the image that both slots are for."""
        return self.name.removesuffix("_secondary")


@dataclass(frozen=True)
class Memory:
    """A range of addresses that images may be put to."""

    name: str
    kind: str
    start: int
    size: int

    @property
    def end(self) -> int:
        """First address after it."""
        return self.start + self.size


@dataclass(frozen=True)
class Platform:
    """One platform in the releases that share its layout."""

    name: str
    #: Code generations of TF-M: "2.2", "2.3".
    generations: tuple[str, ...]
    flash_size: int
    memories: tuple[Memory, ...]
    #: Raw slots; none where images are in a FIP.
    slots: tuple[Slot, ...] = ()
    #: Where a FIP may begin without a GPT.
    fips: tuple[Slot, ...] = ()
    rom: RomLayout = RSE_ROM

    @property
    def flash(self) -> Memory:
        """The flash that the RSE boots from."""
        return next(memory for memory in self.memories if memory.kind == "flash")

    def slot(self, name: str) -> Slot:
        """Return a slot of the flash.

        Raises:
            UsageError: no such slot; says what there is.
        """
        slots = {slot.name: slot for slot in (*self.slots, *self.fips)}
        if name not in slots:
            raise UsageError(f"{self.name} has no slot {name!r}; there are {', '.join(slots)}")
        return slots[name]


def _slots(
    *rows: tuple[str, int, int], required: Iterable[str] = ("bl2", "tfm_s")
) -> tuple[Slot, ...]:
    """Return the slots of rows of name, offset, size."""
    needed = set(required)
    return tuple(Slot(name, offset, size, name in needed) for name, offset, size in rows)


def _packed(*rows: tuple[str, int], start: int = 0) -> tuple[Slot, ...]:
    """Return slots that lie one behind the other."""
    placed: list[tuple[str, int, int]] = []
    for name, size in rows:
        placed.append((name, start, size))
        start += size
    return _slots(*placed)


def _memories(flash: int, flash_size: int, bank: int) -> tuple[Memory, ...]:
    """Return flash and the memories of the RSE; VM0 and VM1 have one size and are one range."""
    return (
        Memory("flash", "flash", flash, flash_size),
        Memory("ROM", "rom", RSE_ROM.base, RSE_ROM.size),
        Memory("ITCM", "ram", 0x10000000, 0x8000),
        Memory("DTCM", "ram", 0x30000000, 0x8000),
        Memory("VM0 and VM1", "ram", 0x31000000, 2 * bank),
    )


_K512 = 0x80000
_FIPS = _slots(("fip_a", 0, 0x800000), ("fip_b", 0x800000, 0x800000), required=())
_RDV3 = _packed(
    ("bl2", 0x20000), ("bl2_secondary", 0x20000),
    ("tfm_s", 0x60000), ("tfm_ns", 0x60000),
    ("tfm_s_secondary", 0x60000), ("tfm_ns_secondary", 0x60000),
    ("scp", 0x80000), ("scp_secondary", 0x80000),
    ("mcp", 0x80000), ("mcp_secondary", 0x80000),
    ("lcp", 0x10000), ("lcp_secondary", 0x10000),
    ("ap_bl1", 0x80000), ("ap_bl1_secondary", 0x80000),
)  # fmt: skip
_RDV3R1 = _packed(
    ("bl2", 0x20000), ("bl2_secondary", 0x20000),
    ("tfm_s", 0x60000), ("tfm_ns", 0x60000),
    ("tfm_s_secondary", 0x60000), ("tfm_ns_secondary", 0x60000),
    ("scp", 0x100000), ("scp_secondary", 0x100000),
    ("mcp", 0x80000), ("mcp_secondary", 0x80000),
    ("lcp", 0x10000), ("lcp_secondary", 0x10000),
    ("ap_bl1", 0x100000), ("ap_bl1_secondary", 0x100000),
)  # fmt: skip
_RD1AE = _packed(
    ("bl2", 0x20000), ("bl2_secondary", 0x20000),
    ("tfm_s", 0x40000), ("tfm_ns", 0x60000),
    ("tfm_s_secondary", 0x40000), ("tfm_ns_secondary", 0x60000),
    ("scp", 0x80000), ("scp_secondary", 0x80000),
    ("si_cl0", 0x200000), ("si_cl0_secondary", 0x200000),
    ("si_cl1", 0x400000), ("si_cl1_secondary", 0x400000),
    ("si_cl2", 0x800000), ("si_cl2_secondary", 0x800000),
)  # fmt: skip
_CSS_ASPEN = _packed(
    ("bl2", 0x20000), ("tfm_s", 0x40000), ("si_cl0", 0x100000), ("si_cl1", 0x100000),
    ("bl2_secondary", 0x20000), ("tfm_s_secondary", 0x40000),
    ("si_cl0_secondary", 0x100000), ("si_cl1_secondary", 0x100000),
    start=0x7000,
)  # fmt: skip

# Secure and non-secure image as assemble.py joins them; both slots and the scratch area are where
# they are for one image and for two (mps2/an521/partition/flash_layout.h).
_AN521 = _slots(
    ("bl2", 0, 0x80000), ("tfm_s_ns", 0x80000, 0x100000), ("tfm_s_ns_secondary", 0x180000, 0x100000),
    required=("bl2", "tfm_s_ns"),
)  # fmt: skip
_AN521_MEMORIES = (
    Memory("flash", "flash", 0x10000000, 0x400000),
    Memory("SRAM", "ram", 0x30000000, 0x20000),
    Memory("SSRAM2 and 3", "ram", 0x38000000, 0x400000),
)

# fmt: off
PLATFORMS: tuple[Platform, ...] = (
    Platform("rdv3", ("2.2", "2.3"), 0x800000, _memories(0xB0000000, 0x800000, _K512), _RDV3),
    Platform("rdv3r1", ("2.2", "2.3"), 0x800000, _memories(0xB0000000, 0x800000, _K512), _RDV3R1),
    Platform("rd1ae", ("2.2", "2.3"), 0x4000000, _memories(0xB0000000, 0x4000000, _K512), _RD1AE),
    Platform("css-aspen", ("2.3",), 0x4000000, _memories(0xB0000000, 0x4000000, 0x40000), _CSS_ASPEN),
    # The host's flash, behind the window to the host's memory (ATU).
    Platform("tc", ("2.2", "2.3"), 0xFC00000, _memories(0x70000000, 0xFC00000, 0x10000), fips=_FIPS),
    Platform("kronos", ("2.2", "2.3"), 0xFC00000, _memories(0x70000000, 0xFC00000, _K512), fips=_FIPS),
    Platform("an521", ("2.1", "2.2", "2.3"), 0x400000, _AN521_MEMORIES, _AN521),
)
# fmt: on


def platform(name: str, generation: str) -> Platform:
    """Return the layout of a platform in a code generation of TF-M.

    Raises:
        UsageError: no such platform, or not in that generation; says what there is.
    """
    named = [row for row in PLATFORMS if row.name == name]
    for row in named:
        if generation in row.generations:
            return row
    if named:
        has = ", ".join(each for row in named for each in row.generations)
        raise UsageError(f"platform {name!r} is known for TF-M {has}, not for {generation}")
    names = sorted({row.name for row in PLATFORMS})
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names)}"
    raise UsageError(f"no platform {name!r} ({hint})")


def for_release(name: str, release: str) -> Platform:
    """Return the layout of a platform in a release of TF-M.

    Raises:
        UsageError: no such release or platform.
    """
    try:
        return platform(name, release_for(release).generation)
    except ModelError as error:
        raise UsageError(str(error)) from None
