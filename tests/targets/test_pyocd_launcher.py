# SPDX-License-Identifier: Apache-2.0
"""The pyOCD launcher, end to end against virtual boards."""

from __future__ import annotations

import hashlib
import random
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial
from virtual_boards import LIMIT, USER_SCRIPT, BoardProcess

from hil.errors import DeviceError, UsageError
from hil.targets.endpoint import Endpoint
from hil.targets.launcher import Launcher
from hil.targets.load import LoadPlan, PlacedImage
from hil.targets.pyocd_launcher import PyocdLauncher
from hil.targets.pyocd_preflight import preflight
from hil.targets.pyocd_settings import PyocdRse, PyocdSettings

pytest.importorskip("pyocd")
FLASH, MESSAGE = 0xB0000000, 0x310E0000
FIRST_LINE = b"BL1_1"


def settings(**changes: object) -> PyocdSettings:
    return PyocdSettings.model_validate(
        {
            "kind": "pyocd",
            "target": "rse_virtual",
            "user_script": str(USER_SCRIPT),
            "options": {"reset.post_delay": 0.0},
            **changes,
        }
    )


def rse(board: BoardProcess) -> PyocdRse:
    return PyocdRse(board.chip, board.probe, Endpoint("serial", board.uart))


def image(
    folder: Path, name: str, rse: int, address: int, size: int, memory: str = "flash"
) -> PlacedImage:
    """Make a file of random bytes and the plan to place it."""
    content = random.Random(f"{name}{rse}").randbytes(size)
    path = folder / f"{name}{rse}.bin"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return PlacedImage(name, rse, path, address, memory, digest, size)  # type: ignore[arg-type]


class Lab:
    """Two boards and what a bench would do with their consoles."""

    def __init__(self, boards: Sequence[BoardProcess]) -> None:
        self.boards = boards
        self.ports: dict[int, serial.Serial] = {}

    def open(self, number: int, endpoint: Endpoint) -> None:
        self.ports[number] = serial.Serial(endpoint.address, endpoint.baud, timeout=LIMIT)

    def heard(self, number: int) -> bytes:
        """Wait for the first line of a boot."""
        return self.ports[number].read_until(FIRST_LINE)

    def quiet(self, number: int, seconds: float) -> bool:
        """Whether a console says nothing for a while."""
        time.sleep(seconds)
        return self.ports[number].in_waiting == 0

    def listen_anew(self) -> None:
        """Forget what has been said so far."""
        time.sleep(0.1)
        for port in self.ports.values():
            port.reset_input_buffer()

    def close(self) -> None:
        for port in self.ports.values():
            port.close()


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[BoardProcess]]:
    folder = tmp_path_factory.mktemp("boards")
    with ExitStack() as stack:
        yield [stack.enter_context(BoardProcess(folder, chip=chip)) for chip in (0, 1)]


@pytest.fixture(scope="module")
def launcher(boards: list[BoardProcess]) -> Iterator[PyocdLauncher]:
    driver = PyocdLauncher(settings(), [rse(board) for board in boards])
    yield driver
    driver.stop()


@pytest.fixture
def lab(boards: list[BoardProcess]) -> Iterator[Lab]:
    bench = Lab(boards)
    yield bench
    bench.close()


def test_it_is_a_launcher(launcher: PyocdLauncher) -> None:
    """The class has what the contract of launchers asks for."""
    contract: Launcher = launcher
    assert {"load", "reset", "reset-one", "hold", "read-back"} <= contract.capabilities


def test_loads_verifies_and_starts_all(
    launcher: PyocdLauncher, lab: Lab, boards: list[BoardProcess], tmp_path: Path
) -> None:
    """All images arrive, each is read back, and every console is open before the first byte."""
    plan = LoadPlan(
        tuple(
            placed
            for number in (0, 1)
            for placed in (
                image(tmp_path, "bl2", number, FLASH, 0x8100),
                image(tmp_path, "s", number, FLASH + 0x40000, 0x6001),
                image(tmp_path, "message", number, MESSAGE, 0x2345, "ram"),
            )
        )
    )
    report = launcher.load(plan)
    assert [loaded.image for loaded in report.images] == list(plan.images)
    assert all(loaded.verified and loaded.how == "read-back" for loaded in report.images)
    assert [loaded.sha256_on_device for loaded in report.images] == [i.sha256 for i in plan.images]
    assert report.tools["pyocd"].startswith("0.46.")
    cells = (boards[1].folder / "state" / "chip1.flash").read_bytes()
    assert cells.startswith((tmp_path / "bl21.bin").read_bytes())

    opened: list[int] = []

    def open_console(number: int, endpoint: Endpoint) -> None:
        lab.open(number, endpoint)
        assert lab.quiet(number, 0.1), "it ran before its console was open"
        opened.append(number)

    launcher.start(open_console)
    assert opened == [0, 1]
    assert [FIRST_LINE in lab.heard(number) for number in opened] == [True, True]


