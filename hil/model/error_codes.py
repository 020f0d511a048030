# SPDX-License-Identifier: Apache-2.0
"""Error codes by release family: number to name, name to number, and whose error a number is.

The same number means different things in different families: 0x40000064 is
RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER in 2.2 and BL1_2_PROVISIONING_NOT_REQUIRED from 2.3 on. So
there is no name of a number without a family; `Release.error_family` says which one is meant.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from hil.errors import ModelError
from hil.model import error_code_tables as tables

#: Families of numbers, oldest first. "fixed" has those of 2.3 and a few of its own.
FAMILIES = ("2.1", "2.2", "2.3", "fixed")

_PLATFORM = 0x40000000
_WORD = 0xFFFFFFFF
#: Numbers above this are no enumerators of any owner.
_MOST_ERRORS = 0x1000


#: First number, prefix of the names, names in order in 2.2 and from 2.3 on; "" where there are none.
_SERIES = (
    (0x10000000, "UART_CMSDK_ERR", tables.UART_CMSDK, tables.UART_CMSDK),
    (0x20000000, "KMU_ERROR", tables.KMU_2_2, tables.KMU_2_3),
    (0x30000000, "LCM_ERROR", tables.LCM, tables.LCM),
    (0x50000000, "MHU_V_2_X_ERR", tables.MHU_V2, tables.MHU_V2),
    (0x60000000, "MHU_V_3_X_ERR", tables.MHU_V3, tables.MHU_V3),
    (0x70000000, "MHU_ERR", tables.MHU_2_2, tables.MHU_2_3),
    (0x80000000, "ATU", tables.ATU_2_2, tables.ATU_2_3),
    (
        0x90000000,
        "INTEGRITY_CHECKER_ERROR",
        tables.INTEGRITY_CHECKER_2_2,
        tables.INTEGRITY_CHECKER_2_3,
    ),
    (0xA0000000, "DCSU_ERROR", "", tables.DCSU),
    (0xA000000A + 4, "DCSU_TX_MSG_RESP", "", tables.DCSU_RESPONSES),
    (0xB0000000, "CC3XX_ERR", tables.CC3XX, tables.CC3XX),
    (0xC0000000, "SAM_ERROR", "", tables.SAM),
    (0xD0000000, "CFI_ERR", "", tables.CFI),
    (0xE0000000, "UART_PL011_ERR", "", tables.UART_PL011),
    (1, "SFCP_ERROR", "", tables.SFCP),
    (1 + len(tables.SFCP.split()), "SFCP_HAL_ERROR", "", tables.SFCP_HAL),
)


@dataclass(frozen=True)
class ErrorCodes:
    """The error codes of one family.

    Attributes:
        family: One of FAMILIES.
        names: Name of each number.
        numbers: Number of each name, PSA statuses as 32-bit two's complement.
        bases: First number of each owner.
        not_codes: What is printed in place of a code, and what that means.
    """

    family: str
    names: Mapping[int, str]
    numbers: Mapping[str, int]
    bases: Mapping[int, str]
    not_codes: Mapping[int, str]

    def name(self, number: int) -> str | None:
        """Return the name of a number, None if it has none; a negative number counts as a word."""
        return self.names.get(number & _WORD)

    def number(self, name: str) -> int:
        """Return the number of a name.

        Raises:
            ModelError: the family has no such error; names the nearest.
        """
        if name in self.numbers:
            return self.numbers[name]
        near = difflib.get_close_matches(name, self.numbers, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ModelError(f"TF-M {self.family} has no error {name!r}{hint}")

    def owner(self, number: int) -> str | None:
        """Return whose error a number is by its base, None if it is no error code."""
        low = number & 0x0FFFFFFF
        return self.bases.get(number & 0xF0000000) if low < _MOST_ERRORS else None

    def meaning(self, number: int) -> str | None:
        """Return the best that is known of a printed number: what it stands for, name, or owner.

        >>> error_codes("2.3").meaning(0x80000099)
        'ATU error number 153'
        """
        word = number & _WORD
        known = self.not_codes.get(word) or self.names.get(word)
        if self.family == "2.3" and word in tables.RENAMED:
            known = f"{known} ({tables.RENAMED[word]})"
        owner = self.owner(word)
        if known or owner is None:
            return known
        return f"{owner} error number {word & 0x0FFFFFFF}"


@cache
def error_codes(family: str) -> ErrorCodes:
    """Return the codes of a family.

    >>> error_codes("2.3").number("TFM_PLAT_ERR_PROVISIONING_MESSAGE_NOT_FOUND") == 0x40000058
    True

    Raises:
        ModelError: no such family.
    """
    if family not in FAMILIES:
        raise ModelError(f"no error code family {family!r}; there are {', '.join(FAMILIES)}")
    numbers = _numbers_2_1() if family == "2.1" else _numbers(late=family != "2.2")
    if family == "fixed":
        numbers |= {name: number for number, name in tables.FIXED.items()}
    bases = {"2.1": {}, "2.2": tables.BASES_2_2}.get(family, tables.BASES_2_3)
    # In 2.1 the drivers' small numbers collide, so only the platform's lead back to a name.
    named = tables.PLATFORM_2_1 if family == "2.1" else numbers
    return ErrorCodes(
        family,
        MappingProxyType({number: name for name, number in named.items()}),
        MappingProxyType(numbers),
        MappingProxyType(bases),
        MappingProxyType(tables.NOT_CODES.get("2.3" if family == "fixed" else family, {})),
    )


def _numbers_2_1() -> dict[str, int]:
    drivers = {name: 1 + i for i, name in enumerate(tables.LCM_2_1.split())}
    return tables.PLATFORM_2_1 | drivers


def _numbers(*, late: bool) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for entry in tables.PLATFORM.replace("\n", " ").split(";"):
        if entry.strip():
            name, values = entry.split()
            low = values.split("/")[late]
            if low != "-":
                numbers[f"TFM_PLAT_ERR_{name}"] = _PLATFORM + int(low, 16)
    for base, prefix, *texts in _SERIES:
        numbers |= {f"{prefix}_{name}": base + i for i, name in enumerate(texts[late].split())}
    return numbers | {name: number & _WORD for number, name in tables.PSA.items()}
