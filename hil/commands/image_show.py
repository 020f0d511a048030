# SPDX-License-Identifier: Apache-2.0
"""`hil image show`: what one image says of itself."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hil.commands.options import Commands

if TYPE_CHECKING:
    from hil.images.found_image import FoundImage

_MAX_VALUE = 20


def add(actions: Commands) -> None:
    """Add the action."""
    show = actions.add_parser(
        "show",
        help="header, TLVs and fields of images and provisioning messages",
        description="No code, data or secret value of a provisioning message is shown. Exit "
        "status 1: a file is damaged.",
    )
    show.add_argument("files", nargs="+", type=Path, metavar="FILE")
    show.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    from hil.errors import ImageError
    from hil.images.files import read_bounded
    from hil.images.recognise import recognise

    damaged = False
    for number, path in enumerate(options.files):
        data = read_bounded(path)
        image = recognise(path, data)
        if image is None:
            raise ImageError("is no image that is known here", path=path)
        lines = [f"{path}: {image.role}", *(f"  {name:<18} {text}" for name, text in _rows(image))]
        print("\n".join(([""] if number else []) + lines))
        damaged |= bool(image.damage)
    return 1 if damaged else 0


def _rows(image: FoundImage) -> list[tuple[str, str]]:
    rows = [("size", f"{image.size} bytes"), ("sha256", image.sha256)]
    rows += [("told by", image.told_by)] if image.told_by else []
    if image.mcuboot is not None:
        rows += _mcuboot(image)
    if image.bl2 is not None:
        rows += _bl2(image)
    if image.message is not None:
        rows += list(image.message.describe().items())
    if image.values is not None:
        rows += [
            ("RSE id", "none" if image.values.rse_id is None else str(image.values.rse_id)),
            ("policies", f"{image.values.policies:#x}"),
            ("BL1_2 hash", image.values.bl1_2_digest.hex()),
        ]
    return rows + [("remark", remark) for remark in image.remarks]


def _mcuboot(image: FoundImage) -> list[tuple[str, str]]:
    from hil.images.mcuboot_tlvs import flag_names

    parsed = image.mcuboot
    assert parsed is not None
    counter = parsed.security_counter
    rows = [
        ("version", str(parsed.version)),
        ("security counter", "none" if counter is None else str(counter)),
        ("load address", f"{parsed.load_address:#x}" if parsed.ram_load else "none"),
        ("header", f"{parsed.header_size:#x} bytes"),
        ("payload", f"{parsed.image_size:#x} bytes"),
        ("flags", f"{parsed.flags:#x} ({flag_names(parsed.flags)})"),
    ]
    for tlv in parsed.tlvs:
        area = "protected TLV" if tlv.protected else "TLV"
        rows.append((area, f"+{tlv.offset:#x} {tlv.name} ({len(tlv.value)} bytes) {_value(tlv)}"))
    return rows


def _value(tlv: object) -> str:
    from hil.images.mcuboot import Tlv
    from hil.images.mcuboot_tlvs import (
        BOOT_RECORD,
        DEPENDENCY,
        KEYHASH,
        PUBKEY,
        dependency_of,
        software_type,
    )

    assert isinstance(tlv, Tlv)
    if tlv.type == DEPENDENCY and (dependency := dependency_of(tlv.value)):
        return str(dependency)
    if tlv.type == BOOT_RECORD and (software := software_type(tlv.value)):
        return f"software type {software}"
    if tlv.type in (PUBKEY, KEYHASH):
        return _key(tlv.value, is_hash=tlv.type == KEYHASH)
    rest = "..." if len(tlv.value) > _MAX_VALUE else ""
    return tlv.value[:_MAX_VALUE].hex() + rest


def _key(value: bytes, *, is_hash: bool) -> str:
    import hashlib

    from hil.images.development_keys import development_key

    known = development_key(key_hash=value) if is_hash else development_key(key=value)
    digest = value.hex() if is_hash else "sha256 " + hashlib.sha256(value).hexdigest()
    return f"{digest} = development key {known.name} of {known.source}" if known else digest


def _bl2(image: FoundImage) -> list[tuple[str, str]]:
    parsed = image.bl2
    assert parsed is not None
    rows = [
        ("version", str(parsed.version)),
        ("security counter", str(parsed.security_counter)),
        ("encrypted", "from the decrypt magic on" if parsed.layout.encrypted else "no"),
        ("binding tag", "yes" if parsed.layout.bound else "no"),
        ("header", f"{parsed.layout.header_size:#x} bytes"),
        ("code", f"{parsed.code_size:#x} bytes"),
    ]
    for number, signer in enumerate(parsed.signers):
        rows.append(
            (f"signer {number}", f"{signer.algorithm}, {_key(signer.rotpk, is_hash=False)}")
        )
    return rows
