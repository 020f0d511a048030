# SPDX-License-Identifier: Apache-2.0
"""The firmware's own error numbers, and the exception that carries one up to a stage's `main`.

Numbers as gcc gives them for TF-M's error enumerations (TFM_UNIQUE_ERROR_CODES=1): the same
symbol has another number in 2.2 than from 2.3 on, "-" in the table means that it does not exist.
"""

from __future__ import annotations

from hil.errors import HilError

_PLAT = 0x40000000

#: TFM_PLAT_ERR_...: low byte at 2.2 | low byte from 2.3 on.
_PLAT_TABLE = """
OTP_INIT_CM_ZERO_COUNT_ERR                       01 01
OTP_INIT_BL1_2_ZERO_COUNT_ERR                    02 02
OTP_INIT_DM_ZERO_COUNT_ERR                       04 04
OTP_INIT_DYNAMIC_ZERO_COUNT_ERR                  05 05
OTP_INIT_CM_ROTPK_REPROVISIONING_COUNTER_EXCEEDED 06 06
OTP_INIT_DM_ROTPK_REPROVISIONING_COUNTER_EXCEEDED 07 07
OTP_INIT_CM_ROTPK_ZERO_COUNT_ERR                 -  09
OTP_INIT_KRTL_COUNTER_EXCEEDED                   0a 0d
OTP_INIT_INVALID_DEVICE_STATUS                   0b 0e
DM_PROVISIONING_INVALID_DM_AREA_SIZE             1a 27
PROVISIONING_INVALID_TP_MODE                     1b 28
PROVISIONING_INVALID_MESSAGE_SEQUENCING          1e 2b
PROVISIONING_INVALID_BLOB_PERSONALIZATION        1f 2c
PROVISIONING_INVALID_CODE_SIZE                   24 35
PROVISIONING_INVALID_DATA_SIZE                   25 36
PROVISIONING_INVALID_VALUES_SIZE                 26 37
PROVISIONING_INVALID_TAG_LEN                     27 38
PROVISIONING_INVALID_SIZE                        2d 3e
PROVISIONING_BLOB_ZERO_CODE_SIZE                 2e 3f
PROVISIONING_MESSAGE_INVALID_TYPE                2f 44
PROVISIONING_MESSAGE_NO_PLAIN_DATA_HANDLER       31 46
PROVISIONING_MESSAGE_NO_AUTH_PLAIN_DATA_HANDLER  -  47
PROVISIONING_MESSAGE_NO_CERT_HANDLER             32 48
PROVISIONING_MESSAGE_INVALID_SIZE                33 49
PROVISIONING_BUNDLE_COMBINED_INVALID_LCS         36 4d
PROVISIONING_SIGNATURE_TYPE_NOT_SUPPORTED        37 4e
PROVISIONING_INVALID_DECRYPTION_CONFIG           38 4f
PROVISIONING_INVALID_PURPOSE                     39 50
PROVISIONING_INVALID_MESSAGE_TP_MODE             3b 52
PROVISIONING_DEVICE_STATUS_TAMPERING_DETECTED    3c 53
PROVISIONING_CM_TAMPERING_DETECTED               3d 54
PROVISIONING_START_FAILED                        3e 55
PROVISIONING_DEBUG_DISABLE_FAILED                3f 56
PROVISIONING_INVALID_SP_MODE                     1c 29
PROVISIONING_MESSAGE_NOT_FOUND                   -  58
BL1_2_PROVISIONING_NOT_REQUIRED                  -  64
SET_OTP_COUNTER_MAX_VALUE                        4c 77
GPT_HEADER_INVALID_SIGNATURE                     53 7e
FIP_TOC_HEADER_INVALID_NAME                      59 84
FIP_TOC_ENTRY_OVERFLOW                           5a 85
FIP_TOC_ENTRY_INVALID_SIZE                       5c 87
GPT_TOC_ENTRY_NOT_FOUND                          5d 88
HOST_FLASH_SETUP_ATU_SLOT_INVALID_INPUT          5e 89
HOST_FLASH_SETUP_IMAGE_SLOT_NO_FIP_FOUND         5f 8a
HOST_FLASH_SETUP_IMAGE_SLOT_NO_FIP_MAPPED        60 8b
HOST_FLASH_SETUP_IMAGE_SLOT_NO_METADATA_FOUND    61 8c
HOST_FLASH_SETUP_IMAGE_SLOT_NO_PRIVATE_METADATA_FOUND 62 8d
FWU_METADATA_CRC_MISMATCH                        -  95
FWU_METADATA_INVALID_BANK_INDEX                  -  96
RSE_HANDSHAKE_CLIENT_SESSION_INVALID_HEADER      63 98
RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER         64 99
RSE_HANDSHAKE_SERVER_SESSION_INVALID_HEADER      65 9a
RSE_HANDSHAKE_SERVER_VHUK_INVALID_HEADER         66 9b
RSE_HANDSHAKE_INVALID_MESSAGE                    -  9d
RSE_HANDSHAKE_INVALID_REPLY                      -  9e
ZERO_COUNT_MISMATCH                              70 a8
SYSTEM_ERR                                       71 b5
UNSUPPORTED                                      74 b8
RSE_HANDSHAKE_TIMEOUT                            -  bb
"""

_ROWS = {
    name: (old, new) for name, old, new in (row.split() for row in _PLAT_TABLE.split("\n") if row)
}

#: Codes of the drivers, the same in every release.
LCM_INIT_INVALID_KEY = 0x30000000
LCM_SET_TP_MODE_INVALID_LCS = 0x30000001
LCM_SET_TP_MODE_INVALID_TRANSITION = 0x30000002
LCM_SET_LCS_INVALID_TP_MODE = 0x3000000D
LCM_OTP_WRITE_INVALID_WRITE = 0x30000016
MHU_RECEIVE_BUFFER_TOO_SMALL = 0x7000000A
INTEGRITY_CHECKER_COMPARISON_FAILED = 0x90000009
CC3XX_INVALID_TAG = 0xB0000010
CC3XX_ECDSA_SIGNATURE_INVALID = 0xB0000019
FIH_FAILURE = 0xB0F0F0F0

#: SFCP codes are a plain enumeration that leaks through the same return type.
SFCP_DECRYPTION_FAILED = 12
SFCP_INVALID_MSG = 20
SFCP_INVALID_NODE = 21
SFCP_INVALID_PROTOCOL_VERSION = 26
SFCP_INVALID_PACKET_SIZE = 32
SFCP_HANDSHAKE_INVALID_RECEIVED_IV = 43
SFCP_PROTOCOL_ERROR = 51


class PlatError(HilError):
    """Raised where the firmware returns an error; ends in a boot halt, never leaves the device.

    Args:
        code: What the real firmware's function returns.
        what: For whoever debugs the virtual device; the UART never shows it.
    """

    def __init__(self, code: int, what: str) -> None:
        self.code = code
        super().__init__(f"firmware error {code:#010x}: {what}")


def plat_code(name: str, generation: str) -> int:
    """Number of TFM_PLAT_ERR_`name` in generation "2.2" or "2.3"."""
    old, new = _ROWS[name]
    low = old if generation == "2.2" else new
    if low == "-":
        raise PlatError(FIH_FAILURE, f"TFM_PLAT_ERR_{name} does not exist at {generation}")
    return _PLAT + int(low, 16)
