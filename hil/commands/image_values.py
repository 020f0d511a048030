# SPDX-License-Identifier: Apache-2.0
"""Values on the command line of `hil image`: sizes, UUIDs, lists like `uuid=...,file=...`, names."""

from __future__ import annotations

import argparse
import re
from uuid import UUID

_SIZE = re.compile(r"(0[xX][0-9a-fA-F_]+|[0-9]+)([kKmMgG]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def size(text: str) -> int:
    """Return the bytes of "0x8000", "512k", "64M"."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected a size like 0x8000, 512k or 64M, got {text!r}")
    return int(match[1], 0 if match[1][:2] in ("0x", "0X") else 10) * _UNITS[match[2].lower()]


def uuid(text: str) -> UUID:
    """Return the UUID of a text of 32 digits with or without dashes."""
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a UUID, got {text!r}") from None


def fields(text: str, *names: str) -> dict[str, str]:
    """Return the values of "name=value,name=value"; only known names, each once."""
    found: dict[str, str] = {}
    for item in text.split(","):
        name, equals, value = item.partition("=")
        if not equals or name not in names or name in found or not value:
            raise argparse.ArgumentTypeError(
                f"expected {','.join(f'{n}=...' for n in names)}, got {text!r}"
            )
        found[name] = value
    return found


def printable(text: str) -> str:
    """Return a text without what a terminal would obey: names of files may hold any character."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
