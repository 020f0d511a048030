# SPDX-License-Identifier: Apache-2.0
"""Text of a UART for people: nothing that moves a cursor, no keys, no more than fits."""

from __future__ import annotations

import re

#: A key of 32 bytes has 64 digits, a fingerprint 32: what is longer than 40 may be a secret.
_LONG_HEX = re.compile(r"[0-9A-Fa-f]{41,}")


def shown(text: str, limit: int) -> str:
    r"""Return text that can do no harm on a terminal and holds no key, cut to `limit` characters.

    >>> shown("a\x1b[2J" + "0f" * 32, 100)
    'a.[2J<64 digits hidden>'
    """
    printable = "".join(c if c.isprintable() else "." for c in text[: 16 * limit])
    hidden = _LONG_HEX.sub(lambda found: f"<{len(found[0])} digits hidden>", printable)
    return hidden if len(hidden) <= limit else hidden[: limit - 3] + "..."
