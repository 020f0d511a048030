# SPDX-License-Identifier: Apache-2.0
"""What a file of a build is, told by what is in it."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from hil.errors import ImageError
from hil.images import mcuboot
from hil.images.bl1_2_format import find_bl1_image
from hil.images.content import Content
from hil.images.development_keys import development_key, key_name
from hil.images.dma_ics import Sequence, find_sequence
from hil.images.found_image import (
    HASH_WRONG,
    NO_SIGNATURE,
    SIGNATURE_WRONG,
    FoundImage,
    damage,
    damaged_image,
)
from hil.images.image_roles import MCUBOOT_ROLES, Role, role_of_image, role_of_name
from hil.images.mcuboot_behind import behind
from hil.images.mcuboot_check import Check, ImageCheck, check_image, image_key, padding_of
from hil.images.mcuboot_signatures import is_signed
from hil.images.recognise_message import recognise_message
from hil.images.recognise_package import recognise_package
from hil.images.sic_table import find_sic_table

#: Beginnings of files that are no images.
_FOREIGN = (
    b"\x7fELF",
    b"!<arch>",
    b"PK\x03\x04",
    b"\x1f\x8b\x08",
    b"\x80\x04",
    b"\x89PNG",
    b"%PDF",
)
#: Bytes that tell a text.
PROBE = 512
_VECTORS = struct.Struct("<II")
_STACKS = range(0x20000000, 0x40000000)
_ROM = range(0x11000000, 0x11020000)
_ITCM_OR_RAM = (range(0x10000000, 0x10010000), range(0x30000000, 0x32000000))
_ROM_SIZE = 0x20000
_ROM_DMA_ICS_AT = 0x1F000
_BL1_2_SIZE = 0x2000
_HASH_SIZES = frozenset({32, 48, 64})


def recognise(path: Path, data: bytes) -> FoundImage | None:
    """Return what a file is, None for a file that is no image.

    A damaged image is one too: its remarks say what is wrong.
    """
    if is_foreign(data):
        return None
    for look in _LOOKS:
        if (found := look(path, data)) is not None:
            return found
    return None


def is_foreign(head: bytes) -> bool:
    """Return whether a file that begins so is a text, an object or an archive, and no image."""
    start = head[:PROBE]
    text = start.isascii() and all(byte >= 0x20 or byte in b"\t\n\r\f" for byte in start)
    return text or head.startswith(_FOREIGN)


def _mcuboot(path: Path, data: bytes) -> FoundImage | None:
    if not data.startswith(mcuboot.MAGIC):
        return None
    try:
        image = mcuboot.parse_image(data, path)
    except ImageError as error:
        role = role_of_name(path.name, signed=True) or Role.MCUBOOT
        return damaged_image(path, data, role, error)
    payload = data[image.header_size :][: image.image_size]
    table = find_sic_table(payload)
    role, why = role_of_image(image, path.name, sic_table=table is not None)
    check = check_image(data, image)
    padding = padding_of(data, image)
    key, key_hash = image_key(image)
    return FoundImage(
        path,
        role,
        len(data),
        hashlib.sha256(data).hexdigest(),
        told_by=why,
        version=str(image.version),
        security_counter=image.security_counter,
        key=key_name(key=key, key_hash=key_hash),
        remarks=(
            *_wrong(image, check),
            *_behind(path, data, image),
            *([padding] if padding else []),
            *check.warnings,
        ),
        mcuboot=image,
        sic=table,
        payload_sha256=hashlib.sha256(payload).hexdigest(),
    )


def _wrong(image: mcuboot.McubootImage, check: ImageCheck) -> list[str]:
    """Return what is wrong with an image whose structure is sound."""
    signed = is_signed(image)
    bad = {
        HASH_WRONG: check.hash is Check.BAD,
        SIGNATURE_WRONG: signed and check.signature is Check.BAD,
        NO_SIGNATURE: not signed,
    }
    return [text for text, is_so in bad.items() if is_so]


def _behind(path: Path, data: bytes, first: mcuboot.McubootImage) -> Iterator[str]:
    """Yield what is to be said of what follows the first image of a file."""
    for found in behind(data, first):
        place = f"at {found.offset:#x} of this file"
        if found.data is None:
            yield f"{place}: neither an image nor padding"
            return
        try:
            image = mcuboot.parse_image(found.data, path)
        except ImageError as error:
            yield f"{damage(path, error)}, in the image {place}"
            return
        wrong = _wrong(image, check_image(found.data, image))
        text = f"another image, version {image.version}, {place}"
        yield f"DAMAGED: {text}: {', '.join(wrong)}" if wrong else text


def _bl2(path: Path, data: bytes) -> FoundImage | None:
    image = find_bl1_image(data, path)
    if image is None:
        return None
    keys = [signer.rotpk for signer in image.signers]
    known = [key for key in map(_published, keys) if key]
    remarks = [
        "BL1_2's own format, not MCUboot's" + (", encrypted" if image.layout.encrypted else ""),
        *(f"development key {name}: anybody can sign with it" for name in known),
    ]
    return FoundImage(
        path,
        Role.BL2,
        len(data),
        hashlib.sha256(data).hexdigest(),
        told_by="lengths and padding of its header",
        version=str(image.version),
        security_counter=image.security_counter,
        key="+".join(key_name(key=key) for key in keys),
        remarks=tuple(remarks),
        bl2=image,
    )


def _published(rotpk: bytes) -> str | None:
    known = development_key(key=rotpk)
    return known.name if known else None


def _dma(path: Path, data: bytes) -> FoundImage | None:
    sequence = find_sequence(data)
    if sequence is None:
        return None
    role = Role.ROM_DMA_ICS if sequence is Sequence.ROM else Role.OTP_DMA_ICS
    return FoundImage(
        path, role, len(data), hashlib.sha256(data).hexdigest(), "a chain of DMA commands"
    )


def _package(path: Path, data: bytes) -> FoundImage | None:
    return recognise_package(path, Content.of(data, path))


def _code(path: Path, data: bytes) -> FoundImage | None:
    """Recognise code by its vector table."""
    if len(data) < 64:
        return None
    stack, reset = _VECTORS.unpack_from(data)
    if stack not in _STACKS or stack % 4 or not reset & 1:
        return None
    role, why = None, f"its reset vector {reset:#x}"
    if reset in _ROM and len(data) <= _ROM_SIZE:
        sequence = find_sequence(data[_ROM_DMA_ICS_AT:]) if len(data) == _ROM_SIZE else None
        role = Role.BL1_1 if sequence is None else Role.ROM
    elif len(data) <= _BL1_2_SIZE and any(reset in place for place in _ITCM_OR_RAM):
        role = Role.BL1_2
    else:
        role, why = role_of_name(path.name, signed=False), "its name only"
    if role is None:
        return None
    return FoundImage(path, role, len(data), hashlib.sha256(data).hexdigest(), why)


def _table(path: Path, data: bytes) -> FoundImage | None:
    table = find_sic_table(data)
    if table is None:
        return None
    digest = hashlib.sha256(data).hexdigest()
    return FoundImage(path, Role.SIC_TABLE, len(data), digest, "a table of page hashes", sic=table)


def _by_name(path: Path, data: bytes) -> FoundImage | None:
    """Take a raw binary for what its name says."""
    if path.suffix != ".bin":
        return None
    role = role_of_name(path.name, signed="signed" in path.name)
    if role is Role.BL1_2_HASH and len(data) not in _HASH_SIZES:
        return None
    if role is None:
        return None
    remarks = ("neither header nor signature",) if role in MCUBOOT_ROLES else ()
    digest = hashlib.sha256(data).hexdigest()
    return FoundImage(path, role, len(data), digest, "its name only", remarks=remarks)


#: In this order: what has a magic first, then what is told by its structure, the name last.
_LOOKS: tuple[Callable[[Path, bytes], FoundImage | None], ...] = (
    _mcuboot,
    # Before those that take any two words for a vector table: an IV is random.
    _bl2,
    recognise_message,
    _package,
    _dma,
    _code,
    _table,
    _by_name,
)
