# SPDX-License-Identifier: Apache-2.0
"""`hil console`: all UARTs of a live bench in one terminal."""

from __future__ import annotations

import argparse
import queue
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.commands.options import Commands, add_boards_folder
from hil.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from hil.bench.bench import Bench
    from hil.commands.console_screen import Feed, Screen

_EPILOG = """\
One line each: seconds, RSE, text. Without --load nothing is flashed, reset or started: the consoles
are opened, and the devices run on as they are. What is typed goes to the RSE of --to:
  Ctrl-] 0..9     type to that RSE from now on
  Ctrl-] q        end, as Ctrl-C does; the terminal is as it was before
  Ctrl-] Ctrl-]   send Ctrl-] itself
Colours are left out where the output is no terminal, and with NO_COLOR set."""

#: Seconds between two looks at the UARTs.
_PAUSE = 0.02
_CHUNK = 65536


def add(commands: Commands) -> None:
    """Add `hil console`."""
    console = commands.add_parser(
        "console",
        help="all UARTs of a live board in one terminal",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    console.add_argument("board", metavar="BOARD")
    console.add_argument(
        "--rse", type=int, action="append", metavar="N", help="show only this RSE; repeatable"
    )
    console.add_argument("--filter", metavar="REGEX", help="show only lines in which it is found")
    console.add_argument(
        "--to", type=int, metavar="N", help="type to this RSE (default: the first)"
    )
    console.add_argument(
        "--load", action="store_true", help="flash the board's images and start all RSEs first"
    )
    console.add_argument("--save", type=Path, metavar="DIR", help="keep the transcripts there")
    console.add_argument("--seconds", type=float, metavar="S", help="end after S seconds")
    console.set_defaults(run=_console)
    add_boards_folder(console)


def _console(options: argparse.Namespace) -> int:
    from hil.bench.bench import Bench
    from hil.bench.board_file import find_board, load_board
    from hil.commands.console_screen import Screen, colours_wanted

    file = load_board(find_board(options.board, options.boards))
    shown, to = _chosen(options, file.board.rse_ids)
    pattern = _pattern(options.filter)
    screen = Screen(
        sys.stdout,
        coloured=colours_wanted(sys.stdout),
        pattern=pattern,
        began=time.monotonic(),
    )
    notes = _Notes()
    with _folder(options.save) as folder, _ended_by_signals():
        bench = Bench(file, folder, folder / "images", notes)
        try:
            bench.open(images=options.load)
            if options.load:
                screen.note("loading")
                bench.load()
            bench.listen(start=options.load)
            _watch(bench, screen, notes, shown, to, options.seconds)
        except KeyboardInterrupt:
            pass
        finally:
            bench.close()
    return 0


def _chosen(options: argparse.Namespace, ids: list[int]) -> tuple[list[int], int]:
    shown = sorted(set(options.rse)) if options.rse else sorted(ids)
    to = options.to if options.to is not None else shown[0]
    for name, values in (("--rse", shown), ("--to", [to])):
        if unknown := [n for n in values if n not in ids]:
            known = ", ".join(str(n) for n in sorted(ids))
            raise UsageError(f"{name} {unknown[0]}: {options.board} has the RSEs {known}")
    if options.seconds is not None and not options.seconds > 0:
        raise UsageError(f"--seconds {options.seconds}: expected more than 0")
    return shown, to


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as error:
        raise UsageError(f"--filter {text}: no regular expression: {error}") from None


class _Notes:
    """What happens on the bench that a user of the terminal wants to know."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()

    def event(self, kind: str, **values: Any) -> None:
        """Take one thing that happened; called from any thread."""
        if kind == "uart":
            self._queue.put(f"{values['console']}: {values['what']} {values['text']}".rstrip())
        elif kind == "power":
            self._queue.put(f"power {values['what']}")

    def new(self) -> Iterator[str]:
        """Yield what was not yet told."""
        while not self._queue.empty():
            yield self._queue.get()


@contextmanager
def _folder(save: Path | None) -> Iterator[Path]:
    if save is None:
        with tempfile.TemporaryDirectory(prefix="hil-console-") as name:
            (Path(name) / "uart").mkdir()
            yield Path(name)
        return
    try:
        (save / "uart").mkdir(parents=True)
    except OSError as error:
        what = "has transcripts already" if isinstance(error, FileExistsError) else error.strerror
        raise UsageError(f"--save {save}: {what}; give a new folder") from None
    yield save


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End as with Ctrl-C when the terminal goes away or somebody ends the process."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    kept = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def _watch(
    bench: Bench, screen: Screen, notes: _Notes, shown: list[int], to: int, seconds: float | None
) -> None:
    """Show what the RSEs say, and send what is typed, until the user has enough."""
    from hil.commands.console_keys import HELP, Keys, keyboard, typed
    from hil.commands.console_screen import Feed

    feeds = {rse: Feed(rse, screen) for rse in shown}
    offsets = dict.fromkeys(shown, 0)
    keys = Keys()
    until = None if seconds is None else time.monotonic() + seconds
    with keyboard() as keys_of:
        fd = keys_of
        screen.note(f"{bench.board.name}: typing goes to RSE {to}; {HELP}")
        while until is None or time.monotonic() < until:
            _show(bench, screen, feeds, offsets)
            for note in notes.new():
                screen.note(note)
            new = typed(fd, _PAUSE)
            if new is None:
                fd = None
                continue
            for what, text in keys.take(new):
                if what == "quit":
                    return
                if what == "help":
                    screen.note(HELP)
                elif what == "to":
                    to = _switched(bench, screen, int(text), to)
                else:
                    _send(bench, screen, to, text)
        _show(bench, screen, feeds, offsets)
        for feed in feeds.values():
            feed.finish(time.monotonic())
        screen.flush()


def _show(bench: Bench, screen: Screen, feeds: dict[int, Feed], offsets: dict[int, int]) -> None:
    for rse, feed in feeds.items():
        transcript = bench.transcripts[rse]
        while data := transcript.read(offsets[rse], _CHUNK):
            offsets[rse] += len(data)
            feed.take(data, transcript.time_at(offsets[rse] - 1) or time.monotonic())
        feed.look(time.monotonic())
    screen.flush()


def _switched(bench: Bench, screen: Screen, wanted: int, to: int) -> int:
    if wanted not in bench.consoles:
        screen.note(f"there is no RSE {wanted}; typing goes to RSE {to}")
        return to
    screen.note(f"typing goes to RSE {wanted}")
    return wanted


def _send(bench: Bench, screen: Screen, to: int, text: bytes) -> None:
    try:
        bench.consoles[to].send(text)
    except DeviceError as error:
        screen.note(f"not sent: {error}")
