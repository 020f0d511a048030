# SPDX-License-Identifier: Apache-2.0
"""The handshake machine: bytes and symbols tell one story, in every order, with every fault."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.errors import ModelError
from hil.model.error_codes import error_codes
from hil.model.handshake import messages, raw, sfcp_setup
from hil.model.handshake import sfcp as sfcp_rules
from hil.model.handshake.machine import Phase
from hil.model.handshake.messages import Kind, Message
from hil.model.handshake.run import run
from hil.model.handshake.system import Sfcp, changed, device_peer, nominal, system_of
from hil.model.handshake.values import Octets, SeededDraws, Symbols
from hil.model.releases import RELEASES, release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs


def inputs(release: str, amount: int, **fields: Any) -> SystemInputs:
    rses = tuple(
        RseInputs(r, Secret(bytes([r + 1]) * 32), Secret(b"g" * 32), bl1_2_hash=b"h" * 32, **fields)
        for r in range(amount)
    )
    return SystemInputs(release_for(release), rses)


NAMES = [row.tags[-1] for row in RELEASES]


@st.composite
def systems(draw: st.DrawFn) -> tuple[SystemInputs, Any]:
    """A system of 2 to 4 RSEs, with any mixture of what can be wrong."""
    amount = draw(st.integers(2, 4))
    given_inputs = inputs(draw(st.sampled_from(NAMES)), amount)
    rses = list(given_inputs.rses)
    for place in range(amount):
        if draw(st.integers(0, 5)) == 0:
            rses[place] = replace(rses[place], guk=Secret(b"G" * 32))
        if draw(st.integers(0, 5)) == 0:
            rses[place] = replace(rses[place], reprov=1)
        if draw(st.integers(0, 7)) == 0:
            rses[place] = replace(rses[place], vhuk_agreement=False)
    given_inputs = replace(given_inputs, rses=tuple(rses))
    system = system_of(given_inputs, sfcp=draw(st.sampled_from(Sfcp)))
    for place in range(amount):
        fault = draw(st.sampled_from(["", "", "", "", "lost", "id", "rx", "restart"]))
        if fault == "lost":
            system = changed(system, [place], present=False)
        elif fault == "id":
            system = changed(system, [place], rse_id=draw(st.integers(0, amount - 1)))
        elif fault == "rx":
            table = draw(st.permutations(range(amount)))
            system = changed(system, [place], receivers=tuple(table))
        elif fault == "restart":
            system = changed(system, [place], restarts=1)
    return given_inputs, system


@settings(max_examples=300, deadline=None)
@given(systems(), st.integers())
def test_symbols_are_equal_exactly_where_bytes_are(case: Any, seed: int) -> None:
    """One schedule run with bytes and with symbols: same steps, same ends, same equalities."""
    given_inputs, system = case
    symbols = Symbols(system)

    def schedule() -> Any:
        choice = random.Random(seed)
        return lambda moves: choice.randrange(len(moves))

    real = run(system, Octets(given_inputs, SeededDraws()), choose=schedule())
    symbolic = run(system, symbols, choose=schedule())
    assert real.steps == symbolic.steps
    assert [(e.phase, e.error) for e in real.ends] == [(e.phase, e.error) for e in symbolic.ends]
    pairs = [
        pair
        for left, right in zip(real.ends, symbolic.ends, strict=True)
        for pair in zip(left.array, right.array, strict=True)
    ]
    for value, symbol in pairs:
        for other, other_symbol in pairs:
            assert (value == other) == (symbol == other_symbol), symbols.term(symbol)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(), amount=st.integers(2, 5))
def test_every_message_has_its_size_and_parses_back(name: str, seed: int, amount: int) -> None:
    """Both layouts: 36 + 32 N and 8 + 32 N bytes, in both directions."""
    release = release_for(name)
    raw = release.session_key_in_handshake
    values = Octets(inputs(name, amount), SeededDraws(str(seed)))
    choice = random.Random(seed)
    result = run(
        nominal(release, amount, sfcp=Sfcp.PLAIN),
        values,
        choose=lambda moves: choice.randrange(len(moves)),
    )
    sent = [message for end in result.ends for _, message in end.sent]
    assert len(sent) == (4 if raw else 2) * (amount - 1)
    for message in sent:
        if raw:
            data = messages.pack_raw(message)
            assert len(data) == 36 + 32 * amount == messages.raw_size(amount)
            assert messages.parse_raw(data, amount) == message
        else:
            data = messages.pack_sfcp(message)
            assert len(data) == 8 + 32 * amount == messages.sfcp_size(amount)
            parsed = messages.parse_sfcp(data, amount, message.sender)
            assert parsed == message._replace(tag=None)


def test_layout_up_to_2_2_byte_by_byte() -> None:
    """Type, id, nonce, slots and tag stand where the C structure has them."""
    message = Message(Kind.VHUK_REPLY, 5, bytes(range(12)), (b"a" * 32, b"b" * 32), b"t" * 16)
    data = messages.pack_raw(message)
    assert data[:20].hex() == "0300000005000000" + bytes(range(12)).hex()
    assert data[20:84] == b"a" * 32 + b"b" * 32
    assert data[84:] == b"t" * 16
    sealed = messages.pack_raw(messages.seal(b"k" * 32, message))
    whole = AESCCM(b"k" * 32, 16).encrypt(bytes(range(12)), data[20:84], data[:20])
    assert sealed == data[:20] + whole


def test_the_second_encryption_undoes_the_first() -> None:
    """Sealed twice, the slots are in clear under a tag that verifies, and open to ciphertext."""
    key = b"k" * 32
    message = Message(3, 0, b"n" * 12, (b"a" * 32, b"b" * 32), bytes(16))
    once = messages.seal(key, message)
    twice = messages.seal(key, once)
    assert twice.slots == message.slots
    opened = messages.unseal(key, twice)
    assert opened is not None
    assert opened.slots == once.slots
    assert messages.unseal(b"K" * 32, once) is None


def test_a_message_of_another_size_is_refused() -> None:
    """The size must be that of the number of RSEs."""
    with pytest.raises(ModelError, match="expected 100 bytes for 2 RSEs, got 132"):
        messages.parse_raw(bytes(132), 2)
    with pytest.raises(ModelError, match="expected 136 bytes for 4 RSEs, got 8"):
        messages.parse_sfcp(bytes(8), 4)


def test_devices_count_the_other_chips() -> None:
    """Device 0 of chip 0 leads to chip 1; chip 2's devices skip chip 2; others lead nowhere."""
    assert [device_peer(0, d, 4) for d in range(4)] == [1, 2, 3, None]
    assert [device_peer(2, d, 4) for d in range(4)] == [0, 1, 3, None]
    assert device_peer(1, 0xFFFF_FFFF, 4) is None


