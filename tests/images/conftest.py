# SPDX-License-Identifier: Apache-2.0
"""Keys and images that the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hil.images.signing import SignedImage, SignRecipe, sign
from hil.images.signing_key import SigningKey

BOARDS = Path(__file__).resolve().parents[2] / "boards"


@pytest.fixture(scope="session")
def boards() -> Path:
    """Folder of the shipped boards, keys and payloads."""
    return BOARDS


@pytest.fixture(scope="session")
def dev_key_path() -> Path:
    """The development signing key."""
    return BOARDS / "keys" / "dev-EC-P256.pem"


@pytest.fixture(scope="session")
def dev_key(dev_key_path: Path) -> SigningKey:
    """The development signing key, loaded."""
    return SigningKey.load(dev_key_path)


@pytest.fixture(scope="session")
def other_key_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that nobody trusts."""
    path = tmp_path_factory.mktemp("keys") / "other.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


@pytest.fixture(scope="session")
def other_key(other_key_path: Path) -> SigningKey:
    """A key that nobody trusts, loaded."""
    return SigningKey.load(other_key_path)


@pytest.fixture(scope="session")
def recipe(dev_key_path: Path) -> SignRecipe:
    """A small image that is loaded to RAM."""
    return SignRecipe(
        key=dev_key_path,
        version="1.2.3+4",
        security_counter=7,
        header_size=0x400,
        slot_size=0x10000,
        load_address=0x31000000,
    )


@pytest.fixture(scope="session")
def signed(recipe: SignRecipe, tmp_path_factory: pytest.TempPathFactory) -> SignedImage:
    """An image of 300 bytes of payload, signed by the development key."""
    folder = tmp_path_factory.mktemp("signed")
    payload = folder / "payload.bin"
    payload.write_bytes(bytes(range(256)) + bytes(44))
    return sign(payload, recipe, folder / "cache")
