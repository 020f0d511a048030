# SPDX-License-Identifier: Apache-2.0
"""The keys that `hil image verify` and `check` look at provisioning messages with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.images.message_seal import SealKeys

_MAX_KEY = 64 * 1024


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Add --key and --krtl."""
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        type=Path,
        metavar="PEM",
        help="the key that must have signed; may be repeated: one of them",
    )
    parser.add_argument(
        "--krtl",
        type=Path,
        metavar="FILE",
        help="root key of the RTL, 32 bytes: for provisioning messages of TP mode PCI",
    )


def read_keys(paths: Sequence[Path]) -> list[bytes]:
    """Return the content of key files.

    Raises:
        ImageError: no such file, one that is too large, or no key in it.
    """
    from hil.errors import ImageError
    from hil.images.files import read_bounded
    from hil.images.mcuboot_check import public_key

    keys = []
    for path in paths:
        keys.append(read_bounded(path, _MAX_KEY, "key"))
        try:
            public_key(keys[-1])
        except ImageError as error:
            raise ImageError(str(error), path=path) from None
    return keys


def seal_keys(keys: Sequence[bytes], krtl_file: Path | None) -> SealKeys:
    """Return the keys for provisioning messages; those that sign no messages are left out.

    Args:
        keys: Content of key files.
        krtl_file: Holds the root key of the RTL.

    Raises:
        ImageError: KRTL cannot be read, or has another size.
    """
    from hil.errors import ImageError
    from hil.images.files import read_bounded
    from hil.images.message_seal import KRTL_SIZE, SealKeys, point_of
    from hil.model.secret import Secret

    krtl = None
    if krtl_file is not None:
        krtl = Secret(read_bounded(krtl_file, KRTL_SIZE, "KRTL"))
        if len(krtl) != KRTL_SIZE:
            raise ImageError(f"KRTL: expected {KRTL_SIZE} bytes, got {len(krtl)}", path=krtl_file)
    return SealKeys(krtl, tuple(filter(None, map(point_of, keys))))
