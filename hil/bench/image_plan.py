# SPDX-License-Identifier: Apache-2.0
"""From the image list of a board file to files on disk and the plan that a launcher carries out."""

from __future__ import annotations

from pathlib import Path

from hil.bench.board_file import BoardFile
from hil.bench.model_inputs import read_key
from hil.bench.placeholders import expand
from hil.errors import UsageError
from hil.images.image_spec import ImageSpec
from hil.images.placement import ProvisioningValues, build_images
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
        UsageError, ImageError: an input is missing or malformed; names the image.
    """
    board = file.board
    keys: dict[str, Secret | None] = {
        name: read_key(getattr(board.provisioning, name), f"provisioning.{name}") for name in KEYS
    }
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(f"folder of built images: {error.strerror}: {cache}") from None
    images = build_images(
        [_with_variables(spec) for spec in board.images],
        board.rse_ids,
        file.path.parent,
        cache,
        ProvisioningValues(**keys),
    )
    return LoadPlan(tuple(images))


def _with_variables(spec: ImageSpec) -> ImageSpec:
    """Replace `${VAR}` in the path of a file that is placed as it is."""
    if spec.file is None:
        return spec
    path = expand(str(spec.file), {"id": "{id}"}, where=f"images.{spec.name}.file")
    return spec.model_copy(update={"file": Path(path)})
