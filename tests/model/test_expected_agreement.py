# SPDX-License-Identifier: Apache-2.0
"""What a system of RSEs ends with, against the handshake vectors and as properties."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import ModelError
from hil.model import keys
from hil.model.agreement import Ending, expected_agreement
from hil.model.boot_state import BootState, Lcs, TpMode
from hil.model.releases import RELEASES, Bound, release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs

GUK = bytes.fromhex("2a89d9a2ef6e3a84cebf62cf4c7417aa511be40fcfed61d12cff07cc75f54bb7")
BL1_2 = bytes.fromhex("5043a0667599df500f428c08251b5080d872cce7ac1f01a871908202c9460a9e")
TAGS = ["TF-Mv2.2.2", "TF-Mv2.3.1"]

Groups = set[frozenset[int]]


def _vectors(shared_dir: Path, tag: str) -> list[dict[str, Any]]:
    data = json.loads((shared_dir / "vectors" / f"handshake-{tag}.json").read_text())
    vectors: list[dict[str, Any]] = data["vectors"]
    return vectors


def _inputs(vector: dict[str, Any], tag: str) -> SystemInputs:
    """Build the inputs of a vector: those of the file, with the options of the case applied."""
    rses = [
        RseInputs(r, Secret(hashlib.sha256(f"HUK of RSE {r}".encode()).digest()), Secret(GUK))
        for r in range(vector["rse_amount"])
    ]
    rses = [replace(rse, bl1_2_hash=BL1_2) for rse in rses]
    for option in vector["options"]:
        name, _, value = option.partition("=")
        field, _, which = name.partition(".")
        i = int(which or 0)
        if field == "policy":
            rses = [replace(rse, vhuk_agreement=value != "0") for rse in rses]
        elif field == "guk":
            rses[i] = replace(rses[i], guk=Secret(bytes.fromhex(value)))
        elif field == "bl12":
            rses[i] = replace(rses[i], bl1_2_hash=bytes.fromhex(value))
        elif field == "lcs":
            rses[i] = replace(rses[i], lcs=Lcs.from_otp(int(value, 0)))
        elif field == "reprov":
            rses[i] = replace(rses[i], reprov=int(value, 0))
        else:
            assert field in {"rx", "rseid"}, option
    return SystemInputs(release_for(tag), tuple(rses))


def _groups(groups: Any) -> Groups:
    return {frozenset(group) for group in groups}


@pytest.mark.parametrize("tag", TAGS)
def test_each_array_gives_the_vhuk_of_the_firmware(shared_dir: Path, tag: str) -> None:
    """For each RSE of each case: boot state, the real vHUK and the one of the whole array."""
    compared = 0
    for vector in _vectors(shared_dir, tag):
        inputs = _inputs(vector, tag)
        for rse, seen in zip(inputs.rses, vector["per_rse"], strict=True):
            state = rse.state
            assert state is not None
            assert rse.guk is not None
            assert state.preimage().hex() == seen["boot_state_preimage"], vector["case"]
            assert state.digest().hex() == seen["boot_state"]
            assert inputs.seed(rse.rse) == bytes.fromhex(seen["derived_seed_from_own_huk"])
            if seen["vhuk_real_len"] is None:
                continue
            array = [bytes.fromhex(seed) for seed in seen["array"]]
            real = keys.vhuk(rse.guk, array, state, inputs.release)
            whole = keys.vhuk(rse.guk, array, state, inputs.release, Bound.ALL)
            assert real.hex() == seen["vhuk_real_len"], vector["case"]
            assert whole.hex() == seen["vhuk_len_32N"], vector["case"]
            compared += 1
    assert compared > 40


@pytest.mark.parametrize("tag", TAGS)
def test_each_session_key_of_the_handshake(shared_dir: Path, tag: str) -> None:
    """2.2 derives one session key from the IVs of all; 2.3 has none in the handshake."""
    compared = 0
    for vector in _vectors(shared_dir, tag):
        per_rse = vector["per_rse"]
        if vector["options"] or "session_key" not in per_rse[0]:
            continue
        inputs = _inputs(vector, tag)
        ivs = [bytes.fromhex(seen["session_key_iv_own"]) for seen in per_rse]
        for rse, seen in zip(inputs.rses, per_rse, strict=True):
            assert rse.guk is not None
            assert rse.state is not None
            key = keys.session_key(rse.guk, ivs, rse.state, inputs.release)
            assert key.hex() == seen["session_key"], vector["case"]
            compared += 1
    assert (compared > 0) == (tag == "TF-Mv2.2.2")


@pytest.mark.parametrize("tag", TAGS)
def test_expected_outcome_is_what_the_firmware_did(shared_dir: Path, tag: str) -> None:
    """Values, groups, and who stops or waits, for each case of the vectors."""
    for vector in _vectors(shared_dir, tag):
        case = vector["case"]
        agreement = expected_agreement(_inputs(vector, tag), session=False)
        assert _groups(agreement.groups) == _groups(vector["same_vhuk_groups_real_len"]), case
        for outcome, seen in zip(agreement.outcomes, vector["per_rse"], strict=True):
            if seen["vhuk_real_len"] is None:
                blocked = seen["status"].startswith("blocked")
                assert outcome.ending is (Ending.WAITS if blocked else Ending.STOPS), case
            elif outcome.ending is Ending.VALUE:
                assert outcome.vhuk == bytes.fromhex(seen["vhuk_real_len"]), case
            else:
                assert outcome.ending is Ending.UNPREDICTABLE, case
                assert bytes.fromhex(seen["array"][0]) not in [
                    bytes.fromhex(other["derived_seed_from_own_huk"]) for other in vector["per_rse"]
                ]


def _system(release: str, amount: int = 4, **fields: Any) -> SystemInputs:
    rses = tuple(
        RseInputs(r, Secret(bytes([r]) * 32), Secret(GUK), bl1_2_hash=BL1_2, **fields)
        for r in range(amount)
    )
    return SystemInputs(release_for(release), rses)


def _with(system: SystemInputs, rse: int, **fields: Any) -> SystemInputs:
    rses = list(system.rses)
    rses[rse] = replace(rses[rse], **fields)
    return replace(system, rses=tuple(rses))


@pytest.mark.parametrize(
    ("release", "groups"),
    [
        ("2.1.0", {frozenset({0, 1, 3}), frozenset({2})}),
        ("2.2.2", {frozenset({0, 1, 3}), frozenset({2})}),
        ("2.3.1", {frozenset({0, 1, 2, 3})}),
        ("fixed", {frozenset({0, 1, 2, 3})}),
    ],
)
def test_four_equal_dies(release: str, groups: Groups) -> None:
    """Up to 2.2 the even clients fall out; from 2.3 on all four agree."""
    agreement = expected_agreement(_system(release))
    assert _groups(agreement.groups) == groups
    assert agreement.agreed == (len(groups) == 1)


def test_policy_clear_gives_every_die_its_own_value() -> None:
    """Without the policy bit all differ, in each release that has the bit."""
    for release in ("2.2.2", "2.3.1", "fixed"):
        agreement = expected_agreement(_system(release, vhuk_agreement=False))
        assert agreement.groups == ((0,), (1,), (2,), (3,))
        assert [outcome.bound for outcome in agreement.outcomes] == [(0,), (1,), (2,), (3,)]
    assert len(expected_agreement(_system("2.1.0", vhuk_agreement=False)).groups[0]) == 3


@pytest.mark.parametrize("changed", [0, 2])
def test_whose_huk_matters(changed: int) -> None:
    """Up to 2.3 only die 0 decides; with all seeds bound every die does."""
    for release, matters in (("2.3.1", changed == 0), ("fixed", True)):
        before = _system(release)
        after = _with(before, changed, huk=Secret(b"\xee" * 32))
        values = [expected_agreement(x).outcomes[1].vhuk for x in (before, after)]
        assert (values[0] != values[1]) == matters
        assert expected_agreement(after).agreed


def test_mixed_policy_bits() -> None:
    """One RSE that stays away: who waits, who stops, who gets through, by release and encryption."""
    wait = [Ending.WAITS, Ending.WAITS, Ending.VALUE, Ending.WAITS]
    stop = [Ending.STOPS, Ending.STOPS, Ending.VALUE, Ending.STOPS]
    through = [Ending.WAITS, Ending.VALUE, Ending.VALUE, Ending.VALUE]
    expected = {
        ("2.2.2", True): wait,
        ("2.2.2", False): wait,
        ("2.3.1", True): wait,
        ("2.3.1", False): through,
        ("fixed", True): stop,
        ("fixed", False): stop,
    }
    for (release, session), endings in expected.items():
        system = _with(_system(release), 2, vhuk_agreement=False)
        outcomes = expected_agreement(system, session=session).outcomes
        assert [outcome.ending for outcome in outcomes] == endings, (release, session)
        assert outcomes[2].bound == (2,)
        assert "RSE 2" in outcomes[0].reason
    alone = expected_agreement(_with(_system("2.3.1"), 0, vhuk_agreement=False)).outcomes
    assert [outcome.ending for outcome in alone] == [Ending.VALUE] + [Ending.WAITS] * 3


def test_another_guk_ends_the_encrypted_link_unless_told_otherwise() -> None:
    """What is predicted of a device counts with SFCP's encryption; without it two values come out."""
    odd = _with(_system("2.3.1"), 2, guk=Secret(b"\xee" * 32))
    server = expected_agreement(odd).outcomes[0]
    assert server.ending is Ending.STOPS
    assert "DECRYPTION_FAILED: the session key of RSE 2 differs" in server.reason
    assert expected_agreement(odd, session=False).groups == ((0, 1, 3), (2,))


