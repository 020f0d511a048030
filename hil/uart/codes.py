# SPDX-License-Identifier: Apache-2.0
"""Names of the numbers that a boot of an RSE dies with.

The same number means different things in different releases: 0x40000064 is
RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER in 2.2 and BL1_2_PROVISIONING_NOT_REQUIRED from 2.3 on. So
a number has a name only together with a release; without one both candidates are given.
"""

from __future__ import annotations

from functools import cache

from hil.uart import code_tables as tables

#: What BL1 of 2.2 prints whatever went wrong: the fault-injection hardened failure value.
LOST_2_2 = -1431677611
#: The same value from 2.3 on: FIH_FAILURE, decoded.
FIH_FAILURE = 0xB0F0F0F0

_SPECIAL: dict[tuple[int, str], str] = {
    (LOST_2_2 & 0xFFFFFFFF, "2.2"): "code lost: BL1 of TF-M 2.2 prints this number for every error",
    (FIH_FAILURE, "2.3"): "FIH_FAILURE: a hardened check failed, without a code of its own",
    (0, "2.3"): "no error code was set",
}


def generation(release: str | None) -> str | None:
    """Return the code generation of a release: "2.1", "2.2" or "2.3"; None if it is not known.

    >>> generation("2.2.2"), generation("v2.3.1+gabc"), generation("fixed"), generation("main")
    ('2.2', '2.3', '2.3', '2.3')
    """
    if release is None:
        return None
    name = release.lower().removeprefix("tf-m").removeprefix("v")
    if name in ("fixed", "main"):
        return "2.3"
    parts = name.split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1][:1].isdecimal()):
        return None
    version = (int(parts[0]), int("".join(c for c in parts[1] if c.isdecimal())))
    if version < (2, 2):
        return "2.1"
    return "2.2" if version < (2, 3) else "2.3"


def names(code: int, release: str | None = None) -> dict[str, str]:
    """Return the name of a code in each generation that has one.

    Args:
        code: As printed; a negative number counts as its 32-bit two's complement.
        release: Restricts the answer to the generation of this release; the repaired firmware
            ("fixed") has codes that no TF-M has.
    """
    wanted = generation(release)
    code &= 0xFFFFFFFF
    if release == "fixed" and code in tables.FIXED:
        return {"2.3": tables.FIXED[code]}
    found = {g: _table(g).get(code) or _by_base(code) for g in ("2.2", "2.3")}
    return {g: name for g, name in found.items() if name and wanted in (None, g)}


def decode(code: int, release: str | None = None) -> str:
    """Return the name of a code, or both candidates where it depends on an unknown release.

    >>> decode(0x40000064, "2.3.1")
    'TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED'
    >>> decode(-1431677611, "2.2.2")
    'code lost: BL1 of TF-M 2.2 prints this number for every error'
    """
    by_generation = names(code, release)
    if not by_generation:
        return "unknown code"
    if len(set(by_generation.values())) == 1 and (len(by_generation) == 2 or release):
        return next(iter(by_generation.values()))
    spoken = {"2.2": "2.2", "2.3": "2.3 and later"}
    return " or ".join(f"{name} ({spoken[g]})" for g, name in by_generation.items())


@cache
def _table(generation_: str) -> dict[int, str]:
    late = generation_ == "2.3"
    table: dict[int, str] = {}
    for entry in tables.PLATFORM.replace("\n", " ").split(";"):
        if entry.strip():
            name, values = entry.split()
            low = values.split("/")[late]
            if low != "-":
                table[0x40000000 + int(low, 16)] = f"TFM_PLAT_ERR_{name}"
    series = [
        (0x20000000, "KMU_ERROR", tables.KMU_2_3 if late else tables.KMU_2_2),
        (0x30000000, "LCM_ERROR", tables.LCM),
        (0x70000000, "MHU_ERR", tables.MHU_2_3 if late else tables.MHU_2_2),
        (0xB0000000, "CC3XX_ERR", tables.CC3XX),
    ]
    if late:
        series.append((1, "SFCP_ERROR", tables.SFCP))
    for base, prefix, text in series:
        table |= {base + i: f"{prefix}_{name}" for i, name in enumerate(text.split())}
    table |= {code & 0xFFFFFFFF: name for code, name in tables.PSA.items()}
    return table | {code: text for (code, g), text in _SPECIAL.items() if g == generation_}


def _by_base(code: int) -> str | None:
    """Say at least whose error it is."""
    owner = tables.BASES.get(code >> 28)
    low = code & 0x0FFFFFFF
    return f"{owner} error number {low}" if owner and low < 0x1000 else None
