# SPDX-License-Identifier: Apache-2.0
"""A policy against the evidence: what holds, what does not, and what nobody has shown.

Whatever is not there counts against the sign-off: a test that the policy expects, a board, an image that
was not seen on its device. A file without tests, one in which all are skipped and one in which all
needed a second try show nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from hil.report.signoff.columns import Columns, Tests
from hil.report.signoff.evidence import RECORD, Column, Evidence, Source
from hil.report.signoff.judgement import (
    ORDER,
    OTHER,
    Cell,
    Holds,
    JudgedColumn,
    SignOff,
    TestJudgement,
    worst,
)
from hil.report.signoff.matching import expanded
from hil.report.signoff.policy import Policy, Requirement, Wanted, wanted
from hil.report.signoff.repeats import Rules, in_time, judge_test, may_be_in_time
from hil.report.signoff.waiving import Waivers

#: Reasons that a cell tells; the rest is a number.
MAX_REASONS = 20


def judge(policy: Policy, evidence: Evidence, at: datetime) -> SignOff:
    """Return the verdict on some evidence at some time."""
    columns, waivers = Columns(evidence), Waivers(policy, at)
    judged: list[JudgedColumn] = []
    used: dict[Column, None] = {}
    for want in wanted(policy):
        found = columns.answering(want)
        for column in found:
            used[column] = None
            sources = tuple(columns.sources[column])
            cells = _cells(policy, want, columns.tests[column], sources, waivers, at)
            judged.append(JudgedColumn(want, column, sources, cells))
        if not found:
            judged.append(_nothing(policy, want, list(columns.near(want))))
    return SignOff(
        policy=policy,
        at=at,
        rows=tuple(_rows(policy, judged)),
        columns=tuple(judged),
        others=tuple(column for column in columns.tests if column not in used),
        evidence=evidence,
        remarks=evidence.remarks,
        waivers=tuple(waivers.told()),
    )


def _rows(policy: Policy, judged: list[JudgedColumn]) -> Iterator[tuple[str, str]]:
    known = {requirement.id: requirement.title for requirement in policy.requirements}
    present = {name for column in judged for name in column.cells}
    yield from ((name, title) for name, title in known.items() if name in present)
    for name in sorted(present - known.keys() - {OTHER}):
        yield name, "borne by tests, but not in the policy"
    if OTHER in present:
        yield OTHER, "tests of no requirement here"


def _nothing(policy: Policy, want: Wanted, near: list[str]) -> JudgedColumn:
    why = ("no evidence of this was given", *near[:5])
    cells = {r.id: Cell(r.id, Holds.MISSING, why, ()) for r in policy.asked_of(want.target)}
    return JudgedColumn(want, None, (), cells)


def _cells(
    policy: Policy,
    want: Wanted,
    tests: Tests,
    sources: tuple[Source, ...],
    waivers: Waivers,
    at: datetime,
) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    used: set[str] = set()
    for requirement in policy.asked_of(want.target):
        rules = Rules(policy, want, requirement, waivers, at)
        keys, absent = _keys(requirement, want, tests)
        used.update(keys)
        judged = [judge_test(tests.of(key), rules) for key in keys]
        judged += [_absent(pattern) for pattern in absent]
        judged += _stages(requirement, sources, rules)
        cells[requirement.id] = _cell(requirement.id, judged)
    known = {r.id for r in policy.requirements} | set(policy.not_required)
    for name in tests.marked:
        if name not in known:
            why = "tests bear this id, and the policy neither requires it nor lists it in not_required"
            cells[name] = Cell(name, Holds.FAIL, (why,), ())
    others = [key for key in tests.keys if key not in used]
    if policy.other_tests == "ignore":
        others = [key for key in others if key == RECORD]
    if others:
        rules = Rules(policy, want, None, waivers, at)
        rest = [judge_test(tests.of(key), rules) for key in others]
        # One that was skipped, or that is old, shows nothing, and nothing asks for it.
        told = [t for t in rest if t.holds in (Holds.PASS, Holds.WAIVED, Holds.FAIL) or _lab(t)]
        if told:
            cells[OTHER] = _cell(OTHER, told, needs_clean=False)
    return cells


def _lab(test: TestJudgement) -> bool:
    return any(execution.status == "MISS" for execution in test.executions)


def _keys(requirement: Requirement, want: Wanted, tests: Tests) -> tuple[list[str], list[str]]:
    """Return the tests of a requirement, and the patterns that none of them matches."""
    keys: dict[str, None] = {}
    absent = []
    for pattern in expanded(requirement.tests, want.target.rses):
        found = tests.matching(pattern)
        keys |= dict.fromkeys(found)
        if not found:
            absent.append(pattern)
    return list({**keys, **tests.marked.get(requirement.id, {})}), absent


def _absent(pattern: str) -> TestJudgement:
    why = "not executed" if "*" not in pattern else "no test of this name was executed"
    return TestJudgement(pattern, Holds.MISSING, why, (), clean=False)


def _stages(
    requirement: Requirement, sources: Iterable[Source], rules: Rules
) -> Iterator[TestJudgement]:
    counting = [s for s in sources if s.seen or not rules.want.target.device]
    for stage, limit in requirement.stage_limits.items():
        name = f"stage {stage} within {limit:g} s"
        found = [
            (*s.stages[place], place[1], s)
            for s in counting
            for place in s.stages
            # As with tests: what may be new enough speaks against the product, not for it.
            if place[0] == stage
            and (in_time if s.stages[place][0] <= limit else may_be_in_time)(s.started, rules)
        ]
        silent = sorted(set(range(rules.want.target.rses)) - {rse for _, _, rse, _ in found})
        if silent:
            who = "" if not found else f" on RSE {', '.join(map(str, silent))}"
            yield TestJudgement(name, Holds.MISSING, f"no run tells its time{who}", (), clean=False)
        if not found:
            continue
        seconds, boot, rse, source = max(found, key=lambda one: one[0])
        if seconds > limit:
            why = f"{seconds:.3f} s on RSE {rse}, boot {boot}, {source.name}"
            yield TestJudgement(name, Holds.FAIL, why, (), clean=False)
        elif not silent:
            alone = not requirement.tests
            yield TestJudgement(name, Holds.PASS, f"{seconds:.3f} s at most", (), clean=alone)


def _cell(name: str, judged: list[TestJudgement], *, needs_clean: bool = True) -> Cell:
    if not judged:
        return Cell(name, Holds.MISSING, ("no test that was executed bears this id",), ())
    ranked = sorted(judged, key=lambda test: -ORDER.index(test.holds))
    holds = worst(test.holds for test in judged)
    why = _reasons(ranked)
    if holds is Holds.PASS and needs_clean and not any(test.clean for test in judged):
        holds, why = Holds.MISSING, ["no test of it passed at its first attempt"]
    if len(why) > MAX_REASONS:
        why = [*why[:MAX_REASONS], f"and {len(why) - MAX_REASONS} more"]
    return Cell(name, holds, tuple(why), tuple(ranked))


def _reasons(ranked: Iterable[TestJudgement]) -> list[str]:
    """Return why tests do not hold, each reason once with the number of tests that share it."""
    shared: dict[str, list[str]] = {}
    for test in ranked:
        if test.holds is not Holds.PASS:
            shared.setdefault(test.why, []).append(test.name)
    return [
        f"{names[0]}{f' (and {len(names) - 1} more)' if len(names) > 1 else ''}: {why}"
        for why, names in shared.items()
    ]
