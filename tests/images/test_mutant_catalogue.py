# SPDX-License-Identifier: Apache-2.0
"""The catalogue of damaged images: its rows are sound, and agree with what real firmware did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hil.errors import ImageError
from hil.images.bl1_2_format import LAYOUTS, Layout
from hil.images.mcuboot import verify_image
from hil.images.mutant_rules import Loader, Place, Verdict, loader_of
from hil.images.mutants import CATALOGUE, Kind, find_mutant
from hil.images.mutations import Material, NotApplicableError
from hil.images.signing import SignedImage
from hil.images.signing_key import SigningKey

#: Name of the altered image in the recorded logs of mps2/an521 -> row, place.
RECORDED = {
    "an521-image-s_payload_flip-TF-Mv2.2.2": ("payload-bit", Place.ALONE),
    "an521-image-s_missing_ff-TF-Mv2.2.2": ("all-ff", Place.ALONE),
    "an521-image-ns_wrong_key-TF-Mv2.2.2": ("wrong-key", Place.ALONE),
    "an521-image-upgrade_s_bad-TF-Mv2.2.2": ("payload-bit", Place.UPGRADE),
    "an521-rollback-b2-old-image-refused-TF-Mv2.2.2": ("lower-counter", Place.ALONE),
}
#: Rows that change nothing that `verify_image` looks at: a device, not a file check, refuses them.
ONLY_A_DEVICE = {
    "older-version",
    "lower-counter",
    "no-counter",
    "dependency-not-met",
    "dependency-on-nothing",
    "dependency-met",
    "not-bootable",
    "not-ram-load",
    "load-elsewhere",
    "tlv-unknown",
}


@pytest.fixture(scope="module")
def material(signed: SignedImage, dev_key: SigningKey) -> Material:
    return Material(signed.path.read_bytes(), dev_key, b"another image")


@pytest.mark.parametrize("name", RECORDED)
def test_rows_agree_with_recorded_boots(name: str, shared_dir: Path) -> None:
    """What TF-M 2.2.2 did with real altered images is what the rows say of its kind of loader."""
    truth = json.loads((shared_dir / "uart-logs" / "truth.json").read_text())[name]
    row, place = RECORDED[name]
    mutant = find_mutant(row)
    assert mutant is not None
    outcome = mutant.expected(Loader.BUILTIN_BL2, place, "2.2")
    assert outcome is not None
    assert truth["bl2_refused"] is (outcome.verdict is Verdict.REFUSED)
    log = (shared_dir / "uart-logs" / f"{name}.log").read_bytes()
    assert (b"Jumping to the first image slot" in log) is (outcome.verdict is not Verdict.REFUSED)


def test_names_are_unique_and_plain() -> None:
    """A row is found by its name, which can stand in a file name."""
    names = [mutant.name for mutant in CATALOGUE]
    assert len(set(names)) == len(names)
    assert all(name.replace("-", "").isalnum() and name == name.lower() for name in names)
    assert all(find_mutant(name) is mutant for name, mutant in zip(names, CATALOGUE, strict=True))


def test_every_row_has_a_verdict_for_a_loader_of_its_kind() -> None:
    """No row is without meaning, and none is about a loader that never sees its format."""
    loaders = {
        Kind.MCUBOOT: {Loader.RSE_BL2, Loader.BUILTIN_BL2},
        Kind.BL2: {Loader.BL1_2},
        Kind.MESSAGE: {Loader.PROVISIONING},
        Kind.FIP: {Loader.FIP_BL1_2, Loader.FIP_BL1_2_FOUND, Loader.FIP_BL2},
        Kind.GPT: {Loader.GPT},
    }
    for mutant in CATALOGUE:
        assert mutant.verdicts
        assert set(mutant.verdicts) <= loaders[mutant.kind]


def test_a_flipped_key_hash_boots_where_keys_are_built_in() -> None:
    """Accepted by design up to TF-M 2.2: nothing reads the TLV."""
    mutant = find_mutant("tlv-keyhash-flip")
    assert mutant is not None
    assert str(mutant.expected(Loader.BUILTIN_BL2, generation="2.2")) == "accepted"
    assert mutant.expected(Loader.RSE_BL2) is None


def test_a_tlv_of_a_vendor_boots_from_2_3_on() -> None:
    """Up to 2.2 MCUboot has a list of what may be unprotected, unless TF-M asked for none."""
    mutant = find_mutant("tlv-unknown")
    assert mutant is not None
    for loader in (Loader.RSE_BL2, Loader.BUILTIN_BL2):
        for generation in ("2.1", "2.2"):
            assert str(mutant.expected(loader, generation=generation)) == "refused by BL2"
        assert str(mutant.expected(loader, generation="2.3")) == "accepted"


def test_half_of_a_padded_image_is_half_of_the_image(signed: SignedImage) -> None:
    """In a slot of 0x60000 bytes the second half is erased flash anyway."""
    good = signed.path.read_bytes()
    mutant = find_mutant("truncated")
    assert mutant is not None
    for data in (good, good.ljust(0x60000, b"\xff")):
        damaged = mutant.apply(Material(data))
        assert len(damaged) == len(data)
        assert damaged == good[: len(good) // 2].ljust(len(data), b"\xff")


def test_the_place_decides_between_refused_and_recovered() -> None:
    """A spare saves the boot where the loader looks at it; a damaged upgrade never ends one."""
    mutant = find_mutant("payload-bit")
    assert mutant is not None
    seen = {
        (loader, place): str(mutant.expected(loader, place))
        for loader in (Loader.RSE_BL2, Loader.BUILTIN_BL2)
        for place in Place
    }
    assert seen[Loader.RSE_BL2, Place.WITH_SPARE] == "recovered by BL2"
    assert seen[Loader.BUILTIN_BL2, Place.WITH_SPARE] == "refused by BL2"
    assert seen[Loader.BUILTIN_BL2, Place.UPGRADE] == "recovered by BL2"
    assert seen[Loader.RSE_BL2, Place.ALONE] == "refused by BL2"


@pytest.mark.parametrize(
    "mutant", [m for m in CATALOGUE if m.kind is Kind.MCUBOOT], ids=lambda m: m.name
)
def test_a_row_changes_the_image_and_what_the_file_check_says(
    mutant: object, material: Material, dev_key: SigningKey
) -> None:
    """Damage is seen by `verify_image` too, unless it is signed properly or nothing reads it."""
    from hil.images.mutants import Mutant

    assert isinstance(mutant, Mutant)
    try:
        damaged = mutant.apply(material)
    except NotApplicableError:
        elsewhere = ("tlv-keyhash", "tlv-keyid", "second-keyid", "tlv-dependency")
        assert mutant.name.startswith((*elsewhere, "tlv-boot-record"))
        return
    assert damaged != material.good
    if mutant.name in ONLY_A_DEVICE:
        verify_image(damaged, dev_key.public)
    else:
        with pytest.raises(ImageError):
            verify_image(damaged, dev_key.public)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout.encrypted], ids=str)
def test_rows_for_bl2_hit_their_field_in_every_layout(layout: Layout) -> None:
    """A build with room for LMS signatures has its version elsewhere: no row hits mere padding."""
    sizes = {120: (60, 1452), 96: (96, 96), 64: (64, 64)}
    rotpk, signature = sizes[layout.rotpk_size]
    entry = b"K" * rotpk + bytes(layout.rotpk_size - rotpk) + rotpk.to_bytes(4, "little")
    entry += b"S" * signature + bytes(layout.signature_size - signature)
    entry += signature.to_bytes(4, "little")
    head = bytes(layout.sigs_offset) + entry * layout.signers
    good = head + bytes([1, 9, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]) + b"\x99" * 0x4000
    changed = {
        row.name: next(n for n, (a, b) in enumerate(zip(good, damaged, strict=True)) if a != b)
        for row in CATALOGUE
        if row.kind is Kind.BL2
        for damaged in [row.apply(Material(good))]
    }
    start = layout.sigs_offset
    assert changed["bl2-rotpk"] == start
    assert changed["bl2-rotpk-length"] == start + layout.rotpk_size
    assert changed["bl2-signature"] == start + layout.rotpk_size + 4 + 7
    assert changed["bl2-signature-length"] == start + layout.entry_size - 4 + 1
    assert changed["bl2-version"] == layout.header_size
    assert changed["bl2-counter"] == layout.header_size + 8
    assert changed["bl2-magic"] == layout.header_size + 12


def test_without_the_key_no_signed_row_can_be_made(signed: SignedImage) -> None:
    """A row that is signed again says that it needs the key."""
    mutant = find_mutant("lower-counter")
    assert mutant is not None
    with pytest.raises(NotApplicableError, match="needs the key"):
        mutant.apply(Material(signed.path.read_bytes()))


def test_the_loader_is_told_by_the_image(signed: SignedImage) -> None:
    """RAM load or a full public key: BL2 of the RSE."""
    assert loader_of(signed.image) is Loader.RSE_BL2
