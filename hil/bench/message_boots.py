# SPDX-License-Identifier: Apache-2.0
"""Booting damaged provisioning messages, each on a new device.

Provisioning burns OTP: a device that takes a damaged message is lost. So this is only for benches
whose devices are made anew by the services of the board file each time that it is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hil.bench.bench import Bench
from hil.bench.board_file import BoardFile
from hil.bench.journal import Journal
from hil.bench.mutant_case import CaseBoots, MutantBoot, MutantCase
from hil.images.files import read_bounded, write_atomically
from hil.images.mutant_rules import Loader
from hil.images.mutations import Material, NotApplicableError
from hil.images.placement import PlacedImage
from hil.images.recognise import recognise
from hil.model.releases import release_for
from hil.targets.load import LoadPlan


def why_not(file: BoardFile) -> str | None:
    """Return why no damaged message may be tried on a board, None if it may."""
    if not file.board.services:
        return "its devices are not made anew: a message that is taken burns OTP"
    if not file.board.provisioning.from_virgin:
        return "its devices are provisioned already"
    return None


class MessageBoots(CaseBoots):
    """All cases of a session, one on each RSE of a bench that is opened for them.

    Args:
        file: The board; see `why_not`.
        cases: Those that are going to be asked for, in that order.
        folder: Receives the damaged messages and what the benches leave.
        cache: Folder of built images.
        journal: Told of everything that happens.
    """

    def __init__(
        self,
        file: BoardFile,
        cases: Sequence[MutantCase],
        folder: Path,
        cache: Path,
        journal: Journal,
    ) -> None:
        super().__init__(cases)
        self._file = file
        self._folder = folder
        self._cache = cache
        self._journal = journal
        self._generation = release_for(file.board.release).generation
        self._benches = 0

    def _boot_batch(self, cases: Sequence[MutantCase]) -> None:
        """Open a bench and boot the next cases on it, one for each RSE."""
        folder = self._folder / f"bench{self._benches}"
        self._benches += 1
        (folder / "uart").mkdir(parents=True)
        bench = Bench(self._file, folder, self._cache, _Beside(self._journal))
        bench.open()
        try:
            messages = {i.rse: i for i in bench.plan.images if _is_message(i)}
            placed: dict[str, int] = {}
            images = list(bench.plan.images)
            waiting = [case for case in cases if str(case) not in self._results]
            for rse, message in messages.items():
                while waiting and rse not in placed.values():
                    case = waiting.pop(0)
                    damaged = self._damaged(case, message, folder)
                    if damaged is not None:
                        images[images.index(message)] = damaged
                        placed[str(case)] = rse
            if not placed:
                for case in waiting:
                    self._results[str(case)] = "the board's image list has no provisioning message"
                return
            # An RSE that is provisioned would wait in the handshake for those that are not.
            for rse in messages.keys() - placed.values():
                first = next(case for case in cases if str(case) in placed)
                idle = self._damaged(first, messages[rse], folder)
                images[images.index(messages[rse])] = idle or messages[rse]
            bench.guard.suspend()  # as for other damaged images
            bench.launcher.load(LoadPlan(tuple(images)))
            boot = bench.start()
        finally:
            bench.close()
        for case in cases:
            expected = case.mutant.expected(Loader.PROVISIONING, case.place, self._generation)
            if str(case) in placed and expected is not None:
                self._results[str(case)] = MutantBoot(placed[str(case)], boot, expected)

    def _damaged(self, case: MutantCase, good: PlacedImage, folder: Path) -> PlacedImage | None:
        try:
            data = case.mutant.apply(Material(read_bounded(good.path)))
        except NotApplicableError as error:
            self._results[str(case)] = error.reason
            return None
        path = folder / f"{case}-rse{good.rse}.bin"
        write_atomically(path, data, mode=0o600)
        digest = hashlib.sha256(data).hexdigest()
        return replace(good, name=f"{good.name} ({case})", path=path, sha256=digest, size=len(data))


class _Beside:
    """A journal of a bench that is not the run's own: whoever reads that takes none of its boots."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def event(self, kind: str, **values: Any) -> None:
        self._journal.event(f"message bench: {kind}", **values)


def _is_message(image: PlacedImage) -> bool:
    if image.memory != "ram":
        return False
    found = recognise(image.path, read_bounded(image.path))
    return found is not None and found.message is not None
