# SPDX-License-Identifier: Apache-2.0
"""The BL2 image: BL1_2's own format, not MCUboot's. Building, reading and verifying it.

Development configuration: encrypted, one ECDSA P-256 signer, key in the image, no binding tag.
All little-endian and packed (TF-M bl1/bl1_2/lib/interface/image_layout_bl1_2.h):

    header            ctr_iv[16]  rotpk[96]  rotpk_len u32  sig[96]  sig_len u32
    protected values  version{major u8, minor u8, revision u16, build u32}  security_counter u32
                      decrypt_magic u32  code[0x8000]         encrypted from decrypt_magic on

The signature is over the plain protected values. The code's length is not in the header.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hil.errors import ImageError
from hil.images.mcuboot import Version
from hil.images.signing_key import RAW_SIZE, PublicKey, SigningKey
from hil.model.keys import bl2_decryption_key
from hil.model.releases import Release, release_for

CODE_SIZE = 0x8000
DECRYPT_MAGIC = 0xDEADBEEF
#: The security counter is a unary number in OTP.
MAX_SECURITY_COUNTER = 1023

_FIELD = 96
_HEADER = struct.Struct(f"<16s{_FIELD}sI{_FIELD}sI")
_CLEAR = struct.Struct("<BBHII")
_MAGIC = struct.Struct("<I")
ROTPK_OFFSET = 16
SIGNATURE_OFFSET = ROTPK_OFFSET + _FIELD + 4
PROTECTED_OFFSET = _HEADER.size
ENCRYPTED_OFFSET = PROTECTED_OFFSET + _CLEAR.size
IMAGE_SIZE = ENCRYPTED_OFFSET + _MAGIC.size + CODE_SIZE


@dataclass(frozen=True)
class Bl2Image:
    """What a BL2 image says in the clear; says nothing yet about whether it verifies."""

    path: Path | None
    iv: bytes
    #: Public key of the signer, X||Y.
    rotpk: bytes
    signature: bytes
    version: Version
    security_counter: int
    encrypted: bytes

    @property
    def clear_values(self) -> bytes:
        """The signed values that are not encrypted: version and security counter."""
        v = self.version
        return _CLEAR.pack(v.major, v.minor, v.revision, v.build, self.security_counter)


def build_bl2(
    code: bytes,
    key: SigningKey,
    kce_cm: bytes,
    version: str,
    security_counter: int = 1,
    *,
    iv: bytes | None = None,
    release: Release | None = None,
) -> bytes:
    """Return a signed and encrypted BL2 image.

    Args:
        code: At most 0x8000 bytes; padded with zeros.
        key: Signs it; its public half goes into the image.
        kce_cm: Code encryption key of the chip manufacturer, 32 bytes.
        version: "MAJOR.MINOR.REVISION[+BUILD]".
        security_counter: 0 to 1023; also enters the encryption key.
        iv: 16 bytes; random if not given.
        release: Whose key derivation; 2.2 and later have one and the same.

    Raises:
        ImageError: a value that does not fit its field.
    """
    if not code or len(code) > CODE_SIZE:
        raise ImageError(f"BL2 code: expected 1 to {CODE_SIZE} bytes, got {len(code)}")
    if not 0 <= security_counter <= MAX_SECURITY_COUNTER:
        raise ImageError(
            f"security counter: expected 0 to {MAX_SECURITY_COUNTER}, got {security_counter}"
        )
    iv = secrets.token_bytes(16) if iv is None else iv
    if len(iv) != 16:
        raise ImageError(f"ctr_iv: expected 16 bytes, got {len(iv)}")
    v = Version.parse(version)
    clear = _CLEAR.pack(v.major, v.minor, v.revision, v.build, security_counter)
    secret = _MAGIC.pack(DECRYPT_MAGIC) + code.ljust(CODE_SIZE, b"\0")
    signature = key.sign_raw(clear + secret)
    header = _HEADER.pack(iv, key.public.point, RAW_SIZE, signature, RAW_SIZE)
    return header + clear + _crypt(secret, iv, kce_cm, security_counter, release)


def _crypt(
    data: bytes, iv: bytes, kce_cm: bytes, security_counter: int, release: Release | None
) -> bytes:
    key = bl2_decryption_key(kce_cm, security_counter, release or release_for("2.3.1"))
    context = Cipher(algorithms.AES(key), modes.CTR(iv)).encryptor()
    return context.update(data) + context.finalize()


def parse_bl2(data: bytes, path: Path | None = None) -> Bl2Image:
    """Return what an image says in the clear; erased flash (FF) may follow it.

    Raises:
        ImageError: cut, or a length that the format does not have; offset and field say where.
    """
    if len(data) < IMAGE_SIZE:
        raise ImageError(
            f"expected {IMAGE_SIZE} bytes, got {len(data)}", path=path, offset=len(data)
        )
    iv, rotpk, rotpk_len, sig, sig_len = _HEADER.unpack_from(data)
    fields = (("rotpk", rotpk, rotpk_len, ROTPK_OFFSET), ("sig", sig, sig_len, SIGNATURE_OFFSET))
    for name, value, length, offset in fields:
        if length != RAW_SIZE:
            raise ImageError(
                f"expected {RAW_SIZE}, got {length}",
                path=path,
                offset=offset + _FIELD,
                field=f"{name}_len",
            )
        if any(value[RAW_SIZE:]):
            raise ImageError(
                "expected zeros after the value", path=path, offset=offset + RAW_SIZE, field=name
            )
    *version, counter = _CLEAR.unpack_from(data, PROTECTED_OFFSET)
    return Bl2Image(
        path,
        iv,
        rotpk[:RAW_SIZE],
        sig[:RAW_SIZE],
        Version(*version),
        counter,
        data[ENCRYPTED_OFFSET:IMAGE_SIZE],
    )


def verify_bl2(
    data: bytes,
    kce_cm: bytes,
    key: PublicKey,
    path: Path | None = None,
    *,
    release: Release | None = None,
) -> tuple[Bl2Image, bytes]:
    """Decrypt and verify an image as BL1_2 does; return it with its code.

    Args:
        data: The image; erased flash may follow.
        kce_cm: Code encryption key of the chip manufacturer.
        key: The key that must have signed it.
        path: Named in errors.
        release: Whose key derivation.

    Raises:
        ImageError: malformed, not decrypted by this key, signed by another, or changed.
    """
    image = parse_bl2(data, path)
    if image.rotpk != key.point:
        raise ImageError(
            "signed by another key than expected", path=path, offset=ROTPK_OFFSET, field="rotpk"
        )
    plain = _crypt(image.encrypted, image.iv, kce_cm, image.security_counter, release)
    (magic,) = _MAGIC.unpack_from(plain)
    if magic != DECRYPT_MAGIC:
        raise ImageError(
            f"expected {DECRYPT_MAGIC:#x} after decryption: other KCE_CM, IV or security counter",
            path=path,
            offset=ENCRYPTED_OFFSET,
            field="decrypt_magic",
        )
    if not key.verifies_raw(image.signature, image.clear_values + plain):
        raise ImageError(
            "signature does not verify", path=path, offset=SIGNATURE_OFFSET, field="sig"
        )
    return image, plain[_MAGIC.size :]
