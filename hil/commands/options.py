# SPDX-License-Identifier: Apache-2.0
"""What several commands take."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    #: Where a command adds its parser. argparse has no public name for it.
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001
else:
    Commands = object


def add_boards_folder(parser: argparse.ArgumentParser) -> None:
    """Add --boards: more folders of board files."""
    parser.add_argument(
        "--boards",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="another folder of board files, searched first",
    )
