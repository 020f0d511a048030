# SPDX-License-Identifier: Apache-2.0
"""Which formula explains a fingerprint that an RSE printed: the question of every diagnosis.

Each hypothesis is a row: what it says, and the values it would give for one RSE. Those whose
inputs are not known (a HUK, a GUK, a BL1_2 hash) give none and are not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from hil.model.boot_state import Lcs, TpMode
from hil.model.fingerprint import PARTITION_ID, Source, seed_fingerprint, vhuk_fingerprint
from hil.model.releases import RELEASES, Bound
from hil.model.secret import Secret
from hil.model.system_inputs import SERVER, RseInputs, SystemInputs


class Hypothesis(StrEnum):
    """How a vHUK may have come about, most likely first."""

    AGREED = "agreed: KDF(GUK, seed_0, state)"
    ALL_SEEDS = "all seeds bound: KDF(GUK, seed_0 || ... || seed_N-1, state)"
    OWN_SEED = "own seed: KDF(GUK, seed_i, state)"
    SEED_OF_OTHER = "seed of another RSE: KDF(GUK, seed_k, state)"
    OTHER_GUK = "GUK of another RSE: KDF(GUK_k, seed_0, state)"
    OTHER_STATE = "another boot state: KDF(GUK, seed_0, state')"
    OWN_SEED_OTHER_STATE = "own seed and another boot state: KDF(GUK, seed_i, state')"
    OTHER_RELEASE = "key derivation of another release: KDF'(GUK, seed, state)"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Explanation:
    """What explains the fingerprint of one RSE."""

    rse: int
    fingerprint: str
    hypothesis: Hypothesis
    #: What is particular here ("seed of RSE 2", "LCS DM instead of SE"); empty where nothing is.
    detail: str = ""
    #: Every hypothesis that gives this fingerprint, `hypothesis` first; RSE 0's own seed is also
    #: the agreed one.
    matches: tuple[Hypothesis, ...] = ()
    #: The one input that is not as believed ("lcs", "tp", "reprov", "bl1_2", "guk", "release").
    field: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"RSE {self.rse}: {self.hypothesis}{detail}"


@dataclass(frozen=True)
class Candidate:
    """One value that an RSE would have if a hypothesis held."""

    hypothesis: Hypothesis
    vhuk: Secret
    detail: str = ""
    field: str = ""


def explain_values(
    fingerprints: Mapping[int, str],
    inputs: SystemInputs,
    source: Source | str = Source.BL1_2,
    partition_id: int = PARTITION_ID,
) -> dict[int, Explanation]:
    """Return for each fingerprint the hypothesis that it fits.

    Args:
        fingerprints: What each RSE printed, 32 hexadecimal digits, by RSE id.
        inputs: What is known of the system.
        source: Stage that printed the fingerprints.
        partition_id: Client id of the runtime reporter.
    """
    return {
        rse: _explain(rse, value.lower(), inputs, source, partition_id)
        for rse, value in fingerprints.items()
    }


def _explain(
    rse: int, fingerprint: str, inputs: SystemInputs, source: Source | str, partition_id: int
) -> Explanation:
    if not 0 <= rse < len(inputs.rses):
        return Explanation(rse, fingerprint, Hypothesis.UNKNOWN, "no such RSE in this system")
    fitting = [
        candidate
        for candidate in candidates(inputs.rses[rse], inputs)
        if vhuk_fingerprint(candidate.vhuk, source, partition_id) == fingerprint
    ]
    if not fitting:
        return Explanation(rse, fingerprint, Hypothesis.UNKNOWN, _what_is_missing(inputs))
    matches = tuple(dict.fromkeys(candidate.hypothesis for candidate in fitting))
    best = fitting[0]
    return Explanation(rse, fingerprint, matches[0], best.detail, matches, best.field)


def _what_is_missing(inputs: SystemInputs) -> str:
    """Say which inputs are not known, so that "unknown" is not read as "impossible"."""
    missing = [
        f"{what} of RSE {', '.join(ids)}"
        for what, ids in (
            (name, [str(rse.rse) for rse in inputs.rses if getattr(rse, attribute) is None])
            for name, attribute in (("HUK", "huk"), ("GUK", "guk"), ("BL1_2", "bl1_2_hash"))
        )
        if ids
    ]
    return f"not known: {'; '.join(missing)}" if missing else ""


def candidates(rse: RseInputs, inputs: SystemInputs) -> Iterator[Candidate]:
    """Yield every value that an RSE would have under the hypotheses, most likely first."""
    for row in _ROWS:
        yield from row(rse, inputs)


def seed_owners(inputs: SystemInputs) -> dict[str, int]:
    """Return who is behind a seed fingerprint, as far as HUKs are known.

    The random seeds of clients (releases up to 2.3) are not among them.
    """
    seeds = ((rse.rse, inputs.seed(rse.rse)) for rse in inputs.rses)
    return {seed_fingerprint(seed): rse for rse, seed in seeds if seed is not None}


_Rows = Iterator[Candidate]


def _agreed(rse: RseInputs, inputs: SystemInputs) -> _Rows:
    if value := rse.vhuk([inputs.seed(SERVER)], inputs.release):
        yield Candidate(Hypothesis.AGREED, value)


def _all_seeds(rse: RseInputs, inputs: SystemInputs) -> _Rows:
    seeds = [inputs.seed(other.rse) for other in inputs.rses]
    if len(seeds) > 1 and (value := rse.vhuk(seeds, inputs.release, Bound.ALL)):
        yield Candidate(Hypothesis.ALL_SEEDS, value)


def _own_seed(rse: RseInputs, inputs: SystemInputs) -> _Rows:
    if value := rse.vhuk([inputs.seed(rse.rse)], inputs.release):
        yield Candidate(Hypothesis.OWN_SEED, value)


def _seed_of_other(rse: RseInputs, inputs: SystemInputs) -> _Rows:
    for other in inputs.rses:
        if other.rse not in {SERVER, rse.rse} and (
            value := rse.vhuk([inputs.seed(other.rse)], inputs.release)
        ):
            yield Candidate(Hypothesis.SEED_OF_OTHER, value, f"seed of RSE {other.rse}")


def _other_guk(rse: RseInputs, inputs: SystemInputs) -> _Rows:
    for other in inputs.rses:
        if other.guk != rse.guk and (
            value := replace(rse, guk=other.guk).vhuk([inputs.seed(SERVER)], inputs.release)
        ):
            yield Candidate(Hypothesis.OTHER_GUK, value, f"GUK of RSE {other.rse}", "guk")


def _other_state(rse: RseInputs, inputs: SystemInputs) -> _Rows:
    for hypothesis, seed in (
        (Hypothesis.OTHER_STATE, SERVER),
        (Hypothesis.OWN_SEED_OTHER_STATE, rse.rse),
    ):
        for changed, detail, field in _other_states(rse, inputs):
            if value := changed.vhuk([inputs.seed(seed)], inputs.release):
                yield Candidate(hypothesis, value, detail, field)


def _other_states(rse: RseInputs, inputs: SystemInputs) -> Iterator[tuple[RseInputs, str, str]]:
    """Yield the RSE with one field of its boot state changed: what a harness may have wrong."""
    for tp in TpMode:
        if tp is not rse.tp:
            yield replace(rse, tp=tp), f"TP mode {tp.name} instead of {rse.tp.name}", "tp"
    for lcs in Lcs:
        if lcs is not rse.lcs:
            yield replace(rse, lcs=lcs), f"LCS {lcs.name} instead of {rse.lcs.name}", "lcs"
    for bits in range(9):
        # The reprovisioning counter is unary: one more bit for each time.
        if (word := (1 << bits) - 1) != rse.reprov:
            yield replace(rse, reprov=word), f"reprovisioned {bits} times", "reprov"
    for other in inputs.rses:
        if other.bl1_2_hash != rse.bl1_2_hash:
            yield replace(rse, bl1_2_hash=other.bl1_2_hash), f"BL1_2 of RSE {other.rse}", "bl1_2"


def _other_release(rse: RseInputs, inputs: SystemInputs) -> _Rows:
    known = {(inputs.release.kdf, inputs.release.state_order)}
    for old in RELEASES:
        rules = (old.kdf, old.state_order)
        if rules in known:
            continue
        known.add(rules)
        there = replace(inputs, release=old)
        seeds = (
            (there.seed(SERVER), "seed of RSE 0"),
            (there.seed(rse.rse), "own seed"),
            # One RSE among others: RSE 0 derived its seed as it should.
            (inputs.seed(SERVER), "seed of RSE 0 as it was sent"),
        )
        for seed, detail in seeds:
            if value := rse.vhuk([seed], old):
                told = f"as in {old.name}: {detail}"
                yield Candidate(Hypothesis.OTHER_RELEASE, value, told, "release")


_ROWS: tuple[Callable[[RseInputs, SystemInputs], _Rows], ...] = (
    _agreed,
    _all_seeds,
    _own_seed,
    _seed_of_other,
    _other_guk,
    _other_state,
    _other_release,
)
