# SPDX-License-Identifier: Apache-2.0
"""Names of boot errors."""

from __future__ import annotations

import doctest

import pytest

from hil.uart import codes
from hil.uart.codes import decode, generation, names

# Values from the enumerations of TF-M 2.2.2 and 2.3.1, as a C compiler gives them.
KNOWN = [
    (0x40000000, "2.2.2", "TFM_PLAT_ERR_OTP_WRITE_INVALID_INPUT"),
    (0x40000063, "2.2.2", "TFM_PLAT_ERR_RSE_HANDSHAKE_CLIENT_SESSION_INVALID_HEADER"),
    (0x40000098, "2.3.1", "TFM_PLAT_ERR_RSE_HANDSHAKE_CLIENT_SESSION_INVALID_HEADER"),
    (0x4000009E, "fixed", "TFM_PLAT_ERR_RSE_HANDSHAKE_INVALID_REPLY"),
    (0x40000074, "2.2.0", "TFM_PLAT_ERR_UNSUPPORTED"),
    (0x400000B8, "main", "TFM_PLAT_ERR_UNSUPPORTED"),
    (0x40000058, "2.3.0", "TFM_PLAT_ERR_PROVISIONING_MESSAGE_NOT_FOUND"),
    (0x400000BB, "fixed", "TFM_PLAT_ERR_RSE_HANDSHAKE_TIMEOUT"),
    (0x400000BB, "2.3.1", "TFM_PLAT_ERR error number 187"),
    (0x400000BB, "main", "TFM_PLAT_ERR error number 187"),
    (0x400000BA, "2.3.1", "TFM_PLAT_ERR_CORRUPTION_DETECTED"),
    (0x30000016, "2.2.2", "LCM_ERROR_OTP_WRITE_INVALID_WRITE"),
    (0x20000002, "2.2.2", "KMU_ERROR_SLOT_LOCKED"),
    (0x20000002, "2.3.1", "KMU_ERROR_NULL_POINTER"),
    (0x20000010, "2.3.1", "KMU_ERROR_OPERATION_SKIPPED"),
    (0x70000008, "2.2.2", "MHU_ERR_SEND_DATA_INVALID_ARG"),
    (0x70000009, "2.3.1", "MHU_ERR_SEND_DATA_INVALID_ARG"),
    (0xB0000010, "2.2.2", "CC3XX_ERR_INVALID_TAG"),
    (0xB0000019, "2.2.2", "CC3XX_ERR_ECDSA_SIGNATURE_INVALID"),
    (12, "2.3.1", "SFCP_ERROR_DECRYPTION_FAILED"),
    (53, "2.3.1", "SFCP_ERROR_HAL_ERROR_BASE"),
    (-149, "2.3.1", "PSA_ERROR_INVALID_SIGNATURE"),
    (0xFFFFFF6B, "2.3.1", "PSA_ERROR_INVALID_SIGNATURE"),
    (0x80000003, "2.3.1", "ATU_ERR_INIT_REGION_INVALID_ARG"),
    (0x40000099, "2.2.2", "TFM_PLAT_ERR error number 153"),
    (0x12345678, "2.3.1", "unknown code"),
]


@pytest.mark.parametrize(("code", "release", "name"), KNOWN)
def test_known_codes(code: int, release: str, name: str) -> None:
    """A code has the name that the sources of its release give it."""
    assert decode(code, release) == name


def test_ambiguous_code_gives_both_names() -> None:
    """Without a release a code that means two things is not decided."""
    assert decode(0x40000064) == (
        "TFM_PLAT_ERR_RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER (2.2) or "
        "TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED (2.3 and later)"
    )
    assert decode(0x40000000) == "TFM_PLAT_ERR_OTP_WRITE_INVALID_INPUT"


def test_lost_code() -> None:
    """The number that BL1 of 2.2 always prints is said to carry nothing."""
    assert "code lost" in decode(-1431677611, "2.2.2")
    assert "code lost" in decode(-1431677611)


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("2.1.0", "2.1"),
        ("2.2.2", "2.2"),
        ("v2.3.1+g0b40d78", "2.3"),
        ("TF-Mv2.2.0", "2.2"),
        ("2.10.0", "2.3"),
        ("3.0", "2.3"),
        ("fixed", "2.3"),
        ("nightly", None),
        (None, None),
    ],
)
def test_generation(release: str | None, expected: str | None) -> None:
    """A release belongs to the code generation whose numbers it has."""
    assert generation(release) == expected


def test_both_generations_are_complete() -> None:
    """Every number up to the last one has a name: 118 in 2.2, 187 from 2.3 on."""
    assert all("TFM_PLAT_ERR_" in names(0x40000000 + n, "2.2.2")["2.2"] for n in range(118))
    assert all("TFM_PLAT_ERR_" in names(0x40000000 + n, "2.3.1")["2.3"] for n in range(187))
    assert "error number" in names(0x40000000 + 187, "2.3.1")["2.3"]


def test_examples() -> None:
    """The examples in the module hold."""
    failed, tried = doctest.testmod(codes)
    assert (failed, tried > 0) == (0, True)
