# SPDX-License-Identifier: Apache-2.0
"""Causes in the seeds: what arrays hold, which of them are bound, whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hil.diagnosis.comparing import any_formula, own_seed_as_known
from hil.diagnosis.evidence import Clues, Suspicion
from hil.diagnosis.facts import Facts, Slot
from hil.diagnosis.state_fields import (
    states_as_believed,
)
from hil.diagnosis.words import names
from hil.model.hypotheses import Hypothesis
from hil.model.releases import Reply
from hil.model.system_inputs import SERVER

Found = Iterator[Suspicion]


def reply_encrypted_in_place(f: Facts) -> Found:
    """2.1 and 2.2: even ids from 2 on take ciphertext for the seeds."""
    if not (f.release.reencrypts_in_place and f.disagreed) or f.amount < 3:
        return
    clues = Clues()
    even = [rse for rse in f.fingerprints if rse >= 2 and rse % 2 == 0]
    others = sorted(f.fingerprints.keys() - set(even))
    pattern = bool(even) and sorted(f.groups) == sorted([others, *([rse] for rse in even)])
    if pattern:
        clues.strong(f"exactly the even ids from 2 on differ, {names(others)} agree")
    else:
        clues.excludes("who differs is not just the even ids from 2 on")
    with_seeds = [rse for rse in even if rse in f.seeds]
    foreign = [rse for rse in with_seeds if _all_foreign(f, rse)]
    if foreign and foreign == with_seeds:
        clues.proof(
            f"the seed array of {names(foreign)} holds values that no RSE gave, but for its own slot"
        )
    elif with_seeds and len(f.given) == f.amount:
        clues.excludes(f"the seed array of {names(with_seeds)} holds seeds that RSEs gave")
    if f.computable:
        right = [rse for rse in others if Hypothesis.AGREED in f.explanations[rse].matches]
        wrong = [rse for rse in even if f.explanations[rse].hypothesis is Hypothesis.UNKNOWN]
        if right == others and wrong == even and f.release_known:
            clues.proof(
                f"the model reproduces all of it: the values of {names(others)}, and random ones on "
                f"{names(even)}, where a difference of GUK or state would have been an error"
            )
        elif wrong != even:
            clues.excludes(f"the value of {names(set(even) - set(wrong))} follows a formula")
    if changed := [rse for rse in even if _changed(f, rse)]:
        clues.strong(f"{names(changed)} had another value at an earlier boot")
    if all(not is_set for is_set in f.policies.values()) and f.policies:
        clues.excludes("policy bit 0 is clear: no handshake ran")
    release = f.case.firmware
    yield clues.suspicion(
        f"this is what the in-place re-encryption of TF-M {release} does (even ids from 2 on): "
        f"{names(even)} took ciphertext for the seeds",
        even,
    )


def partial_arrays_bound(f: Facts) -> Found:
    """A firmware that binds the whole array and yet answers each client at once."""
    if not f.disagreed or f.release.reply is not Reply.AT_ONCE or f.amount < 3:
        return
    clues = Clues()
    arrays = {rse: f.seeds[rse] for rse in f.fingerprints if rse in f.seeds}
    by_server = [group for group in f.groups if SERVER in group]
    shape = (
        len(f.fingerprints) == f.amount
        and len(by_server) == 1
        and len(by_server[0]) == 2
        and len(f.groups) == f.amount - 1
    )
    if not shape:
        clues.excludes("only RSE 0 and the client that came last would agree, and no others")
    elif f.amount > 3:
        clues.strong(f"{names(by_server[0])} agree, every other client has a value of its own")
    else:
        clues.weak(f"{names(by_server[0])} agree, the other client does not")
    if len(arrays) == len(f.fingerprints):
        same = _partition(arrays) == sorted(f.groups)
        if len(set(f.first_seeds.values())) > 1:
            clues.excludes("slot 0 of the seed arrays differs, which alone explains it")
        elif same and len(f.groups) > 2:
            # Faults of single dies look the same; they do not change at a reset.
            note = clues.proof if _all_changed(f) else clues.strong
            note(
                "RSEs agree exactly where their whole seed arrays are equal, and slot 0 is "
                "the same on all"
            )
        elif same:
            clues.weak("the RSEs that agree have equal seed arrays")
        else:
            clues.excludes("RSEs with different seed arrays agree, or with equal ones differ")
    if f.computable:
        if Hypothesis.AGREED in f.explanations[SERVER].matches:
            clues.excludes("the value of RSE 0 is that of seed 0 alone")
        elif f.explanations[SERVER].hypothesis is Hypothesis.UNKNOWN:
            clues.strong("the value of RSE 0 is not that of seed 0 alone")
    if _all_changed(f):
        clues.strong("every value was another at an earlier boot")
    if f.policies and not any(f.policies.values()):
        clues.excludes("policy bit 0 is clear: no handshake ran")
    odd = sorted(f.fingerprints.keys() - set(by_server[0] if by_server else []))
    yield clues.suspicion(
        f"this firmware binds all {32 * f.amount} bytes of the seed array, and in the arrays of "
        f"{names(odd)} some slots were not filled yet",
        odd,
    )


def other_die(f: Facts) -> Found:
    """The seed that an RSE gave is not the one of its known HUK: the die was replaced."""
    clues, odd = Clues(), []
    derived = range(f.amount) if f.release.client_seed.name == "HUK" else [SERVER]
    for rse in derived:
        row, wanted = f.seeds.get(rse), f.expected_seeds.get(rse)
        if row is None or wanted is None or not f.ids_fit:
            continue
        seed = row[0] if len(row) == 1 else row[rse] if rse < len(row) else wanted
        if seed in f.seeds_of_other_releases(rse):
            clues.excludes(
                f"RSE {rse} gave the seed of its known HUK, derived as another release does"
            )
        if seed != wanted:
            odd.append(rse)
            clues.proof(
                f"[HIL1] seeds: RSE {rse} gave {seed}, its HUK in the board file gives {wanted}"
            )
    if not odd and f.agreed and f.unexpected and not any_formula(f):
        if own_seed_as_known(f):
            return
        odd = [SERVER]
        clues.weak("all values agree and match no formula with the HUK of the board file")
        if f.states and states_as_believed(f):
            clues.strong("the [HIL1] state lines are what the board file says: HUK or GUK is left")
    if odd:
        yield clues.suspicion(
            f"another die than the board file says as {names(odd)}: its HUK is not the known one",
            odd,
        )


def routing_exchanged(f: Facts) -> Found:
    """Seeds stand in each other's slots: the routing tables or wires are exchanged."""
    if not f.ids_fit or len(f.given) < f.amount:
        return
    row = f.slots(SERVER)
    wrong = [place for place, mark in enumerate(row) if mark is Slot.OTHERS]
    if len(row) != f.amount or not wrong:
        return
    owners = {fingerprint: rse for rse, fingerprint in f.given.items()}
    clues = Clues()
    for place in wrong:
        clues.proof(
            f"slot {place} of RSE 0 holds the seed that RSE {owners[f.seeds[SERVER][place]]} gave"
        )
    yield clues.suspicion(
        f"the routing tables (or the wires) of {names(wrong)} are exchanged: RSE 0 takes the seed of "
        "one for that of another",
        wrong,
    )


def _all_foreign(f: Facts, rse: int) -> bool:
    marks = f.slots(rse)
    own = f.seen[rse].own_id
    rest = [mark for place, mark in enumerate(marks) if place != own]
    return len(marks) == f.amount and all(mark is Slot.FOREIGN for mark in rest)


def _changed(f: Facts, rse: int) -> bool:
    earlier = f.seen[rse].earlier.get(f.source, ())
    return bool(earlier) and f.fingerprints[rse] not in earlier


def _all_changed(f: Facts) -> bool:
    return bool(f.fingerprints) and all(_changed(f, rse) for rse in f.fingerprints)


def _partition(values: Mapping[int, object]) -> list[list[int]]:
    groups: dict[object, list[int]] = {}
    for rse, value in sorted(values.items()):
        groups.setdefault(value, []).append(rse)
    return sorted(groups.values())
