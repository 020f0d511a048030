# SPDX-License-Identifier: Apache-2.0
"""Names of the numbers that a boot of an RSE dies with, as a log shows them.

The tables are the model's. A log does not always tell its release: then a number that means one
thing in 2.2 and another from 2.3 on gets both names.
"""

from __future__ import annotations

from hil.model import error_code_tables
from hil.model.error_codes import error_codes
from hil.model.releases import find_release

#: What BL1 of 2.2 prints whatever went wrong: the fault-injection hardened failure value.
LOST_2_2 = error_code_tables.LOST_2_2
#: The same value from 2.3 on: FIH_FAILURE, decoded.
FIH_FAILURE = error_code_tables.FIH_FAILURE


def generation(release: str | None) -> str | None:
    """Return the code generation of a release: "2.1", "2.2" or "2.3"; None if it is not known.

    >>> generation("2.2.2"), generation("v2.3.1+gabc"), generation("fixed"), generation("main")
    ('2.2', '2.3', '2.3', '2.3')
    """
    if release is None:
        return None
    name = release.lower().removeprefix("tf-m").removeprefix("v")
    if known := find_release(name):
        return known.generation
    # A version that no row knows, with a build tag or of a release yet to come.
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
    families = {"2.2": "2.2", "2.3": "2.3"}
    if release is not None and (known := find_release(release)):
        families[known.generation] = known.error_family
    found = {g: error_codes(family).meaning(code) for g, family in families.items()}
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
