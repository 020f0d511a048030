# SPDX-License-Identifier: Apache-2.0
"""How BL1_1 provisions: addresses, sizes, the order of its checks and their errors, its lines.

One row is one version of bl1_provisioning.c and of the message handler behind it. Sizes are those
of platforms with 512 KiB memory banks (rdv3, rdfremont).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class MessageFormat(StrEnum):
    """What is loaded for a chip to be provisioned."""

    BUNDLES = "a CM bundle and a DM bundle, each with its magic at both ends"
    MESSAGE = "one message at a time, with a header of type and length"


class Check(StrEnum):
    """One thing that BL1_1 looks at; the value says what is wrong when it refuses."""

    FOUND = "no message at the address"
    LENGTH = "the announced length does not fit the message region"
    TYPE = "BL1_1 has no handler for this type of message"
    TP_BITS = "the TP mode field has a reserved value"
    TP_MODE = "the message is for another TP mode"
    LCS = "the message is not valid in this life-cycle state"
    SP_MODE = "secure provisioning mode cannot be entered without a TP mode"
    SP_LEFT_ON = "the message must not run in secure provisioning mode"
    SEQUENCE = "a chained message must follow another one, and only that"
    PERSONAL = "the message is for another SoC, or the chip has no SoC area"
    CODE = "the blob has no code"
    DM_ROTPK = "a DM ROTPK must not sign a blob"
    SIZES = "code, data and secret values do not make up the length of the message"
    SIGNATURE_KIND = "this kind of signature is not in the build"
    TAG = "the signature is shorter than 16 bytes"
    CODE_SIZE = "the code is larger than its memory"
    DATA_SIZE = "the data is larger than its memory"
    VALUES_SIZE = "the secret values are larger than their memory"
    DECRYPTION = "encrypted code with plain secret values"
    KEY = "the provisioning key exists in secure provisioning mode only"
    ENCRYPTED_SIZE = "an encrypted part is larger than its memory"
    EMPTY_PART = "an empty part goes through the cipher, which asserts that there is none"
    ROTPK_LCS = "the CM ROTPK signs messages in DM only"
    ROTPK_KIND = "this key outside the ROM signs no message that comes first"
    VALID_TAG = "the CCM tag does not verify"
    VALID_SIGNATURE = "the signature does not verify"


@dataclass(frozen=True)
class CheckRow:
    """A check in its place.

    Attributes:
        code: Name of the error; None where an assertion ends the boot without a word.
        lines: What is printed on top of the general error lines.
    """

    check: Check
    code: str | None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProvisioningRules:
    """One version of BL1_1's provisioning."""

    format: MessageFormat
    #: Where the message, or the CM bundle, is loaded.
    address: int
    #: Where the DM message or bundle is loaded.
    dm_address: int
    #: Bytes at the address that a message may take; wiped when it is refused.
    region: int
    code_size: int
    data_size: int
    values_size: int
    #: In the order of the source. TF-M 2.1 refuses nothing by a code: it waits, or has one error.
    checks: tuple[CheckRow, ...]
    #: Error of each type that has no handler in BL1_1, by the type's word.
    no_handler: tuple[tuple[int, str], ...]
    unknown_type: str
    #: Names of kinds of signature (see `Signature`) of the default build.
    signatures: tuple[str, ...]
    #: Whether a message that was found once is remembered over resets until it has run.
    remembers_message: bool
    #: Whether a chip in SP mode is reset for a message that must not run in it.
    resets_out_of_sp: bool
    cm_lines: tuple[str, ...]
    dm_lines: tuple[str, ...]
    #: Last line of a boot that provisioning ended, with the code and its hardened form to be put in;
    #: None where there is no such line.
    fatal_line: str | None
    #: Most uses of KRTL before CM provisioning, None where nobody counts.
    krtl_limit: int | None
    source: str


_CM_START = ("Provisioning GUK", "Provisioning KP_CM", "Provisioning DMA ICS")
_AREAS = tuple(f"Writing {area} area info" for area in ("CM", "BL1_2", "SOC", "DM", "dynamic"))
_CM_END = ("Provisioning KCE_CM", "Transitioning to DM LCS")
_DM_START = ("Provisioning KP_DM", "Provisioning KCE_DM", "Writing DM provisioning values")

_KEY_LINES = ("Provisioning key setup failed",)
_ABORT = "Aborting aes_generic_message_operation due to {} error"
_BAD_TAG_2_3 = ("Tag verification failed!", _ABORT.format(-149))


def _plat(check: Check, name: str, lines: tuple[str, ...] = ()) -> CheckRow:
    return CheckRow(check, f"TFM_PLAT_ERR_{name}", lines)


def _prov(check: Check, name: str) -> CheckRow:
    return _plat(check, f"PROVISIONING_{name}")


