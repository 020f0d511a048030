# SPDX-License-Identifier: Apache-2.0
"""Causes around who an RSE is: ids given twice or exchanged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hil.diagnosis.evidence import Clues, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.words import names

Found = Iterator[Suspicion]


def same_id_twice(f: Facts) -> Found:
    """Two dies go by one id: the same bundle was loaded on both."""
    clues = Clues()
    who: set[int] = set()
    for what, ids in _told_ids(f).items():
        for number, count in sorted(Counter(ids.values()).items()):
            if count > 1:
                twice = [rse for rse, told in ids.items() if told == number]
                who |= set(twice)
                clues.proof(f"{what}: the UARTs of {names(twice)} all say {number}")
    if who:
        yield clues.suspicion(
            f"{names(who)} report one id: the same provisioning message was loaded on them, or their "
            "consoles are one UART",
            sorted(who),
        )
    elif _nobody_answers(f):
        clues.weak("all wait in the handshake, as they do when two of them have one id")
        yield clues.suspicion(
            "two RSEs have one id (the same provisioning message on two dies)", list(f.waiting)
        )


def ids_exchanged(f: Facts) -> Found:
    """An RSE goes by the id of another place: consoles or bundles are exchanged."""
    clues = Clues()
    who: set[int] = set()
    pairs: dict[int, int] = {}
    for what, ids in _told_ids(f).items():
        if len(set(ids.values())) < len(ids):
            return
        wrong = {rse: number for rse, number in ids.items() if rse != number}
        for rse, number in wrong.items():
            clues.proof(f"{what}: the UART of RSE {rse} says {number}")
        pairs |= wrong
        who |= set(wrong)
    if who:
        told = "; ".join(
            f"the UART of RSE {r} reports for RSE {n}" for r, n in sorted(pairs.items())
        )
        yield clues.suspicion(
            f"{told}: consoles exchanged in the board file, or dies provisioned with each other's "
            "messages",
            sorted(who),
        )


def _told_ids(f: Facts) -> dict[str, dict[int, int]]:
    reported = {rse: seen.ids[-1] for rse, seen in f.seen.items() if seen.ids}
    printed = {rse: seen.chip_id for rse, seen in f.seen.items() if seen.chip_id is not None}
    return {"[HIL1] rse=": reported, "CHIP ID": printed}


def _nobody_answers(f: Facts) -> bool:
    return f.handshake_expected and len(f.waiting) == len(f.seen) == f.amount
