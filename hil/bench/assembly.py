# SPDX-License-Identifier: Apache-2.0
"""A board file and a build tree: the placement plan, and the files of it in one folder."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hil.bench.board import Board
from hil.bench.board_file import BoardFile
from hil.bench.image_plan import build_plan, platform_of
from hil.bench.tree_files import TreeFiles
from hil.errors import HilError
from hil.images.delivery import data_option, flash_region
from hil.images.image_spec import ImageSpec, with_paths
from hil.images.package_check import check_joined, check_packages
from hil.images.placement import PlacedImage
from hil.images.plan import ParameterFile, Placement, Plan, check_places, place_of
from hil.images.plan_messages import Expected, check_values
from hil.images.plan_release import check_messages, check_release
from hil.images.role_check import RoleCheck
from hil.images.rom import rom_problem
from hil.images.stale import check_tree
from hil.model.releases import Release, release_for
from hil.targets.fvp_settings import FvpSettings
from hil.targets.mps_drive import entries_of
from hil.targets.mps_settings import MpsSettings
from hil.targets.pyocd_settings import PyocdSettings
from hil.targets.qemu_command import how as qemu_how
from hil.targets.qemu_command import misfits
from hil.targets.qemu_settings import QemuSettings

#: Environment variables that board files name folders of images with.
BIN, HOST = "HIL_TFM_BIN", "HIL_HOST_IMAGES"
#: The same for what a build of the non-secure side makes, where that has a folder of its own.
NS_BIN = "HIL_TFM_NS_BIN"
#: Ends of the names of a model's parameters whose value is a file of an image.
_FILE_PARAMETERS = re.compile(r"\.(raw_image|fname)$")
#: The one for a ROM, and instances of a model that are an RSE.
ROM_PARAMETER = ".rom.raw_image"
_RSE = re.compile(r"\{rse\}|(?:^|\.)rs[se][^.]*$", re.IGNORECASE)


@dataclass(frozen=True)
class Tree:
    """Folders that the images of a board come from."""

    #: `bin` of TF-M's build tree.
    bin: Path
    host: Path
    #: What was given; files under other names are looked for below it.
    root: Path

    @classmethod
    def at(cls, folder: Path, host: Path | None = None) -> Tree:
        """Return the folders of a build tree, or of a folder with its files."""
        inner = folder / "bin"
        files = (inner if inner.is_dir() else folder).absolute()
        return cls(files, host.absolute() if host else files, folder.absolute())

    def rom_parts(self) -> tuple[Path, Path] | None:
        """Return BL1_1 and the DMA ICS, None where they are not both here."""
        parts = (self.bin / "bl1_1.bin", self.bin / "rom_dma_ics.bin")
        return parts if all(part.is_file() for part in parts) else None

    def fill(self, text: str) -> str:
        """Put the folders in the place of their environment variables."""
        folders = {BIN: self.bin, HOST: self.host}
        if NS_BIN not in os.environ:
            folders[NS_BIN] = self.bin
        for name, folder in folders.items():
            text = text.replace(f"${{{name}}}", str(folder))
        return text


def make_plan(file: BoardFile, tree: Tree | None, cache: Path) -> Plan:
    """Say what goes where, and everything that is wrong.

    Args:
        file: The board.
        tree: Where `${HIL_TFM_BIN}` and `${HIL_HOST_IMAGES}` are; the environment by default.
        cache: Folder for images that are signed or built for this.

    Raises:
        UsageError: the board's platform is not known.
    """
    layout = platform_of(file.board)
    release = release_for(file.board.release)
    check = RoleCheck(layout, release.generation)
    files = TreeFiles((tree.root, tree.host) if tree else (), check)
    board = _with_tree(file.board, tree, files)
    images: list[PlacedImage] = []
    problems: list[str] = []
    for spec in board.images:
        # One at a time, so that every mistake is told; places are checked for all together.
        one = BoardFile(file.path, board.model_copy(update={"images": [spec], "platform": None}))
        try:
            images += build_plan(one, cache).images
        except HilError as error:
            problems += str(error).splitlines()
    names = [spec.name for spec in board.images]
    problems += [f"two images are called {name!r}" for name in names if names.count(name) > 1]
    # An image that could not be made is one problem, not also a hole.
    complete = not problems
    for image in images:
        files.judge(image)
    problems += files.problems
    problems += check_packages(images, layout, check, files.told)
    problems += check_joined(images)
    problems += check_places(images, board.rse_ids if complete else [], layout)
    if isinstance(board.launcher, QemuSettings):
        problems += misfits(board.launcher, images)
    problems += check_release(images, board.release, release.tags, board.image_version)
    problems += check_messages(images, release, layout)
    given = {spec.name for spec in board.images if spec.recipe in ("file", "files")}
    problems += check_values(
        [i for i in images if i.name in given], _expected(board, release, tree)
    )
    if tree is not None:
        problems += check_tree(tree.bin)
    placements = [Placement(image, place_of(image, layout), how(board, image)) for image in images]
    parameters = tuple(_parameter_files(board, file.path.parent))
    problems += [
        f"{each.path}: no such file (launcher.parameters.{each.parameter}){_hint(each.path, tree)}"
        for each in parameters
        # What needs the environment is looked at when the model starts.
        if "${" not in str(each.path) and not each.path.is_file()
    ]
    problems += _roms(board, parameters)
    return Plan(tuple(placements), parameters, tuple(dict.fromkeys(problems)), tuple(files.notes))


def _expected(board: Board, release: Release, tree: Tree | None) -> Expected:
    """Return what the messages of a board should write to OTP."""
    gated = release.policy_gated and len(board.rse_ids) > 1
    said = gated and "vhuk_agreement" in board.provisioning.model_fields_set
    wanted = board.provisioning.vhuk_agreement if said else None
    bl1_2 = tree.bin / "bl1_2_padded.bin" if tree else None
    return Expected(wanted, bl1_2)


def _roms(board: Board, files: Iterable[ParameterFile]) -> Iterator[str]:
    """Yield what is wrong with the ROMs that RSEs of a model are given."""
    if not isinstance(board.launcher, FvpSettings):
        return
    prefixes = board.launcher.rse_prefixes or ()
    for each in files:
        instance = each.parameter.removesuffix(ROM_PARAMETER)
        is_rse = _RSE.search(instance) is not None or instance in prefixes
        if instance == each.parameter or not is_rse or not each.path.is_file():
            continue
        if problem := rom_problem(each.path):
            yield f"{problem} (launcher.parameters.{each.parameter})"


def _hint(path: Path, tree: Tree | None) -> str:
    """Return how a missing ROM is made, where its parts are there."""
    if path.name != "rom.bin" or tree is None or (parts := tree.rom_parts()) is None:
        return ""
    return f"; make it: hil image rom create {parts[0]} {parts[1]} --out {path}"


def how(board: Board, image: PlacedImage) -> str:
    """Return what the board's launcher is told to put an image in its place."""
    launcher = board.launcher
    if isinstance(launcher, FvpSettings):
        prefix = launcher.rse_prefixes[image.rse] if launcher.rse_prefixes else f"RSE{image.rse}"
        names = launcher.data_instance.replace("{rse}", prefix).replace("{id}", str(image.rse))
        return data_option(image, names)
    if isinstance(launcher, PyocdSettings):
        return flash_region(image, launcher.target)
    if isinstance(launcher, MpsSettings):
        entry = entries_of([image], {k: v for k, v in launcher.images.items() if k == image.name})[
            0
        ]
        return f"images.txt: {entry.address} \\SOFTWARE\\{entry.file}"
    return qemu_how(launcher, image)


