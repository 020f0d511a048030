# SPDX-License-Identifier: Apache-2.0
"""Waiting on several consoles at once, and in which order they said something."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pexpect.exceptions import EOF, TIMEOUT
from pexpect.expect import searcher_re

from hil.errors import DeviceError
from hil.uart.console import Console
from hil.uart.expecter import Expecter
from hil.uart.guard import FatalOutputError
from hil.uart.transcript import Recording
from hil.uart.waker import wait_until

#: Seconds by which the times of two consoles may be wrong against each other: a USB adapter passes on
#: what it received every 16 ms, a file is looked at every 20 ms, the capture stamps a burst with the
#: time of its last read. It must be larger than any of them and a round of the capture together.
RESOLUTION = 0.05


@dataclass(frozen=True)
class Outcome:
    """What became of the wait for one console.

    Attributes:
        state: "done", "not yet" at the timeout, or "failed".
        detail: Of a failure: why. Else the line that matched, or the last line.
        t: When the match came, in monotonic seconds; None if unknown or there is none.
        offset: Offset of the match in the transcript, None without one.
        index: Which of the patterns matched, None without a match.
    """

    state: Literal["done", "not yet", "failed"]
    detail: str
    t: float | None = None
    offset: int | None = None
    index: int | None = None

    @property
    def ok(self) -> bool:
        """Whether it is done."""
        return self.state == "done"

    def __str__(self) -> str:
        return f"{self.state}: {self.detail!r}"


def wait_all(consoles: Mapping[int, Console], patterns: Any, timeout: float) -> dict[int, Outcome]:
    """Wait until every console has said one of the patterns, or cannot any more.

    A console that ends fails for itself, and the others are waited for. A fail-fast pattern ends the
    wait for all that are guarded with it at once: the console that said it has failed, the others
    are "not yet".

    Args:
        consoles: By RSE id.
        patterns: As for `Console.expect`, without EOF and TIMEOUT.
        timeout: Seconds for all of them together.

    Returns:
        For each RSE what became of it. What matched is consumed, on the consoles that are done.
    """
    waits = {
        rse: Expecter(console, searcher_re(console.compile_pattern_list(patterns)))
        for rse, console in consoles.items()
    }
    done: dict[int, Outcome] = {}
    fatal: list[FatalOutputError] = []

    def look() -> bool:
        for rse, wait in waits.items():
            if rse in done:
                continue
            try:
                if wait.look():
                    done[rse] = _settled(wait)
            except FatalOutputError as error:
                fatal.append(error)
            except DeviceError as error:
                done[rse] = Outcome("failed", str(error))
        return bool(fatal) or len(done) == len(waits)

    watched = {t: None for console in consoles.values() for t in console.watched}
    wait_until(look, watched, time.monotonic() + timeout)
    for rse, console in consoles.items():
        if rse in done:
            continue
        if waits[rse].matched and not (fatal and fatal[0].console == console.transcript.name):
            done[rse] = _settled(waits[rse])
        elif fatal and fatal[0].console == console.transcript.name:
            error = fatal[0]
            done[rse] = Outcome("failed", str(error), error.t, error.offset)
        else:
            done[rse] = Outcome("not yet", _last_line(console.transcript))
    return {rse: done[rse] for rse in consoles}


def explain(outcomes: Mapping[int, Outcome]) -> str:
    """Return one line an RSE that says what became of it."""
    return "\n".join(f"RSE {rse}: {outcome}" for rse, outcome in outcomes.items())


def _settled(wait: Expecter) -> Outcome:
    console = wait.console
    try:
        index = wait.settle()
    except EOF:
        return Outcome("failed", f"the console ended; {_last_line(console.transcript)!r}")
    start = console.before_span[1]
    line = _line_of(console.transcript, start)
    return Outcome("done", line, console.transcript.time_at(start), start, index)


@dataclass(frozen=True)
class Moment:
    """A line on a console, and when it came."""

    console: str
    line: str
    t: float
    offset: int


def moment(console: Console, pattern: str | bytes) -> Moment:
    """Return when a console first said what matches, from its position on; nothing is consumed.

    Raises:
        AssertionError: It did not say it.
        DeviceError: The transcript has no times.
    """
    __tracebackhide__ = True
    wait = Console(console.transcript, name=console.name, from_offset=console.position)
    try:
        wait.expect(pattern, timeout=0)
    except (EOF, TIMEOUT):
        last = _last_line(console.transcript)
        raise AssertionError(f"{console.name}: never said {pattern!r}; last: {last!r}") from None
    start = wait.before_span[1]
    t = console.transcript.time_at(start)
    if t is None:
        raise DeviceError(
            f"{console.name}: there are no times for {console.transcript.path}",
            operation="compare times",
            hint="the .idx file belongs beside the .log file",
        )
    return Moment(console.name, _line_of(console.transcript, start), t, start)


def assert_order(
    *said: tuple[Console, str | bytes], resolution: float = RESOLUTION
) -> Sequence[Moment]:
    """Assert that lines on several consoles came in this order; return when each came.

    An order within the resolution of the clock is not known, and not claimed: it fails with a
    message that says so.

    Args:
        said: Console and expression, in the order that is expected.
        resolution: Seconds by which the times of two consoles may be wrong against each other; 0.005
            is enough between TCP consoles. Two lines of one console are compared by their place.
    """
    __tracebackhide__ = True
    moments = [moment(console, pattern) for console, pattern in said]
    for at in range(1, len(moments)):
        first, second = moments[at - 1], moments[at]
        if said[at - 1][0].transcript is said[at][0].transcript:
            assert first.offset < second.offset, _told(first, second, "came after")
            continue
        distance = second.t - first.t
        assert distance > -resolution, _told(first, second, "came after")
        unknown = f"came within {resolution * 1e3:g} ms, the resolution of the clock, of"
        assert distance > resolution, _told(first, second, unknown)
    return moments


def _told(first: Moment, second: Moment, how: str) -> str:
    distance = (second.t - first.t) * 1e3
    return (
        f"{first.console} {first.line!r} at {first.t:.6f} s\n{how}\n"
        f"{second.console} {second.line!r} at {second.t:.6f} s ({distance:+.3f} ms)"
    )


def _line_of(transcript: Recording, offset: int) -> str:
    base = max(0, offset - 500)
    data = transcript.read(base, offset - base + 500)
    begin = data.rfind(b"\n", 0, offset - base) + 1
    return re.split(rb"[\r\n]", data[begin:].lstrip(b"\r\n"), maxsplit=1)[0].decode(
        "utf-8", "replace"
    )


def _last_line(transcript: Recording) -> str:
    size = transcript.size
    lines = transcript.read(max(0, size - 500), 500).split()
    data = transcript.read(max(0, size - 500), 500).rstrip(b"\r\n\0")
    return data.rpartition(b"\n")[2].strip().decode("utf-8", "replace") if lines else ""
