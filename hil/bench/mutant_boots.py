# SPDX-License-Identifier: Apache-2.0
"""Booting damaged images on a live bench: one on each RSE at a time, and good ones again afterwards.

The RSEs of a system boot together, so that as many rows of the catalogue share a boot as there are
RSEs. Nothing that is loaded raises a security counter or asks for provisioning: every row can be
taken back by loading the good image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hil.bench.bench import Bench
from hil.bench.mutant_case import CaseBoots, MutantBoot, MutantCase
from hil.bench.mutant_targets import MutantTarget, find_targets
from hil.images.files import write_atomically
from hil.images.mutant_rules import BEFORE_HANDSHAKE, Outcome, Place, Verdict
from hil.images.mutations import Material, NotApplicableError
from hil.images.placement import PlacedImage
from hil.model.releases import release_for
from hil.targets.load import LoadPlan

_ERASED = b"\xff"


@dataclass
class _Batch:
    """The cases of one boot.

    Attributes:
        free: RSEs that have none yet.
        silent: Whether all of them are refused before the handshake, where the siblings of a single
            one would wait for it; None before there is a case.
        placed: RSE and outcome of each case.
        images: What is loaded for them.
        idle: Damages an RSE that has no case as the first case does.
    """

    free: list[int]
    silent: bool | None = None
    placed: dict[str, tuple[int, Outcome]] = field(default_factory=dict)
    images: list[PlacedImage] = field(default_factory=list)
    idle: MutantCase | None = None


class MutantBoots(CaseBoots):
    """All cases of a session; a case is booted when its result is first asked for.

    Args:
        bench: The bench, loaded and booted once.
        cases: Those that are going to be asked for, in that order.
        keys: Files of the keys that sign the images, by the image's name in the board file.
        folder: Receives the damaged images.
    """

    def __init__(
        self, bench: Bench, cases: Sequence[MutantCase], keys: Mapping[str, Path], folder: Path
    ) -> None:
        super().__init__(cases)
        self._bench = bench
        self._folder = folder
        self._generation = release_for(bench.board.release).generation
        self._targets = find_targets(bench, keys)
        #: What is on the devices and not good: what has to be loaded to mend it.
        self._mend: dict[tuple[int, int], PlacedImage] = {}

    def restore(self) -> None:
        """Load the good images again; nothing boots."""
        if self._mend:
            self._bench.launcher.load(LoadPlan(tuple(self._mend.values())))
            self._mend.clear()
            for console in self._bench.consoles.values():
                console.drain()
            self._bench.guard.resume()  # every RSE is held, and the good images are there

    def _boot_batch(self, cases: Sequence[MutantCase]) -> None:
        """Boot the next cases, one for each RSE."""
        batch = _Batch(list(self._bench.board.rse_ids))
        mending = dict(self._mend)
        for case in cases:
            if not batch.free:
                break
            if str(case) in self._results:
                continue
            try:
                self._add(case, batch)
            except NotApplicableError as error:
                self._results[str(case)] = error.reason
        if not batch.placed:
            return
        if batch.silent and batch.idle is not None:
            self._silence_others(batch.idle, batch)
        taken = {(image.rse, image.address) for image in batch.images}
        mend = [image for where, image in mending.items() if where not in taken]
        for image in mend:
            self._mend.pop((image.rse, image.address))
        self._bench.guard.suspend()  # a damaged image is expected to end in lines of `fail_on`
        self._bench.launcher.load(LoadPlan((*mend, *batch.images)))
        self._bench.tell("damaged images", cases=sorted(batch.placed))
        boot = self._bench.reset()
        for name, (rse, expected) in batch.placed.items():
            self._results[name] = MutantBoot(rse, boot, expected)

    def _add(self, case: MutantCase, batch: _Batch) -> None:
        """Put a case into a batch, unless it has to wait for another one."""
        kind = case.mutant.kind
        if all(wanted is not kind for _rse, wanted in self._targets):
            raise NotApplicableError(f"the board's image list has no {kind} image that this is for")
        rse = next((rse for rse in batch.free if (rse, kind) in self._targets), None)
        if rse is None:
            return
        target = self._targets[rse, kind]
        loader = target.loader_for(case.mutant, self._generation)
        if loader is None:
            raise NotApplicableError(f"it is no row for TF-M {self._bench.board.release}")
        expected = case.mutant.expected(loader, case.place, self._generation)
        if expected is None:
            raise NotApplicableError(f"it is no row for {loader}")
        if case.place is not Place.ALONE and target.spare is None:
            raise NotApplicableError(
                "the flash layout of the board is not known: where is the spare?"
            )
        silent = expected.verdict is Verdict.REFUSED and loader in BEFORE_HANDSHAKE
        if batch.silent not in (None, silent):
            return
        batch.images += self._damaged(case, target)
        batch.free.remove(rse)
        batch.placed[str(case)] = rse, expected
        if batch.silent is None:
            batch.silent, batch.idle = silent, case

    def _silence_others(self, case: MutantCase, batch: _Batch) -> None:
        """Damage the RSEs without a case as well, that they do not wait for the others."""
        for rse in batch.free:
            if (target := self._targets.get((rse, case.mutant.kind))) is not None:
                batch.images += self._damaged(case, target)

    def _damaged(self, case: MutantCase, target: MutantTarget) -> list[PlacedImage]:
        """Return what is loaded for a case on the RSE of an image.

        Raises:
            NotApplicableError: The image has not what the row changes.
        """
        damaged = case.mutant.apply(Material(target.data, target.key, target.other))
        where = target.image.address
        images = [self._written(target.image, case, damaged, where, "damaged")]
        self._mend[target.image.rse, where] = target.image
        return images + self._in_spare(case, target)

    def _in_spare(self, case: MutantCase, target: MutantTarget) -> list[PlacedImage]:
        """Return what the second slot must hold for a case, if that is not what it holds anyway."""
        if target.spare is None or (case.place is Place.ALONE and target.second is None):
            return []
        rse, blank = target.image.rse, _ERASED * len(target.data)
        erased = self._written(target.image, case, blank, target.spare, "erased")
        self._mend[rse, target.spare] = target.second or erased
        if case.place is Place.ALONE:
            return [erased]
        return [self._written(target.image, case, target.data, target.spare, "good")]

    def _written(
        self, good: PlacedImage, case: MutantCase, data: bytes, address: int, what: str
    ) -> PlacedImage:
        name = f"{case}-{what}-rse{good.rse}".replace(" ", "-")
        path = self._folder / f"{name}.bin"
        write_atomically(path, data)
        return replace(
            good,
            name=f"{good.name} ({case}, {what})",
            path=path,
            address=address,
            sha256=hashlib.sha256(data).hexdigest(),
            size=len(data),
            version=None,
        )
