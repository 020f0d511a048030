# SPDX-License-Identifier: Apache-2.0
"""What pyOCD does not check by itself, checked before and after it programs.

pyOCD 0.46 skips data outside the memory map, never verifies, accepts unknown options, and lets
some builtin targets fill a page buffer that is still being programmed.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hil.targets.image_chunks import Chunk
from hil.targets.pyocd_errors import Mismatch, Mistake, Refusal

#: Bytes that are read back at a time.
CHUNK = 0x10000

#: What to do when memory does not hold what was written to it.
UNTRUSTED = "the memory or its flash algorithm is not to be trusted"

_CPUID, _VTOR = 0xE000ED00, 0xE000ED08
_DP_TARGETID = 0x24  # register 4 of bank 2


def check_options(options: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse options that pyOCD does not know, and values of the wrong type.

    Args:
        options: What the board file says.
        known: pyOCD's table by name; each entry has `type`.
    """
    for name, value in options.items():
        if name not in known:
            raise Mistake(f"launcher.options: pyOCD has no option {name!r}", _nearest(name, known))
        kinds = known[name].type
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        fits = type(value) in kinds or (float in kinds and type(value) is int)
        if not fits:
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise Mistake(f"launcher.options.{name}: {value!r} given, {expected} expected")


def _nearest(name: str, known: Mapping[str, Any]) -> str | None:
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else None


def check_files(script: str | None, packs: Sequence[str]) -> None:
    """Refuse a user script or a pack that is not there: pyOCD warns, and goes on without it."""
    for key, path in [("user_script", script), *(("pack", pack) for pack in packs)]:
        if path is not None and not Path(path).is_file():
            raise Mistake(f"launcher.{key}: no file {path}", f"correct launcher.{key}")


def check_core(target: Any, wanted: int) -> None:
    """Refuse a chip without the core of `primary_core`: pyOCD would take its first one instead."""
    if wanted not in target.cores:
        found = ", ".join(str(number) for number in sorted(target.cores)) or "none"
        raise Mistake(
            f"launcher.options.primary_core: the chip has no core {wanted}; it has {found}"
        )


def check_identity(target: Any, expected: Mapping[str, Any]) -> dict[str, int]:
    """Compare what the chip says about itself with what the board file expects; return it."""
    found = {"dpidr": target.dp.dpidr.idr, "cpuid": target.read32(_CPUID)}
    if expected.get("targetid") is not None:
        found["targetid"] = target.dp.read_reg(_DP_TARGETID)
    for name, value in found.items():
        _compare(name.upper(), value, expected.get(name), expected.get(f"{name}_mask") or 0)
    for register in expected.get("registers") or ():
        address = register["address"]
        found[f"{address:#010x}"] = value = target.read32(address)
        _compare(f"the word at {address:#010x}", value, register["value"], register["mask"])
    return found


def _compare(what: str, value: int, wanted: int | None, mask: int) -> None:
    if wanted is not None and (value ^ wanted) & mask:
        raise Refusal(
            f"{what} is {value:#010x}, expected {wanted:#010x} (mask {mask:#010x})",
            "this is not the chip of the board file; nothing was erased",
        )


def check_images(memory_map: Any, images: Sequence[tuple[Mapping[str, Any], list[Chunk]]]) -> None:
    """Refuse images of which a byte does not lie in a memory of its kind, or that overlap."""
    taken: list[tuple[Chunk, str]] = []
    for image, chunks in images:
        name = image["name"]
        for chunk in chunks:
            for other, owner in taken:
                if chunk.address < other.end and other.address < chunk.end:
                    raise Mistake(
                        f"image {name} at {_range(chunk)} overlaps {owner} at {_range(other)}",
                        "check the addresses of the images in the board file",
                    )
            _check_range(memory_map, image["memory"], name, chunk)
        taken += [(chunk, name) for chunk in chunks]


def _range(chunk: Chunk) -> str:
    return f"{chunk.address:#010x}..{chunk.end - 1:#010x}"


def _check_range(memory_map: Any, memory: str, name: str, chunk: Chunk) -> None:
    address = chunk.address
    while address < chunk.end:
        region = memory_map.get_region_for_address(address)
        kind = "nothing" if region is None else region.type.name.lower()
        fits = region is not None and (region.is_flash if memory == "flash" else region.is_ram)
        if region is None or not fits or (memory == "flash" and region.flash is None):
            raise Mistake(
                f"image {name} ({len(chunk.data)} bytes at {chunk.address:#010x}) needs {memory} at "
                f"{address:#010x}, the target type has {kind} there",
                "memory: " + "; ".join(_describe(region) for region in memory_map),
            )
        address = region.end + 1


