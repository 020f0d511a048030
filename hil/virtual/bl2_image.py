# SPDX-License-Identifier: Apache-2.0
"""A BL2 image in BL1_2's own format (TF-M image_layout_bl1_2.h): decrypt, then check.

The development configuration: one ECDSA P-256 signer whose key stands in the image, its hash in
OTP; AES-CTR from the decrypt magic on; 32 KiB of code.
"""

from __future__ import annotations

import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hil.virtual import ecdsa, kdf
from hil.virtual.host_flash import read_flash
from hil.virtual.machine import Machine
from hil.virtual.otp_layout import KCE_CM

#: Of BL2 in a package.
UUID = bytes.fromhex("a3b3b30debc94048b480155361c17048")

_HEADER = struct.Struct("<16s96sI96sI")
_PROTECTED_HEAD = struct.Struct("<BBHII")
_COUNTER_AT = 8
_ENCRYPTED_AT = 12
_CODE_SIZE = 0x8000
_PROTECTED_SIZE = _PROTECTED_HEAD.size + 4 + _CODE_SIZE
_MAGIC = 0xDEADBEEF
_COUNTER_LIMIT = 1024
_BL1_COUNTER = 0
_BL2_KEY = 0


def boots(machine: Machine, offset: int) -> bool:
    """Whether the image at that offset of the flash may run; says on the UART what was found."""
    console = machine.console
    raw = read_flash(machine.flash, offset, _HEADER.size + _PROTECTED_SIZE)
    header, protected = raw[: _HEADER.size], raw[_HEADER.size :]
    plain = _decrypt(machine, header[:16], protected)
    if plain is None:
        console.error("BL2 image failed to decrypt")
        return False
    console.info("BL2 image decrypted successfully")
    reason = _signature_error(machine, header, plain)
    if reason:
        console.error(reason)
        console.error("BL2 image signature failed to validate")
        console.error("BL2 image failed to validate")
        return False
    if machine.otp.security_counter(_BL1_COUNTER) > _counter(plain):
        console.error("BL2 image security_counter failed to validate")
        console.error("BL2 image failed to validate")
        return False
    console.info("BL2 image validated successfully")
    return True


def _counter(protected: bytes) -> int:
    return int.from_bytes(protected[_COUNTER_AT : _COUNTER_AT + 4], "little")


def _decrypt(machine: Machine, iv: bytes, protected: bytes) -> bytes | None:
    """The protected values in clear; None if that is not what comes out."""
    counter = _counter(protected)
    if counter >= _COUNTER_LIMIT:
        return None
    key = kdf.bl2_key(machine.otp.key(KCE_CM), counter)
    cipher = Cipher(algorithms.AES(key), modes.CTR(iv)).decryptor()
    plain = protected[:_ENCRYPTED_AT] + cipher.update(protected[_ENCRYPTED_AT:])
    magic = int.from_bytes(plain[_ENCRYPTED_AT : _ENCRYPTED_AT + 4], "little")
    return plain if magic == _MAGIC else None


def _signature_error(machine: Machine, header: bytes, plain: bytes) -> str | None:
    """Why the signature is not accepted; None if it is."""
    _iv, rotpk, rotpk_size, signature, signature_size = _HEADER.unpack(header)
    if signature_size > len(signature):
        return "Invalid signature length"
    if rotpk_size > len(rotpk):
        return "Image ROTPK hash size mismatch"
    key = rotpk[:rotpk_size]
    if hashlib.sha256(key).digest() != machine.otp.cm_rotpk(_BL2_KEY):
        return "Image ROTPK hash mismatch"
    if not ecdsa.verify_raw(key, plain, signature[:signature_size]):
        return "Signature validation failed"
    return None
