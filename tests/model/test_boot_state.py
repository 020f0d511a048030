# SPDX-License-Identifier: Apache-2.0
"""Encodings and the boot state."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ModelError
from hil.model.boot_state import NO_FIELDS, BootState, Lcs, StateField, TpMode, bl1_2_hash

states = st.builds(
    BootState,
    tp=st.sampled_from(TpMode),
    lcs=st.sampled_from(Lcs),
    reprov=st.integers(0, 2**32 - 1),
    bl1_2_hash=st.binary(min_size=32, max_size=32),
)


@pytest.mark.parametrize(
    ("lcs", "otp", "hardware"),
    [
        (Lcs.CM, 0, 0xCCCC3C3C),
        (Lcs.DM, 1, 0xDDDD5A5A),
        (Lcs.SE, 3, 0xEEEEA5A5),
        (Lcs.RMA, 7, 0xFFFFC3C3),
    ],
)
def test_lcs_encodings(lcs: Lcs, otp: int, hardware: int) -> None:
    """Each state has its software number and its LCM word, and is found by both."""
    assert (lcs.otp, lcs.hardware) == (otp, hardware)
    assert Lcs.from_otp(otp) is lcs
    assert Lcs.from_hardware(hardware) is lcs


@pytest.mark.parametrize(
    ("tp", "otp", "hardware"),
    [
        (TpMode.VIRGIN, 0, 0x000033CC),
        (TpMode.TCI, 0x0000FFFF, 0x111155AA),
        (TpMode.PCI, 0xFFFF0000, 0x2222AA55),
    ],
)
def test_tp_mode_encodings(tp: TpMode, otp: int, hardware: int) -> None:
    """Each mode has its OTP word and its LCM word, and is found by both."""
    assert (tp.otp, tp.hardware) == (otp, hardware)
    assert TpMode.from_otp(otp) is tp
    assert TpMode.from_hardware(hardware) is tp


def test_unknown_words_are_refused_with_the_known_ones() -> None:
    """A word that no device shows is named beside those that exist."""
    with pytest.raises(ModelError, match=r"0x2 is no life-cycle state.*0x3 SE"):
        Lcs.from_otp(2)
    with pytest.raises(ModelError, match=r"0xdeadbeef is no LCM TP word.*0x111155aa TCI"):
        TpMode.from_hardware(0xDEADBEEF)


@given(states, states)
def test_different_states_have_different_digests(a: BootState, b: BootState) -> None:
    """Any one field changes the digest; equal fields give the same."""
    assert (a == b) == (a.digest() == b.digest())


@given(states)
def test_no_fields_means_an_empty_context(state: BootState) -> None:
    """Mask 0 is no context at all, not the hash of nothing."""
    assert state.digest(NO_FIELDS) == b""


@given(states, st.binary(min_size=1, max_size=16))
def test_only_the_first_32_bytes_of_a_longer_hash_enter(state: BootState, more: bytes) -> None:
    """SHA-384 measurements are cut to 32 bytes, as the firmware does."""
    longer = BootState(state.tp, state.lcs, state.reprov, state.bl1_2_hash + more)
    assert longer.digest() == state.digest()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: BootState(TpMode.TCI, Lcs.SE, -1, bytes(32)), "32-bit word"),
        (lambda: BootState(TpMode.TCI, Lcs.SE, 0, bytes(31)), "at least 32 bytes, got 31"),
        (lambda: BootState(TpMode.TCI, Lcs.SE, 0, bytes(32), bytes(4)), "dcu: expected 16"),
        (
            lambda: BootState(TpMode.TCI, Lcs.SE, 0, bytes(32)).preimage(StateField.DCU),
            "has none",
        ),
        (lambda: bl1_2_hash(bytes(8191)), "padded code .*8192 bytes.*got 8191"),
    ],
)
def test_impossible_values_are_refused(make: object, message: str) -> None:
    """Each refusal names the field and what was expected."""
    with pytest.raises(ModelError, match=message):
        make()  # type: ignore[operator]
