# SPDX-License-Identifier: Apache-2.0
"""Resets that the run itself asked for: a log of one of this project's runs tells of them beside it.

`runs/X/uart/rse<N>.log` has `runs/X/events.jsonl` above it; its "let go" events say at which offset
of each transcript the RSEs were let go.
"""

from __future__ import annotations

import json
from pathlib import Path

#: A journal is read line by line; a longer line is none of this kind.
_MAX_LINE = 65536


def ordered_resets(log: Path) -> list[int]:
    """Return the offsets in a log at which its run let the chip go, ascending; none elsewhere."""
    journal = log.parent.parent / "events.jsonl"
    rse = log.stem.removeprefix("rse")
    if log.parent.name != "uart" or not rse.isdecimal():
        return []
    found: set[int] = set()
    try:
        with journal.open("rb") as stream:
            while line := stream.readline(_MAX_LINE):
                if b'"kind": "bench"' in line:
                    found.clear()  # a new bench has new transcripts
                if b'"let go"' in line and (offset := _offset(line, rse)) is not None:
                    found.add(offset)
    except OSError:
        return []
    return sorted(found)


def _offset(line: bytes, rse: str) -> int | None:
    try:
        offset = json.loads(line)["offsets"][rse]
    except (ValueError, TypeError, KeyError):
        return None
    return offset if isinstance(offset, int) else None
