# SPDX-License-Identifier: Apache-2.0
"""Devices that failed too often: counted over runs, put in quarantine, let out by a person.

One file per device in a folder of this host, so that every run of every user sees it. A device counts
as failed when its health check fails or a run ends with failures of the lab that no retry mended;
anything that goes well in between begins the count anew. What a device is: the probes and consoles
of the board file. Devices that a run's own services or a model make anew are other devices in the
next run; they are counted, as one bench, only if the board file says `quarantine_after`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from hil.bench.board_file import BoardFile, name_of
from hil.bench.locks import lock_file
from hil.bench.placeholders import expand, is_announced
from hil.bench.resources import one_name
from hil.errors import DeviceError, HilError
from hil.targets.mps_settings import MpsSettings
from hil.whole_file import whole_file

#: Failures in a row, where the board file does not say how many.
AFTER = 3
_MAX_FILE = 1 << 16


@dataclass(frozen=True)
class DeviceState:
    """What is known of one device.

    Attributes:
        device: "probe ...", "console ..." or "bench ...".
        failures: Failures in a row.
        reason: The last one.
        since: When it was put in quarantine, UTC; None if it is not there.
        by: What found the last failure: a run's id, or "hil doctor".
    """

    device: str
    failures: int = 0
    reason: str = ""
    since: str | None = None
    by: str = ""


def state_folder() -> Path:
    """Return the folder of this host for what is known of devices.

    `HIL_STATE` names one for all users; else /var/lib/rse-hil where it can be written, else the
    user's own (XDG_STATE_HOME).
    """
    if given := os.environ.get("HIL_STATE"):
        return Path(given)
    shared = Path("/var/lib/rse-hil")
    if os.access(shared, os.W_OK | os.X_OK):
        return shared
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if Path(state).is_absolute() else None
    try:
        return (home or Path.home() / ".local" / "state") / "rse-hil"
    except RuntimeError:  # a user without a home
        return Path(tempfile.gettempdir()) / f"rse-hil-{os.getuid()}"


def devices_of(file: BoardFile) -> dict[str, int | None]:
    """Return the devices of a board that outlive a run, each with the RSE that it belongs to.

    A serial device keeps the name of the board file, unlike for a lock: what /dev/ttyUSB0 is today
    may be another device tomorrow.
    """
    board = file.board
    places: list[tuple[str, str | None, int | None]] = []
    if isinstance(board.launcher, MpsSettings):
        places.append(("drive", board.launcher.drive, None))
    for rse in board.rses:
        places.append(("probe", rse.probe, rse.id))
        if (console := rse.console) is not None:
            texts = (console.serial, console.tcp, console.telnet)
            places += [("console", text, rse.id) for text in texts]
    found: dict[str, int | None] = {}
    for what, place, owner in places:
        if place is not None and not is_announced(place):
            with contextlib.suppress(HilError):  # the run itself says what is wrong with it
                text = expand(place, {}, where=what)
                found[f"{what} {text if '/' in text else one_name(what, text)}"] = owner
    if board.quarantine_after is not None and not found:
        return {f"bench {board.name} ({file.path.resolve()})": None}
    return found


class Quarantine:
    """What is known of the devices of one board.

    Args:
        file: The board.
        folder: See `state_folder`.
    """

    def __init__(self, file: BoardFile, folder: Path | None = None) -> None:
        self._devices = devices_of(file)
        self._after = file.board.quarantine_after or AFTER
        self._board = name_of(file)
        self._folder = folder or state_folder()

    def held(self) -> list[DeviceState]:
        """Return the devices of the board that are in quarantine."""
        states = (self._read(device) for device in self._devices)
        return [state for state in states if state.since is not None]

    def check(self) -> None:
        """Refuse a board of which a device is in quarantine.

        Raises:
            DeviceError: one is; says why, since when, and what lets it out.
        """
        held = self.held()
        if held:
            first = held[0]
            more = f" (and {len(held) - 1} more)" if len(held) > 1 else ""
            raise DeviceError(
                f"{first.device}{more} is in quarantine since {first.since}, after "
                f"{first.failures} failures in a row; the last one, of {first.by}: {first.reason}",
                operation="quarantine",
                hint=f"mend it, then `hil doctor {self._board} --live` and "
                f"`hil doctor {self._board} --release`",
            )

    def failed(self, reasons: Mapping[int | None, str], by: str) -> list[DeviceState]:
        """Count a failure of the lab; return the devices that it put in quarantine.

        Args:
            reasons: First line of each failure, by the RSE that it is about; None for the bench.
            by: What found it.
        """
        whole = reasons.get(None)
        news = []
        for device, rse in self._devices.items():
            reason = reasons.get(rse, whole) if rse is not None else next(iter(reasons.values()))
            if reason is None:
                continue
            before, after = self._change(device, partial(self._worse, reason=reason, by=by))
            if before.since is None and after.since is not None:
                news.append(after)
        return news

    def worked(self, rses: Iterable[int] | None = None) -> None:
        """Begin the count anew for the devices of some RSEs, of all by default.

        A device in quarantine stays there: a person lets it out.
        """
        wanted = None if rses is None else set(rses)
        for device, rse in self._devices.items():
            if wanted is None or rse in wanted or rse is None:
                self._change(device, lambda s: s if s.since else None)

    def release(self) -> list[DeviceState]:
        """Let all devices of the board out; return those that were in quarantine."""
        held = self.held()
        for device in self._devices:
            self._change(device, lambda _: None)
        if still := self.held():
            raise DeviceError(
                f"{still[0].device} stays in quarantine: its file in {self._folder} cannot be removed",
                operation="quarantine",
                hint="release it as the user who owns that file, or mend the folder's permissions",
            )
        return held

    def _worse(self, state: DeviceState, *, reason: str, by: str) -> DeviceState:
        failures = state.failures + 1
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        since = state.since or (now if failures >= self._after else None)
        return DeviceState(state.device, failures, reason[:500], since, by)

    def _path(self, device: str) -> Path:
        name = hashlib.sha256(device.encode()).hexdigest()[:24]
        return self._folder / f"device-{name}.json"

    def _read(self, device: str) -> DeviceState:
        try:
            with self._path(device).open("rb") as stream:
                return _parse(device, json.loads(stream.read(_MAX_FILE)))
        except (OSError, ValueError, RecursionError):
            return DeviceState(device)

    def _change(
        self, device: str, change: Callable[[DeviceState], DeviceState | None]
    ) -> tuple[DeviceState, DeviceState]:
        """Change a device's file, alone on this host; what cannot be written is not counted."""
        before = self._read(device)
        after = change(before)
        if after is None and not self._path(device).exists():
            return before, DeviceState(device)
        with contextlib.suppress(OSError), self._alone():
            before = self._read(device)
            after = change(before)
            path = self._path(device)
            if after is None:
                path.unlink(missing_ok=True)
            elif after != before:
                with whole_file(path) as stream:
                    stream.write(f"{json.dumps(asdict(after), indent=1)}\n".encode())
                    os.fchmod(stream.fileno(), 0o666)  # whatever the umask: all users count
        return before, after or DeviceState(device)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        fd = lock_file(self._folder / "lock")
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)


def _parse(device: str, value: Any) -> DeviceState:
    if not isinstance(value, dict):
        return DeviceState(device)
    since = value.get("since")
    failures = value.get("failures")
    return DeviceState(
        device,
        failures if isinstance(failures, int) else 0,
        str(value.get("reason", "")),
        None if since is None else str(since),
        str(value.get("by", "")),
    )
