# SPDX-License-Identifier: Apache-2.0
"""What the UARTs of a run said, as lines with their times, as far as a page has room for them.

A transcript can be larger than any page: then its beginning and its end are taken, and the page
says what was left out and where the file lies. Nothing else of the file is read.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hil.report.recorded import RecordedRun
from hil.uart.framing import Framer, Line
from hil.uart.log_text import shown
from hil.uart.transcript import Recording

#: Raw bytes of all UARTs together that a page holds.
ROOM = 12_000_000
#: Characters of a line; what goes beyond stands in the file.
MAX_LINE = 2000
#: Lines in one block of a page, so that a browser lays out only the blocks that are seen.
BLOCK = 2000
#: What is longer than a fingerprint may be a key.
_LONG_HEX = re.compile(r"[0-9A-Fa-f]{41}")
_NUMBER = re.compile("[0-9]{1,4}")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Gap:
    """Bytes of a transcript that a page does not hold.

    Attributes:
        place: Number of the line in front of which they are missing.
    """

    place: int
    start: int
    end: int


@dataclass
class Transcript:
    """The lines of one UART of one bench.

    Attributes:
        key: Its name on the page: "u2", or "u2s1" for RSE 2 on an earlier bench.
        size: Bytes of the file.
        texts: Normalised text of each line that was taken.
        starts: Offset of its first byte.
        times: When its last byte came, in seconds of the monotonic clock; None if unknown.
        gap: What was left out, None if everything was taken.
        trouble: Why it could not be read, None if it could.
    """

    key: str
    rse: int
    session: int
    path: Path
    size: int = 0
    texts: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    times: list[float | None] = field(default_factory=list)
    gap: Gap | None = None
    trouble: str | None = None

    def place(self, offset: int) -> int:
        """Return the number of the line that holds a byte, or of the one behind what is missing."""
        found = max(0, bisect_right(self.starts, offset) - 1)
        gap = self.gap
        return gap.place if gap is not None and gap.start <= offset < gap.end else found

    def span(self, start: int, end: int | None) -> range:
        """Return the numbers of the lines between two offsets, to the end of the file by default."""
        first = self.place(start)
        last = self.place(end - 1) + 1 if end is not None and end > start else len(self.texts)
        return range(first, max(first, min(last, len(self.texts))))

    def said(self, place: int) -> str:
        """Return a line as it may be shown: no control characters, nothing that may be a key."""
        return harmless(self.texts[place])

    def blocks(self, origin: float) -> Iterator[tuple[int, str]]:
        """Yield blocks of lines for the page: the first one's number, and their text.

        Each line begins with its seconds since `origin` in ten columns, and two blanks.
        """
        for first in range(0, len(self.texts), BLOCK):
            numbers = range(first, min(first + BLOCK, len(self.texts)))
            yield first, "\n".join(self._line(number, origin) for number in numbers)

    def _line(self, number: int, origin: float) -> str:
        at = self.times[number]
        when = "         -" if at is None else f"{at - origin:10.4f}"
        return f"{when}  {self.said(number)}"


def harmless(text: str, limit: int = MAX_LINE) -> str:
    """Return text of a UART as `hil.uart.log_text.shown` has it; fast for what needs no change."""
    if len(text) <= limit and text.isprintable() and not _LONG_HEX.search(text):
        return text
    return shown(text, limit)


def read_transcripts(run: RecordedRun, room: int = ROOM) -> list[Transcript]:
    """Return the transcripts of all benches of a run, by RSE and bench.

    Args:
        run: The run.
        room: Raw bytes that are taken of all of them; small files are taken whole.
    """
    found = sorted(_files(run).items())
    shares = _shares({key: path.stat().st_size for key, path in found}, room)
    transcripts = []
    for (rse, session), path in found:
        key = f"u{rse}" if session == run.sessions else f"u{rse}s{session}"
        transcript = Transcript(key, rse, session, path)
        try:
            _fill(transcript, shares[rse, session])
        except OSError as error:
            transcript.trouble = error.strerror or str(error)
        transcripts.append(transcript)
    return transcripts


def _files(run: RecordedRun) -> dict[tuple[int, int], Path]:
    """Return the files by RSE and number of the bench; links that lead elsewhere are not followed."""
    found = {(rse, run.sessions): path for rse, path in run.consoles.items()}
    for folder in sorted(run.folder.glob("attempts/*")):
        session = int(folder.name) if _NUMBER.fullmatch(folder.name) else 0
        if 0 < session < run.sessions:
            found |= {(rse, session): run.uart(rse, session) for rse in run.consoles}
    home = run.folder.resolve()
    return {
        key: path
        for key, path in found.items()
        if path.is_file() and path.resolve().is_relative_to(home)
    }


def _shares(sizes: Mapping[tuple[int, int], int], room: int) -> dict[tuple[int, int], int]:
    """Return the bytes for each file: small ones whole, the large ones alike."""
    shares: dict[tuple[int, int], int] = {}
    for done, (key, size) in enumerate(sorted(sizes.items(), key=lambda item: item[1])):
        shares[key] = min(size, room // (len(sizes) - done))
        room -= shares[key]
    return shares


def _fill(transcript: Transcript, share: int) -> None:
    recording = Recording(transcript.path)
    try:
        size = transcript.size = recording.size
        if size <= share:
            _take(transcript, recording, 0, size)
            return
        head = share // 4
        left = _take(transcript, recording, 0, head, whole=False)
        place = len(transcript.texts)
        behind = _line_start(recording, size - (share - head))
        _take(transcript, recording, behind, size)
        transcript.gap = Gap(place, left, behind)
    finally:
        recording.close()


def _take(
    transcript: Transcript, recording: Recording, start: int, end: int, *, whole: bool = True
) -> int:
    """Take the lines from `start` to `end`; a last one that is cut there only if `whole`.

    Returns:
        Offset behind the last line that was taken.
    """
    framer = Framer(start)
    at = start
    while at < end:
        data = recording.read(at, min(_CHUNK, end - at))
        if not data:
            break
        _keep(transcript, recording, framer.feed(data))
        at += len(data)
    if whole:
        _keep(transcript, recording, framer.finish())
    return framer.start


def _keep(transcript: Transcript, recording: Recording, lines: list[Line]) -> None:
    for line in lines:
        transcript.texts.append(line.text)
        transcript.starts.append(line.start)
        transcript.times.append(recording.time_at(line.end - 1))


def _line_start(recording: Recording, offset: int) -> int:
    """Return where the first line behind an offset begins, as far as one is near."""
    near = recording.read(offset, 4096)
    return offset + near.find(b"\n") + 1
