# SPDX-License-Identifier: Apache-2.0
"""Which formula a fingerprint fits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hil.model import keys
from hil.model.agreement import expected_agreement
from hil.model.boot_state import Lcs, TpMode
from hil.model.fingerprint import Source, seed_fingerprint, vhuk_fingerprint
from hil.model.hypotheses import Hypothesis, explain_values, seed_owners
from hil.model.releases import Bound, release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs

BL1_2 = b"\x12" * 32
SYSTEM = SystemInputs(
    release_for("2.3.1"),
    tuple(
        RseInputs(r, Secret(bytes([r + 1]) * 32), Secret(b"G" * 32), bl1_2_hash=BL1_2)
        for r in range(4)
    ),
)


def _printed(system: SystemInputs, source: str = "bl1_2") -> dict[int, str]:
    """Return what the RSEs of a system print that behaves as its release says, without encryption."""
    outcomes = expected_agreement(system, session=False).outcomes
    return {o.rse: fp for o in outcomes if (fp := o.fingerprint(source)) is not None}


def _change(system: SystemInputs, rse: int, **fields: Any) -> SystemInputs:
    rses = list(system.rses)
    rses[rse] = replace(rses[rse], **fields)
    return replace(system, rses=tuple(rses))


@pytest.mark.parametrize("source", Source)
def test_agreed_values_are_explained(source: Source) -> None:
    """A system that does what its release says: agreed, everywhere, from either stage."""
    found = explain_values(_printed(SYSTEM, source), SYSTEM, source)
    assert {e.hypothesis for e in found.values()} == {Hypothesis.AGREED}
    assert found[0].matches == (Hypothesis.AGREED, Hypothesis.OWN_SEED)
    assert found[2].matches == (Hypothesis.AGREED,)
    assert "KDF(GUK, seed_0, state)" in str(found[1])


def test_policy_clear_shows_as_own_seeds() -> None:
    """Without a handshake each client's value is that of its own seed."""
    clear = replace(SYSTEM, rses=tuple(replace(r, vhuk_agreement=False) for r in SYSTEM.rses))
    found = explain_values(_printed(clear), SYSTEM)
    assert [found[rse].hypothesis for rse in (1, 2, 3)] == [Hypothesis.OWN_SEED] * 3
    assert Hypothesis.OWN_SEED in found[0].matches


def test_all_seeds_bound_is_recognised() -> None:
    """A firmware that binds the whole array is told from one that binds seed 0."""
    fixed = replace(SYSTEM, release=release_for("fixed"))
    found = explain_values(_printed(fixed), SYSTEM)
    assert {e.hypothesis for e in found.values()} == {Hypothesis.ALL_SEEDS}


def test_old_encoding_is_recognised() -> None:
    """A device that still runs 2.1 is told from one with another key."""
    old = replace(SYSTEM, release=release_for("2.1.0"))
    found = explain_values(_printed(old), SYSTEM)
    assert {e.hypothesis for e in found.values()} == {Hypothesis.OTHER_RELEASE}
    assert found[1].detail == "as in 2.1.0: seed of RSE 0"
    new = explain_values(_printed(SYSTEM), old)
    assert {e.hypothesis for e in new.values()} == {Hypothesis.OTHER_RELEASE}
    assert found[1].field == "release"


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"lcs": Lcs.DM}, "LCS DM instead of SE"),
        ({"tp": TpMode.PCI}, "TP mode PCI instead of TCI"),
        ({"reprov": 0b11}, "reprovisioned 2 times"),
    ],
    ids=["lcs", "tp", "reprov"],
)
def test_another_boot_state_is_named(fields: dict[str, Any], detail: str) -> None:
    """A value of another life-cycle state, mode or reprovisioning count says which."""
    found = explain_values(_printed(_change(SYSTEM, 1, **fields)), SYSTEM)[1]
    assert (found.hypothesis, found.detail) == (Hypothesis.OTHER_STATE, detail)
    alone = _change(SYSTEM, 1, vhuk_agreement=False, **fields)
    found = explain_values(_printed(alone), SYSTEM)[1]
    assert (found.hypothesis, found.detail) == (Hypothesis.OWN_SEED_OTHER_STATE, detail)


def test_foreign_guk_and_bl1_2_are_named() -> None:
    """A die that was given another die's GUK or BL1_2 says whose."""
    believed = _change(SYSTEM, 3, guk=Secret(b"X" * 32), bl1_2_hash=b"\x99" * 32)
    real = _change(SYSTEM, 1, guk=Secret(b"X" * 32))
    assert explain_values(_printed(real), believed)[1].detail == "GUK of RSE 3"
    real = _change(SYSTEM, 1, bl1_2_hash=b"\x99" * 32)
    assert explain_values(_printed(real), believed)[1].detail == "BL1_2 of RSE 3"


def test_seed_of_another_rse_is_named() -> None:
    """An RSE that took RSE 2 for the server has a value of seed 2."""
    rse = SYSTEM.rses[1]
    assert rse.guk is not None
    assert rse.state is not None
    value = keys.vhuk(rse.guk, [SYSTEM.seed(2) or b""], rse.state, SYSTEM.release, Bound.FIRST)
    found = explain_values({1: vhuk_fingerprint(value).upper()}, SYSTEM)[1]
    assert (found.hypothesis, found.detail) == (Hypothesis.SEED_OF_OTHER, "seed of RSE 2")


def test_random_value_stays_unknown() -> None:
    """What fits no formula is said to fit none; so is an RSE that does not exist."""
    found = explain_values({2: "00" * 16, 9: "00" * 16}, SYSTEM)
    assert found[2].hypothesis is Hypothesis.UNKNOWN
    assert found[2].matches == ()
    assert found[9].detail == "no such RSE in this system"


def test_unknown_says_which_inputs_are_missing() -> None:
    """Where HUKs are not known nothing is claimed, and the reader sees why."""
    blind = _change(_change(SYSTEM, 0, huk=None), 2, huk=None)
    found = explain_values(_printed(SYSTEM), blind)
    assert found[1].hypothesis is Hypothesis.UNKNOWN
    assert found[1].detail == "not known: HUK of RSE 0, 2"


def test_seed_fingerprints_lead_to_their_owners() -> None:
    """A seed that a HUK gives is traced to its die; unknown HUKs are left out."""
    owners = seed_owners(_change(SYSTEM, 3, huk=None))
    seed = SYSTEM.seed(2)
    assert seed is not None
    assert owners[seed_fingerprint(seed)] == 2
    assert sorted(owners.values()) == [0, 1, 2]
