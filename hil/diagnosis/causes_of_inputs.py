# SPDX-License-Identifier: Apache-2.0
"""Causes in what the dies were provisioned with: GUK and boot state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hil.diagnosis.comparing import any_formula, note_slot_0, own_seed_as_known
from hil.diagnosis.evidence import Clues, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.state_fields import (
    FIELDS,
    StateField,
    believed_of,
    states_as_believed,
    states_equal,
)
from hil.diagnosis.words import majority, names, told
from hil.model.hypotheses import Hypothesis
from hil.model.system_inputs import SERVER

Found = Iterator[Suspicion]


def other_guk(f: Facts) -> Found:
    """One die has another group key."""
    matched = [r for r, e in f.explanations_as_reported.items() if e.field == "guk"]
    clues = Clues()
    if matched:
        for rse in matched:
            clues.proof(
                f"the value of RSE {rse} is that of the {f.explanations_as_reported[rse].detail}"
            )
        yield clues.suspicion(f"another GUK on {names(matched)}", matched)
        return
    if f.disagreed:
        _guk_by_elimination(f, clues)
        odd = f.odd
        yield clues.suspicion(
            f"another GUK on {names(odd)} than on the others",
            odd,
            input_name="GUK",
            where=f"of {names(odd)} differs",
        )
    elif f.agreed and f.unexpected and not any_formula(f):
        clues.weak("all values agree and match no formula with the GUK of the board file")
        if own_seed_as_known(f):
            clues.strong("slot 0 holds the seed of the known HUK of RSE 0")
        _board_state_differs(f, clues)
        yield clues.suspicion("the dies have another GUK than the board file says", f.unexpected)
    elif f.halted:
        yield from _guk_by_errors(f)


def _guk_by_elimination(f: Facts, clues: Clues) -> None:
    odd = f.odd
    clues.weak("another GUK gives another vHUK")
    if f.release.session_key_in_handshake:
        clues.excludes(f"in TF-M {f.case.firmware} another GUK ends the handshake with an error")
    told_by = [rse for rse in f.fingerprints if rse in f.states]
    if told_by == list(f.fingerprints) and states_equal(f):
        clues.strong(
            "the [HIL1] state lines of all RSEs are equal: of what enters the vHUK only GUK "
            "and seed 0 are left"
        )
    unknown = [r for r in odd if f.explanations_as_reported[r].hypothesis is Hypothesis.UNKNOWN]
    rest = sorted(f.fingerprints.keys() - set(odd))
    right = [r for r in rest if f.explanations_as_reported[r].hypothesis is not Hypothesis.UNKNOWN]
    if f.computable and unknown == odd:
        clues.strong(f"the value of {names(odd)} matches no formula with the GUK that is known")
    if f.computable and rest and not right:
        clues.doubt(f"the value of {names(rest)} matches no formula either")
    if f.computable and not unknown:
        clues.excludes(f"the value of {names(odd)} follows from the GUK that is known")
    note_slot_0(f, clues)
    if f.all_differ and f.amount > 2:
        clues.against("it would have to differ on every die")


def _guk_by_errors(f: Facts) -> Found:
    clues = Clues()
    failed = [r for r, line in f.halted.items() if "DECRYPTION_FAILED" in line.text]
    refused = [r for r, line in f.halted.items() if "PROTOCOL_ERROR" in line.text]
    tag = [r for r, line in f.halted.items() if "INVALID_TAG" in line.text]
    if failed and not f.release.session_key_in_handshake:
        clues.strong(
            f"{names(failed)} could not decrypt a message (DECRYPTION_FAILED): the session "
            "key comes from the GUK"
        )
        if refused:
            clues.strong(f"{names(refused)} was answered with a protocol error")
        odd = sorted(refused) or sorted(set(f.waiting) - {SERVER})
        clues.against("a broken link would show the same")
        yield clues.suspicion(
            f"the GUK of {names(odd)} is not that of {names(failed)}: {names(failed)} could not "
            "decrypt what it sent, and stopped",
            odd,
        )
    elif f.release.session_key_in_handshake and list(f.halted) == [SERVER] and f.waiting:
        yield _refused(f, "GUK", tag)


def _refused(f: Facts, what: str, tag: list[int]) -> Suspicion:
    """2.1 and 2.2: the session key comes from GUK and boot state."""
    clues = Clues()
    seen = f"RSE {SERVER} stopped in the handshake; {names(f.waiting)} got no reply"
    if tag:
        clues.strong(f"{seen}: the tag of an encrypted message was wrong (INVALID_TAG)")
    else:
        clues.weak(f"{seen}; TF-M {f.case.firmware} does not tell the code")
    where = f"of a client is not that of RSE {SERVER}"
    return clues.suspicion(f"{what} {where}", list(f.waiting), input_name=what, where=where)


def other_lcs(f: Facts) -> Found:
    """One die is in another life-cycle state."""
    return _other_state(f, FIELDS["lcs"])


def other_tp_mode(f: Facts) -> Found:
    """One die is in another test/production mode."""
    return _other_state(f, FIELDS["tp"])


def other_reprovisioning(f: Facts) -> Found:
    """One die was provisioned again more often than the others."""
    return _other_state(f, FIELDS["reprov"])


def other_bl1_2(f: Facts) -> Found:
    """One die has another BL1_2 in its OTP."""
    return _other_state(f, FIELDS["bl1_2"])


def _other_state(f: Facts, field: StateField) -> Found:
    shown = {rse: field.show(state) for rse, state in f.states.items()}
    believed = believed_of(f, field)
    if f.agreed:
        yield from _state_not_as_believed(f, field, shown, believed)
        return
    if f.halted and not f.disagreed:
        if f.release.session_key_in_handshake and list(f.halted) == [SERVER] and f.waiting:
            tag = [r for r, line in f.halted.items() if "INVALID_TAG" in line.text]
            yield _refused(f, field.words, tag)
        return
    if not f.disagreed:
        return
    clues, odd = Clues(), f.odd
    usual = majority(shown, believed) if shown else None
    differing = sorted(rse for rse, value in shown.items() if value != usual)
    matched = sorted(r for r, e in f.explanations.items() if e.field == field.name)
    if differing:
        clues.proof(f"[HIL1] state: {field.words} is {told(shown, sorted(shown))}")
        wrong = [
            r
            for r in differing
            if r in f.explanations_as_reported
            and f.explanations_as_reported[r].hypothesis is Hypothesis.UNKNOWN
        ]
        if f.computable and wrong and field.name != "bl1_2":
            clues.doubt(f"with what {names(wrong)} reports the model gets another value")
        nevertheless = [g for g in f.groups if len({shown.get(r) for r in g}) > 1]
        if nevertheless:
            clues.doubt(f"{names(nevertheless[0])} have one vHUK nevertheless")
        odd = differing
    if matched:
        details = "; ".join(f"RSE {r}: {f.explanations[r].detail}" for r in matched)
        clues.proof(f"the model reproduces the value exactly ({details})")
        odd = sorted({*odd, *matched}) if differing else matched
    if not clues.pro:
        if set(odd) <= set(shown) and len(shown) > len(odd):
            clues.excludes(f"[HIL1] state: {field.words} is the same on {names(shown)}")
        elif f.computable and field.name != "bl1_2":
            clues.excludes(f"no {field.words} gives the value of {names(odd)}")
        clues.weak(f"another {field.words} gives another vHUK without any error")
        unknown = [r for r in odd if f.explanations[r].hypothesis is Hypothesis.UNKNOWN]
        if field.name == "bl1_2" and f.computable and unknown == odd:
            clues.strong(
                f"the value of {names(odd)} matches no formula with the BL1_2 that is known"
            )
        if f.release.session_key_in_handshake:
            clues.excludes(
                f"in TF-M {f.case.firmware} another {field.words} ends the handshake with an error"
            )
        note_slot_0(f, clues)
        if f.all_differ and f.amount > 2:
            clues.against("it would have to differ on every die")
    values = told(shown, odd) if differing else "; ".join(f.explanations[r].detail for r in matched)
    others = told(shown, sorted(shown.keys() - set(odd))) if differing else ""
    claim = f"not provisioned alike: {field.words} of {names(odd)} differs"
    if values:
        claim += f" ({values}{'; ' + others if others else ''})"
    yield clues.suspicion(
        claim, odd, input_name=field.words, where="" if values else f"of {names(odd)} differs"
    )


def _state_not_as_believed(
    f: Facts, field: StateField, shown: Mapping[int, str], believed: str | None
) -> Found:
    """All agree on a value of another state than the board file says."""
    if not f.unexpected or not f.case.state_known:
        return
    clues = Clues()
    matched = sorted(r for r, e in f.explanations.items() if e.field == field.name)
    values = sorted(set(shown.values()))
    if believed is not None and values and believed not in values:
        clues.proof(
            f"[HIL1] state: {field.words} is {told(shown, sorted(shown))}, the board file "
            f"says {believed}"
        )
    if matched:
        clues.proof(
            f"the model reproduces the values exactly ({f.explanations[matched[0]].detail})"
        )
    if not clues.pro:
        if field.name == "bl1_2" and not shown and not any_formula(f):
            # Built anew, it has a hash that no hypothesis can name.
            clues.weak("all values agree and match no formula with the BL1_2 of the board file")
            if own_seed_as_known(f):
                clues.strong("slot 0 holds the seed of the known HUK of RSE 0")
            yield clues.suspicion(
                "the dies have another BL1_2 than the board file says (built anew since?)",
                f.unexpected,
            )
        return
    told_value = values[0] if values else f.explanations[matched[0]].detail
    yield clues.suspicion(
        f"the devices agree, but {field.words} is {told_value}, which the board file does not say",
        f.unexpected,
    )


def _board_state_differs(f: Facts, clues: Clues) -> None:
    if f.states and not states_as_believed(f):
        clues.against("the [HIL1] state lines are not what the board file says either")
