# SPDX-License-Identifier: Apache-2.0
"""The key derivation function: known answers and properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ModelError
from hil.model.kdf import STANDARD, TFM_2_1, kdf

KEY = bytes(range(32))
keys = st.binary(min_size=32, max_size=32)
parts = st.binary(max_size=70)


def test_in_tree_self_test_vector() -> None:
    """The vector of TF-M's boot self tests (rse_boot_self_tests.c) is reproduced."""
    out = kdf(
        key=bytes.fromhex("43727970746f43656c6c414553434d4143496e7075744b65794d61747269616c"),
        label=bytes.fromhex("43727970746f43656c6c4145536c626c"),
        context=bytes.fromhex("43727970746f43656c6c414553437478"),
    )
    assert out.hex() == "3ea29c21ed06743a813c7e237660c08f42c6935f64d7f03ede41f419b01238e3"


def test_seed_with_the_encoding_of_2_1() -> None:
    """The 2.1 encoding gives its own value for the first die of the synthetic set."""
    out = kdf(KEY, b"VHUK_SEED_DERIVATION\0", encoding=TFM_2_1)
    assert out.hex() == "85f9a042d5e6207efef176d5b1c0769f85d02c7e0bbf8c6b8acbd4b79093643e"


@given(keys, parts, parts, st.integers(1, 130))
def test_output_has_the_length_asked_for(key: bytes, label: bytes, ctx: bytes, n: int) -> None:
    """Any length is answered, not only whole blocks."""
    assert len(kdf(key, label, ctx, n)) == n


@given(keys, parts, st.integers(1, 70), st.integers(1, 70))
def test_length_is_part_of_the_message(key: bytes, label: bytes, n: int, m: int) -> None:
    """A shorter key is not the beginning of a longer one: L encodes the true length."""
    if n != m:
        short, long = sorted((n, m))
        if short >= 8:
            assert kdf(key, label, b"", long)[:short] != kdf(key, label, b"", short)


@given(keys, parts, parts, st.sampled_from([16, 32, 48]))
def test_encodings_never_give_the_same_key(key: bytes, label: bytes, ctx: bytes, n: int) -> None:
    """A chip that moves from 2.1 to 2.2 loses every key."""
    assert kdf(key, label, ctx, n, STANDARD) != kdf(key, label, ctx, n, TFM_2_1)


@given(keys, parts, parts)
def test_label_and_context_do_not_run_into_each_other(key: bytes, a: bytes, b: bytes) -> None:
    """The separator tells context from label, but for the construction's own gap: zeros."""
    same = kdf(key, a, b) == kdf(key, a + b, b"")
    assert same == (not any(b))


@pytest.mark.parametrize("size", [0, 1, 15, 31, 33, 64])
def test_key_of_wrong_size_is_refused(size: int) -> None:
    """Only AES keys are taken."""
    with pytest.raises(ModelError, match=f"got {size}"):
        kdf(bytes(size), b"label")


@pytest.mark.parametrize("length", [0, -1, 2**29])
def test_length_that_does_not_fit_is_refused(length: int) -> None:
    """L is a 32-bit number of bits."""
    with pytest.raises(ModelError, match="length field"):
        kdf(KEY, b"label", length=length)
