# SPDX-License-Identifier: Apache-2.0
"""Error codes by release family."""

from __future__ import annotations

import doctest

import pytest

from hil.errors import ModelError
from hil.model import error_codes as module
from hil.model.error_codes import FAMILIES, error_codes
from hil.model.provisioning_rules import Check
from hil.model.releases import RELEASES, release_for

# Values from the enumerations of TF-M 2.1.0, 2.2.2 and 2.3.1, as a C compiler gives them.
KNOWN = [
    ("2.1", "TFM_PLAT_ERR_SYSTEM_ERR", 0x3A5C),
    ("2.1", "LCM_ERROR_INVALID_TP_MODE", 8),
    ("2.2", "TFM_PLAT_ERR_RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER", 0x40000064),
    ("2.3", "TFM_PLAT_ERR_RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER", 0x40000099),
    ("2.3", "TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED", 0x40000064),
    ("2.2", "TFM_PLAT_ERR_NOT_PERMITTED", 0x40000075),
    ("2.3", "TFM_PLAT_ERR_CORRUPTION_DETECTED", 0x400000BA),
    ("2.2", "KMU_ERROR_SLOT_LOCKED", 0x20000002),
    ("2.3", "KMU_ERROR_SLOT_LOCKED", 0x20000003),
    ("2.2", "MHU_ERR_SEND_DATA_INVALID_ARG", 0x70000008),
    ("2.2", "UART_CMSDK_ERR_WRITE_NOT_READY", 0x10000005),
    ("2.2", "MHU_V_2_X_ERR_INTERRUPT_CHANNEL_NUM_GENERAL", 0x5000002F),
    ("2.3", "MHU_V_2_X_ERR_CHANNEL_SEND_INVALID_ARG", 0x50000003),
    ("2.2", "MHU_V_3_X_ERR_INTERRUPT_CLEAR_UNSUPPORTED", 0x6000000F),
    ("2.3", "MHU_V_3_X_ERR_INIT_UNSUPPORTED_VERSION", 0x60000001),
    ("2.2", "ATU_ERR_UNINIT_REGION_INVALID_ARG", 0x80000004),
    ("2.3", "ATU_MAPPING_NOT_AVAIL", 0x80000011),
    ("2.3", "ATU_ERR_UNKNOWN", 0x80000014),
    ("2.2", "INTEGRITY_CHECKER_ERROR_CHECK_VALUE_COMPARISON_FAILED", 0x90000009),
    ("2.3", "INTEGRITY_CHECKER_ERROR_CHECK_VALUE_INVALID_ARGUMENT", 0x9000000A),
    ("2.3", "DCSU_ERROR_TX_MSG_RESP_BASE", 0xA000000A),
    ("2.3", "DCSU_TX_MSG_RESP_BAD_INTEGRITY_VALUE", 0xA0000010),
    ("2.3", "SAM_ERROR_INVALID_ARGUMENT", 0xC0000000),
    ("2.3", "CFI_ERR_DEV_PROTECTED", 0xD0000004),
    ("2.3", "UART_PL011_ERR_NOT_INIT", 0xE0000007),
    ("2.3", "SFCP_ERROR_DECRYPTION_FAILED", 12),
    ("2.3", "PSA_ERROR_INVALID_SIGNATURE", 0xFFFFFF6B),
    ("fixed", "TFM_PLAT_ERR_RSE_HANDSHAKE_TIMEOUT", 0x400000BB),
]


@pytest.mark.parametrize(("family", "name", "number"), KNOWN)
def test_known_codes_both_ways(family: str, name: str, number: int) -> None:
    """Name to number, and back where numbers are unique."""
    codes = error_codes(family)
    assert codes.number(name) == number
    if number > 15 or family != "2.1":
        assert codes.name(number) == name


@pytest.mark.parametrize("family", FAMILIES)
def test_tables_are_consistent(family: str) -> None:
    """Each number has one name and lies above the base of its owner."""
    codes = error_codes(family)
    assert len(codes.names) == len(set(codes.names.values()))
    for number, name in codes.names.items():
        assert codes.number(name) == number
        if codes.owner(number):
            assert name.split("_")[0] == codes.owner(number).split("_")[0]  # type: ignore[union-attr]


def test_amount_of_platform_errors() -> None:
    """118 in 2.2, 187 from 2.3 on, without a gap; the repaired handshake adds one."""
    for family, amount in (("2.2", 118), ("2.3", 187), ("fixed", 188)):
        codes = error_codes(family)
        assert all("TFM_PLAT_ERR_" in (codes.name(0x40000000 + n) or "") for n in range(amount))
        assert codes.name(0x40000000 + amount) is None


def test_owners_that_came_with_2_3() -> None:
    """Bases are part of the family: 2.2 has no DCSU, SAM, CFI and PL011."""
    assert error_codes("2.2").owner(0xA0000001) is None
    assert error_codes("2.3").owner(0xA0000001) == "DCSU"
    assert error_codes("2.2").meaning(0xC0000001) is None
    assert error_codes("2.3").meaning(0xC0000001) == "SAM_ERROR_GENERIC_ERROR"


@pytest.mark.parametrize(("family", "amount"), [("2.2", 308), ("2.3", 470)])
def test_nearly_every_enumerator_has_its_name(family: str, amount: int) -> None:
    """Names of all owners' errors; a number behind the last of an owner is told by its owner."""
    codes = error_codes(family)
    assert len(codes.names) >= amount
    for base, owner in codes.bases.items():
        assert codes.name(base) is not None, owner
        assert codes.meaning(base + 0xFFF) == f"{owner} error number 4095"


def test_a_number_that_changed_its_name_says_so() -> None:
    """Within one family one number is another error in 2.3.0."""
    told = error_codes("2.3").meaning(0x80000013)
    assert told == "ATU_ERR_GET_DYN_CFG_SLOT_IDX_NO_MATCH (in 2.3.0 ATU_ERR_UNKNOWN)"
    assert error_codes("2.2").meaning(0x80000013) == "ATU error number 19"


def test_what_is_not_known_is_said() -> None:
    """Unknown families and names give the nearest."""
    with pytest.raises(ModelError, match=r"no error code family '2\.4'; there are 2\.1, 2\.2"):
        error_codes("2.4")
    with pytest.raises(ModelError, match="did you mean TFM_PLAT_ERR_UNSUPPORTED"):
        error_codes("2.2").number("TFM_PLAT_ERR_UNSUPORTED")


@pytest.mark.parametrize("release", [row.name for row in RELEASES])
def test_every_code_that_a_rule_names_exists_in_its_release(release: str) -> None:
    """Checks, handlers and refusals of the life-cycle manager name errors that there are."""
    row = release_for(release)
    codes = error_codes(row.error_family)
    rules = row.provisioning
    named = [check.code for check in rules.checks if check.code] + [c for _, c in rules.no_handler]
    named += [code for _, code in row.lifecycle.codes]
    for name in named:
        assert codes.number(name)
    assert len({check.check for check in rules.checks}) == len(rules.checks)
    assert {check.check for check in rules.checks} <= set(Check)


def test_examples() -> None:
    """The examples in the module hold."""
    failed, tried = doctest.testmod(module)
    assert (failed, tried > 0) == (0, True)
