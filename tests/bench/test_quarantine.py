# SPDX-License-Identifier: Apache-2.0
"""Devices that fail again and again are kept out of runs until a person lets them back in."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.bench.board_file import BoardFile, load_board
from hil.bench.quarantine import Quarantine, devices_of, state_folder
from hil.errors import DeviceError

TWO = """\
extends: virtual-rse4
services: {{}}
rses:
  - {{id: 0, probe: L0, console: {{serial: /dev/ttyA}}}}
  - {{id: 1, probe: {probe}, console: {{serial: /dev/ttyB}}}}
provisioning: {{huks: {{}}}}
{more}
"""


def board(folder: Path, name: str = "lab", *, probe: str = "L1", more: str = "") -> BoardFile:
    path = folder / f"{name}.yaml"
    path.write_text(TWO.format(probe=probe, more=more))
    return load_board(path)


def test_failures_in_a_row_lead_to_quarantine(tmp_path: Path) -> None:
    """The third failure of one device does, by default; the message says what lets it out."""
    quarantine = Quarantine(board(tmp_path), tmp_path / "state")
    for number in range(2):
        assert quarantine.failed({1: f"failure {number}"}, "the run x") == []
        quarantine.check()
    news = quarantine.failed({1: "no answer"}, "the run y")
    assert {state.device for state in news} == {"probe L1", "console /dev/ttyB"}
    with pytest.raises(DeviceError, match=r"probe L1 \(and 1 more\) is in quarantine") as caught:
        quarantine.check()
    assert "3 failures in a row; the last one, of the run y: no answer" in str(caught.value)
    assert f"hil doctor {tmp_path}/lab.yaml --release" in str(caught.value)
    assert caught.value.operation == "quarantine"


def test_what_works_in_between_begins_the_count_anew(tmp_path: Path) -> None:
    """Only failures in a row count; but a device that is in quarantine stays there."""
    quarantine = Quarantine(board(tmp_path, more="quarantine_after: 2"), tmp_path / "state")
    for _ in range(3):
        quarantine.failed({None: "x"}, "r")
        quarantine.worked()
    assert quarantine.held() == []
    quarantine.failed({None: "x"}, "r")
    quarantine.failed({None: "x"}, "r")
    assert len(quarantine.held()) == 4
    quarantine.worked()
    assert len(quarantine.held()) == 4
    assert len(quarantine.release()) == 4
    quarantine.check()
    assert list((tmp_path / "state").glob("device-*")) == []


def test_a_device_is_the_same_on_every_board(tmp_path: Path) -> None:
    """Another board file that names the same probe is refused; one that does not is not."""
    state = tmp_path / "state"
    for _ in range(3):
        Quarantine(board(tmp_path), state).failed({1: "x"}, "r")
    with pytest.raises(DeviceError, match="probe L1"):
        Quarantine(board(tmp_path, "other"), state).check()
    other = load_board_without_ttyb(tmp_path)
    Quarantine(other, state).check()


def load_board_without_ttyb(folder: Path) -> BoardFile:
    path = folder / "third.yaml"
    path.write_text(TWO.format(probe="L7", more="").replace("ttyB", "ttyC"))
    return load_board(path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ABC", "cmsisdap:ABC"),
        ("remote:localhost", "remote:127.0.0.1:5555"),
        ("jlink:7", "JLink:7"),
    ],
)
def test_a_probe_is_the_same_under_another_spelling(tmp_path: Path, one: str, other: str) -> None:
    """As for a lock: a kind before an id, a port that goes without saying, a name of this host."""
    first = Quarantine(board(tmp_path, "one", probe=one, more="quarantine_after: 1"), tmp_path)
    first.failed({1: "x"}, "r")
    second = Quarantine(board(tmp_path, "two", probe=other), tmp_path)
    assert any(state.device.startswith("probe ") for state in second.held())


def test_devices_that_are_made_anew_are_none(tmp_path: Path) -> None:
    """What the run's own services announce is another device each time, unless the file says so."""
    path = tmp_path / "v.yaml"
    path.write_text("extends: virtual-rse4\n")
    assert devices_of(load_board(path)) == {}
    path.write_text("extends: virtual-rse4\nquarantine_after: 2\n")
    assert devices_of(load_board(path)) == {f"bench v ({path})": None}


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"failures": "x", "since": 5}', "[" * 9999])
def test_a_damaged_file_counts_from_zero(tmp_path: Path, text: str) -> None:
    """Whatever stands in a device's file, nothing ends in a traceback."""
    quarantine = Quarantine(board(tmp_path), tmp_path / "state")
    quarantine.failed({1: "x"}, "r")
    for path in (tmp_path / "state").glob("device-*"):
        path.write_text(text)
    quarantine.held()
    quarantine.failed({1: "x"}, "r")


