# SPDX-License-Identifier: Apache-2.0
"""One run at a time on one piece of hardware; a lock never outlives its holder."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from hil.bench.board_file import load_board
from hil.bench.doctor import Finding, examine_board
from hil.bench.locks import BenchLock, holder_of, lock_folder
from hil.bench.resources import resources
from hil.errors import DeviceError

HOLD = """
import os, sys, time
from hil.bench.locks import BenchLock
if user := int(sys.argv[1]):
    os.setgid(user)
    os.setuid(user)
with BenchLock(sys.argv[2:], "the run X"):
    print("held", flush=True)
    time.sleep(60)
"""
NOBODY = 65534
KNOWN = {user.pw_uid: user.pw_name for user in pwd.getpwall()}
#: In a container a job may run as a user that the system does not know.
ME = KNOWN.get(os.getuid(), f"user {os.getuid()}")


@pytest.fixture(autouse=True)
def locks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder like /run/lock: every user may write, nobody may remove another's files."""
    with tempfile.TemporaryDirectory(prefix="rse-hil-locks-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o1777)
        monkeypatch.setenv("HIL_LOCKS", name)
        yield folder


def hold(*resources: str, user: int = 0) -> subprocess.Popen[bytes]:
    """Start another run that holds some resources."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(user), *resources], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate(timeout=60)


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another run that holds the probes A and B."""
    process = hold("probe A", "probe B")
    yield process
    end(process)


def test_a_held_probe_is_refused_with_its_holder(other: subprocess.Popen[bytes]) -> None:
    """The message says what is in use, by whom and since when, and nothing else stays locked."""
    said = (
        rf"probe B is in use by the run X \(pid {other.pid} of {re.escape(ME)}\) "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"
    )
    with pytest.raises(DeviceError, match=said):
        BenchLock(["probe 1", "probe B"], "me").__enter__()
    with BenchLock(["probe 1"], "me"):
        pass


def test_a_killed_holder_holds_nothing(other: subprocess.Popen[bytes]) -> None:
    """The kernel takes the lock back, whatever end the holder came to; its words are not believed."""
    end(other)
    assert holder_of("probe A") is None
    with BenchLock(["probe A", "probe B"], "me"):
        pass


def test_other_hardware_is_free(other: subprocess.Popen[bytes]) -> None:
    """Benches that share nothing run side by side."""
    with BenchLock(["probe C"], "me"), BenchLock(["probe D"], "me"):
        pass


def test_who_holds_a_probe_can_be_asked(other: subprocess.Popen[bytes]) -> None:
    """The answer names the process; a probe that nobody ever used is free."""
    holder = holder_of("probe A")
    assert holder is not None
    assert (holder.pid, holder.what, holder.user) == (other.pid, "the run X", ME)
    assert holder_of("probe Z") is None


def test_words_of_another_process_are_not_believed(
    other: subprocess.Popen[bytes], locks: Path
) -> None:
    """A holder that could not sign is named by the system, not by who signed before it."""
    for path in locks.iterdir():
        path.write_text('{"pid": 1, "what": "an old run", "user": "someone", "since": "1999"}')
    holder = holder_of("probe A")
    assert holder is not None
    assert holder.pid == other.pid
    assert "an old run" not in str(holder)
    assert sys.executable in holder.what


def test_the_folder_does_not_depend_on_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /run/lock is root's alone, root does not use it either; TMPDIR is of one job only."""
    monkeypatch.delenv("HIL_LOCKS")
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    monkeypatch.setattr(os, "access", lambda *_: True)
    modes = {Path("/run/lock"): 0o40755, Path("/tmp"): 0o41777}
    monkeypatch.setattr(Path, "stat", lambda path: SimpleNamespace(st_mode=modes[path]))
    assert lock_folder() == Path("/tmp")
    modes[Path("/run/lock")] = 0o41777
    assert lock_folder() == Path("/run/lock")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
@pytest.mark.parametrize("first", [0, NOBODY], ids=["root first", "nobody first"])
def test_a_lock_file_of_another_user_works(locks: Path, first: int) -> None:
    """Either user's file is locked and signed by the other; the message names the user."""
    second = NOBODY - first
    end(hold("probe A", user=first))
    (path,) = locks.iterdir()
    assert path.stat().st_uid == first
    process = hold("probe A", user=second)
    try:
        holder = holder_of("probe A")
        assert holder is not None
        assert (holder.pid, holder.what) == (process.pid, "the run X")
        assert holder.user == pwd.getpwuid(second).pw_name
        with pytest.raises(DeviceError, match=f"of {holder.user}"):
            BenchLock(["probe A"], "me").__enter__()
    finally:
        end(process)


def test_the_doctor_says_who_uses_a_board(tmp_path: Path) -> None:
    """`hil doctor BOARD` names the run that has the board's console."""
    path = tmp_path / "b.yaml"
    path.write_text(
        'release: "2.3.1"\n'
        "launcher: {kind: mps, drive: /no/such/drive, application: AN521}\n"
        'rses: [{id: 0, console: {tcp: "127.0.0.1:1"}}]\n'
    )
    process = hold("console 127.0.0.1:1")
    try:
        findings = {f.what: f for f in examine_board(load_board(path))}
    finally:
        end(process)
    finding = findings["console 127.0.0.1:1"]
    assert finding.missing
    assert f"in use by the run X (pid {process.pid}" in finding.seen


def test_the_doctor_asks_no_probe_in_mid_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe that a run holds is left alone: asking it would take it away from that run."""
    path = tmp_path / "b.yaml"
    path.write_text(
        'release: "2.3.1"\n'
        "launcher: {kind: pyocd, target: cortex_m}\n"
        'rses: [{id: 0, probe: "jlink:A", console: {tcp: "127.0.0.1:1"}}]\n'
    )
    asked: list[bool] = []

    def preflight(*_arguments: object) -> list[Finding]:
        asked.append(holder_of("probe A") is not None)
        return []

    monkeypatch.setattr("hil.bench.doctor.preflight_launcher", preflight)
    process = hold("probe A")
    try:
        findings = {f.what: f for f in examine_board(load_board(path))}
    finally:
        end(process)
    assert findings["probe A"].missing
    assert asked == []
    examine_board(load_board(path))
    assert asked == [True]  # and nobody takes it while it is asked


@pytest.mark.parametrize(
    ("one", "other_way"),
    [
        ("cmsisdap:0123", "0123"),
        ("remote:localhost", "Remote:127.0.0.1:5555"),
    ],
)
def test_a_probe_has_one_lock_however_it_is_named(tmp_path: Path, one: str, other_way: str) -> None:
    """Two board files that name a probe differently cannot use it at once."""
    names = []
    for probe in (one, other_way):
        path = tmp_path / "b.yaml"
        path.write_text(
            'release: "2.3.1"\n'
            "launcher: {kind: pyocd, target: cortex_m}\n"
            f'rses: [{{id: 0, probe: "{probe}", console: {{tcp: "localhost:1"}}}}]\n'
        )
        names.append(resources(load_board(path).board, lambda text, _where: text))
    assert names[0] == names[1]
    assert names[0][1] == "console 127.0.0.1:1"
