# SPDX-License-Identifier: Apache-2.0
"""The verdict of a run from its tests, and the exit status that carries it (docs/verdicts.md)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from hil.report.results import Status
from hil.report.run_record import Verdict

#: Exit status of a run whose tests failed, by the class of the failure that weighs most.
EXIT_STATUS = {"product": 1, "infrastructure": 8, "harness": 9}

#: What was found decides first; then what nobody may overlook.
_WEIGHTS = ("product", "harness", "infrastructure")


def heaviest(classes: Collection[str | None]) -> str | None:
    """Return the class that decides: what is known of the product comes first."""
    return next((kind for kind in _WEIGHTS if kind in classes), None)


def verdict_of(statuses: Iterable[Status]) -> Verdict:
    """Return the verdict of a run that came to its end."""
    found = set(statuses)
    if Status.FAIL in found:
        return Verdict.FAIL
    if found & {Status.ERROR, Status.MISS}:
        return Verdict.ERROR
    if Status.FLAKY in found:
        return Verdict.FLAKY
    return Verdict.PASS if found & {Status.PASS, Status.XFAIL} else Verdict.NO_TESTS


def combined_status(statuses: Iterable[int]) -> int:
    """Return the exit status of several runs: that of the one that weighs most.

    A status of pytest's own (interrupted, internal error, wrong usage, no tests) comes after
    failures of the product and before those of harness and lab.
    """
    found = [status for status in statuses if status]
    ranks = {1: 0, 9: 2, 8: 3}
    return min(found, key=lambda status: (ranks.get(status, 1), status), default=0)
