# SPDX-License-Identifier: Apache-2.0
"""Packages (FIP) and flash images with a partition table (GPT) among the files of a build.

Only their tables are read: a flash image may be larger than what is taken into memory.
"""

from __future__ import annotations

from pathlib import Path

from hil.errors import ImageError
from hil.images.content import Content
from hil.images.fip import NAME, parse_fip
from hil.images.found_image import FoundImage, damage
from hil.images.gpt import is_gpt, parse_gpt
from hil.images.image_roles import Role

_WORD = 4


def recognise_package(path: Path, content: Content) -> FoundImage | None:
    """Return what a package or a flash image is, None for another file.

    A table that is damaged is in its remarks; of a GPT also one copy of the two.

    Raises:
        ImageError: the file cannot be read any further.
    """
    if content.size < _WORD:
        return None
    if content.read(0, _WORD) == NAME.to_bytes(_WORD, "little"):
        return _found(path, Role.FIP, "its name word", content, _fip(path, content))
    if is_gpt(content):
        return _found(path, Role.GPT, "its partition table", content, _gpt(path, content))
    return None


def _found(
    path: Path, role: Role, why: str, content: Content, remarks: tuple[str, ...]
) -> FoundImage:
    return FoundImage(path, role, content.size, content.sha256(), why, remarks=remarks)


def _fip(path: Path, content: Content) -> tuple[str, ...]:
    try:
        parse_fip(content)
    except ImageError as error:
        return (damage(path, error),)
    return ()


def _gpt(path: Path, content: Content) -> tuple[str, ...]:
    try:
        problems = parse_gpt(content).problems
    except ImageError as error:
        problems = (error,)
    return tuple(damage(path, problem) for problem in problems)
