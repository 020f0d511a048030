# SPDX-License-Identifier: Apache-2.0
"""The requirements that the testcases prove; `requirements.toml` is the list."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True)
class Requirement:
    """One requirement: its stable id, a title, and what must hold."""

    id: str
    title: str
    statement: str


@cache
def requirements() -> tuple[Requirement, ...]:
    """Return the requirements of this project, in their order."""
    text = resources.files("hil.report").joinpath("requirements.toml").read_text()
    return tuple(Requirement(**entry) for entry in tomllib.loads(text)["requirement"])
