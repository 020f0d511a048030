# SPDX-License-Identifier: Apache-2.0
"""A disagreement is told with its cause, from the values alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from hil.diagnosis.diagnose import binding_warning, diagnose
from hil.diagnosis.observation import Case, Observation
from hil.diagnosis.rendering import render
from hil.model.agreement import expected_agreement
from hil.model.boot_state import Lcs
from hil.model.fingerprint import vhuk_fingerprint
from hil.model.releases import release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs
from hil.uart.report_lines import StateReport


def system(release: str, amount: int = 4) -> SystemInputs:
    return SystemInputs(
        release_for(release),
        tuple(
            RseInputs(
                rse=n,
                huk=Secret(hashlib.sha256(b"huk%d" % n).digest()),
                guk=Secret(hashlib.sha256(b"guk").digest()),
                bl1_2_hash=hashlib.sha256(b"bl1_2").digest(),
            )
            for n in range(amount)
        ),
    )


def printed(inputs: SystemInputs) -> dict[int, str]:
    """Fingerprints that the firmware prints for these inputs; random where it has random bytes."""
    found = {}
    for outcome in expected_agreement(inputs).outcomes:
        random = vhuk_fingerprint(hashlib.sha256(b"random%d" % outcome.rse).digest())
        found[outcome.rse] = outcome.fingerprint() or random
    return found


def explain(inputs: SystemInputs, fingerprints: dict[int, str], policy: int | None = 1) -> str:
    seen = []
    for rse in range(len(inputs.rses)):
        bl1_2 = hashlib.sha256(b"bl1_2").hexdigest()[:8]
        state = None if policy is None else StateReport(rse, 3, 0x111155AA, 0, bl1_2, policy)
        prints = {"bl1_2": fingerprints[rse]}
        stages = ("BL1_1", "BL1_2", "vhuk", "BL2", "runtime")
        seen.append(
            Observation(rse, reached=stages, complete=True, fingerprints=prints, state=state)
        )
    return render(diagnose(Case("test", inputs.release.name, inputs, tuple(seen))))


def test_reencryption_of_2_2() -> None:
    """Even ids from 2 on differ under 2.2.2: the in-place re-encryption is named."""
    inputs = system("2.2.2")
    told = explain(inputs, printed(inputs))
    assert told.startswith("RSE 2 differs from RSE 0, 1 and 3")
    assert "in-place re-encryption" in told
    assert "even ids from 2 on" in told
    inputs = system("2.2.2", 8)
    told = explain(inputs, printed(inputs))
    assert told.startswith("RSE 2, 4 and 6 differ from RSE 0, 1, 3, 5 and 7")


def test_reencryption_is_not_claimed_for_another_pattern() -> None:
    """RSE 3 alone differing, or another release, is not the re-encryption."""
    inputs = system("2.2.2")
    values = printed(inputs)
    values[2], values[3] = values[0], "00" * 16
    assert "re-encryption" not in explain(inputs, values)
    values = dict.fromkeys(range(4), printed(system("2.3.1"))[0]) | {2: "00" * 16}
    assert "re-encryption" not in explain(system("2.3.1"), values)


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1", "fixed"])
@pytest.mark.parametrize("policy", [0, None], ids=["policy reported clear", "no state lines"])
def test_handshake_never_ran(release: str, policy: int | None) -> None:
    """Every RSE with its own seed: the handshake never ran, and the formula is named."""
    inputs = system(release)
    without = replace(inputs, rses=tuple(replace(r, vhuk_agreement=False) for r in inputs.rses))
    told = explain(inputs, printed(without), policy)
    assert told.startswith("every RSE ended with another vHUK")
    assert "the handshake never ran" in told
    assert "KDF(GUK, seed_i, state)" in told
    assert ("policy bit 0 is clear" in told.splitlines()[0]) == (policy == 0)


def test_another_state_on_one_die() -> None:
    """One die in LCS DM: the state and the RSE are named."""
    inputs = system("2.3.1")
    odd = tuple(replace(r, lcs=Lcs.DM) if r.rse == 1 else r for r in inputs.rses)
    told = explain(inputs, printed(replace(inputs, rses=odd)), None)
    assert told.startswith("RSE 1 differs from RSE 0, 2 and 3")
    assert "LCS DM instead of SE" in told.splitlines()[0]


def test_what_no_formula_explains() -> None:
    """A value that matches no formula while all state lines are equal leaves the GUK."""
    inputs = system("2.3.1")
    told = explain(inputs, printed(inputs) | {3: "ab" * 16})
    assert told.startswith("RSE 3 differs from RSE 0, 1 and 2: most likely another GUK on RSE 3")
    assert "cause other-lcs" not in told


def test_what_nothing_explains() -> None:
    """Where all causes are out of the question it says so, with what to compare."""
    inputs = system("2.2.2")
    values = printed(inputs)
    told = explain(inputs, values | {2: values[0], 3: "ab" * 16})
    assert told.startswith("RSE 3 differs from RSE 0, 1 and 2: ")
    assert "re-encryption" not in told
    assert "(certain)" not in told


def test_no_key_is_told() -> None:
    """No HUK, GUK or seed stands in a message, whatever it explains."""
    inputs = system("2.2.2")
    told = explain(inputs, printed(inputs), 0)
    for rse in inputs.rses:
        assert bytes(rse.huk or b"").hex() not in told
        assert bytes(rse.guk or b"").hex() not in told


def test_agreement_that_binds_one_seed_is_a_warning() -> None:
    """2.3.1 agrees on the seed of RSE 0 alone, which is said; `fixed` binds all."""
    assert "only the seed of RSE 0" in (binding_warning(system("2.3.1")) or "")
    assert binding_warning(system("fixed")) is None
    assert binding_warning(system("2.3.1", 1)) is None