def test_groups_without_any_known_key() -> None:
    """On real devices no HUK is known: groups are still predicted, values are not."""
    rses = tuple(RseInputs(r, None, None) for r in range(4))
    agreement = expected_agreement(SystemInputs(release_for("2.3.1"), rses))
    assert agreement.agreed
    assert {outcome.fingerprint() for outcome in agreement.outcomes} == {None}
    clear = tuple(replace(rse, vhuk_agreement=False) for rse in rses)
    assert len(expected_agreement(SystemInputs(release_for("2.3.1"), clear)).groups) == 4


inputs = st.builds(
    lambda release, parts: SystemInputs(
        release,
        tuple(
            RseInputs(
                i, Secret(bytes([huk]) * 32), Secret(bytes([guk]) * 32), lcs, tp, reprov,
                bytes([code]) * 32, policy,
            )
            for i, (huk, guk, lcs, tp, reprov, code, policy) in enumerate(parts)
        ),
    ),
    st.sampled_from(RELEASES),
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.integers(0, 1),
            st.sampled_from([Lcs.SE, Lcs.DM]),
            st.sampled_from([TpMode.TCI, TpMode.PCI]),
            st.integers(0, 1),
            st.integers(0, 1),
            st.sampled_from([True, True, True, False]),
        ),
        min_size=1,
        max_size=6,
    ),
)  # fmt: skip


