# SPDX-License-Identifier: Apache-2.0
"""Causes of a handshake that does not end: who waits for whom, and what stopped it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hil.diagnosis.evidence import Clues, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.words import names
from hil.model.error_codes import error_codes
from hil.model.releases import Reply, Transport
from hil.model.system_inputs import SERVER

Found = Iterator[Suspicion]

_MISSING = re.compile(r"RSE handshake: no seed from RSE (\d+)")
_NO_REPLY = re.compile(r"RSE handshake: no reply from RSE (\d+)")
#: RSEs from which on SFCP's requests meet, and what the one that notices halts with.
_MEETING = 3
_BUS_BUSY = ("SFCP_ERROR_SEND_MSG_BUS_BUSY", "SFCP_HAL_ERROR_SEND_MESSAGE_BUS_BUSY")


def server_waits_for_rse(f: Facts) -> Found:
    """RSE 0 waits for a client that does not take part."""
    if not f.handshake_expected:
        return
    said = _said(f, _MISSING)
    absent = [rse for rse in f.absent if rse != SERVER]
    clues = Clues()
    if said:
        clues.proof(f"RSE {SERVER} says itself whose seed is missing: {names(said)}")
        yield clues.suspicion(f"RSE {SERVER} got no seed from {names(said)}{_how(f, said)}", said)
    elif absent and SERVER in f.waiting:
        for rse in absent:
            note = clues.strong if rse in f.mute else clues.proof
            note(f"RSE {rse} never got to the handshake: {f.how_absent(rse)}")
        clues.weak(f"{names(f.waiting)}: nothing came since BL1_2 began, as inside the handshake")
        yield clues.suspicion(
            f"{names(absent)} never got there, and RSE {SERVER} waits for every RSE "
            f"({'; '.join(f.how_absent(rse) for rse in absent)})",
            absent,
        )
    elif f.lost and SERVER in f.waiting:
        clues.proof(f"{names(f.lost)} went away inside the handshake")
        yield clues.suspicion(
            f"{names(f.lost)} went away, and RSE {SERVER} waits for every RSE", f.lost
        )
    elif SERVER in f.waiting and len(f.waiting) == len(f.seen) == f.amount:
        clues.weak(
            "all RSEs stand inside the handshake: each waits for all, so that the UARTs cannot "
            "tell which one does not take part"
        )
        yield clues.suspicion(
            "one RSE does not take part in the handshake or has a dead link", list(f.waiting)
        )
    elif SERVER in f.waiting and f.passed and SERVER not in f.passed:
        yield from _server_alone(f, clues)


def _server_alone(f: Facts, clues: Clues) -> Found:
    """Some clients got an answer, RSE 0 still waits."""
    silent = [rse for rse in f.waiting if rse != SERVER]
    exchanged = [rse for rse in f.passed if len(f.seeds.get(rse, ())) > 1]
    if f.release.reply is Reply.AT_ONCE:
        note = clues.strong if exchanged else clues.weak
        note(f"RSE {SERVER} answers each client at once, and {names(f.passed)} got an answer")
    else:
        clues.excludes(
            f"RSE {SERVER} answers when all have sent, and {names(f.passed)} got an answer"
        )
    if f.passed and all(not f.policies.get(rse, True) for rse in f.passed):
        clues.excludes(f"policy bit 0 is clear on {names(f.passed)}: they never asked")
    if silent:
        yield clues.suspicion(
            f"RSE {SERVER} waits for {names(silent)}, which sent nothing that it could read", silent
        )


def clients_wait_for_server(f: Facts) -> Found:
    """The clients wait for RSE 0, which is not there or has stopped."""
    if not f.handshake_expected:
        return
    clues = Clues()
    clients = [rse for rse in f.waiting if rse != SERVER]
    said = _said(f, _NO_REPLY)
    if SERVER in f.absent and (clients or said):
        note = clues.strong if SERVER in f.mute else clues.proof
        note(f"RSE {SERVER}, which serves the handshake, never got there: {f.how_absent(SERVER)}")
        if clients:
            clues.weak(f"{names(clients)}: nothing came since BL1_2 began, as inside the handshake")
        if said:
            clues.proof(f"clients say themselves that {names(said)} does not answer")
        yield clues.suspicion(
            f"RSE {SERVER} never got to the handshake, and nobody answers "
            f"{names(clients) or 'its clients'} ({f.how_absent(SERVER)})",
            [SERVER],
        )
    elif said and not _said(f, _MISSING) and SERVER not in (*f.halted, *f.crashed):
        clues.proof(f"clients say themselves that {names(said)} does not answer")
        yield clues.suspicion(f"RSE {SERVER} does not answer its clients{_how(f, said)}", [SERVER])
    elif SERVER in f.passed and clients:
        yield from _after_server(f, clients)
    elif SERVER in f.waiting and len(f.waiting) == len(f.seen) == f.amount:
        clues.weak("all RSEs stand inside the handshake, as they do without their server")
        yield clues.suspicion(f"RSE {SERVER} itself does not take part in the handshake", [SERVER])


def _after_server(f: Facts, clients: list[int]) -> Found:
    """RSE 0 is through, some clients are silent in the handshake or behind it."""
    clues = Clues()
    if SERVER in f.policies and not f.policies[SERVER]:
        return
    if f.seeds.get(SERVER) and len(f.seeds[SERVER]) == 1:
        return
    if SERVER in f.policies:
        clues.strong(
            f"RSE {SERVER} is past the handshake, for which it needs a seed of every client"
        )
    else:
        clues.weak(f"RSE {SERVER} is past the handshake")
    if others := [rse for rse in f.passed if rse != SERVER]:
        clues.strong(f"{names(others)} got a reply too")
    yield clues.suspicion(
        f"{names(clients)} took part in the handshake and then fell silent: its reply was lost, or it "
        "stopped before it reported",
        clients,
    )


def no_routing_tables(f: Facts) -> Found:
    """2.2 as tagged: the handshake only returns UNSUPPORTED."""
    if f.release.generation != "2.2" or not f.handshake_expected or not f.halted:
        return
    clues = Clues()
    told = [
        r for r, o in f.seen.items() if any("ERR_UNSUPPORTED" in line.text for line in o.errors)
    ]
    told += [r for r, line in f.halted.items() if "ERR_UNSUPPORTED" in line.text and r not in told]
    lost = [r for r, line in f.halted.items() if line.code_lost]
    if told:
        clues.proof(f"{names(told)} ended with TFM_PLAT_ERR_UNSUPPORTED")
    if set(f.halted) == set(f.seen) and len(f.halted) > 1:
        clues.strong("every RSE, clients and server, halted in BL1_2, and nobody waits for anybody")
    else:
        clues.excludes(f"{names(set(f.seen) - set(f.halted))} did not halt there")
    if lost and not told:
        clues.weak(f"{names(lost)} lost the code, as BL1 of 2.2 does")
    yield clues.suspicion(
        f"TF-M {f.case.firmware} has no routing tables (0x40000074 UNSUPPORTED): its handshake is dead "
        f"code, and {names(f.halted)} halted in it",
        list(f.halted),
    )


def sfcp_busy(f: Facts) -> Found:
    """2.3 with three RSEs or more: SFCP's messages for its session key meet."""
    if f.release.transport is not Transport.SFCP or not f.handshake_expected or f.amount < _MEETING:
        return
    busy = {error_codes(f.release.error_family).number(name) for name in _BUS_BUSY}
    told = [r for r, line in f.halted.items() if line.code is not None and line.code in busy]
    if not told:
        return
    clues = Clues()
    clues.strong(
        f"{names(told)} halted with a bus busy of SFCP, which nothing else returns in BL1_2"
    )
    others = [r for r in f.seen if r not in told]
    if others and all(r in f.waiting for r in others):
        clues.strong(f"{names(others)} fell silent inside the handshake, as they do then")
    if f.passed:
        clues.excludes(f"{names(f.passed)} came through the handshake")
    yield clues.suspicion(
        f"SFCP's key set-up collides with itself, as it does in TF-M {f.case.firmware} from three RSEs "
        f"on: {names(told)} halted with bus busy, and the others wait for ever",
        told,
    )


