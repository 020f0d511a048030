# SPDX-License-Identifier: Apache-2.0
"""One wait of a console: what pexpect's Expecter is, over a transcript instead of a buffer.

A wait searches the transcript from the console's position on, each byte once and a small overlap
(`hil.uart.searching`), so that it takes the same time behind a hundred megabytes as behind none. What
pexpect calls the search window has no effect here: no match is lost by it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pexpect.exceptions import EOF, TIMEOUT
from pexpect.expect import searcher_string

from hil.uart.searching import Expression, Found, Search, Text
from hil.uart.waker import wait_until

if TYPE_CHECKING:
    from hil.uart.console import Console


class Expecter:
    """Waits until one of the patterns matches.

    Args:
        console: Whose output is searched, from its position on.
        searcher: The patterns, as pexpect holds them; EOF and TIMEOUT may be among them.
    """

    def __init__(self, console: Console, searcher: Any) -> None:
        self.console = console
        self.searcher: Any = searcher
        self._search = Search(_patterns(searcher), console.transcript.read, console.position)
        self._found: Found | None = None
        self._ended = False

    @property
    def matched(self) -> bool:
        """Whether a match was found."""
        return self._found is not None

    def look(self) -> bool:
        """Search what is new; return whether a match or the end of the output was found.

        Raises:
            DeviceError: The rest of the output could not be stored.
            FatalOutputError: A fail-fast pattern matches on this or another guarded console.
        """
        if self._found is not None or self._ended:
            return True
        console = self.console
        # What is asked before the search: behind these nothing came that it did not see.
        live, failed = console.transcript.live, console.transcript.failure is not None
        self._found = self._search.step(console.transcript.size)
        console.saw(self._search.seen if self._found is None else self._found.end)
        if self._found is not None:
            console.check_guard(self._found.end)
            return True
        console.check_guard()
        if failed:
            console.transcript.check()
        self._ended = not live
        return self._ended

    def expect_loop(self, timeout: float | None = -1) -> int:
        """Wait; return the index of what matched."""
        console = self.console
        if timeout == -1:
            timeout = console.timeout
        until = None if timeout is None else time.monotonic() + timeout
        try:
            ended = wait_until(self.look, console.watched, until)
        except BaseException:
            console.set_outcome(None, None, before_to=self._search.seen)
            raise
        return self.settle() if ended else self._timeout(timeout)

    def settle(self) -> int:
        """Consume what `look` found; return its index."""
        console = self.console
        if (found := self._found) is None:
            return self._eof()
        console.set_outcome(
            console.transcript.read(found.start, found.end - found.start),
            found.match,
            found.number,
            before_to=found.start,
            position=found.end,
        )
        return found.number

    def _eof(self) -> int:
        console, index = self.console, self.searcher.eof_index
        end = self._search.seen
        match = EOF if index >= 0 else None
        console.set_outcome(EOF, match, index if match else None, before_to=end, position=end)
        console.flag_eof = True
        if index < 0:
            why = f"{console.name}: no live source and all output was read"
            raise EOF(f"{why}\n{console}\nsearcher: {self.searcher}")
        return int(index)

    def _timeout(self, timeout: float | None) -> int:
        console, index = self.console, self.searcher.timeout_index
        match = TIMEOUT if index >= 0 else None
        end = self._search.seen
        console.set_outcome(TIMEOUT, match, index if match else None, before_to=end)
        if index < 0:
            why = f"{console.name}: no match within {timeout or 0:g} s"
            raise TIMEOUT(f"{why}\n{console}\nsearcher: {self.searcher}")
        return int(index)


def _patterns(searcher: Any) -> Sequence[tuple[int, Text | Expression]]:
    """Return the patterns of a pexpect searcher with their numbers."""
    held: Any = searcher
    if isinstance(searcher, searcher_string):
        return [(index, Text(text)) for index, text in held._strings]  # noqa: SLF001
    return [(index, Expression(cre)) for index, cre in held._searches]  # noqa: SLF001
