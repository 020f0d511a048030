# SPDX-License-Identifier: Apache-2.0
"""The cause in the policy bit: RSEs that went by their own seed, without the handshake."""

from __future__ import annotations

from collections.abc import Iterator

from hil.diagnosis.evidence import Clues, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.words import names
from hil.model.hypotheses import Hypothesis
from hil.model.system_inputs import SERVER

Found = Iterator[Suspicion]


def handshake_skipped(f: Facts) -> Found:
    """The policy bit is clear: each RSE has the vHUK of its own seed."""
    if not (f.release.policy_gated and f.handshake_expected):
        return
    if f.agreed:
        yield from _agreed_all_the_same(f)
        return
    clues = Clues()
    clear = sorted(rse for rse, is_set in f.policies.items() if not is_set)
    went_by_own = _own_seed(f)
    own = sorted(went_by_own - {SERVER})
    single = sorted(rse for rse, row in f.seeds.items() if len(row) == 1)
    if clear:
        clues.proof(f"[HIL1] state: policy bit 0 is clear on {names(clear)}")
    if own:
        # One alone may have the HUK of RSE 0, if that is not what the board file says.
        several = len({f.fingerprints[rse] for rse in went_by_own}) > 1
        (clues.proof if several else clues.strong)(
            f"the values of {names(own)} match KDF(GUK, seed_i, state), each its own seed"
        )
    if single:
        clues.strong(f"the seed array of {names(single)} has one slot: nothing was exchanged")
    stuck = f.waiting and f.passed and not f.disagreed
    if f.disagreed and f.all_differ:
        (clues.strong if len(f.groups) > 2 else clues.weak)("no two RSEs have one value")
    elif stuck:
        clues.weak(f"{names(f.passed)} booted on while {names(f.waiting)} wait in the handshake")
    elif f.disagreed and not (clear or own or single):
        clues.excludes(f"{names(f.groups[0])} agree on one value")
    if not clear and f.policies and set(f.policies) >= set(f.passed):
        clues.excludes(f"[HIL1] state: policy bit 0 is set on {names(f.policies)}")
    together = [g for g in f.groups if len(g) > 1 and set(g) & set(clear) and not _one_huk(f, g)]
    if together:
        clues.excludes(f"{names(together[0])} agree, which they could not without the handshake")
    if f.disagreed and _one_huk(f, sorted(f.fingerprints)):
        clues.excludes("all have one HUK, and so one seed with or without the handshake")
    if f.exchange_seen:
        clues.excludes("seed arrays hold seeds of other RSEs: the exchange did take place")
    if f.disagreed and f.own_seeds_computable and not own:
        clues.doubt("no value matches KDF(GUK, seed_i, state) with the keys of the board file")
    who = sorted({*clear, *own, *single}) or (f.passed if stuck else sorted(f.fingerprints))
    seen = (
        f"policy bit 0 is clear on {names(clear)}"
        if clear
        else f"the values of {names(own)} match KDF(GUK, seed_i, state), each its own seed"
        if own
        else f"{names(who)} went by the own seed (policy bit 0 clear)"
    )
    if set(who) < set(f.seen) and f.waiting:
        yield clues.suspicion(
            f"{names(who)} skipped the handshake, without which {names(f.waiting)} cannot go on; "
            f"{seen}",
            who,
        )
    else:
        yield clues.suspicion(f"the handshake never ran; {seen}", who)


def _agreed_all_the_same(f: Facts) -> Found:
    """No handshake ran, and yet all agree: dies with one HUK have one vHUK anyway."""
    if not (f.agreed_without_handshake and f.agreement_wanted):
        return
    clues = Clues()
    clues.proof(f"[HIL1] state: policy bit 0 is clear on {names(f.policies)}")
    everyone = sorted(f.fingerprints)
    if _one_huk(f, everyone):
        clues.strong(f"{names(everyone)} have one and the same HUK")
    elif len(set(f.expected_seeds.values())) > 1:
        clues.doubt("the HUKs of the board file differ: only in a handshake could they agree")
    yield clues.suspicion(
        f"the handshake never ran; policy bit 0 is clear on {names(f.policies)}, and the RSEs agree "
        "only because their dies have one and the same HUK: nothing binds them to each other",
        everyone,
    )


def _own_seed(f: Facts) -> set[int]:
    """Return the RSEs whose values are of their own seeds, and of no other.

    Where several dies have one HUK the own seed may be the agreed one, and tells nothing: it does not
    where the value is that of seed 0 too, or where an RSE with another seed has it as well.
    """
    explained = f.explanations_as_reported
    fits = {r for r, e in explained.items() if Hypothesis.OWN_SEED in e.matches}
    shared = {rse for group in f.groups if not fits.issuperset(group) for rse in group}
    agreed = {r for r in fits if r != SERVER and f.rule in explained[r].matches}
    return fits - shared - agreed


def _one_huk(f: Facts, rses: list[int]) -> bool:
    """Tell whether the own seeds of RSEs are known, from keys or as reported, and equal."""
    known = [
        f.seeds[r][0] if len(f.seeds.get(r, ())) == 1 else f.expected_seeds.get(r) for r in rses
    ]
    return None not in known and len(set(known)) == 1
