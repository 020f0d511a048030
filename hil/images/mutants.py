# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: E501  (one row, one line)
"""The catalogue of damaged images, and what a correct boot does with each.

A row is a name, the kind of image, what is done to it, and the verdict of each loader when it is the
only image. By design some are accepted: what no hash covers and no check reads may be anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain

from hil.images import mutations as m
from hil.images.mcuboot_tlvs import (
    BOOT_RECORD,
    DEPENDENCY,
    ECDSASIG,
    FLAG_ENCRYPTED_AES128,
    FLAG_NON_BOOTABLE,
    FLAG_RAM_LOAD,
    KEYHASH,
    KEYID,
    PUBKEY,
    SEC_CNT,
    SHA256,
    tlv_name,
)
from hil.images.mutant_rules import Loader, Outcome, Place, Verdict, outcome
from hil.images.mutations import Material, Mutation
from hil.images.package_mutations import FIP_ROWS, GPT_ROWS, OTHERWISE, SMALL_SET
from hil.images.package_mutations import Row as PackageRow


class Kind(StrEnum):
    """Format that a mutation is for."""

    MCUBOOT = "MCUboot"
    BL2 = "BL2"
    MESSAGE = "provisioning message"
    FIP = "FIP"
    GPT = "GPT"


_RSE, _BUILTIN = Loader.RSE_BL2, Loader.BUILTIN_BL2
_NO, _YES = Verdict.REFUSED, Verdict.ACCEPTED
_BOTH = {_RSE: _NO, _BUILTIN: _NO}
_EVEN_SO = {_RSE: _YES, _BUILTIN: _YES}
_BL1_2 = {Loader.BL1_2: _NO}
_PROVISIONING = {Loader.PROVISIONING: _NO}
#: Up to 2.2 BL2 refuses whatever is not in its list of types for the unprotected area.
_ALLOW_LIST: Mapping[str, Mapping[Loader, Verdict | None]] = {"2.1": _BOTH, "2.2": _BOTH}
#: KEYID is not in that list: before 2.3 no image with one boots, damaged or not.
_NO_KEYID: Mapping[str, Mapping[Loader, Verdict | None]] = {
    "2.1": {_BUILTIN: None},
    "2.2": {_BUILTIN: None},
}
#: From 2.3 on BL2 with built-in keys refuses every image without a KEYID.
_NO_KEYHASH: Mapping[str, Mapping[Loader, Verdict | None]] = {"2.3": {_BUILTIN: None}}


@dataclass(frozen=True)
class Mutant:
    """One row.

    Attributes:
        name: Unique in the catalogue.
        kind: Format that it is for.
        what: What is done, and where it is not obvious why the verdict is what it is.
        mutate: Does it.
        verdicts: By loader, when there is no other image.
        small_set: Whether it belongs to the few that stand for all.
        by_generation: Verdicts that differ in a generation of TF-M ("2.1", "2.2", "2.3"); None
            where there is none.
    """

    name: str
    kind: Kind
    what: str
    mutate: Mutation = field(repr=False)
    verdicts: Mapping[Loader, Verdict]
    small_set: bool = False
    by_generation: Mapping[str, Mapping[Loader, Verdict | None]] = field(default_factory=dict)

    def expected(
        self, loader: Loader, place: Place = Place.ALONE, generation: str = "2.3"
    ) -> Outcome | None:
        """Return what a correct boot does, None where the loader never sees such an image."""
        verdict = self._verdicts(generation).get(loader)
        return None if verdict is None else outcome(verdict, loader, place)

    def loaders(self, generation: str) -> tuple[Loader, ...]:
        """Return the loaders that have a verdict in a generation of TF-M."""
        return tuple(loader for loader, verdict in self._verdicts(generation).items() if verdict)

    def _verdicts(self, generation: str) -> dict[Loader, Verdict | None]:
        return {**self.verdicts, **self.by_generation.get(generation, {})}

    def apply(self, material: Material) -> bytes:
        """Return the damaged image.

        Raises:
            NotApplicableError: the image has not what is changed, or the key is missing.
            ImageError: the good image is malformed.
        """
        damaged = self.mutate(material)
        if damaged == material.good:
            raise m.NotApplicableError("it changes nothing")
        return damaged


def _mcuboot(
    name: str,
    what: str,
    mutate: Mutation,
    verdicts: Mapping[Loader, Verdict] = _BOTH,
    *,
    small_set: bool = False,
    by_generation: Mapping[str, Mapping[Loader, Verdict | None]] | None = None,
) -> Mutant:
    return Mutant(name, Kind.MCUBOOT, what, mutate, verdicts, small_set, by_generation or {})


_BYTES = (
    _mcuboot("payload-bit", "one bit in the middle of the payload", m.flip(m.payload_at(0.5)), small_set=True),
    _mcuboot("payload-first-byte", "one bit in the first byte of the payload", m.flip(m.payload_at(0))),
    _mcuboot("payload-last-byte", "one bit in the last byte of the payload", m.flip(m.payload_at(1))),
    _mcuboot("last-byte", "one bit in the last byte, that of the signature", m.flip(m.image_end)),
    _mcuboot("header-magic", "one bit of the magic: no image is found", m.flip(m.at(0))),
    _mcuboot("header-load-address", "one bit of the load address", m.flip(m.at(6), 0x02)),
    _mcuboot("header-size", "one bit of the header's size", m.flip(m.at(9), 0x02)),
    _mcuboot("header-protected-size", "one bit of the protected TLVs' size", m.flip(m.at(10), 0x04)),
    _mcuboot("header-image-size", "one bit of the payload's size", m.flip(m.at(12), 0x08)),
    _mcuboot("header-flags", "flag PIC, which nothing but the hash reads", m.flip(m.at(16))),
    _mcuboot("header-version", "one bit of the version", m.flip(m.at(20), 0x04), small_set=True),
    _mcuboot("header-reserved", "one bit behind the version", m.flip(m.at(28))),
    _mcuboot("all-ff", "erased flash", m.fill(0xFF), small_set=True),
    _mcuboot("all-00", "zeros", m.fill(0x00)),
    _mcuboot("truncated", "the second half is erased flash", m.cut_image),
    _mcuboot("tlv-magic", "one bit of the magic of the TLVs", m.tlv_area(0, b"\x06")),
    _mcuboot("tlv-total-short", "the TLV area says that it is empty", m.tlv_area(2, b"\x04\x00")),
    _mcuboot("tlv-unknown", "a TLV of a vendor's type behind the others: no hash covers it; a list of allowed types is only in 2.1 and 2.2", m.unknown_tlv, _EVEN_SO, by_generation=_ALLOW_LIST),
    _mcuboot("second-signature-bad", "a wrong signature behind the good one: without a key of its own before it nothing reads it", m.more_tlvs((ECDSASIG,), ECDSASIG), _EVEN_SO),
    _mcuboot("second-key-and-bad-signature", "key and wrong signature behind the good ones: the last signature counts", m.more_tlvs((PUBKEY, ECDSASIG), ECDSASIG), {_RSE: _NO}),
    _mcuboot("second-keyid-bad-signature", "number of a built-in key and wrong signature behind the good ones: the last signature counts", m.more_tlvs((KEYID, ECDSASIG), ECDSASIG), {_BUILTIN: _NO}, by_generation=_NO_KEYID),
)  # fmt: skip

_SIGNED = (
    _mcuboot("wrong-key", "signed properly, by a key that nobody trusts", m.by_stranger, small_set=True),
    _mcuboot("other-image", "another image of the device, properly signed: its load address does not fit", m.other_image),
    _mcuboot("older-version", "version 0.0.0, properly signed: only the security counter bars old images", m.resigned(m.oldest), _EVEN_SO),
    _mcuboot("lower-counter", "security counter one lower, properly signed", m.resigned(m.lower_counter), small_set=True),
    _mcuboot("no-counter", "no security counter, properly signed", m.resigned(m.no_counter)),
    _mcuboot("dependency-not-met", "depends on a version of image 1 that is not there; of primary slots OVERWRITE_ONLY does not ask", m.resigned(m.depending(1, 255, 255, 65535, 0)), {_RSE: _NO, _BUILTIN: _YES}),
    _mcuboot("dependency-on-nothing", "depends on image 9, of which there is none", m.resigned(m.depending(9, 0, 0, 0, 0)), {_RSE: _NO, _BUILTIN: _YES}),
    _mcuboot("dependency-met", "depends on image 1 of any version", m.resigned(m.depending(1, 0, 0, 0, 0)), _EVEN_SO),
    _mcuboot("not-bootable", "flag NON_BOOTABLE, properly signed", m.resigned(m.flags(set_=FLAG_NON_BOOTABLE))),
    _mcuboot("not-ram-load", "flag RAM_LOAD clear, properly signed", m.resigned(m.flags(clear=FLAG_RAM_LOAD)), {_RSE: _NO}),
    _mcuboot("said-encrypted", "flag ENCRYPTED_AES128 on a clear image, properly signed", m.resigned(m.flags(set_=FLAG_ENCRYPTED_AES128))),
    _mcuboot("load-elsewhere", "load address 0x80000000, properly signed", m.resigned(m.load_address(0x80000000)), {_RSE: _NO}),
)  # fmt: skip

#: Verdicts of RSE and built-in keys where a change of an unprotected TLV is not refused by both.
_TLV_VERDICTS: dict[tuple[str, int], Mapping[Loader, Verdict]] = {
    ("duplicate", SHA256): _EVEN_SO,
    ("duplicate", PUBKEY): {_RSE: _YES},
    ("duplicate", ECDSASIG): _EVEN_SO,
    # Images of the RSE hold their key itself.
    **{(change, KEYID): {_BUILTIN: _NO} for change in ("drop", "flip", "wrong-length")},
    ("duplicate", KEYID): {_BUILTIN: _YES},
    # Keys are built in: nothing reads the TLV that names one (up to 2.2).
    ("drop", KEYHASH): {_BUILTIN: _YES},
    ("flip", KEYHASH): {_BUILTIN: _YES},
    ("truncate", KEYHASH): {_BUILTIN: _YES},
    ("duplicate", KEYHASH): {_BUILTIN: _YES},
    # ... but its length leads past the signature.
    ("wrong-length", KEYHASH): {_BUILTIN: _NO},
    **{(change, PUBKEY): {_RSE: _NO} for change in ("drop", "flip", "truncate", "wrong-length")},
}
_TLV_CHANGES: tuple[tuple[str, str, Callable[[int], Mutation]], ...] = (
    ("drop", "left out", lambda kind: m.tlv_entries(kind, m.drop)),
    ("flip", "one bit of its value", lambda kind: m.tlv_bytes(kind, m.flip_value)),
    ("truncate", "its last byte left out", lambda kind: m.tlv_entries(kind, m.shorten)),
    ("duplicate", "twice", lambda kind: m.tlv_entries(kind, m.double)),
    ("wrong-length", "its length 0x1000 too large", lambda kind: m.tlv_bytes(kind, m.lengthen)),
)
#: The same in the generations where it differs.
_TLV_OTHERWISE: dict[tuple[str, int], Mapping[str, Mapping[Loader, Verdict | None]]] = {
    **{(change, KEYID): _NO_KEYID for change, _what, _mutation in _TLV_CHANGES},
    **{(change, KEYHASH): _NO_KEYHASH for change, _what, _mutation in _TLV_CHANGES},
}
#: Of a KEYID that is too short, builds with assertions stop, others compare what the buffer held.
_UNDECIDED = {("truncate", KEYID)}
_SMALL_TLVS = {("flip", SHA256), ("drop", PUBKEY), ("duplicate", ECDSASIG)}
#: What the hash covers, so that no change of it goes through.
_PROTECTED = (SEC_CNT, DEPENDENCY, BOOT_RECORD)


def _tlv_rows() -> list[Mutant]:
    rows = []
    for kind in (SHA256, PUBKEY, KEYID, KEYHASH, ECDSASIG, *_PROTECTED):
        for change, what, mutation in _TLV_CHANGES:
            if (change, kind) in _UNDECIDED:
                continue
            protected = "protected " if kind in _PROTECTED else ""
            rows.append(
                _mcuboot(
                    f"tlv-{tlv_name(kind).lower().replace('_', '-')}-{change}",
                    f"the {protected}TLV {tlv_name(kind)}: {what}",
                    mutation(kind),
                    _TLV_VERDICTS.get((change, kind), _BOTH),
                    small_set=(change, kind) in _SMALL_TLVS,
                    by_generation=_TLV_OTHERWISE.get((change, kind)),
                )
            )
    return rows


_BL2_ROWS = (
    ("bl2-iv", "one bit of the counter's start: another text comes out", m.flip(m.at(0)), False),
    ("bl2-rotpk", "one bit of the key", m.flip(m.bl2_at("rotpk")), False),
    ("bl2-rotpk-length", "the key's length", m.flip(m.bl2_at("rotpk_len"), 0x20), False),
    ("bl2-signature", "one bit of the signature", m.flip(m.bl2_at("sig", 7)), False),
    ("bl2-signature-length", "the signature's length", m.flip(m.bl2_at("sig_len", 1)), False),
    ("bl2-version", "one bit of the version", m.flip(m.bl2_at("protected")), False),
    ("bl2-counter", "the security counter, which enters the key", m.flip(m.bl2_at("protected", 8), 0x02), False),
    ("bl2-counter-limit", "a security counter above 1023", m.flip(m.bl2_at("protected", 9), 0x04), False),
    ("bl2-magic", "one bit of the encrypted magic", m.flip(m.bl2_at("code")), False),
    ("bl2-payload-bit", "one bit of the code", m.flip(m.bl2_at("code", 0x1000)), True),
    ("bl2-last-byte", "one bit of the last byte", m.flip(m.at(-1)), False),
    ("bl2-all-ff", "erased flash", m.fill(0xFF), False),
    ("bl2-all-00", "zeros", m.fill(0x00), False),
    ("bl2-truncated", "the second half is erased flash", m.cut_half, False),
)  # fmt: skip

#: Offset in the message (the outer header is 8 bytes) and mask.
_MESSAGE_ROWS = (
    ("message-type", "another type", m.flip(m.at(0), 0x10)),
    ("message-tag", "one bit of signature or tag", m.flip(m.at(8 + 4))),
    ("message-purpose", "another purpose", m.flip(m.at(8 + 104), 0x01)),
    ("message-tp", "another TP mode: TCI becomes PCI", m.flip(m.at(8 + 105), 0x06)),
    ("message-lcs", "valid in the life-cycle states CM and DM no more", m.flip(m.at(8 + 107), 0x30)),
    ("message-id", "data: one bit of what is written to OTP", m.flip(m.at(8 + 248 + 16 + 0x11C + 12))),
    ("message-code-size", "the code's size", m.flip(m.at(8 + 140), 0x04)),
    ("message-iv", "one bit of the counter's start: other secret values come out", m.flip(m.at(8 + 112))),
    ("message-last-byte", "one bit of the last secret value", m.flip(m.at(-1))),
    ("message-all-ff", "erased memory", m.fill(0xFF)),
    ("message-all-00", "zeros", m.fill(0x00)),
)  # fmt: skip


def _package(kind: Kind, row: PackageRow) -> Mutant:
    """Return a row for packages or partition tables, with what generations do otherwise."""
    name, what, mutation, loader, verdict = row
    differs: dict[str, dict[Loader, Verdict | None]] = {}
    if kind is Kind.GPT:
        # It takes the first partition whose name is another: what it reads depends on their order.
        differs["2.1"] = {loader: None}
    for other, generation, reader, does in OTHERWISE:
        if other == name:
            differs[generation] = {loader: None, reader: does}
    return Mutant(name, kind, what, mutation, {loader: verdict}, name in SMALL_SET, differs)


CATALOGUE: tuple[Mutant, ...] = tuple(
    chain(
        _BYTES,
        _SIGNED,
        _tlv_rows(),
        (Mutant(n, Kind.BL2, what, f, _BL1_2, small) for n, what, f, small in _BL2_ROWS),
        (Mutant(n, Kind.MESSAGE, what, f, _PROVISIONING) for n, what, f in _MESSAGE_ROWS),
        (_package(Kind.FIP, row) for row in FIP_ROWS),
        (_package(Kind.GPT, row) for row in GPT_ROWS),
    )
)

_BY_NAME = {mutant.name: mutant for mutant in CATALOGUE}


def find_mutant(name: str) -> Mutant | None:
    """Return a row of the catalogue, None if there is no such name."""
    return _BY_NAME.get(name)