def no_rse_id_mapping(f: Facts) -> Found:
    """2.2 on neoverse_rd: BL2 cannot read the RSE id."""
    said = sorted(
        r
        for r, o in f.seen.items()
        if any(
            "Platform post init failed" in line.text
            for line in (*o.errors, *filter(None, [o.halt]))
        )
    )
    # Every platform of TF-M has this line; what comes behind BL1_2 is an RSE.
    said = [r for r in said if "BL1_2" in f.seen[r].reached]
    if not said or f.release.generation != "2.2":
        return
    clues = Clues()
    in_bl2 = sorted(r for r, o in f.seen.items() if "BL2" in o.reached)
    note = clues.strong if f.handshake_expected else clues.weak
    note(f"{names(said)}: `Platform post init failed` in BL2 of TF-M {f.case.firmware}")
    with_id = [r for r in in_bl2 if f.seen[r].chip_id is not None]
    if said == in_bl2 and not with_id and f.handshake_expected:
        clues.proof(
            "no RSE got past it and none printed CHIP ID: reading the id is what comes there"
        )
    elif with_id:
        clues.excludes(f"{names(with_id)} printed CHIP ID, so that the id can be read")
    yield clues.suspicion(
        f"BL2 of {names(said)} cannot read its RSE id (0x4000000e): TF-M {f.case.firmware} has no OTP "
        "mapping for it",
        said,
    )


def _said(f: Facts, what: re.Pattern[str]) -> list[int]:
    # An RSE that crashed and was reset comes back to a handshake that is over.
    lines = (line.text for r, o in f.seen.items() if r not in f.crashed for line in o.errors)
    return sorted({int(found[1]) for text in lines if (found := what.search(text))})


def _how(f: Facts, rses: list[int]) -> str:
    told = [f"it stands after {f.seen[r].stage or 'nothing'}" for r in rses if r in f.seen]
    return f" ({'; '.join(told)})" if told else ""
