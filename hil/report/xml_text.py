# SPDX-License-Identifier: Apache-2.0
"""Text that stands in an XML file: the one place where UART output is made safe for it.

A UART says NUL, ESC and half characters; no XML reader takes those back, and no XML writer of
Python's stops them. A report has room for excerpts only: some readers refuse large files.
"""

from __future__ import annotations

import re

#: What XML 1.0 cannot hold, the two characters that are no characters, and a CR, which readers turn
#: into a line end.
_FORBIDDEN = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Colours and cursor movements of a terminal say nothing in a report.
_ANSI = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")
#: GitLab takes no file above 30 MB.
_FILE = 20_000_000


def xml_text(text: str | bytes) -> str:
    r"""Return text that any XML 1.0 reader gives back as it is: control characters in hex.

    Bytes are taken for UTF-8; what is not is shown in hex too.

    >>> xml_text(b"\x1b[31mred\x1b[0m\r\n\x00\xff")
    'red\n\\x00\\xff'
    """
    if isinstance(text, bytes):
        text = text.decode(errors="backslashreplace")
    text = _ANSI.sub("", text.replace("\r\n", "\n"))
    return _FORBIDDEN.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def cut(text: str, limit: int) -> str:
    """Return the beginning and the end of a text, with a note of what is left out between them."""
    if len(text) <= limit:
        return text
    note = f"\n... {len(text) - limit} characters left out ...\n"
    head = limit // 3
    return text[:head] + note + text[len(text) - (limit - head) :]


class Room:
    """What is left of the size that a file may have; texts become shorter when it runs out."""

    def __init__(self, size: int = _FILE) -> None:
        self._left = size

    def take(self, text: str, limit: int) -> str:
        """Return a text of at most `limit` characters, or less where there is no room for them."""
        limit = min(limit, max(200, self._left // 4))
        told = cut(text, limit)
        self._left -= len(told.encode(errors="replace"))
        return told