def test_runs_that_count_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four processes that begin together count 60 failures each: 240 failures."""
    file = board(tmp_path).path
    script = (
        "import sys, time; from pathlib import Path\n"
        "from hil.bench.board_file import load_board; from hil.bench.quarantine import Quarantine\n"
        "q = Quarantine(load_board(Path(sys.argv[1])), Path(sys.argv[2]))\n"
        "print('ready', flush=True); sys.stdin.read()\n"
        "for n in range(60): q.failed({0: 'x'}, 'r')"
    )
    command = [sys.executable, "-c", script, str(file), str(tmp_path / "state")]
    pipe = subprocess.PIPE
    tasks = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _ in range(4)]
    for task in tasks:
        assert task.stdout is not None
        assert task.stdout.readline() == b"ready\n"
    for task in tasks:
        assert task.stdin is not None
        task.stdin.close()
    assert [task.wait(60) for task in tasks] == [0] * 4
    for task in tasks:
        assert task.stdout is not None
        task.stdout.close()
    texts = [path.read_text() for path in (tmp_path / "state").glob("device-*.json")]
    assert [text.count('"failures": 240,') for text in texts] == [1, 1]


@pytest.fixture
def folder_of_all() -> Iterator[Path]:
    """A folder that every user reaches; pytest's own is closed to others by each session anew."""
    with tempfile.TemporaryDirectory(prefix="rse-hil-test-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_users_of_one_folder_share_what_they_count(folder_of_all: Path) -> None:
    """Whoever made the files, and whatever his umask, another user sees, counts and releases."""
    file = board(folder_of_all).path
    state = folder_of_all / "state"
    state.mkdir()
    state.chmod(0o777)
    file.chmod(0o644)
    script = (
        "import os, sys; from pathlib import Path\n"
        "from hil.bench.board_file import load_board; from hil.bench.quarantine import Quarantine\n"
        "os.umask(0o077)\n"
        "if sys.argv[3] == 'other': os.setgid(65534); os.setuid(65534)\n"
        "q = Quarantine(load_board(Path(sys.argv[1])), Path(sys.argv[2]))\n"
        "if sys.argv[4] == 'fail': q.failed({0: 'x'}, 'r')\n"
        "if sys.argv[4] == 'release': q.release()\n"
        "print(len(q.held()))"
    )

    def act(user: str, what: str) -> str:
        command = [sys.executable, "-c", script, str(file), str(state), user, what]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert [act("root", "fail"), act("other", "fail"), act("root", "fail")] == ["0", "0", "2"]
    assert act("other", "look") == "2"
    assert act("other", "release") == "0"
    assert act("root", "look") == "0"


def test_a_device_that_cannot_be_released_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not said to be free while it is not."""
    quarantine = Quarantine(board(tmp_path), tmp_path / "state")
    for _ in range(3):
        quarantine.failed({0: "x"}, "r")
    monkeypatch.setattr(Path, "unlink", _refuse)
    with pytest.raises(DeviceError, match="stays in quarantine"):
        quarantine.release()


def _refuse(*_arguments: object, **_options: object) -> None:
    raise PermissionError(1, "not yours")


def test_where_the_state_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HIL_STATE first; then the host's folder or the user's own."""
    monkeypatch.setenv("HIL_STATE", str(tmp_path))
    assert state_folder() == tmp_path
    monkeypatch.delenv("HIL_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    shared = Path("/var/lib/rse-hil")
    expected = shared if os.access(shared, os.W_OK) else tmp_path / "xdg" / "rse-hil"
    assert state_folder() == expected


def test_a_folder_that_cannot_be_written_stops_no_run(tmp_path: Path) -> None:
    """Counting is a service to the lab: without a place for it, nothing is counted."""
    (tmp_path / "file").write_text("")
    quarantine = Quarantine(board(tmp_path), tmp_path / "file" / "state")
    for _ in range(5):
        quarantine.failed({None: "x"}, "r")
    quarantine.check()
