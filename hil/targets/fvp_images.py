# SPDX-License-Identifier: Apache-2.0
"""Files of a model: images that must be as planned, and copies that only this run has."""

from __future__ import annotations

import hashlib
import shutil

from hil.errors import DeviceError, UsageError
from hil.targets.fvp_command import Names, writable_images
from hil.targets.fvp_settings import FvpSettings
from hil.targets.load import LoadPlan


def verify(plan: LoadPlan) -> None:
    """Check that every image is the one that was planned.

    Raises:
        DeviceError: A file is gone or has other content.
    """
    for image in plan.images:
        try:
            with image.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise DeviceError(
                f"image {image.name}: {image.path}: {error.strerror}",
                rse=image.rse,
                operation="load",
            ) from error
        if digest != image.sha256:
            raise DeviceError(
                f"image {image.name}: {image.path} has SHA-256 {digest[:16]}..., planned was "
                f"{image.sha256[:16]}...",
                rse=image.rse,
                operation="load",
                hint="the file changed after it was planned; build and load again",
            )


def make_copies(settings: FvpSettings, names: Names) -> None:
    """Give this run its own copies of the files which the model writes.

    Raises:
        UsageError: An original does not exist.
    """
    names.state.mkdir(parents=True, exist_ok=True)
    for name, (original, copy) in writable_images(settings, names).items():
        copy.unlink(missing_ok=True)
        if original is not None:
            if not original.is_file():
                raise UsageError(f"launcher.writable_images.{name}: no file {original}")
            shutil.copyfile(original, copy)
