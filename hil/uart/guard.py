# SPDX-License-Identifier: Apache-2.0
"""Fail-fast patterns: armed from the first byte of a run to the last, on all its consoles.

A guard has a position of its own in each transcript and examines every byte once, whatever the
consoles wait for and consume. Every wait of a guarded console looks at all of them, so that a fatal
error of one RSE ends the wait for another at once. What comes while nobody waits is found by the
next wait, or by `check`: nothing is lost, because the transcript holds it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

from hil.errors import HilError
from hil.uart.searching import Expression, Search
from hil.uart.transcript import Recording
from hil.uart.waker import wait_until

#: Seconds that the rest of a line may take that has begun with a match.
REST_OF_LINE = 2.0
#: Longest line that a message shows.
_SHOWN = 500


class FatalOutputError(HilError):
    """A fail-fast pattern matched: a failure of the product, with its line.

    Attributes:
        console: Name of the console.
        line: The whole line, as text.
        pattern: The expression that matched.
        offset: Offset of the match in the transcript.
        t: When it came, in monotonic seconds; None if unknown.
    """

    failure_class = "product"

    def __init__(self, console: str, line: str, pattern: str, offset: int, t: float | None) -> None:
        self.console, self.line, self.pattern = console, line, pattern
        self.offset, self.t = offset, t
        super().__init__(f"{console}: {line!r} (fail-fast pattern {pattern!r})")


class Guard:
    """Watches consoles for patterns that must never come.

    Args:
        patterns: Regular expressions, as text or bytes; a match must lie within 64 KiB.
        allowed: A line that one of these matches is no failure.
    """

    def __init__(
        self, patterns: Iterable[str | bytes], *, allowed: Iterable[str | bytes] = ()
    ) -> None:
        self._expressions = [_compile(p) for p in patterns]
        self._allowed = [_compile(p) for p in allowed]
        self._searches: dict[Recording, Search] = {}
        self._lock = threading.Lock()
        self._suspended = False
        #: The first match; every check raises it again.
        self.fatal: FatalOutputError | None = None

    @property
    def transcripts(self) -> Sequence[Recording]:
        """What is watched."""
        return tuple(self._searches)

    def add(self, transcript: Recording, from_offset: int = 0) -> None:
        """Watch a transcript from an offset on; a second call changes nothing."""
        if transcript not in self._searches:
            self._searches[transcript] = self._search(transcript, from_offset)

    @property
    def armed(self) -> bool:
        """Whether there are patterns."""
        return bool(self._expressions)

    def suspend(self) -> None:
        """Let the consoles say what they like from now on: what runs is damaged on purpose."""
        self._suspended = True

    def resume(self) -> None:
        """Examine what comes from now on again; nothing happens unless it was suspended."""
        if self._suspended:
            with self._lock:
                for transcript in tuple(self._searches):
                    self._searches[transcript] = self._search(transcript, transcript.size)
            self._suspended = False

    def check(self, upto: Mapping[Recording, int | None] | None = None) -> None:
        """Examine what is new everywhere.

        Args:
            upto: Where to stop in single transcripts: a wait that found its match there has nothing
                to do with what came behind it, which the next check examines.

        Raises:
            FatalOutputError: A pattern has matched, now or before.
        """
        if self.fatal is None and not self._suspended:
            with self._lock:
                for transcript in tuple(self._searches):
                    end = (upto or {}).get(transcript)
                    self._examine(transcript, transcript.size if end is None else end)
                    if self.fatal is not None:
                        break
        if self.fatal is not None:
            raise self.fatal

    def _examine(self, transcript: Recording, end: int) -> None:
        while (found := self._searches[transcript].step(end)) is not None:
            line = _whole_line(transcript, found.start, found.end)
            if not any(rule.search(line) for rule in self._allowed):
                text = line.decode("utf-8", "replace").strip()[:_SHOWN]
                pattern = self._expressions[found.number].pattern.decode("utf-8", "replace")
                at = transcript.time_at(found.start)
                self.fatal = FatalOutputError(transcript.name, text, pattern, found.start, at)
                return
            self._searches[transcript] = self._search(transcript, max(found.end, found.start + 1))

    def _search(self, transcript: Recording, start: int) -> Search:
        patterns = [(index, Expression(e)) for index, e in enumerate(self._expressions)]
        return Search(patterns, transcript.read, start)


def _compile(pattern: str | bytes) -> re.Pattern[bytes]:
    return re.compile(pattern.encode() if isinstance(pattern, str) else pattern, re.MULTILINE)


def _whole_line(transcript: Recording, start: int, end: int) -> bytes:
    """Return the line around a match; its rest is given a moment to come."""
    base = max(0, start - _SHOWN)
    line = b""

    def ended() -> bool:
        nonlocal line
        live = transcript.live
        data = transcript.read(base, end - base + _SHOWN)
        begin = data.rfind(b"\n", 0, start - base) + 1
        feed = data.find(b"\n", max(begin, end - base - 1))
        line = data[begin : feed if feed >= 0 else None]
        return feed >= 0 or not live or len(data) >= end - base + _SHOWN

    wait_until(ended, [transcript], time.monotonic() + REST_OF_LINE)
    return line