@pytest.mark.parametrize("kind", ["system", "nreset"])
def test_resets_one_or_all(launcher: PyocdLauncher, lab: Lab, kind: str) -> None:
    """A reset of one RSE leaves the other alone; a reset of all boots all."""
    launcher.start(lab.open)
    lab.listen_anew()
    launcher.reset(1, kind)  # type: ignore[arg-type]
    assert FIRST_LINE in lab.heard(1)
    assert lab.quiet(0, 0.1)
    lab.listen_anew()
    launcher.reset(kind=kind)  # type: ignore[arg-type]
    assert FIRST_LINE in lab.heard(0)
    assert FIRST_LINE in lab.heard(1)


def test_a_held_rse_is_silent_until_it_is_released(launcher: PyocdLauncher, lab: Lab) -> None:
    """hold() stops one RSE at its reset vector, release() lets it boot."""
    launcher.start(lab.open)
    launcher.hold(0)
    lab.listen_anew()
    assert lab.quiet(0, 0.2)
    launcher.release(0)
    assert FIRST_LINE in lab.heard(0)


def test_live_boards_are_alive(launcher: PyocdLauncher, lab: Lab) -> None:
    """alive() is None for a running and for a held RSE, and disturbs neither."""
    launcher.start(lab.open)
    launcher.hold(1)
    lab.listen_anew()
    assert [launcher.alive(0), launcher.alive(1)] == [None, None]
    assert lab.quiet(0, 0.1)
    assert lab.quiet(1, 0.1)
    launcher.release(1)


def test_stop_may_be_called_twice_and_a_start_begins_anew(
    launcher: PyocdLauncher, lab: Lab
) -> None:
    """After stop() no worker is left; the launcher can be used again."""
    launcher.start(lab.open)
    launcher.stop()
    launcher.stop()
    lab.listen_anew()
    launcher.reset(0)
    assert FIRST_LINE in lab.heard(0)


#: What a worker answers to a load of nothing.
_ANSWER = {"images": [], "size": 0, "erased": 0, "notes": [], "seconds": 0.1}


class Scribe:
    """Stands in for the workers and writes down what they are asked."""

    def __init__(self, fails: str = "") -> None:
        self._fails = fails
        self.asked: list[tuple[str, list[int]]] = []
        self.versions = {"pyocd": "0"}

    def ask(
        self, _operation: str, requests: Mapping[int, Mapping[str, Any]], _limit: float
    ) -> dict[int, Any]:
        command = str(next(iter(requests.values()))["command"])
        self.asked.append((command, sorted(requests)))
        if command == self._fails:
            raise DeviceError("it failed")
        return dict.fromkeys(requests, _ANSWER)

    def ask_each(
        self, operation: str, requests: Mapping[int, Mapping[str, Any]], limit: float
    ) -> tuple[dict[int, Any], dict[int, DeviceError]]:
        try:
            return self.ask(operation, requests, limit), {}
        except DeviceError as error:
            error.rse = min(requests)
            return {}, dict.fromkeys(requests, error)

    def drop(self, _rses: Iterable[int]) -> None:
        """Nothing is held here."""

    def running(self, _rse: int) -> bool:
        return True


def test_a_system_is_held_before_it_is_changed_and_reset_when_all_are_held() -> None:
    """No RSE runs while another is loaded; stale messages between RSEs die in a second reset."""
    rses = [PyocdRse(n, f"probe {n}", Endpoint("serial", "/dev/null")) for n in (0, 1)]
    driver = PyocdLauncher(settings(), rses)
    driver._crew = scribe = Scribe()  # type: ignore[assignment]
    driver.load(LoadPlan(()))
    driver.start(lambda rse, _endpoint: scribe.asked.append(("console", [rse])))
    driver.reset()
    driver.reset(1)
    both = [0, 1]
    assert scribe.asked == [
        ("hold", both), ("load", both), ("console", [0]), ("console", [1]), ("release", both),
        ("hold", both), ("hold", both), ("release", both),
        ("hold", [1]), ("release", [1]),
    ]  # fmt: skip


