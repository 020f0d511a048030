# SPDX-License-Identifier: Apache-2.0
"""Booting damaged images on a live bench: one on each RSE at a time, and good ones again afterwards.

The RSEs of a system boot together, so that as many rows of the catalogue share a boot as there are
RSEs. Nothing that is loaded raises a security counter or asks for provisioning: every row can be
taken back by loading the good image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hil.bench.bench import Bench
from hil.bench.mutant_case import MutantBoot, MutantCase
from hil.images.files import read_bounded, write_atomically
from hil.images.found_image import FoundImage
from hil.images.image_roles import HOST_WINDOW, Role
from hil.images.mutant_rules import Loader, Outcome, Place, loader_of
from hil.images.mutants import Kind
from hil.images.mutations import Material, NotApplicableError
from hil.images.placement import PlacedImage
from hil.images.platforms import PLATFORMS
from hil.images.recognise import recognise
from hil.images.signing_key import SigningKey
from hil.model.releases import release_for
from hil.targets.load import LoadPlan

_SECURE_NAMES = ("tfm_s", "tfm_s_ns")
_ERASED = b"\xff"


@dataclass(frozen=True)
class _Target:
    """The good image of a kind on one RSE."""

    image: PlacedImage
    data: bytes = field(repr=False)
    loader: Loader
    key: SigningKey | None
    other: bytes | None = field(repr=False)
    #: Address of the other slot, None where the platform's layout is not known.
    spare: int | None
    #: What the board's image list puts there, None if nothing.
    second: PlacedImage | None


class MutantBoots:
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
        self._bench = bench
        self._cases = list(cases)
        self._keys = keys
        self._folder = folder
        self._generation = release_for(bench.board.release).generation
        self._targets = {
            (rse, kind): target
            for rse in bench.board.rse_ids
            for kind in (Kind.MCUBOOT, Kind.BL2)
            if (target := self._target(rse, kind)) is not None
        }
        self._results: dict[str, MutantBoot | str] = {}
        #: What is on the devices and not good: what has to be loaded to mend it.
        self._mend: dict[tuple[int, int], PlacedImage] = {}

    def of(self, case: MutantCase) -> MutantBoot | str:
        """Return what became of a case, or why it cannot be had on this bench.

        Raises:
            DeviceError, ImageError: loading or booting failed.
        """
        while str(case) not in self._results:
            at = next(n for n, each in enumerate(self._cases) if str(each) == str(case))
            self._boot_batch(self._cases[at:])
        return self._results[str(case)]

    def restore(self) -> None:
        """Load the good images again; nothing boots."""
        if self._mend:
            self._bench.launcher.load(LoadPlan(tuple(self._mend.values())))
            self._mend.clear()

    def _boot_batch(self, cases: Sequence[MutantCase]) -> None:
        """Boot the next cases, one for each RSE."""
        free = list(self._bench.board.rse_ids)
        mending, loading = dict(self._mend), []
        placed: dict[str, tuple[int, Outcome]] = {}
        for case in cases:
            if not free:
                break
            if str(case) in self._results:
                continue
            try:
                prepared = self._prepared(case, free)
            except NotApplicableError as error:
                self._results[str(case)] = error.reason
                continue
            if prepared is None:
                continue
            rse, expected, images = prepared
            free.remove(rse)
            placed[str(case)] = rse, expected
            loading += images
        if not placed:
            return
        taken = {(image.rse, image.address) for image in loading}
        mend = [image for where, image in mending.items() if where not in taken]
        for image in mend:
            self._mend.pop((image.rse, image.address))
        self._bench.launcher.load(LoadPlan((*mend, *loading)))
        boot = self._bench.reset()
        for name, (rse, expected) in placed.items():
            self._results[name] = MutantBoot(rse, boot, expected)

    def _prepared(
        self, case: MutantCase, free: Sequence[int]
    ) -> tuple[int, Outcome, list[PlacedImage]] | None:
        """Return RSE, outcome and what is loaded for a case, None if it has to wait for an RSE."""
        kind = case.mutant.kind
        if all(wanted is not kind for _rse, wanted in self._targets):
            raise NotApplicableError(f"the board's image list has no {kind} image that this is for")
        rse = next((rse for rse in free if (rse, kind) in self._targets), None)
        if rse is None:
            return None
        target = self._targets[rse, kind]
        expected = case.mutant.expected(target.loader, case.place, self._generation)
        if expected is None:
            raise NotApplicableError(f"it is no row for {target.loader}")
        if case.place is not Place.ALONE and target.spare is None:
            raise NotApplicableError(
                "the flash layout of the board is not known: where is the spare?"
            )
        material = Material(target.data, target.key, target.other)
        damaged = case.mutant.apply(material)
        images = [self._written(target.image, case, damaged, target.image.address, "damaged")]
        self._mend[rse, target.image.address] = target.image
        images += self._in_spare(case, target)
        return rse, expected, images

    def _in_spare(self, case: MutantCase, target: _Target) -> list[PlacedImage]:
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

    def _target(self, rse: int, kind: Kind) -> _Target | None:
        images = [i for i in self._bench.plan.for_rse(rse) if i.memory == "flash"]
        found = {image.name: (image, found) for image, found in _recognised(images)}
        chosen = next((i for i, f in found.values() if _is(kind, i, f)), None)
        if chosen is None:
            return None
        mcuboot = found[chosen.name][1].mcuboot
        loader = Loader.BL1_2 if mcuboot is None else loader_of(mcuboot)
        other = next((i for i, f in found.values() if i is not chosen and _is_host(f)), None)
        key = self._keys.get(chosen.name)
        spare = self._spare(chosen, images)
        second = next((image for image in images if image.address == spare), None)
        return _Target(
            chosen,
            read_bounded(chosen.path),
            loader,
            SigningKey.load(key) if key else None,
            read_bounded(other.path) if other else None,
            spare,
            second,
        )

    def _spare(self, image: PlacedImage, images: Sequence[PlacedImage]) -> int | None:
        """Return the address of the second slot, if the plan tells which platform it is."""
        found = set()
        for platform in PLATFORMS:
            base = platform.flash.start
            slots = {base + slot.offset: slot for slot in platform.slots}
            if self._generation not in platform.generations or not slots:
                continue
            if not all(each.address in slots for each in images):
                continue
            second = slots[image.address].image + "_secondary"
            found |= {base + slot.offset for slot in platform.slots if slot.name == second}
        return found.pop() if len(found) == 1 else None


def _recognised(images: Sequence[PlacedImage]) -> Iterator[tuple[PlacedImage, FoundImage]]:
    for image in images:
        found = recognise(image.path, read_bounded(image.path))
        if found is not None:
            yield image, found


def _is(kind: Kind, image: PlacedImage, found: FoundImage) -> bool:
    """Return whether an image is the one of its RSE that the rows of a kind are for."""
    if kind is Kind.BL2:
        return found.bl2 is not None
    return found.mcuboot is not None and (found.role is Role.S or image.name in _SECURE_NAMES)


def _is_host(found: FoundImage) -> bool:
    image = found.mcuboot
    return image is not None and image.ram_load and image.load_address in HOST_WINDOW
