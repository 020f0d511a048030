# SPDX-License-Identifier: Apache-2.0
"""Parameters with which a model would write to a file that is not its run's alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hil.errors import UsageError
from hil.targets.fvp_parameters import ModelParameters

_FRESH = "launcher.writable_images, which gives each run a copy"
_KEPT = (
    "launcher.nvm.images, which gives each run a copy and, with nvm.keep, keeps what was written"
)


def check_originals(given: Mapping[str, str], model: ModelParameters, *, state: Path) -> None:
    """Refuse parameters of a board file that let a model write to an original.

    Args:
        given: The parameters.
        model: What it has, and what its switches are unless they are set.
        state: Folder of the run: what lies there is its own.

    Raises:
        UsageError: Says where such a file belongs.
    """
    for name, value in given.items():
        instance, _, leaf = name.rpartition(".")
        if not value or value.startswith(f"{state}/"):
            continue

        def on(switch: str, instance: str = instance) -> bool:
            return model.is_on(f"{instance}.{switch}", given)

        if leaf == "fnameWrite":
            place = _FRESH
        elif leaf == "raw_image" and on("update_raw_image"):
            place = _KEPT
        elif leaf == "image_path" and value != "none" and not on("read_only"):
            place = f"{_FRESH}, or {_KEPT}"
        else:
            continue
        raise UsageError(
            f"launcher.parameters.{name}: the model writes {value} itself, under every run; "
            f"expected it in {place}"
        )
