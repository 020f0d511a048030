# SPDX-License-Identifier: Apache-2.0
"""Provisioning messages for the tests of the model."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from hil.model.boot_state import TpMode
from hil.model.keys import provisioning_key
from hil.model.provisioning_fields import BlobType, Metadata, Purpose, Signature
from hil.model.provisioning_message import AuthHeader
from hil.model.provisioning_seal import Parts, seal
from hil.model.releases import release_for
from hil.model.secret import Secret

KEY = ec.derive_private_key(0x5EED, ec.SECP256R1())
POINT = KEY.public_key().public_bytes(
    serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
)[1:]
IV = b"8 bytes."
KRTL = Secret(b"R" * 32)
PURPOSE = Purpose()
PARTS = Parts(b"code" * 4, b"data" * 8, Secret(b"guk." * 40))


def sign(data: bytes) -> bytes:
    """R and s."""
    r, s = decode_dss_signature(KEY.sign(data, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def header(
    metadata: Metadata | None = None, purpose: Purpose = PURPOSE, **fields: object
) -> AuthHeader:
    """A header of the development kind."""
    made = AuthHeader(
        metadata=metadata or Metadata(), purpose=purpose, version=1, iv=IV, batch_id=3, dm_number=9
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def key_for(made: AuthHeader, krtl: Secret | None = None) -> Secret:
    """The key that BL1_1 derives for a header."""
    tp = TpMode.TCI if krtl is None else TpMode.PCI
    release = release_for("2.3.1")
    dm = made.purpose.type != BlobType.COMBINED and made.purpose.valid_lcs == 2
    number = made.dm_number if dm else made.batch_id
    return provisioning_key(tp, krtl, "DM" if dm else "CM", number, release)


def blob(
    metadata: Metadata | None = None,
    purpose: Purpose = PURPOSE,
    parts: Parts = PARTS,
    krtl: Secret | None = None,
    **fields: object,
) -> bytes:
    """A sealed message, with the public key in it where it is not in the ROM."""
    if metadata and metadata.signature is Signature.ROTPK_NOT_IN_ROM:
        fields["public_key"] = POINT.ljust(96, b"\0")
    made = header(metadata, purpose, **fields)
    return seal(made, parts, key=key_for(made, krtl), sign=sign).build()
