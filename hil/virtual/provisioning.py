# SPDX-License-Identifier: Apache-2.0
"""BL1_1's provisioning: one step per boot, driven by TP mode, life-cycle state and SP mode.

From a virgin die with a combined message: set TP mode, reset; enter SP mode, reset; run the CM
part, reset; enter SP mode again, reset; run the DM part, reset. Order of checks and codes as TF-M
2.3.1 rse_provisioning_auth_message_handler.c; 2.2.2 does the same with its own numbers.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hil.virtual import ecdsa, kdf
from hil.virtual.error_codes import CC3XX_ECDSA_SIGNATURE_INVALID, PlatError
from hil.virtual.lifecycle import Lcs, TpMode
from hil.virtual.machine import BootEnd, Machine, Stage
from hil.virtual.otp_layout import KEY_SIZE
from hil.virtual.provisioning_blob import provision_cm, provision_dm
from hil.virtual.provisioning_message import (
    HEADER_SIZE,
    OUTER_HEADER,
    PURPOSE_COMBINED,
    SIGNATURE_ROTPK_IN_ROM,
    TYPE_AUTH_PLAIN_DATA,
    TYPE_BLOB,
    TYPE_CERTIFICATE,
    TYPE_PLAIN_DATA,
    Blob,
    Values,
    unpack_values,
)

#: The development KRTL; a TCI chip has zeros instead.
_KRTL = hashlib.sha256(b"rse-hil development KRTL").digest()
_KRTL_LOADS_PER_DERIVATION = 3

_SMALLEST_SIGNATURE = 16

_NO_HANDLER = {
    TYPE_PLAIN_DATA: "PROVISIONING_MESSAGE_NO_PLAIN_DATA_HANDLER",
    TYPE_CERTIFICATE: "PROVISIONING_MESSAGE_NO_CERT_HANDLER",
}


def provision(machine: Machine) -> Stage:
    """Do what this boot can do; always ends in a reset.

    Raises:
        PlatError: With the code that BL1_1 prints; the message is wiped then.
    """
    machine.console.info("Beginning RSE provisioning")
    yield machine.delay(0.02)
    _find_message(machine)
    try:
        yield from _handle(machine)
    except PlatError:
        release = machine.release
        machine.sram.write(release.message_address, bytes(release.message_region))
        machine.staged = False
        raise
    return BootEnd.RESET


def _find_message(machine: Machine) -> None:
    """Is there a message at all? 2.3 only, and one that was accepted before is not asked again."""
    release = machine.release
    if release.old or machine.staged:
        return
    header = machine.sram.read(release.message_address, OUTER_HEADER.size)
    kind, _length = OUTER_HEADER.unpack(header)
    if kind not in (TYPE_BLOB, TYPE_CERTIFICATE, TYPE_PLAIN_DATA):
        code = machine.otp.code("PROVISIONING_MESSAGE_NOT_FOUND")
        raise PlatError(code, f"type word {kind:#010x} at {release.message_address:#010x}")
    machine.staged = True


def _handle(machine: Machine) -> Stage:
    otp, release = machine.otp, machine.release
    address = release.message_address
    kind, length = OUTER_HEADER.unpack(machine.sram.read(address, OUTER_HEADER.size))
    if length > release.message_region - OUTER_HEADER.size:
        raise PlatError(otp.code("PROVISIONING_MESSAGE_INVALID_SIZE"), f"{length} bytes of data")
    if kind == TYPE_AUTH_PLAIN_DATA and not release.old:
        name = "PROVISIONING_MESSAGE_NO_AUTH_PLAIN_DATA_HANDLER"
        raise PlatError(otp.code(name), "authenticated plain data in BL1_1")
    if kind in _NO_HANDLER:
        raise PlatError(otp.code(_NO_HANDLER[kind]), f"message type {kind:#010x} in BL1_1")
    if kind != TYPE_BLOB:
        raise PlatError(otp.code("PROVISIONING_MESSAGE_INVALID_TYPE"), f"type word {kind:#010x}")
    body = machine.sram.read(address + OUTER_HEADER.size, length)
    blob = Blob.parse(body)
    yield machine.delay(0.01)
    if _mode_change_needs_reset(machine, blob):
        return None
    _check_blob(machine, blob)
    if release.old and len(body) != _expected_length(blob):
        raise PlatError(otp.code("PROVISIONING_INVALID_SIZE"), f"{len(body)} bytes of blob")
    if blob.code_size == 0:
        raise PlatError(otp.code("PROVISIONING_BLOB_ZERO_CODE_SIZE"), "blob without code")
    if len(body) != _expected_length(blob):
        raise PlatError(otp.code("PROVISIONING_INVALID_SIZE"), f"{len(body)} bytes of blob")
    values = _validate_and_unpack(machine, blob)
    yield machine.delay(0.01)
    machine.console.info("Running blob")
    if machine.lcm.lcs is Lcs.CM:
        yield from provision_cm(machine, values)
    elif machine.lcm.lcs is Lcs.DM:
        yield from provision_dm(machine, values)
        machine.staged = False
    else:
        raise PlatError(otp.code("PROVISIONING_BUNDLE_COMBINED_INVALID_LCS"), "neither CM nor DM")
    return None


def _expected_length(blob: Blob) -> int:
    return HEADER_SIZE + blob.code_size + blob.data_size + blob.secret_values_size


def _mode_change_needs_reset(machine: Machine, blob: Blob) -> bool:
    """Set TP mode, or enter or leave SP mode; no signature is checked before that."""
    otp, lcm = machine.otp, machine.lcm
    if blob.tp_mode is None:
        raise PlatError(otp.code("PROVISIONING_INVALID_MESSAGE_TP_MODE"), "reserved TP mode")
    if blob.tp_mode is not lcm.tp_mode:
        if lcm.tp_mode is TpMode.VIRGIN:
            lcm.set_tp_mode(blob.tp_mode)
            return True
        wrong = f"blob for {blob.tp_mode.name} on a {lcm.tp_mode.name} chip"
        raise PlatError(otp.code("PROVISIONING_INVALID_TP_MODE"), wrong)
    if not blob.valid_in(lcm.lcs):
        code = otp.code("PROVISIONING_INVALID_PURPOSE")
        raise PlatError(code, f"blob not valid in {lcm.lcs.name}")
    if blob.wants_sp_mode != lcm.sp_mode:
        old = machine.release.old
        if blob.wants_sp_mode and lcm.tp_mode is TpMode.VIRGIN:
            name = "START_FAILED" if old else "DEBUG_DISABLE_FAILED"
            raise PlatError(otp.code(f"PROVISIONING_{name}"), "no SP mode without a TP mode")
        if blob.wants_sp_mode:
            lcm.request_sp_mode()
        elif old:
            raise PlatError(otp.code("PROVISIONING_INVALID_SP_MODE"), "left in SP mode")
        return True
    return False


def _check_blob(machine: Machine, blob: Blob) -> None:
    otp = machine.otp
    if blob.chained:
        code = otp.code("PROVISIONING_INVALID_MESSAGE_SEQUENCING")
        raise PlatError(code, "chained blob as the first one")
    if blob.personalised:
        code = otp.code("PROVISIONING_INVALID_BLOB_PERSONALIZATION")
        raise PlatError(code, "personalised blob on a chip without SoC area")


def _validate_and_unpack(machine: Machine, blob: Blob) -> Values:
    otp = machine.otp
    release = machine.release
    if blob.signature_type != SIGNATURE_ROTPK_IN_ROM:
        code = otp.code("PROVISIONING_SIGNATURE_TYPE_NOT_SUPPORTED")
        raise PlatError(code, "blob signed in another way")
    # 2.2 sets the key up in any case, and first; 2.3 where there is something to decrypt.
    key = _key(machine, blob) if release.old else b""
    checks = (
        (len(blob.signature) >= _SMALLEST_SIGNATURE, "INVALID_TAG_LEN"),
        (blob.code_size <= release.most_code, "INVALID_CODE_SIZE"),
        (blob.data_size <= release.most_data, "INVALID_DATA_SIZE"),
        (blob.secret_values_size <= release.most_secrets, "INVALID_VALUES_SIZE"),
        (
            blob.secrets_encrypted or not blob.code_and_data_encrypted,
            "INVALID_DECRYPTION_CONFIG",
        ),
    )
    for good, name in checks:
        if not good:
            raise PlatError(otp.code(f"PROVISIONING_{name}"), "blob refused")
    if blob.encrypted_size and not key:
        key = _key(machine, blob)
    plain = _decrypted(blob, key)
    if not ecdsa.verify_raw(machine.rom_key, blob.authenticated + plain, blob.signature):
        # The ECDSA path prints no line of its own.
        raise PlatError(CC3XX_ECDSA_SIGNATURE_INVALID, "signature of the provisioning blob")
    if blob.type != PURPOSE_COMBINED:
        code = otp.code("PROVISIONING_INVALID_PURPOSE")
        raise PlatError(code, f"only combined blobs can be run, not type {blob.type}")
    secrets_at = blob.code_size + blob.data_size
    values = unpack_values(plain[blob.code_size : secrets_at], plain[secrets_at:])
    if values is None:
        code = otp.code("PROVISIONING_INVALID_DATA_SIZE")
        raise PlatError(code, "not the data of a development message")
    return values


def _key(machine: Machine, blob: Blob) -> bytes:
    """Set up the provisioning key, which exists in SP mode only."""
    if not machine.lcm.sp_mode:
        failed = "Provisioning key setup failed"
        say = machine.console.error if machine.release.old else machine.console.error_crlf
        say(failed)
        raise PlatError(machine.otp.code("SYSTEM_ERR"), failed)
    root = bytes(KEY_SIZE)
    if machine.lcm.tp_mode is TpMode.PCI:
        root = _KRTL
        machine.otp.count_krtl_usage(_KRTL_LOADS_PER_DERIVATION)
    return kdf.provisioning_key(root, blob.batch_id)


def _decrypted(blob: Blob, key: bytes) -> bytes:
    if not blob.encrypted_size:
        return blob.payload
    cipher = Cipher(algorithms.AES(key), modes.CTR(blob.iv + bytes(8))).decryptor()
    start = 0 if blob.code_and_data_encrypted else blob.code_size + blob.data_size
    return blob.payload[:start] + cipher.update(blob.payload[start:])
