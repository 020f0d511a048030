# SPDX-License-Identifier: Apache-2.0
"""What all executions of one test on one board with one image set amount to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hil.report.results import LADDER, Status
from hil.report.signoff.dating import NO_ZONE, earliest, latest
from hil.report.signoff.evidence import Execution
from hil.report.signoff.judgement import Holds, TestJudgement
from hil.report.signoff.policy import Policy, RepeatPolicy, Requirement, Wanted
from hil.report.signoff.waiving import Waivers

#: Nothing is known of the product: the lab broke, or the test chose not to look.
_UNKNOWN = frozenset({Status.MISS, Status.SKIP})
#: What proves nothing of images that nobody saw, nor speaks against the product.
_NOTHING_UNSEEN = frozenset({Status.PASS, Status.FLAKY, *_UNKNOWN})
#: Clocks of hosts differ; what is dated beyond this has no date.
_AHEAD = timedelta(hours=1)


@dataclass(frozen=True)
class Rules:
    """What one requirement asks of each of its tests.

    Attributes:
        requirement: None for tests of no requirement.
    """

    policy: Policy
    want: Wanted
    requirement: Requirement | None
    waivers: Waivers
    at: datetime

    @property
    def name(self) -> str:
        """Id of the requirement."""
        return self.requirement.id if self.requirement else ""

    @property
    def max_age(self) -> timedelta | None:
        """How old evidence may be."""
        own = self.requirement.max_age if self.requirement else None
        return own if own is not None else self.policy.max_age

    @property
    def repetitions(self) -> int:
        """How many executions there must be."""
        if self.requirement is None:
            return 1
        return self.requirement.repetitions or self.policy.repetitions

    @property
    def refuted_by(self) -> frozenset[str]:
        """Known defects that take the proof from a passed test."""
        return frozenset(self.requirement.refuted_by if self.requirement else ())


def judge_test(executions: Sequence[Execution], rules: Rules) -> TestJudgement:
    """Return what became of a test.

    Args:
        executions: Of this test in this column, newest first, at least one.
        rules: What is asked of it.
    """
    name = executions[0].shown
    seen = [
        e
        for e in executions
        if e.source.seen or e.status not in _NOTHING_UNSEEN or not rules.want.target.device
    ]
    if not any(e.source.seen for e in seen) and rules.want.target.device:
        why = f"the images were not seen on the device in {executions[0].source.name}"
        return TestJudgement(name, Holds.MISSING, why, tuple(executions[:1]), clean=False)
    fresh = [e for e in seen if _fresh(e, rules)]
    if not fresh:
        return TestJudgement(name, Holds.STALE, _too_old(seen[0], rules), (seen[0],), clean=False)
    ran = sum(e.status not in _UNKNOWN for e in fresh)
    taken = _taken(fresh, rules)
    judgement = _judge(name, taken, rules)
    if judgement.holds is Holds.PASS and ran < rules.repetitions:
        why = f"executed {ran} times of {rules.repetitions}"
        return TestJudgement(name, Holds.MISSING, why, taken, judgement.clean)
    return judgement


def _fresh(execution: Execution, rules: Rules) -> bool:
    if execution.passed:
        return in_time(execution.when, rules)
    return may_be_in_time(execution.when, rules)


def in_time(when: datetime | None, rules: Rules) -> bool:
    """Whether something happened when it counts: neither too long ago nor in the future."""
    if when is None:
        return rules.max_age is None
    return not _to_come(when, rules) and _within(earliest(when), rules)


def may_be_in_time(when: datetime | None, rules: Rules) -> bool:
    """Whether something that speaks against the product counts: unless it is surely too long ago."""
    return _within(latest(when), rules)


def _within(when: datetime, rules: Rules) -> bool:
    return rules.max_age is None or rules.at - when <= rules.max_age


def _to_come(when: datetime, rules: Rules) -> bool:
    return earliest(when) > rules.at + _AHEAD


def _too_old(execution: Execution, rules: Rules) -> str:
    when, limit = execution.when, rules.max_age
    if when is None:
        return f"{execution.source.name} does not say when it was executed"
    if limit is None or _to_come(when, rules):
        return f"executed at {when:%Y-%m-%d %H:%M}, which is still to come"
    told = f"executed at {when:%Y-%m-%d %H:%M}"
    if when.tzinfo is NO_ZONE:
        told += " of a zone that nobody names (`foreign` in the policy can)"
    return f"{told}; at most {_age(limit)} old, is {_age(rules.at - earliest(when))}"


def _age(age: timedelta) -> str:
    return f"{age.days} days" if age >= timedelta(days=2) else f"{age.total_seconds() / 3600:.0f} h"


def _taken(fresh: Sequence[Execution], rules: Rules) -> tuple[Execution, ...]:
    repeats = rules.policy.repeats
    if repeats.policy is RepeatPolicy.LATEST:
        known = [e for e in fresh[1:] if e.status not in _UNKNOWN]
        return (fresh[0], *known[: rules.repetitions - 1])
    return tuple(fresh[: repeats.n] if repeats.policy is RepeatPolicy.BEST_OF_N else fresh)


def _judge(name: str, taken: tuple[Execution, ...], rules: Rules) -> TestJudgement:
    passed = [e for e in taken if e.passed]
    refuted = [e for e in passed if rules.refuted_by.intersection(e.defects)]
    others = [e for e in taken if not e.passed]
    enough = bool(passed) if rules.policy.repeats.policy is RepeatPolicy.BEST_OF_N else not others
    if not enough:
        worst = max(others, key=lambda e: LADDER.index(e.status))
        same = [e for e in others if (e.status in _UNKNOWN) == (worst.status in _UNKNOWN)]
        holds = Holds.MISSING if worst.status in _UNKNOWN else Holds.FAIL
        return _failed(name, holds, _why(worst, others, taken), same, taken, rules)
    attempts, unclean = sum(e.attempts for e in taken), sum(e.unclean for e in taken)
    if unclean / attempts > rules.policy.repeats.flake_limit:
        why = (
            f"flaky: {unclean} of {attempts} attempts were no clean pass "
            f"({unclean / attempts:.0%}; the policy allows {rules.policy.repeats.flake_limit:.0%})"
        )
        if taken[0].message:
            why += f": {taken[0].message}"
        return _failed(name, Holds.FAIL, why, list(taken), taken, rules)
    # Last: a known defect explains those that passed, not what failed beside them.
    if refuted:
        told = ", ".join(sorted(rules.refuted_by.intersection(refuted[0].defects)))
        why = f"passed, but the known defect {told} is there, with which it does not prove this"
        return _failed(name, Holds.FAIL, why, refuted, taken, rules)
    clean = any(e.status is Status.PASS and not e.unclean for e in taken)
    return TestJudgement(name, Holds.PASS, "", taken, clean)


def _failed(
    name: str,
    holds: Holds,
    why: str,
    about: Sequence[Execution],
    taken: tuple[Execution, ...],
    rules: Rules,
) -> TestJudgement:
    skipped = all(e.status is Status.SKIP for e in about)
    if skipped:
        accepted = rules.waivers.skip(rules.want, rules.name, about)
    elif holds is Holds.FAIL:
        accepted = rules.waivers.failure(rules.want, rules.name, about)
    else:
        accepted = None
    if accepted is None:
        return TestJudgement(name, holds, why, taken, clean=False)
    return TestJudgement(name, Holds.WAIVED, f"{why}; {accepted}", taken, clean=False)


_WORDS = {
    Status.FAIL: "failed",
    Status.ERROR: "the test broke",
    Status.MISS: "the lab broke",
    Status.SKIP: "skipped",
    Status.XFAIL: "failed as its author expected",
}


def _why(worst: Execution, others: Sequence[Execution], taken: Sequence[Execution]) -> str:
    count = f" ({len(others)} of {len(taken)} executions)" if len(taken) > 1 else ""
    first = worst.message.strip().partition("\n")[0]
    return f"{_WORDS[worst.status]}{count}" + (f": {first}" if first else "")
