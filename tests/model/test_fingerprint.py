# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of the report lines, recomputed from their definition with the standard library."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ModelError
from hil.model.fingerprint import Source, owner_subkey, seed_fingerprint, vhuk_fingerprint
from hil.model.secret import Secret

VHUK = bytes.fromhex("7a58df932b66fa3897274e045bd0595d3e042bfa26d61da1f3e89d384a7a53b1")
secrets = st.binary(min_size=32, max_size=32)


def _hkdf(ikm: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869), no salt, one block."""
    prk = hmac.digest(bytes(32), ikm, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def test_known_fingerprints() -> None:
    """The values of the synthetic set of dies, so that the definition cannot drift unnoticed."""
    assert vhuk_fingerprint(VHUK) == hashlib.sha256(b"HIL1-VHUK" + VHUK).hexdigest()[:32]
    assert vhuk_fingerprint(VHUK) == "44998f771cccb1fcb78c89abf5356c0f"
    assert vhuk_fingerprint(VHUK, Source.RUNTIME) == "35886e2506c334d3df05dbc6e68184b5"


@given(secrets, st.integers(-(2**31), 2**31 - 1))
def test_runtime_fingerprint_is_two_hkdf_steps(vhuk: bytes, pid: int) -> None:
    """First the owner's sub-key by its id, then the reporter's own derivation."""
    subkey = _hkdf(vhuk, (pid & 0xFFFFFFFF).to_bytes(4, "little"))
    assert owner_subkey(vhuk, pid) == subkey
    assert vhuk_fingerprint(vhuk, "runtime", pid) == _hkdf(subkey, b"HIL1-VHUK")[:16].hex()


@given(secrets)
def test_seed_fingerprint(seed: bytes) -> None:
    """Four bytes of the hash with the seed's own prefix."""
    assert seed_fingerprint(seed) == hashlib.sha256(b"HIL1-SEED" + seed).hexdigest()[:8]


@given(secrets)
def test_fingerprints_do_not_show_the_key(vhuk: bytes) -> None:
    """No 4 bytes of the key stand in any fingerprint of it."""
    shown = vhuk_fingerprint(vhuk) + vhuk_fingerprint(vhuk, "runtime") + seed_fingerprint(vhuk)
    assert not any(vhuk[i : i + 4].hex() in shown for i in range(29))


def test_unknown_source_and_id_are_refused() -> None:
    """Only the sources of the report lines and 32-bit ids exist."""
    with pytest.raises(ModelError, match="expected bl1_2 or runtime"):
        vhuk_fingerprint(VHUK, "bl2")
    with pytest.raises(ModelError, match="signed 32-bit"):
        owner_subkey(VHUK, 2**31)


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r:>40}".format, lambda s: f"{[s]}"])
def test_secret_does_not_show_itself(show: object) -> None:
    """However a secret is printed, only its length is seen, also that of a slice."""
    secret = Secret(b"very secret key!")
    for value in (secret, secret[:8], secret + b"more"):
        text = show(value)  # type: ignore[operator]
        assert "secret" not in text
        assert "bytes)" in text


def test_secret_is_bytes() -> None:
    """It compares, hashes and joins as the bytes it is."""
    secret = Secret(b"key")
    assert secret == b"key"
    assert hash(secret) == hash(b"key")
    assert b"".join([secret, b"!"]) == b"key!"
    assert secret[0] == ord("k")
