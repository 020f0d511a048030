# SPDX-License-Identifier: Apache-2.0
"""The bench of a run, which can be built anew after the lab broke it, with all evidence kept.

A run has one bench at a time. When it is built anew, what the one before it said is put aside in
`attempts/<N>/`, in the form of a run's folder, so that `uart/` always belongs to the latest one.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from hil.bench.bench import Bench
from hil.bench.board import Retries
from hil.bench.journal import Journal

#: What a bench leaves in a run's folder.
_LEFT = ("uart", "logs", "mutants")


class MakeBench(Protocol):
    """Makes a bench that is not open yet."""

    def __call__(self, journal: Journal, *, boots_before: int) -> Bench:
        """Return it.

        Args:
            journal: Told of everything that happens.
            boots_before: Boots of this run on benches before it.
        """


class BenchSession:
    """One bench after the other.

    Args:
        make: Makes the bench.
        folder: The run's folder.
        journal: Told of everything that happens.
        retries: How often the bench may be built anew, and the pause before that.
        check: Called before each opening; raises if the board must not be used.
    """

    def __init__(
        self,
        make: MakeBench,
        folder: Path,
        journal: Journal,
        retries: Retries,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._make = make
        self._folder = folder
        self._journal = journal
        self._retries = retries
        self._check = check
        self._bench: Bench | None = None
        self._boots = 0
        #: Retries of this run so far.
        self.retried = 0
        #: Number of the latest bench, from 1; 0 before the first.
        self.number = 0

    @property
    def bench(self) -> Bench | None:
        """The bench that is open, None between two of them."""
        return self._bench

    @property
    def boots(self) -> int:
        """Boots of this run on all benches."""
        return self._boots + (self._bench.boots if self._bench else 0)

    def open(self) -> Bench:
        """Open a bench; one that was open is closed first.

        Raises:
            UsageError, ImageError, DeviceError: what is wrong; nothing is left open.
        """
        self.close()
        if self.number:
            self._put_aside()
            time.sleep(self._retries.pause)
        self.number += 1
        journal = _Numbered(self._journal, self.number)
        journal.event("bench")
        self._check()
        bench = self._make(journal, boots_before=self._boots)
        bench.open()
        self._bench = bench
        return bench

    def close(self) -> None:
        """Close the bench that is open, if one is."""
        bench, self._bench = self._bench, None
        if bench is not None:
            self._boots += bench.boots
            bench.close()

    def may_retry(self, attempts: int) -> bool:
        """Whether a test that the lab broke in its n-th attempt may be tried again."""
        return attempts <= self._retries.per_test and self.retried < self._retries.budget

    def _put_aside(self) -> None:
        """Keep what the last bench left, as evidence of the attempt that the lab broke."""
        kept = self._folder / "attempts" / str(self.number)
        kept.mkdir(parents=True, exist_ok=True)
        for name in _LEFT:
            if (self._folder / name).is_dir():
                (self._folder / name).rename(kept / name)
        (self._folder / "uart").mkdir()
        with contextlib.suppress(OSError):
            shutil.copyfile(self._folder / "events.jsonl", kept / "events.jsonl")


class _Numbered:
    """A journal that says of which bench of the run it tells."""

    def __init__(self, journal: Journal, session: int) -> None:
        self._journal = journal
        self._session = session

    def event(self, kind: str, **values: Any) -> None:
        self._journal.event(kind, session=self._session, **values)
