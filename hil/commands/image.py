# SPDX-License-Identifier: Apache-2.0
"""`hil image`: what is put on a device: look at it, check it, sign it, damage it, assemble it."""

from __future__ import annotations

from hil.commands import (
    image_build,
    image_check,
    image_fip,
    image_flash,
    image_gpt,
    image_ls,
    image_mutate,
    image_plan,
    image_rom,
    image_show,
    image_sign,
    image_verify,
)
from hil.commands.options import Commands

#: In the order of `hil image --help`.
_ACTIONS = (
    image_ls,
    image_show,
    image_verify,
    image_check,
    image_sign,
    image_mutate,
    image_fip,
    image_gpt,
    image_rom,
    image_flash,
    image_plan,
    image_build,
)


def add(commands: Commands) -> None:
    """Add `hil image` and its actions."""
    image = commands.add_parser(
        "image",
        help="ls, show, verify, check, sign, mutate; fip, gpt, rom, flash, plan, build",
    )
    actions = image.add_subparsers(required=True, metavar="ACTION")
    for action in _ACTIONS:
        action.add(actions)
