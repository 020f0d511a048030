# SPDX-License-Identifier: Apache-2.0
"""Evidence by column: which executions there are, and which column answers what is wanted."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import datetime

from hil.report.signoff.dating import NEVER, spans
from hil.report.signoff.evidence import Column, Evidence, Execution, Source, newest_first
from hil.report.signoff.matching import compiled
from hil.report.signoff.policy import Wanted

#: Beyond every character that a test id begins with.
_LAST = "\U0010ffff"


class Tests:
    """The executions of one column."""

    __test__ = False  # pytest would take the name for a test class

    def __init__(self) -> None:
        self._found: dict[str, list[Execution]] = {}
        self._keys: list[str] | None = None
        self._marked: dict[str, dict[str, None]] | None = None

    def add(self, execution: Execution) -> None:
        """Add one."""
        self._found.setdefault(execution.key, []).append(execution)
        self._keys = self._marked = None

    def of(self, key: str) -> list[Execution]:
        """Return the executions of a test, newest first."""
        return newest_first(self._found[key])

    @property
    def keys(self) -> list[str]:
        """Ids of all tests, sorted."""
        if self._keys is None:
            self._keys = sorted(self._found)
        return self._keys

    def matching(self, pattern: str) -> list[str]:
        """Return the ids that a pattern matches."""
        start, star, _ = pattern.partition("*")
        if not star:
            return [pattern] if pattern in self._found else []
        matches = compiled(pattern).fullmatch
        low, high = bisect_left(self.keys, start), bisect_left(self.keys, start + _LAST)
        return [key for key in self.keys[low:high] if matches(key)]

    @property
    def marked(self) -> Mapping[str, Mapping[str, None]]:
        """Ids of tests by the requirement that they bear."""
        if self._marked is None:
            self._marked = {}
            for key, executions in self._found.items():
                for execution in executions:
                    for name in execution.req:
                        self._marked.setdefault(name, {})[key] = None
        return self._marked


class Columns:
    """All columns of the evidence."""

    def __init__(self, evidence: Evidence) -> None:
        self.tests: dict[Column, Tests] = {}
        self.sources: dict[Column, list[Source]] = {}
        for source in evidence.sources:
            self.sources.setdefault(source.column, []).append(source)
            self.tests.setdefault(source.column, Tests())
        for execution in evidence.executions:
            self.tests[execution.source.column].add(execution)

    def answering(self, want: Wanted) -> list[Column]:
        """Return the columns that are about what is wanted, the newest first."""
        found = [column for column in self.tests if not self._mismatch(column, want)]
        begun = self._begun(found)
        found.sort(key=lambda column: begun[column], reverse=True)
        if want.target.image_sets == "newest":
            newest = max((first for first, _ in begun.values()), default=NEVER)
            return [column for column in found if begun[column][1] >= newest]
        return found

    def near(self, want: Wanted) -> Iterator[str]:
        """Yield why evidence of the same board does not answer what is wanted."""
        for column in self.tests:
            if column.board == want.board:
                paths = self.sources[column]
                more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
                yield f"{paths[0].name}{more}: {self._mismatch(column, want)}"

    def _begun(self, columns: list[Column]) -> dict[Column, tuple[datetime, datetime]]:
        """Return from when to when the newest run of each column can have begun."""
        runs = [(column, source.started) for column in columns for source in self.sources[column]]
        begun: dict[Column, tuple[datetime, datetime]] = {}
        for (column, _), span in zip(runs, spans([when for _, when in runs]), strict=True):
            first, last = begun.get(column, span)
            begun[column] = max(first, span[0]), max(last, span[1])
        return begun

    def _mismatch(self, column: Column, want: Wanted) -> str:
        if column.board != want.board:
            return f"board {column.board}"
        if column.release != want.release:
            return f"TF-M {column.release or '(not said)'}, wanted {want.release}"
        if want.toolchain is not None and column.toolchain != want.toolchain:
            return f"toolchain {column.toolchain or '(not said)'}, wanted {want.toolchain}"
        digests = column.digests()
        for name, digest in want.target.images.items():
            found = digests.get(name, ())
            if found != (digest,):
                told = ", ".join(one[:12] for one in found) or "not there"
                return f"image {name} is {told}, wanted {digest[:12]}"
        return ""