PROVISIONING_2_1 = ProvisioningRules(
    format=MessageFormat.BUNDLES,
    address=0x31000400,
    dm_address=0x31080000,
    region=0x31080000 - 0x31000400,
    code_size=0xB000,
    data_size=0,
    values_size=0x3D00,
    checks=(_plat(Check.VALID_TAG, "SYSTEM_ERR", ("{owner} bundle decryption failed",)),),
    no_handler=(),
    unknown_type="",
    signatures=("KRTL_DERIVATIVE",),
    remembers_message=False,
    resets_out_of_sp=False,
    cm_lines=(
        "Provisioning GUK",
        "Provisioning BL1_2 image",
        "Provisioning BL1_2 image length",
        "Provisioning BL1_2 image hash",
        "Provisioning CCA system properties",
        "Provisioning DMA ICS",
        "Provisioning HUK",
        "Generating ROM OTP encryption key",
        "Provisioning ROM OTP encryption key",
        "Transitioning to DM LCS",
    ),
    dm_lines=(
        "Generating runtime OTP encryption key",
        "Provisioning runtime OTP encryption key",
        "Provisioning RSE ID",
        "Provisioning BL2 encryption key",
        "Provisioning BL1 ROTPK",
        "Provisioning BL2 ROTPKs",
        "Provisioning secure image encryption key",
        "Provisioning non-secure image encryption key",
        "Provisioning host secure ROTPK",
        "Provisioning host non-secure ROTPK",
        "Provisioning host CCA ROTPK",
        "Provisioning attestation implementation ID",
        "Provisioning attestation verification service URL",
        "Provisioning attestation profile definition",
        "Provisioning secure debug public key",
        "Provisioning sender routing table",
        "Provisioning receiver routing table",
        "Transitioning to SE LCS",
    ),
    fatal_line=None,
    krtl_limit=None,
    source="TF-M 2.1.0 bl1_provisioning.c, bundle_cm/, bundle_dm/, rdfremont/rse_memory_sizes.h",
)

PROVISIONING_2_2 = ProvisioningRules(
    format=MessageFormat.MESSAGE,
    address=0x31000400,
    dm_address=0x31000400,
    region=0x31080000 - 0x31000400,
    code_size=0x8000,
    data_size=0x80000,
    values_size=0x3D00,
    checks=(
        _prov(Check.LENGTH, "MESSAGE_INVALID_SIZE"),
        _prov(Check.TYPE, "MESSAGE_INVALID_TYPE"),
        _prov(Check.TP_BITS, "BLOB_INVALID_TP_MODE"),
        _prov(Check.TP_MODE, "INVALID_TP_MODE"),
        _prov(Check.LCS, "BLOB_INVALID_PURPOSE"),
        _prov(Check.SP_MODE, "START_FAILED"),
        _prov(Check.SP_LEFT_ON, "INVALID_SP_MODE"),
        _prov(Check.SEQUENCE, "INVALID_BLOB_SEQUENCING"),
        _prov(Check.PERSONAL, "INVALID_BLOB_PERSONALIZATION"),
        _prov(Check.SIZES, "BLOB_INVALID_SIZE"),
        _prov(Check.CODE, "BLOB_ZERO_CODE_SIZE"),
        _prov(Check.SIGNATURE_KIND, "SIGNATURE_TYPE_NOT_SUPPORTED"),
        _plat(Check.KEY, "SYSTEM_ERR", _KEY_LINES),
        _prov(Check.TAG, "BLOB_INVALID_TAG_LEN"),
        _prov(Check.DECRYPTION, "BLOB_INVALID_DECRYPTION_CONFIG"),
        CheckRow(Check.ENCRYPTED_SIZE, "CC3XX_ERR_DMA_OUTPUT_BUFFER_TOO_SMALL"),
        _prov(Check.CODE_SIZE, "BLOB_INVALID_CODE_SIZE"),
        _prov(Check.DATA_SIZE, "BLOB_INVALID_DATA_SIZE"),
        _prov(Check.VALUES_SIZE, "BLOB_INVALID_VALUES_SIZE"),
        CheckRow(Check.VALID_TAG, "CC3XX_ERR_INVALID_TAG", ("bundle decryption failed",)),
        CheckRow(Check.VALID_SIGNATURE, "CC3XX_ERR_ECDSA_SIGNATURE_INVALID"),
    ),
    no_handler=(
        (0x2222CE57, "TFM_PLAT_ERR_PROVISIONING_MESSAGE_NO_CERT_HANDLER"),
        (0x3333DA7A, "TFM_PLAT_ERR_PROVISIONING_MESSAGE_NO_PLAIN_DATA_HANDLER"),
    ),
    unknown_type="TFM_PLAT_ERR_PROVISIONING_MESSAGE_INVALID_TYPE",
    signatures=("KRTL_DERIVATIVE",),
    remembers_message=False,
    resets_out_of_sp=False,
    cm_lines=(
        *_CM_START,
        *_AREAS,
        "Writing CM provisioning values",
        "Writing BL1_2 provisioning values",
        "Provisioning HUK",
        *_CM_END,
    ),
    dm_lines=(*_DM_START, "Transitioning to SE LCS"),
    # The code is lost: the hardened failure value is printed in its place.
    fatal_line="[ERR] Fatal boot error -1431677611",
    krtl_limit=None,
    source="TF-M 2.2.2 bl1_provisioning.c, rse_provisioning_message_handler.c",
)

