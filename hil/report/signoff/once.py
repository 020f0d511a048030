# SPDX-License-Identifier: Apache-2.0
"""Each execution of a test counts once, however often it is told of.

A run whose JUnit file was given too is one execution; so is a file of which there is a copy, and what
two files without a run's name date alike. A test that stands twice in one file was executed again by
somebody who does not say so (pytest-rerunfailures writes passing testcases for failed attempts): the
worse verdict counts, and it is no clean pass.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from hil.report.results import LADDER, Status
from hil.report.signoff.evidence import MAX_MESSAGE, Column, Execution


class Once:
    """Executions, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, Column], Execution] = {}
        #: What a reader must know: sources that contradict each other.
        self.remarks: list[str] = []

    @property
    def executions(self) -> tuple[Execution, ...]:
        """All of them."""
        return tuple(self._found.values())

    def add(self, execution: Execution, run: str) -> None:
        """Add one of a run; "" is no run."""
        told = execution.source.run
        if not told and execution.when:
            # A board executes a test once at a time, whatever was changed in a copy of the file.
            run = execution.when.isoformat()
        place = (execution.key, run, execution.source.column)
        known = self._found.get(place)
        if known is None:
            self._found[place] = execution
        elif known.source.path == execution.source.path:
            self._found[place] = _repeated(known, execution)
        elif known.status != execution.status:
            worse = _worse(known, execution)
            self._found[place] = worse
            self.remarks.append(
                f"{known.source.name} and {execution.source.name} tell of the same execution of "
                f"{execution.shown} and contradict each other; {worse.status} counts"
            )


def _worse(one: Execution, other: Execution) -> Execution:
    return max(one, other, key=lambda execution: LADDER.index(execution.status))


def _repeated(known: Execution, again: Execution) -> Execution:
    worse = _worse(known, again)
    status = Status.FLAKY if worse.status is Status.PASS else worse.status
    attempts = known.attempts + again.attempts
    told = f"stands more than once in {known.source.name}"
    message = worse.message if told in worse.message else f"{told}; {worse.message}".rstrip("; ")
    return replace(
        worse,
        status=status,
        attempts=attempts,
        unclean=attempts - 1 if status is Status.FLAKY else attempts,
        req=tuple(dict.fromkeys((*known.req, *again.req))),
        defects=tuple(dict.fromkeys((*known.defects, *again.defects))),
        message=message[:MAX_MESSAGE],
    )


def content_id(path: Path) -> str:
    """Return what stands for the run of a file that names none: two copies are one."""
    with path.open("rb") as stream:
        digest = sha256()
        while data := stream.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()
