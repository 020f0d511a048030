# SPDX-License-Identifier: Apache-2.0
"""What a run has left on this host: processes, ports, ptys, locks, sockets, files.

Processes of a round are known by a variable that everything inherits, and, should one have lost it, by
the round's folder in their command line or working directory. Ports and ptys are known from the
run's own record, so that a holder is found that no longer looks like one of the round.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

#: Names of files that belong into a run's folder and the folders below it.
_RECORD = re.compile(
    r"run\.json|events\.jsonl|results\.jsonl|report\.pytest\.junit\.xml|report\.html|(uart|logs|attempts|mutants)(/.*)?"
)
_LISTENS = "0A"


def _below(folder: Path) -> Iterator[Path]:
    """Yield what is below a folder; unlike `rglob`, it bears what vanishes while it looks."""
    for place, folders, files in os.walk(folder):
        yield from (Path(place, name) for name in (*folders, *files))


def processes(mark: str, folder: Path) -> dict[int, str]:
    """Return the processes of a round that have not ended, by id, with their command lines."""
    wanted, place, found = mark.encode(), str(folder), {}
    for entry in Path("/proc").glob("[0-9]*"):
        pid = int(entry.name)
        if pid == os.getpid():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            marked = wanted in (entry / "environ").read_bytes().split(b"\0")
            there = place in line or str((entry / "cwd").readlink()).startswith(place)
        except OSError:
            continue
        if line and (marked or there):
            found[pid] = line.strip()
    return found


def _listeners() -> dict[int, str]:
    """Return the ports that somebody listens on, with the inode of the socket."""
    found = {}
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for row in Path("/proc/net", name).read_text().splitlines()[1:]:
                words = row.split()
                if words[3] == _LISTENS:
                    found[int(words[1].rpartition(":")[2], 16)] = words[9]
    return found


def _owner(target: str) -> str:
    """Return who holds a file or socket open."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for held in (process / "fd").iterdir():
                with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                    if str(held.readlink()) == target:
                        line = (process / "cmdline").read_bytes().decode(errors="replace")
                        return f"{process.name}: {line}"
    return ""


def _locked(folder: Path) -> Iterator[str]:
    """Yield the files below a folder on which somebody holds a lock."""
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    held = {word for row in rows for word in row if word.count(":") == 2}
    for path in _below(folder):
        with contextlib.suppress(OSError):
            status = path.lstat()
            device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
            if stat.S_ISREG(status.st_mode) and device in held:
                yield f"lock: {path.relative_to(folder)}"


def _files(folder: Path, runs: Path, temporary: Path) -> Iterator[str]:
    """Yield what nobody will use again: temporary files, sockets, halves of files."""
    for path in _below(temporary):
        yield f"temporary file: {path.relative_to(temporary)}"
    for path in _below(folder):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(path.lstat().st_mode) or stat.S_ISFIFO(path.lstat().st_mode):
                yield f"socket: {path.relative_to(folder)}"
    for path in _below(runs):
        _run, _, name = str(path.relative_to(runs)).partition("/")
        if name and not _RECORD.fullmatch(name):
            yield f"file of no record: {name}"
    for path in _below(folder / "cache"):
        if path.name.startswith(".") and path.name != ".lock":
            yield f"half of a file: {path.relative_to(folder)}"


def left(mark: str, folder: Path, ports: set[int]) -> list[str]:
    """Return what is left of a round, each in a few words.

    Args:
        mark: `NAME=VALUE` that was in the environment of the round.
        folder: Of the round; `runs` and `tmp` are below it.
        ports: TCP ports that its devices listened on.
    """
    found = [f"process: {line}" for line in processes(mark, folder).values()]
    listening = _listeners()
    for port in sorted(ports & listening.keys()):
        owner = _owner(f"socket:[{listening[port]}]")
        if not owner or str(folder) in owner:  # else another program's by now
            found.append(f"port: {port} of {owner or 'nobody'}")
    names = Path("/proc/net/unix").read_text()
    if str(folder) in names:
        found.append("socket that is open: " + names.count(str(folder)) * "x")
    return [*found, *_locked(folder), *_files(folder, folder / "runs", folder / "tmp")]


def wait_for_nothing(
    mark: str, folder: Path, ports: set[int], seconds: float
) -> tuple[list[str], float]:
    """Wait until nothing is left; returns what is left all the same, and how long it took."""
    began = time.monotonic()
    while (found := left(mark, folder, ports)) and time.monotonic() - began < seconds:
        time.sleep(0.05)
    return found, time.monotonic() - began
