# SPDX-License-Identifier: Apache-2.0
"""Builders of the development provisioning message, BL2 images and MCUboot images.

They follow the formats as documented for the development configuration; MCUboot images come from
imgtool.
"""

from __future__ import annotations

import functools
import hashlib
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256

KEY_FILE = Path(__file__).resolve().parents[2] / "boards" / "keys" / "dev-EC-P256.pem"
BL2_CODE = 0x8000


def development_key(name: str) -> bytes:
    """One of the development secrets."""
    return hashlib.sha256(f"rse-hil development {name}".encode()).digest()


def huk(chip: int) -> bytes:
    """The HUK that die draws."""
    return hashlib.sha256(f"virtual RSE die {chip}".encode()).digest()


def kdf(key: bytes, label: bytes, context: bytes = b"", size: int = 32) -> bytes:
    """The ROM's key derivation, on the library's CMAC."""

    def cmac(message: bytes) -> bytes:
        mac = CMAC(algorithms.AES(key))
        mac.update(message)
        return mac.finalize()

    body = label + b"\0" + context + struct.pack(">I", 8 * size)
    first = cmac(body)
    blocks = (cmac(struct.pack(">I", i) + body + first) for i in range(1, -(-size // 16) + 1))
    return b"".join(blocks)[:size]


@functools.cache
def private_key() -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(KEY_FILE.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def sign_raw(message: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    r, s = decode_dss_signature((key or private_key()).sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def point(key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """X and Y."""
    public = (key or private_key()).public_key()
    raw = public.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return raw[1:]


def key_info() -> bytes:
    return (
        private_key()
        .public_key()
        .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def ctr(key: bytes, iv: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor().update(data)


@dataclass(frozen=True)
class Recipe:
    """What a provisioning message says."""

    rse_id: int
    policies: int = 1
    guk: bytes = field(default_factory=lambda: development_key("GUK"))
    bl1_2: bytes = bytes(range(256)) * 32
    bl1_2_hash: bytes | None = None
    tp: int = 2
    purpose: int | None = None
    metadata: int = 1 << 2 | 2 << 28
    routes: bytes = bytes(range(8))
    cm_rotpk_policies: int = 0
    signer: ec.EllipticCurvePrivateKey | None = None


def _up(value: int) -> int:
    return (value + 3) // 4 * 4


def message(recipe: Recipe) -> bytes:
    """The combined development message."""
    image_hash = hashlib.sha256(key_info()).digest()
    bl2_hash = hashlib.sha256(point()).digest()
    empty = bytes(32)
    cm_keys = struct.pack("<II", 0, 0) + bl2_hash + image_hash + empty + empty
    cm = struct.pack("<IIII", 0, 1, recipe.policies, recipe.rse_id) + bytes(112 + 4)
    cm += cm_keys + bytes(3 * len(cm_keys))
    bl1_2_hash = (recipe.bl1_2_hash or hashlib.sha256(recipe.bl1_2).digest()).ljust(48, b"\0")
    bl1_2 = struct.pack("<III", 0, len(recipe.bl1_2), 1) + bl1_2_hash + recipe.bl1_2
    dm_keys = struct.pack("<II", 0, 0) + image_hash * 3
    dm = struct.pack("<III", 0, 1, 0) + recipe.routes + bytes(4) + dm_keys + bytes(7 * len(dm_keys))
    infos, at = b"", 0x300
    for size in (len(cm), len(bl1_2), len(dm), 0x400):
        infos += struct.pack("<HH", at, size)
        at += _up(size)
    data = infos + bytes(0x108) + struct.pack("<I", 0x108) + cm + bl1_2 + dm
    names = ("KP_CM", "KCE_CM", "KP_DM", "KCE_DM")
    secret_values = recipe.guk + b"".join(development_key(name) for name in names)
    purpose = 2 | recipe.tp << 9 | 1 << 11 | 3 << 28 if recipe.purpose is None else recipe.purpose
    iv, batch, code = b"iv_of_8_", 7, b"no code in here!"
    sizes = struct.pack("<III", len(code), len(data), len(secret_values))
    header = struct.pack("<III", recipe.metadata, purpose, 1) + iv + bytes(12)
    header += struct.pack("<II", batch, 0) + sizes + bytes(96)
    root = bytes(32) if recipe.tp == 2 else development_key("KRTL")
    key = kdf(kdf(root, b"KMASTER_CM\0", struct.pack("<I", batch)), b"KPROV_CM\0")
    signature = sign_raw(header + code + data + secret_values, recipe.signer).ljust(96, b"\0")
    body = struct.pack("<I", 64) + signature + header + code + data
    body += ctr(key, iv + bytes(8), secret_values)
    return struct.pack("<II", 0x1111B10B, len(body)) + body


@functools.cache
def bl2_image(counter: int = 1, kce_cm: bytes | None = None) -> bytes:
    """A BL2 image in BL1_2's format."""
    iv = b"bl2 counter iv.."
    plain = struct.pack("<BBHII", 1, 9, 0, 0, counter) + struct.pack("<I", 0xDEADBEEF)
    plain += b"BL2 code".ljust(BL2_CODE, b"\0")
    header = iv + point().ljust(96, b"\0") + struct.pack("<I", 64)
    header += sign_raw(plain).ljust(96, b"\0") + struct.pack("<I", 64)
    key = kdf(
        kce_cm or development_key("KCE_CM"), b"BL2_DECRYPTION_KEY\0", struct.pack("<I", counter)
    )
    return header + plain[:12] + ctr(key, iv, plain[12:])


@functools.cache
def mcuboot_image(
    *, version: str, load: int, slot: int, payload: int, counter: int = 1, key: str = str(KEY_FILE)
) -> bytes:
    """An MCUboot image signed by imgtool."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.bin", Path(folder) / "out.bin"
        source.write_bytes(bytes(range(256)) * (payload // 256))
        command = [sys.executable, "-m", "imgtool.main", "sign", "-k", key]
        command += ["--public-key-format", "full", "--align", "1", "--max-align", "8"]
        command += ["-H", "0x400", "--pad-header", "-S", hex(slot), "-s", str(counter)]
        command += ["-v", version, "-L", hex(load), str(source), str(target)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
        return target.read_bytes()


def secure_image(version: str = "1.2.3+4", counter: int = 1, key: str = str(KEY_FILE)) -> bytes:
    return mcuboot_image(
        version=version, load=0x31020000, slot=0x60000, payload=0x6000, counter=counter, key=key
    )


HOSTS = {5: (0x1C0000, 0x70001C00), 4: (0x2C0000, 0x70083C00), 3: (0x3C0000, 0x70105C00)}
AP_BL1 = (0x3E0000, 0x70117C00)


def good_flash() -> bytearray:
    """A boot flash with everything that chip 0 loads."""
    flash = bytearray(b"\xff" * 0x800000)
    put(flash, 0, bl2_image())
    put(flash, 0x20000, bl2_image())
    put(flash, 0x40000, secure_image())
    for offset, load in (*HOSTS.values(), AP_BL1):
        slot = 0x10000 if offset == 0x3C0000 else 0x80000
        image = mcuboot_image(version="0.0.1", load=load, slot=slot, payload=0x1000)
        put(flash, offset, image)
    return flash


def put(flash: bytearray, offset: int, data: bytes) -> None:
    flash[offset : offset + len(data)] = data