@given(inputs)
def test_groups_are_those_of_equal_values(system: SystemInputs) -> None:
    """Groups found without computing a key are exactly the RSEs with equal computed keys."""
    agreement = expected_agreement(system)
    known = {o.rse: o.vhuk for o in agreement.outcomes if o.ending is Ending.VALUE}
    assert None not in known.values()
    by_value: dict[bytes | None, set[int]] = {}
    for rse, value in known.items():
        by_value.setdefault(value, set()).add(rse)
    random = {frozenset({o.rse}) for o in agreement.outcomes if o.ending is Ending.UNPREDICTABLE}
    assert _groups(agreement.groups) == {frozenset(group) for group in by_value.values()} | random


@given(inputs)
def test_values_follow_the_formula(system: SystemInputs) -> None:
    """Every predicted value is KDF(GUK, bound seeds, state) of that RSE."""
    for outcome in expected_agreement(system).outcomes:
        if outcome.vhuk is None:
            continue
        rse = system.rses[outcome.rse]
        assert rse.guk is not None
        label = b"".join(system.seed(other) or b"" for other in outcome.bound)
        state = BootState(rse.tp, rse.lcs, rse.reprov, rse.bl1_2_hash or b"")
        value = keys.derive("vhuk", system.release, rse.guk, label=label, state=state)
        assert outcome.vhuk == value


def test_inputs_hide_their_keys_and_check_their_ids() -> None:
    """No repr shows a key, also one given as plain bytes; gaps in the ids are refused."""
    inputs = RseInputs(0, bytes(range(32)), b"g" * 32, bl1_2_hash=BL1_2)  # type: ignore[arg-type]
    shown = repr(SystemInputs(release_for("2.3.1"), (inputs,)))
    shown += repr(expected_agreement(SystemInputs(release_for("2.3.1"), (inputs,))))
    assert "gggg" not in shown
    assert "\\x01\\x02" not in shown
    with pytest.raises(ModelError, match=r"got ids \[1\]"):
        SystemInputs(release_for("2.3.1"), (replace(inputs, rse=1),))