_CHECKS_2_3 = (
    _prov(Check.FOUND, "MESSAGE_NOT_FOUND"),
    _prov(Check.LENGTH, "MESSAGE_INVALID_SIZE"),
    _prov(Check.TYPE, "MESSAGE_INVALID_TYPE"),
    _prov(Check.TP_BITS, "AUTH_MSG_INVALID_TP_MODE"),
    _prov(Check.TP_MODE, "INVALID_TP_MODE"),
    _prov(Check.LCS, "AUTH_MSG_INVALID_PURPOSE"),
    _prov(Check.SP_MODE, "DEBUG_DISABLE_FAILED"),
    _prov(Check.SP_LEFT_ON, "INVALID_SP_MODE"),
    _prov(Check.SEQUENCE, "INVALID_MESSAGE_SEQUENCING"),
    _prov(Check.PERSONAL, "INVALID_BLOB_PERSONALIZATION"),
    _prov(Check.CODE, "BLOB_ZERO_CODE_SIZE"),
    _prov(Check.DM_ROTPK, "BLOB_INVALID_DM_ROTPK_SIGNATURE"),
    _prov(Check.SIZES, "AUTH_MSG_INVALID_SIZE"),
    _prov(Check.SIGNATURE_KIND, "SIGNATURE_TYPE_NOT_SUPPORTED"),
    _prov(Check.TAG, "AUTH_MSG_INVALID_TAG_LEN"),
    _prov(Check.CODE_SIZE, "AUTH_MSG_INVALID_CODE_SIZE"),
    _prov(Check.DATA_SIZE, "AUTH_MSG_INVALID_DATA_SIZE"),
    _prov(Check.VALUES_SIZE, "AUTH_MSG_INVALID_VALUES_SIZE"),
    _prov(Check.DECRYPTION, "AUTH_MSG_INVALID_DECRYPTION_CONFIG"),
    _plat(Check.KEY, "SYSTEM_ERR", _KEY_LINES),
)
_CHECKS_2_3_END = (
    CheckRow(Check.VALID_TAG, "PSA_ERROR_INVALID_SIGNATURE", _BAD_TAG_2_3),
    _prov(Check.ROTPK_LCS, "AUTH_MSG_INVALID_CM_ROTPK_LCS"),
    _prov(Check.ROTPK_KIND, "AUTH_MSG_INVALID_NOT_IN_ROM_ROTPK_CONFIG"),
    CheckRow(Check.VALID_SIGNATURE, "CC3XX_ERR_ECDSA_SIGNATURE_INVALID"),
)

PROVISIONING_2_3 = ProvisioningRules(
    format=MessageFormat.MESSAGE,
    address=0x310E0000,
    dm_address=0x310E0000,
    region=0x31100000 - 0x310E0000 - 0xC00,
    code_size=0x4000,
    data_size=0x5000,
    values_size=0x1000,
    checks=(*_CHECKS_2_3, CheckRow(Check.EMPTY_PART, None), *_CHECKS_2_3_END),
    no_handler=(
        (0x2222CE57, "TFM_PLAT_ERR_PROVISIONING_MESSAGE_NO_CERT_HANDLER"),
        (0x3333DA7A, "TFM_PLAT_ERR_PROVISIONING_MESSAGE_NO_PLAIN_DATA_HANDLER"),
        (0x4444DA7A, "TFM_PLAT_ERR_PROVISIONING_MESSAGE_NO_AUTH_PLAIN_DATA_HANDLER"),
    ),
    unknown_type="TFM_PLAT_ERR_PROVISIONING_MESSAGE_INVALID_TYPE",
    signatures=("ROTPK_IN_ROM", "ROTPK_NOT_IN_ROM"),
    remembers_message=True,
    resets_out_of_sp=True,
    cm_lines=(
        *_CM_START,
        *_AREAS,
        "Writing BL1_2 provisioning values",
        "Provisioning HUK",
        "Writing CM provisioning values",
        *_CM_END,
    ),
    dm_lines=(*_DM_START, "Writing DM ROTPK values", "Transitioning to SE LCS"),
    fatal_line="[ERR] Fatal boot error 0x{hardened:x} (0x{code:x})",
    krtl_limit=6,
    source="TF-M 2.3.1 bl1_1_provisioning.c, rse_provisioning_auth_message_handler.c",
)

#: Parts without content no longer go through the cipher (047b6d77d).
PROVISIONING_MAIN = replace(
    PROVISIONING_2_3,
    checks=(*_CHECKS_2_3, *_CHECKS_2_3_END),
    source="TF-M main (b23e6633) bl1_1_provisioning.c, rse_provisioning_auth_message_handler.c",
)
