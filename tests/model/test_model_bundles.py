# SPDX-License-Identifier: Apache-2.0
"""The two bundles of TF-M 2.1."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ModelError
from hil.model.boot_state import TpMode
from hil.model.bundle_boot import bundle_key
from hil.model.bundle_values import CmValues, DmValues
from hil.model.keys import ZERO_KEY
from hil.model.message_error import MessageError
from hil.model.provisioning_bundle import (
    RDFREMONT,
    TC,
    BundleLayout,
    BundleMagic,
    BundleParts,
    open_bundle,
    parse_bundle,
    seal_bundle,
)
from hil.model.provisioning_seal import SealError
from hil.model.releases import release_for
from hil.model.secret import Secret

SMALL = BundleLayout(code_size=16, values_size=40, data_size=8)
KEY, IV = bytes(range(32)), b"iv of 12 by."
CM = CmValues(b"h" * 32, b"\x12" * 0x2000, b"d" * 0x400, Secret(b"guk." * 8), 7)
DM = DmValues(
    2,
    (1, 2, 3, 4),
    (5, 6, 7, 8),
    b"r" * 56,
    Secret(b"2" * 32),
    (b"s" * 32, b"n" * 32),
    Secret(b"S" * 32),
    Secret(b"N" * 32),
    b"a" * 96,
    b"b" * 96,
    b"c" * 96,
    b"i" * 32,
    b"u" * 32,
    b"p" * 32,
    b"k" * 32,
)


def test_sizes_of_the_platforms() -> None:
    """Every bundle of a platform has the same size: all parts are there in full."""
    assert RDFREMONT.size == 8 + 0xB000 + 0x3D00 + 12 + 16 + 8
    assert TC.size == RDFREMONT.size
    parts = BundleParts(b"code", CM.pack())
    assert len(seal_bundle(BundleMagic.CM, parts, KEY, IV).build()) == RDFREMONT.size


@settings(max_examples=30)
@given(
    st.sampled_from(BundleMagic),
    st.binary(max_size=16),
    st.binary(max_size=40),
    st.binary(max_size=8),
    st.binary(max_size=9),
)
def test_bundles_come_out_as_they_went_in(
    owner: BundleMagic, code: bytes, values: bytes, data: bytes, behind: bytes
) -> None:
    """Built, parsed and opened; parts come back with their padding."""
    bundle = seal_bundle(owner, BundleParts(code, Secret(values), data), KEY, IV, SMALL)
    assert parse_bundle(bundle.build() + behind, SMALL) == bundle
    padded = BundleParts(
        code.ljust(16, b"\0"), Secret(values.ljust(40, b"\0")), data.ljust(8, b"\0")
    )
    assert open_bundle(bundle, KEY, SMALL) == padded


def test_a_bundle_cut_anywhere_is_refused_by_field_and_offset() -> None:
    """The part in which it ends is named, with its offset."""
    built = seal_bundle(BundleMagic.DM, BundleParts(b"", Secret(b"")), KEY, IV, SMALL).build()
    starts = {"magic": 0, "code": 8, "values": 24, "data": 64, "iv": 72, "tag": 84, "magic2": 100}
    for length in range(len(built)):
        with pytest.raises(MessageError) as caught:
            parse_bundle(built[:length], SMALL)
        assert caught.value.offset == starts[caught.value.field]
        assert caught.value.offset <= length
        following = [start for start in starts.values() if start > caught.value.offset]
        assert length < min(following, default=len(built))


def test_every_flipped_bit_of_the_authenticated_part_is_refused() -> None:
    """Magics, code, values, data, IV and tag are all protected, one way or the other."""
    parts = BundleParts(b"code", Secret(b"values"), b"data")
    built = seal_bundle(BundleMagic.CM, parts, KEY, IV, SMALL).build()
    for at in range(len(built)):
        for bit in range(8):
            changed = bytearray(built)
            changed[at] ^= 1 << bit
            with pytest.raises((MessageError, SealError)):
                open_bundle(parse_bundle(bytes(changed), SMALL), KEY, SMALL)


def test_the_owner_is_authenticated() -> None:
    """A CM bundle does not become one of DM by other magics."""
    bundle = seal_bundle(BundleMagic.CM, BundleParts(b"", Secret(b"")), KEY, IV, SMALL)
    with pytest.raises(SealError, match="CCM tag does not verify"):
        open_bundle(replace(bundle, owner=BundleMagic.DM), KEY, SMALL)


def test_values_come_out_as_they_went_in() -> None:
    """CM and DM values have their fields at their places."""
    packed = CM.pack()
    assert len(packed) == 32 + 0x2000 + 0x400 + 32 + 4
    assert packed[-36:-4] == b"guk." * 8
    assert CmValues.parse(packed + bytes(9)) == CM
    packed = DM.pack()
    assert packed[:12] == b"\2\0\0\0\1\0\0\0\2\0\0\0"
    assert DmValues.parse(packed, rse_amount=4, images=2) == DM


def test_cut_and_unfit_values_are_refused_by_name() -> None:
    """Every field that is cut or does not fit is named."""
    with pytest.raises(MessageError) as caught:
        CmValues.parse(CM.pack()[:-1])
    assert (caught.value.field, caught.value.offset) == ("cca_system_properties", 9280)
    for length in range(0, len(DM.pack()), 31):
        with pytest.raises(MessageError):
            DmValues.parse(DM.pack()[:length], rse_amount=4, images=2)
    with pytest.raises(ModelError, match="bl1_rotpk: expected 56 bytes, got 55"):
        replace(DM, bl1_rotpk=bytes(55)).pack()
    with pytest.raises(ModelError, match="one entry for each RSE"):
        replace(DM, sender_table=(1,)).pack()
    with pytest.raises(ModelError, match="rse_id: expected a number of 32 bits"):
        replace(DM, rse_id=-1).pack()


def test_parts_that_do_not_fit_are_refused() -> None:
    """Nothing is cut to fit."""
    with pytest.raises(ModelError, match="code: at most 16 bytes, got 17"):
        seal_bundle(BundleMagic.CM, BundleParts(bytes(17), Secret(b"")), KEY, IV, SMALL)
    with pytest.raises(ModelError, match="provisioning key: expected 32 bytes, got 16 bytes"):
        seal_bundle(BundleMagic.CM, BundleParts(b"", Secret(b"")), bytes(16), IV, SMALL)
    with pytest.raises(ModelError, match="iv: expected 12 bytes, got 8"):
        seal_bundle(BundleMagic.CM, BundleParts(b"", Secret(b"")), KEY, bytes(8), SMALL)


def test_the_keys_of_the_two_bundles_differ_by_owner_and_tp_mode() -> None:
    """Label, life-cycle state and TP mode all enter."""
    release = release_for("2.1.0")
    keys = {
        bytes(bundle_key(part, tp, ZERO_KEY, release))
        for part in ("CM", "DM")
        for tp in (TpMode.TCI, TpMode.PCI)
    }
    assert len(keys) == 4


def test_nothing_shows_a_key() -> None:
    """Values and parts do not show their secrets."""
    shown = repr(CM) + repr(DM) + repr(BundleParts(b"", CM.pack()))
    assert "guk." not in shown
    assert "SSSS" not in shown
