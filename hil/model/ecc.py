# SPDX-License-Identifier: Apache-2.0
"""Private keys of elliptic curves from derived bytes.

Two ways lead from a stream of bytes to a key. TF-M's own (BL1 and its tools) takes more bytes than
the curve needs and reduces them: 48 for P-256 as well as for P-384. PSA Crypto takes as many as the
curve has, and the next ones where the number is too large.

Source: TF-M 2.3.1 bl1_ecc_derive_key, tools/modules/key_derivation.py derive_ecc_key; Mbed TLS
psa_generate_derived_ecc_key_weierstrass_helper, as the PSA specification demands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec

from hil.errors import ModelError
from hil.model.secret import Secret

_BLOCK = 16


@dataclass(frozen=True)
class Curve:
    """A curve of the NIST family."""

    name: str
    order: int
    #: Bytes of a coordinate and of a private key.
    size: int
    #: Bits that TF-M derives before it reduces them.
    derived_bits: int

    @property
    def derived_size(self) -> int:
        """Bytes that TF-M derives: the bits in whole AES blocks."""
        whole_bytes = -(-self.derived_bits // 8)
        return -(-whole_bytes // _BLOCK) * _BLOCK


P256 = Curve("P-256", 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551, 32, 352)
P384 = Curve(
    "P-384",
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    48,
    384,
)
_MATHS: dict[Curve, ec.EllipticCurve] = {P256: ec.SECP256R1(), P384: ec.SECP384R1()}


def ecc_private_key(curve: Curve, derived: bytes) -> Secret:
    """Return the private key that BL1 makes of derived bytes: their number modulo the order.

    Args:
        curve: P256 or P384.
        derived: `curve.derived_size` bytes, big-endian.

    Raises:
        ModelError: another number of bytes, or the one number in 2**256 that gives no key.
    """
    if len(derived) != curve.derived_size:
        raise ModelError(
            f"{curve.name}: expected {curve.derived_size} derived bytes, got {len(derived)}"
        )
    number = int.from_bytes(derived, "big") % curve.order
    if number == 0:
        raise ModelError(f"{curve.name}: the derived bytes are a multiple of the order")
    return Secret(number.to_bytes(curve.size, "big"))


def psa_private_key(curve: Curve, stream: Iterator[bytes]) -> Secret:
    """Return the private key that PSA Crypto makes of a stream of derived bytes.

    Args:
        curve: P256 or P384.
        stream: Pieces of `curve.size` bytes; the first that is small enough counts, plus one.

    Raises:
        ModelError: no piece is small enough.
    """
    for piece in stream:
        number = int.from_bytes(piece, "big")
        if number <= curve.order - 2:
            return Secret((number + 1).to_bytes(curve.size, "big"))
    raise ModelError(f"{curve.name}: no piece of the derived bytes is below the order")


def public_point(curve: Curve, private: bytes) -> bytes:
    """Return X and Y of the public key, big-endian, one behind the other."""
    key = ec.derive_private_key(int.from_bytes(private, "big"), _MATHS[curve])
    numbers = key.public_key().public_numbers()
    return numbers.x.to_bytes(curve.size, "big") + numbers.y.to_bytes(curve.size, "big")
