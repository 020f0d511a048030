# SPDX-License-Identifier: Apache-2.0
"""Who is told of what happens on a bench."""

from __future__ import annotations

from typing import Any, Protocol


class Journal(Protocol):
    """Takes what happens on a bench; the run record is one."""

    def event(self, kind: str, **values: Any) -> None:
        """Take one thing that happened."""