def _describe(region: Any) -> str:
    return f"{region.name} {region.type.name.lower()} {region.start:#010x}..{region.end:#010x}"


def tame_flash(memory_map: Any) -> list[str]:
    """Turn off what is unsafe in the target's flash settings; return what was turned off."""
    notes = []
    for region in memory_map:
        flash = getattr(region, "flash", None) if region.is_flash else None
        if flash is None:
            continue
        flash.use_analyzer = False
        buffers = sorted(flash.page_buffers)
        gaps = [b - a for a, b in itertools.pairwise(buffers)]
        if flash.double_buffer_supported and gaps and min(gaps) < region.page_size:
            flash.double_buffer_supported = False
            notes.append(
                f"{region.name}: page buffers are {min(gaps):#x} apart, pages have "
                f"{region.page_size:#x} bytes; double buffering is off"
            )
    return notes


def read_image(image: Mapping[str, Any]) -> bytes:
    """Return the content of an image's file; it must be the one that was planned."""
    data = Path(image["path"]).read_bytes()
    if hashlib.sha256(data).hexdigest() != image["sha256"]:
        raise Refusal(
            f"image {image['name']}: {image['path']} has changed since the load was planned",
            "do not build while the harness loads; run again",
        )
    return data


def read_memory(
    target: Any, address: int, size: int, told: Callable[[int], None] = lambda _size: None
) -> bytes:
    """Return a range of the device's memory; `told` gets the bytes of each piece as it comes."""
    found = bytearray()
    while len(found) < size:
        piece = min(CHUNK, size - len(found))
        found += bytes(target.read_memory_block8(address + len(found), piece))
        told(piece)
    return bytes(found)


def read_back(
    target: Any,
    name: str,
    chunks: Sequence[Chunk],
    hint: str = UNTRUSTED,
    told: Callable[[int], None] = lambda _size: None,
) -> None:
    """Compare every byte of an image with the device's memory.

    Raises:
        Mismatch: One differs; says the first and how many.
    """
    for chunk in chunks:
        data = chunk.data
        found = read_memory(target, chunk.address, len(data), told)
        if found != data:
            wrong = [i for i, (a, b) in enumerate(zip(found, data, strict=True)) if a != b]
            first = wrong[0]
            raise Mismatch(
                f"image {name}: read back {found[first]:#04x} at {chunk.address + first:#010x}, the "
                f"file has {data[first]:#04x}; {len(wrong)} of {len(data)} bytes differ",
                hint,
            )


def await_halt(core: Any, limit: float) -> None:
    """Wait until a core that was connected to under reset has halted.

    pyOCD lets the reset line go, takes its reset catch away and looks no further; a supervisor may
    hold the line longer, and the core would then run. Whether it has halted is judged by
    `check_at_reset_vector`.
    """
    if core.get_state().name == "HALTED":
        return
    deadline = time.monotonic() + limit
    core.set_reset_catch()
    while core.get_state().name != "HALTED" and time.monotonic() < deadline:
        time.sleep(0.01)
    core.clear_reset_catch()


def check_at_reset_vector(target: Any) -> int:
    """Refuse a core that is not halted at its reset vector; return the PC."""
    state = target.get_state().name
    if state != "HALTED":
        raise Mismatch(
            f"the core is {state.lower()} after a reset with reset catch",
            "it cannot be held; is the reset line connected, is debug access open?",
        )
    if (difference := vectors_not_taken(target)) is not None:
        raise Mismatch(difference, "the reset did not happen; try the other launcher.reset_type")
    return int(target.read_core_register("pc"))


def vectors_not_taken(target: Any) -> str | None:
    """Return None when PC and SP are those of the vector table, else a sentence with both."""
    table = target.read32(_VTOR)
    pc, entry = target.read_core_register("pc"), target.read32(table + 4) & ~1
    if pc != entry:
        return f"the core is halted at {pc:#010x}, not at its reset vector {entry:#010x}"
    sp, stack = target.read_core_register("sp"), target.read32(table) & ~3
    if sp != stack:
        return f"the core is halted with SP {sp:#010x}, its vector table has {stack:#010x}"
    return None
