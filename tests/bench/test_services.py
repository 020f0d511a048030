# SPDX-License-Identifier: Apache-2.0
"""Services of a bench: they come up, announce where they are, and are gone afterwards."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hil.bench.board import Board
from hil.bench.services import Services
from hil.errors import DeviceError, UsageError


def board(**service: Any) -> Board:
    return Board.model_validate(
        {
            "name": "b",
            "release": "2.3.1",
            "launcher": {"kind": "fvp", "binary": "x"},
            "rses": [{"id": 0}, {"id": 1}],
            "services": {"s": service},
        }
    )


def python(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_announcements_become_placeholders(tmp_path: Path) -> None:
    """Each RSE's service has its own values, from the named groups of its announcement."""
    text = (
        "import sys, time; print('noise'); print('up at', sys.argv[1], flush=True); time.sleep(60)"
    )
    spec = board(
        command=[*python(text), "port-{id}"], for_each_rse=True, announce=r"up at (?P<port>\S+)"
    )
    services = Services(spec, tmp_path, {})
    try:
        assert services.start() == {"s0.port": "port-0", "s1.port": "port-1"}
    finally:
        services.stop()
        services.stop()
    assert "noise" in (tmp_path / "s0.log").read_text()


def test_single_rses_can_have_arguments_of_their_own(tmp_path: Path) -> None:
    """`arguments_of` reaches one RSE's service only."""
    text = "import sys; print('args', *sys.argv[1:], flush=True); sys.stdin.read()"
    spec = board(
        command=[*python(text), "x"],
        for_each_rse=True,
        arguments_of={1: ["--odd"]},
        announce=r"args (?P<all>.*)",
    )
    services = Services(spec, tmp_path, {})
    try:
        assert services.start() == {"s0.all": "x", "s1.all": "x --odd"}
    finally:
        services.stop()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("print('cannot bind'); raise SystemExit(3)", "ended with status 3: cannot bind"),
        ("import time; print('hm', flush=True); time.sleep(60)", "is not up in 1.5 s: hm"),
        (
            "print(*range(9000), 'cannot bind', sep='\\n'); raise SystemExit(3)",
            r"ended with status 3: 8998 \| 8999 \| cannot bind",
        ),
        ("raise SystemExit(0)", "ended with status 0: it printed nothing"),
    ],
    ids=["fails", "is mute", "fails after much", "ends"],
)
def test_a_service_that_does_not_come_up(tmp_path: Path, text: str, expected: str) -> None:
    """The error names the service and shows its last lines."""
    spec = board(command=python(text), announce="up", timeout=1.5 if "sleep" in text else 10)
    with pytest.raises(DeviceError, match=f"service s {expected}"):
        Services(spec, tmp_path, {}).start()


def test_services_that_are_up_are_stopped_when_another_fails(tmp_path: Path) -> None:
    """No process is left when a bench cannot be opened, not even a grandchild."""
    text = (
        "import subprocess, sys, time\n"
        "if sys.argv[1] == '1': time.sleep(0.3); raise SystemExit('no')\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open(sys.argv[2], 'w').write(str(p.pid)); print('up', flush=True); time.sleep(60)"
    )
    pid = tmp_path / "pid"
    spec = board(command=[*python(text), "{id}", str(pid)], for_each_rse=True, announce="up")
    with pytest.raises(DeviceError, match="service s1 ended"):
        Services(spec, tmp_path, {}).start()
    assert gone(int(pid.read_text()))


def test_a_missing_program_is_the_users_mistake(tmp_path: Path) -> None:
    """A program that does not exist is told with its place in the board file."""
    with pytest.raises(UsageError, match=r"services\.s\.command: no program 'no-such-tool'"):
        Services(board(command=["no-such-tool"]), tmp_path, {}).start()


def test_an_unknown_placeholder_names_the_nearest(tmp_path: Path) -> None:
    """A typo in a placeholder is answered with what was meant."""
    with pytest.raises(UsageError, match=r"nothing gives a value for \{stat\}.*\{state\}"):
        Services(board(command=["true", "{stat}"]), tmp_path, {"state": "/x"}).start()


def test_what_leaves_the_group_of_a_service_ends_with_it(tmp_path: Path) -> None:
    """A daemon in a session of its own is found by what it inherited."""
    place = tmp_path / "pid"
    starting = f"setsid sh -c 'echo $$ > {place}; exec sleep 1000'"
    text = f"{starting} & until [ -s {place} ]; do sleep 0.02; done; echo up; wait"
    services = Services(board(command=["sh", "-c", text], announce="up"), tmp_path, {})
    try:
        services.start()
        daemon = int(place.read_text())
        os.kill(daemon, 0)
    finally:
        services.stop()
    assert gone(daemon)