@pytest.mark.parametrize("how", ["start", "reset", "reset one"])
def test_armed_is_called_when_the_consoles_are_drained(
    monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """What an adapter still held of the last boot comes before `armed`, the release after it."""
    driver = PyocdLauncher(settings(), [PyocdRse(0, "p", Endpoint("serial", "/dev/null"))])
    driver._crew = scribe = Scribe()  # type: ignore[assignment]
    # Whoever reads the consoles does so while the launcher sleeps.
    reads = SimpleNamespace(sleep=lambda _seconds: scribe.asked.append(("old bytes", [0])))
    monkeypatch.setattr("hil.targets.pyocd_launcher.time", reads)

    def armed() -> None:
        scribe.asked.append(("armed", []))

    if how == "start":
        driver.start(lambda _rse, _endpoint: None, armed=armed)
    else:
        driver.reset(0 if how == "reset one" else None, armed=armed)
    done = [what for what, _ in scribe.asked]
    assert [what for what in done if what != "hold"] == ["old bytes", "armed", "release"]
    assert done.index("hold") < done.index("armed")


def test_after_a_failed_load_everything_is_held_anew() -> None:
    """The core may stand in the flash algorithm: it must not be released from there."""
    given = settings(recovery=[])
    driver = PyocdLauncher(given, [PyocdRse(0, "p", Endpoint("serial", "/dev/null"))])
    driver._crew = scribe = Scribe(fails="load")  # type: ignore[assignment]
    with pytest.raises(DeviceError):
        driver.load(LoadPlan(()))
    driver.start(lambda _rse, _endpoint: None)
    assert [command for command, _ in scribe.asked] == ["hold", "load", "hold", "release"]


def test_an_image_for_an_unknown_rse_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    """It is refused before anything is held."""
    driver = PyocdLauncher(settings(), [PyocdRse(0, "p", Endpoint("serial", "/dev/null"))])
    with pytest.raises(UsageError, match="image bl2 is for RSE 7; there are 0"):
        driver.load(LoadPlan((image(tmp_path, "bl2", 7, FLASH, 4),)))


def test_preflight_finds_everything_in_place(boards: list[BoardProcess]) -> None:
    """pyOCD, user script, consoles and probes are all reported as found."""
    findings = preflight(settings(), [rse(board) for board in boards])
    assert [f for f in findings if not f.ok] == []
    assert [f.what for f in findings] == [
        "pyOCD",
        "launcher.user_script",
        "launcher.expect_identity",
        "console of RSE 0",
        "console of RSE 1",
        "probe of RSE 0",
        "probe of RSE 1",
    ]
    assert "whatever chip answers" in findings[2].found
    assert "DPIDR 0x4c013477" in findings[-1].found


def test_preflight_says_nothing_about_an_identity_that_is_given(
    boards: list[BoardProcess],
) -> None:
    """Only a board that takes any chip is told so."""
    findings = preflight(settings(expect_identity={"cpuid": 0x411FD220}), [rse(boards[0])])
    assert "launcher.expect_identity" not in [f.what for f in findings]


@pytest.mark.parametrize("kind", ["system", "nreset"])
def test_a_core_that_cannot_be_attached_to_is_reset(tmp_path: Path, kind: str) -> None:
    """Firmware that sleeps hides its core; a reset takes hold of it as the board file says."""
    with BoardProcess(tmp_path, "--fault=debug-asleep") as board:
        driver, lab = PyocdLauncher(settings(), [rse(board)]), Lab([board])
        try:
            driver.start(lab.open)
            assert FIRST_LINE in lab.heard(0)
            lab.listen_anew()
            driver.reset(0, kind)  # type: ignore[arg-type]
            assert FIRST_LINE in lab.heard(0)
        finally:
            lab.close()
            driver.stop()


@pytest.mark.parametrize("options", ["", "?ign_set_control"])
def test_a_console_server_is_no_device_of_this_host(
    boards: list[BoardProcess], options: str
) -> None:
    """A console by RFC 2217 is found where its server listens, and is not gone for want of a file."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rfc2217://127.0.0.1:{server.getsockname()[1]}{options}"
        remote = PyocdRse(0, boards[0].probe, Endpoint("serial", url))
        findings = preflight(settings(), [remote])
    assert [f for f in findings if not f.ok] == []
    assert PyocdLauncher(settings(), [remote]).alive(0) is None
    gone = {f.what: f for f in preflight(settings(), [remote]) if not f.ok}["console of RSE 0"]
    assert "refused" in gone.found
    assert gone.fix == "start the console server"


def test_what_is_no_serial_device_is_no_console(tmp_path: Path, boards: list[BoardProcess]) -> None:
    """A folder of devices, or a file, is found before a run."""
    (tmp_path / "by-id").mkdir()
    (tmp_path / "file").touch()
    for name in ("by-id", "file"):
        wrong = PyocdRse(0, boards[0].probe, Endpoint("serial", str(tmp_path / name)))
        (finding,) = (f for f in preflight(settings(), [wrong]) if not f.ok)
        assert (finding.what, finding.found) == (
            "console of RSE 0",
            f"{tmp_path / name} is no serial device",
        )


def test_preflight_says_what_is_missing_and_what_mends_it(boards: list[BoardProcess]) -> None:
    """A missing device, script and target type are findings with a remedy, not exceptions."""
    broken = PyocdRse(0, boards[0].probe, Endpoint("serial", "/dev/no-such-tty"))
    findings = preflight(settings(user_script="/no/such/script.py"), [broken])
    wrong = {f.what: f for f in findings if not f.ok}
    assert set(wrong) == {"launcher.user_script", "console of RSE 0", "probe of RSE 0"}
    assert all(f.fix for f in wrong.values())
    assert "rse_virtual" in wrong["probe of RSE 0"].found
