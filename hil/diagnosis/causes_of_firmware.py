# SPDX-License-Identifier: Apache-2.0
"""Causes in the firmware: another build, another release, another key derivation."""

from __future__ import annotations

from collections.abc import Iterator

from hil.diagnosis.comparing import note_slot_0, same_bl1_2
from hil.diagnosis.evidence import Clues, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.words import majority, names, told
from hil.model.hypotheses import Hypothesis
from hil.model.releases import Bound

Found = Iterator[Suspicion]


def other_key_derivation(f: Facts) -> Found:
    """Keys are derived as another release does it, or other seeds are bound."""
    clues = Clues()
    matched = sorted(r for r, e in f.explanations.items() if e.field == "release")
    binding = Hypothesis.AGREED if f.release.bound is Bound.ALL else Hypothesis.ALL_SEEDS
    bound = sorted(r for r, e in f.explanations.items() if e.hypothesis is binding)
    own_too = all(Hypothesis.OWN_SEED in f.explanations[r].matches for r in bound)
    if own_too and len(f.fingerprints) > 1:
        bound = []  # RSE 0, and dies with its HUK, may as well have gone by their own seed
    if matched:
        details = sorted({f.explanations[r].detail for r in matched})
        clues.proof(f"the values of {names(matched)} are derived {'; '.join(details)}")
        yield clues.suspicion(
            f"the keys of {names(matched)} are derived {details[0]}, not as TF-M {f.case.firmware} does",
            matched,
        )
    elif bound and (f.disagreed or f.unexpected):
        clues.proof(f"the values of {names(bound)} match: {binding}")
        yield clues.suspicion(
            f"the firmware of {names(bound)} does not bind what TF-M {f.case.firmware} binds "
            f"({binding})",
            bound,
        )
    elif f.disagreed and not f.all_differ:
        clues.weak("another key derivation gives another value")
        if f.computable:
            clues.excludes("no known key derivation gives the value")
        if f.release.session_key_in_handshake:
            clues.excludes("with another key derivation the handshake ends with an error")
        if same_bl1_2(f):
            clues.doubt("BL1_2, which asks for the keys, is the same on all")
        note_slot_0(f, clues)
        yield clues.suspicion(
            f"the keys of {names(f.odd)} are derived as another release does it", f.odd
        )


def other_firmware(f: Facts) -> Found:
    """One RSE runs another firmware than the others, or all run another than was told."""
    versions = {rse: seen.version for rse, seen in f.seen.items() if seen.version}
    built_for = {rse: str(seen.of) for rse, seen in f.seen.items() if seen.of is not None}
    for values, what in ((versions, "TF-M version"), (built_for, "number of RSEs built for")):
        if len(set(values.values())) > 1:
            usual = majority(values, f.case.firmware)
            odd = sorted(rse for rse, value in values.items() if value != usual)
            clues = Clues()
            clues.proof(f"{what}: {told(values, sorted(values))}")
            yield clues.suspicion(
                f"other firmware runs on {names(odd)} than on the others ({what} {told(values, odd)}, "
                f"the others {usual})",
                odd,
            )
            return
    if f.disagreed:
        clues = Clues()
        clues.weak("other firmware on one die brings another BL1_2 or another handshake")
        if set(versions) == set(f.seen):
            clues.excludes(f"all run TF-M {next(iter(versions.values()))}")
        if same_bl1_2(f):
            clues.excludes("BL1_2, which derives the keys, is the same on all")
        if f.release.session_key_in_handshake:
            clues.against("with another BL1_2 the handshake ends with an error")
        if f.all_differ and f.amount > 2:
            clues.against("it would have to differ on every die")
        note_slot_0(f, clues)
        yield clues.suspicion(f"other firmware runs on {names(f.odd)} than on the others", f.odd)


def release_not_as_told(f: Facts) -> Found:
    """All RSEs print the version of another release than the one they are judged by."""
    versions = {rse: seen.version for rse, seen in f.seen.items() if seen.version}
    if len(set(versions.values())) != 1 or not f.release_contradicted:
        return
    version = next(iter(versions.values()))
    clues = Clues()
    clues.proof(f"{names(versions)} print `Booting TF-M v{version}`")
    yield clues.suspicion(
        f"all RSEs run TF-M {version}, but are judged by the rules of {f.case.firmware}",
        sorted(versions),
    )
