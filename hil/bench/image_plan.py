# SPDX-License-Identifier: Apache-2.0
"""From the image list of a board file to files on disk and the plan that a launcher carries out."""

from __future__ import annotations

from pathlib import Path

from hil.bench.board import Board
from hil.bench.board_file import BoardFile
from hil.bench.model_inputs import read_key
from hil.bench.placeholders import expand
from hil.errors import UsageError
from hil.images.files import one_at_a_time
from hil.images.image_spec import ImageSpec, with_paths
from hil.images.placement import ProvisioningValues, build_images
from hil.images.plan import check_places
from hil.images.plan_release import check_messages, check_release
from hil.images.platforms import Platform, for_release
from hil.model.releases import release_for
from hil.model.secret import Secret
from hil.targets.load import LoadPlan

#: Keys of the board file that images are made with.
KEYS = ("guk", "kp_cm", "kce_cm", "kp_dm", "kce_dm", "krtl")


def build_plan(file: BoardFile, cache: Path) -> LoadPlan:
    """Build every image of a board and say what goes where.

    Args:
        file: The board.
        cache: Folder of built images, named by content and used again.

    Raises:
        UsageError, ImageError: an input is missing or malformed, or does not fit the memories and
            flash slots of the board's platform; names the image.
    """
    board = file.board
    layout = platform_of(board)
    keys: dict[str, Secret | None] = {
        name: read_key(getattr(board.provisioning, name), f"provisioning.{name}") for name in KEYS
    }
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(f"folder of built images: {error.strerror}: {cache}") from None
    with one_at_a_time(cache):
        images = build_images(
            [_with_variables(spec) for spec in board.images],
            board.rse_ids,
            file.path.parent,
            cache,
            ProvisioningValues(**keys),
        )
    problems = list(check_places(images, board.rse_ids, layout)) if layout else []
    release = release_for(board.release)
    problems += check_messages(images, release, layout)
    problems += check_release(images, board.release, release.tags, board.image_version)
    if problems:
        raise UsageError("\n".join(problems))
    return LoadPlan(tuple(images))


def platform_of(board: Board) -> Platform | None:
    """Return the layout of the board's platform, None where the board file names none."""
    if board.platform is None:
        return None
    return for_release(board.platform, board.release)


def _with_variables(spec: ImageSpec) -> ImageSpec:
    """Replace `${VAR}` in the paths of files that are placed or packed as they are."""

    def filled(path: Path, key: str) -> Path:
        return Path(expand(str(path), {"id": "{id}"}, where=f"images.{spec.name}.{key}"))

    return with_paths(spec, filled)
