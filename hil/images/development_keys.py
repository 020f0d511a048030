# SPDX-License-Identifier: Apache-2.0

"""Keys that everybody has: the development keys of TF-M, and those of this project's virtual boards.

A device that trusts one of them runs anything that anybody signs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class DevelopmentKey:
    """A public key whose private half is published."""

    name: str
    #: SHA-256 or (of P-384 keys, as their images name them) SHA-384 of the key as images hold it.
    digest: str
    source: str


_TFM = "TF-M bl2/ext/mcuboot (2.1.0 to 2.3.1)"
_BL1 = "TF-M bl1/bl1_2 (2.3.1)"
_OWN = "this project's boards/keys"

#: By source; the comment says in which form the key is hashed.
_KEYS = (
    # key of a MCUboot image
    (
        _TFM,
        (
            ("root-EC-P256", "e30466f6b8470c1f29070b17f1e2d3e94d445e3f608087fdc711e4382bb538b6"),
            ("root-EC-P256_1", "82a5b443594853d4bf0fdd89a914a5dc16f867548207d7077e74d80c063efda9"),
            ("root-EC-P384", "6bcd1e16d80e5fe13a5307e6f1de8344c7e50e537d9962ce35ef6db5e642fae8"),
            ("root-EC-P384_1", "4ec3fb3193234e2ed4456e84507ba591bbe2456ea38d1cd80287cfdec268ab6f"),
            ("root-RSA-2048", "fc5701dc6135e1323847bdc40f04d2e5bee5833b23c29f93593d00018cfa9994"),
            ("root-RSA-2048_1", "e18015993d6d2760b499274baef264b83af229e9a785f3d5bf00b9d32c1f0396"),
            ("root-RSA-3072", "bfe6d86f8826f4ff97fb96c4e6fbc4993e4619fc565da26adf34c329489adc38"),
            ("root-RSA-3072_1", "b360caf5c98c6b942a4882fa9d4823efb166a9ef6a6e4aa37c1919ed1fccc049"),
        ),
    ),
    # key of a MCUboot image, SHA-384
    (
        _TFM,
        (
            (
                "root-EC-P384",
                "85b7bd5f5dff9a03a99927adaf6ca6febde822c1a480928324a8e60323715c5779461c496a95aee8c4f90b99779f848a",
            ),
            (
                "root-EC-P384_1",
                "ae13b71dae49a7b89d4d8ee5095cb8d45a32bd9c7d501cd3b8f86cbc8b41439b1b225cc36a5ba8081df071e0cbbc6192",
            ),
        ),
    ),
    # X and Y
    (
        _TFM,
        (
            ("root-EC-P256", "77d4672644dc6fee258a6b6449fe239c1a7ca6ed11ad24df1584725a1de72df7"),
            ("root-EC-P256_1", "28255193748555c65111881fdc9eb49033e8efa873290f1ebda3a17dbace6fab"),
            ("root-EC-P384", "957f43226f96a4f7dc994eb157b6cf72a4f7b47cf8ff1cb5a6deb7e045fac4f8"),
            ("root-EC-P384_1", "13cc8e11437a547e0711bfe2fa657be765a632543866c0f5f561841289157c12"),
        ),
    ),
    # key of an LMS signature
    (
        _BL1,
        (
            ("bl1_dummy_rotpk", "27d8c92db4057d5286eefb33ed3c0f31777edd69f13c5744e26030172113243d"),
            ("bl1_dummy_rotpk", "32f564d17022a972ab22f309bda2a78d2933d3ae775d7f22c018dfb9df1a68da"),
            (
                "bl1_dummy_rotpk_1",
                "a11d35840d8121bf67e1208535ca86a5ba1c877634c5dd8f7e89d3a256f064cf",
            ),
            (
                "bl1_dummy_rotpk_1",
                "fbf6c444000955bb1508b114c1486afc77f3f1daaba03f4780b64cbd92b5d2b6",
            ),
        ),
    ),
    # key of a MCUboot image
    (
        _OWN,
        (("dev-EC-P256", "388bf4bebef576ba1bc8fb1f7a749226a7dc32c611cf3b998f224c3d8fc36328"),),
    ),
    # X and Y
    (
        _OWN,
        (("dev-EC-P256", "134d6ced7dc322083360b97e91db73e206a6ba6b66cc48f3d9f10cbe0ae01f2e"),),
    ),
)
DEVELOPMENT_KEYS = tuple(
    DevelopmentKey(name, digest, source) for source, rows in _KEYS for name, digest in rows
)

_BY_HASH = {key.digest: key for key in DEVELOPMENT_KEYS}


def development_key(
    *, key: bytes | None = None, key_hash: bytes | None = None
) -> DevelopmentKey | None:
    """Return the published key that a key, or the hash of one, is; None if it is none of them.

    Args:
        key: Public key as an image holds it; the 04 in front of a point does not matter.
        key_hash: Hash of it, as a KEYHASH TLV holds it.
    """
    if key_hash is not None:
        return _BY_HASH.get(key_hash.hex())
    if key is None:
        return None
    bare = key[1:] if len(key) in (65, 97) and key[0] == 4 else key
    return _BY_HASH.get(hashlib.sha256(bare).hexdigest())


def key_name(*, key: bytes | None = None, key_hash: bytes | None = None) -> str:
    """Return what a table shows of a key: the name of a published one, else the start of its hash."""
    known = development_key(key=key, key_hash=key_hash)
    if known is not None:
        return known.name
    digest = key_hash or (hashlib.sha256(key).digest() if key else b"")
    return digest[:4].hex() or "-"