def test_what_cannot_be_a_system_is_refused() -> None:
    """Ids, places and tables must fit the number of RSEs."""
    system = nominal(release_for("2.2.2"), 3)
    with pytest.raises(ModelError, match="chip 1 has RSE id 3, expected 0 to 2"):
        changed(system, [1], rse_id=3)
    with pytest.raises(ModelError, match="no RSE 3"):
        changed(system, [3], present=False)
    with pytest.raises(ModelError, match="receivers of chip 0: expected 3 entries, got 1"):
        changed(system, [0], receivers=(0,))


@pytest.mark.parametrize(
    ("release", "sfcp", "phases", "errors"),
    [
        ("2.2.2", Sfcp.SESSION, "SWW", ["CC3XX_ERR_INVALID_TAG", "", ""]),
        (
            "2.3.1",
            Sfcp.SESSION,
            "SSW",
            ["SFCP_ERROR_DECRYPTION_FAILED", "SFCP_ERROR_PROTOCOL_ERROR", ""],
        ),
        ("2.3.1", Sfcp.PLAIN, "DDD", ["", "", ""]),
    ],
)
def test_another_guk_on_one_client(
    release: str, sfcp: Sfcp, phases: str, errors: list[str]
) -> None:
    """Who stops with what and who waits, when the link is encrypted and when it is not."""
    system = changed(nominal(release_for(release), 3, sfcp=sfcp), [1], guk="another")
    ends = run(system, Symbols(system)).ends
    letter = {Phase.DONE: "D", Phase.STOPPED: "S"}
    assert "".join(letter.get(end.phase, "W") for end in ends) == phases
    assert [end.error for end in ends] == errors


def test_a_missing_rse_and_who_gets_through() -> None:
    """With SFCP's session key nobody does; the handshake alone lets the clients that came go on."""
    for release, sfcp, through in (
        ("2.2.2", Sfcp.SESSION, []),
        ("2.3.1", Sfcp.SESSION, []),
        ("2.3.1", Sfcp.PLAIN, [1, 3]),
        ("fixed", Sfcp.PLAIN, []),
    ):
        system = changed(nominal(release_for(release), 4, sfcp=sfcp), [2], present=False)
        ends = run(system, Symbols(system)).ends
        assert [p for p, end in enumerate(ends) if end.phase is Phase.DONE] == through
        assert ends[0].waits
        assert ends[2].phase is Phase.OFF


def test_all_with_one_bundle_are_servers_and_wait() -> None:
    """Bundle 0 loaded on every chip: every RSE waits for every other, and nobody sends."""
    for release in ("2.2.2", "2.3.1"):
        system = changed(nominal(release_for(release), 4), range(4), rse_id=0)
        result = run(system, Symbols(system))
        assert all(end.waits for end in result.ends)
        assert result.steps == ()


def test_every_error_of_the_machine_has_a_number() -> None:
    """Each name that a rule can stop with stands in the table of its family."""
    for module, family in ((raw, "2.2"), (sfcp_rules, "2.3"), (sfcp_setup, "2.3")):
        source = Path(module.__file__).read_text()
        names = re.findall(
            r"(?:TFM_PLAT_ERR|CC3XX_ERR|SFCP_ERROR|SFCP_HAL_ERROR)_[A-Z0-9_{}]+", source
        )
        assert names
        for name in names:
            for role in ("CLIENT", "SERVER"):
                for phase in ("SESSION", "VHUK"):
                    assert error_codes(family).number(name.format(role, phase)) > 0
