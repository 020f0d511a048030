# SPDX-License-Identifier: Apache-2.0
"""`hil model`: what the reference model says of a board, a release, or a file of results."""

from __future__ import annotations

from hil.commands import model_check, model_explore, model_vhuk
from hil.commands.options import Commands


def add(commands: Commands) -> None:
    """Add `hil model` and its actions."""
    model = commands.add_parser("model", help="ask the reference model: vhuk, explore, check")
    actions = model.add_subparsers(required=True, metavar="ACTION")
    for action in (model_vhuk, model_explore, model_check):
        action.add(actions)
