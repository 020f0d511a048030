# SPDX-License-Identifier: Apache-2.0
"""When a fault of a virtual board holds: always, or from its N-th occasion on for M occasions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

#: More occasions than there ever are.
FOR_EVER = 1 << 62


class FaultCounts:
    """Which faults hold at which occasion (a request of the probe, a command of the flash, ...).

    Args:
        names: Faults that hold from the start.
        counted: Faults with the occasions, from 1, at which they hold.
        after_page: Faults that begin with the next occasion after the n-th page of flash was begun;
            n, and for how many occasions they hold.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        counted: Mapping[str, range] | None = None,
        after_page: Mapping[str, tuple[int, int]] | None = None,
    ) -> None:
        self._counted = dict.fromkeys(names, range(FOR_EVER)) | dict(counted or {})
        self._after_page = dict(after_page or {})

    def page_begun(self, page: int, occasion: int) -> None:
        """Let those faults begin that wait for this page; `occasion` is the latest."""
        for name, (wanted, times) in self._after_page.items():
            if page == wanted:
                self._counted[name] = range(occasion + 1, occasion + 1 + times)

    def holds(self, name: str, occasion: int) -> bool:
        """Whether a fault holds at the n-th occasion."""
        return occasion in self._counted.get(name, ())

    def cure(self, name: str) -> None:
        """End a fault for good."""
        self._counted.pop(name, None)
