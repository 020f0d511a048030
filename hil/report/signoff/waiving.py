# SPDX-License-Identifier: Apache-2.0
"""Allowed skips and expected failures: which one covers what, and which are of no use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from hil.report.signoff.evidence import Execution
from hil.report.signoff.matching import fits, key_of
from hil.report.signoff.policy import Policy, Waiver, Wanted, holds_until


class Waivers:
    """The waivers of a policy, which count what they are used for."""

    def __init__(self, policy: Policy, at: datetime) -> None:
        self._at = at
        self._all = {"skip": policy.allowed_skips, "failure": policy.expected_failures}
        self._used: Counter[int] = Counter()

    def skip(self, want: Wanted, requirement: str, executions: Iterable[Execution]) -> str | None:
        """Return why skipped executions are accepted, None if they are not."""
        return self._find("skip", want, requirement, tuple(executions))

    def failure(
        self, want: Wanted, requirement: str, executions: Iterable[Execution]
    ) -> str | None:
        """Return why failed executions are accepted, None if they are not."""
        return self._find("failure", want, requirement, tuple(executions))

    def told(self) -> list[str]:
        """Return a sentence for every waiver: what it covered, or why it covers nothing."""
        lines = []
        for kind, waivers in self._all.items():
            for waiver in waivers:
                name = ", ".join((*waiver.requirements, *waiver.tests))
                count = self._used[id(waiver)]
                head = f"{name}: {kind} accepted until {waiver.expires} by {waiver.owner}"
                if not holds_until(waiver, self._at):
                    state = f"EXPIRED; would cover {count} results" if count else "EXPIRED"
                else:
                    state = f"covers {count} results" if count else "covers nothing here"
                lines.append(f"{head} ({state}): {waiver.reason}")
        return lines

    def _find(
        self, kind: str, want: Wanted, requirement: str, executions: tuple[Execution, ...]
    ) -> str | None:
        for waiver in self._all[kind]:
            if not _covers(waiver, want, requirement, executions):
                continue
            self._used[id(waiver)] += 1
            if holds_until(waiver, self._at):
                return f"accepted until {waiver.expires} by {waiver.owner}"
        return None


def _about(waiver: Waiver, requirement: str, executions: tuple[Execution, ...]) -> bool:
    """Whether a waiver names the requirement; a test of none here may bear the id of another one."""
    if requirement:
        return fits(requirement, waiver.requirements)
    return bool(executions) and all(
        any(fits(name, waiver.requirements) for name in one.req) for one in executions
    )


def _covers(
    waiver: Waiver, want: Wanted, requirement: str, executions: tuple[Execution, ...]
) -> bool:
    if waiver.requirements and not _about(waiver, requirement, executions):
        return False
    if waiver.boards and not fits(want.board, waiver.boards):
        return False
    if waiver.releases and not fits(want.release, waiver.releases):
        return False
    keys = {execution.key for execution in executions}
    patterns = [key_of(pattern) for pattern in waiver.tests]
    if patterns and not (keys and all(fits(key, patterns) for key in keys)):
        return False
    if waiver.defect is None:
        return True
    return bool(executions) and all(waiver.defect in one.defects for one in executions)