def _parameter_files(board: Board, folder: Path) -> Iterator[ParameterFile]:
    """Yield each parameter of a model that names a file; none of other launchers."""
    if not isinstance(board.launcher, FvpSettings):
        return
    for name, value in board.launcher.parameters.items():
        if _FILE_PARAMETERS.search(name) and isinstance(value, str) and value:
            for text in _for_each_rse(value, board.rse_ids):
                yield ParameterFile(name, folder / text.replace("{board}", str(folder)))


def _for_each_rse(text: str, rses: list[int]) -> list[str]:
    return [text.replace("{id}", str(rse)) for rse in rses] if "{id}" in text else [text]


def _with_tree(board: Board, tree: Tree | None, files: TreeFiles) -> Board:
    if tree is None:
        return board

    def found(spec: ImageSpec) -> ImageSpec:
        def one(path: Path, key: str) -> Path:
            name = key.rpartition(".")[2] if spec.fip else spec.name
            beside = spec.fip.images if spec.fip else ()
            return files.resolve(Path(tree.fill(str(path))), name, beside)

        filled = with_paths(spec, one)
        if filled.file is None or "{id}" not in filled.file.name:
            for rse in filled.targets(board.rse_ids) if filled.memory == "ram" else ():
                given = filled.file or (filled.files or {}).get(rse)
                if given is not None:
                    files.judge_message(given, spec.name, rse)
            return filled
        own = files.messages(filled.file, spec.name, spec.targets(board.rse_ids))
        return filled.model_copy(update={"file": None, "files": own}) if own else filled

    images = [found(spec) for spec in board.images]
    changes: dict[str, object] = {"images": images}
    if isinstance(board.launcher, FvpSettings):
        parameters = {
            name: tree.fill(value) if isinstance(value, str) else value
            for name, value in board.launcher.parameters.items()
        }
        changes["launcher"] = board.launcher.model_copy(update={"parameters": parameters})
    return board.model_copy(update=changes)
