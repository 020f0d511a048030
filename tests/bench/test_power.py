# SPDX-License-Identifier: Apache-2.0
"""Power and reset of a lab: commands, a hub's port, a serial adapter's lines; failures are the lab's."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError
from serial import rfc2217, serial_for_url

from hil.bench.bench import Bench
from hil.bench.board_file import load_board
from hil.bench.doctor import examine_board
from hil.bench.power import Power, SerialLine, switch
from hil.errors import DeviceError


class Journal:
    """Keeps the kinds of what happened."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def event(self, kind: str, **values: Any) -> None:
        self.kinds.append(kind if kind != "power" else f"power {values['what']}")


def bench(folder: Path, power: str) -> tuple[Bench, Journal]:
    path = folder / "b.yaml"
    path.write_text(
        f'release: "2.3.1"\nlauncher: {{kind: fvp, binary: x}}\nrses: [{{id: 0}}]\npower: {power}\n'
    )
    journal = Journal()
    return Bench(load_board(path), folder / "run", folder / "cache", journal), journal


def test_on_and_off_around_a_run(tmp_path: Path) -> None:
    """The supply is switched on when the bench opens and off when it closes."""
    word = tmp_path / "a b; echo"
    touch = f"[{sys.executable}, -c, 'import sys; open(sys.argv[1], \"a\").write(sys.argv[2])', '{word}'"
    live, journal = bench(tmp_path, f"{{on: {touch}, '+'], off: {touch}, '-']}}")
    live.open()
    live.close()
    live.close()
    assert word.read_text() == "+-"
    assert journal.kinds[-2:] == ["power on", "power off"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("[no-such-switch]", "no-such-switch: "),
        (f"[{sys.executable}, -c, 'raise SystemExit(\"port 3 unknown\")']", "port 3 unknown"),
    ],
    ids=["missing", "fails"],
)
def test_a_switch_that_fails(tmp_path: Path, command: str, expected: str) -> None:
    """A power command that fails is an infrastructure error with what it said."""
    live, _ = bench(tmp_path, f"{{on: {command}}}")
    with pytest.raises(DeviceError, match="power on: ") as caught:
        live.open()
    assert expected in str(caught.value)


def test_a_board_that_needs_a_power_cycle_says_so(tmp_path: Path) -> None:
    """Without a warm reset and without a switch a second boot is not possible, and told why."""
    live, _ = bench(tmp_path, "{}\nwarm_reset: false")
    assert "power.cycle" in (live.can_reset or "")


class Adapter:
    """A serial adapter behind RFC 2217 that notes its control lines."""

    def __init__(self) -> None:
        self._port = serial_for_url("loop://", timeout=0)
        self.seen: list[tuple[str, bool]] = []
        self.times: list[float] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def _note(self, line: str, level: bool) -> None:
        if [last for name, last in self.seen if name == line][-1:] != [level]:
            self.seen.append((line, level))
            self.times.append(time.monotonic())

    dtr = property(lambda self: False, lambda self, level: self._note("dtr", level))
    rts = property(lambda self: False, lambda self, level: self._note("rts", level))


@contextmanager
def served(adapter: Adapter) -> Iterator[str]:
    """Serve an adapter; give its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                writer = type("Writer", (), {"write": staticmethod(client.sendall)})
                manager = rfc2217.PortManager(adapter, writer)
                while raw := client.recv(1024):
                    list(manager.filter(raw))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"rfc2217://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize("line", ["dtr", "rts"])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_serial_line_is_pulsed(line: str, inverted: bool) -> None:
    """The line goes to its active level for the time asked, and back; the other one stays inactive."""
    adapter = Adapter()
    with served(adapter) as url:
        method = SerialLine(device=url, line=line, seconds=0.2, inverted=inverted)  # type: ignore[arg-type]
        switch("reset", method)
    other = "rts" if line == "dtr" else "dtr"
    levels = [level for name, level in adapter.seen if name == line]
    assert levels == [inverted, not inverted, inverted]
    assert [level for name, level in adapter.seen if name == other] == [False]
    times = [t for t, (name, _) in zip(adapter.times, adapter.seen, strict=True) if name == line]
    assert times[2] - times[1] >= 0.19


def test_a_pulse_that_is_interrupted_does_not_leave_the_board_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C while the line is active: it goes back before the run ends."""

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    adapter = Adapter()
    with served(adapter) as url:
        method = SerialLine(device=url, line="dtr", seconds=17)
        own_time = SimpleNamespace(sleep=interrupted, monotonic=time.monotonic)
        monkeypatch.setattr("hil.bench.power.time", own_time)
        with pytest.raises(KeyboardInterrupt):
            switch("cycle", method)
    assert [level for name, level in adapter.seen if name == "dtr"] == [False, True, False]


def test_a_serial_adapter_that_is_not_there() -> None:
    """The message names line and device."""
    method = SerialLine(device="/dev/no-such-tty", line="dtr")
    with pytest.raises(DeviceError, match=r"power cycle: DTR of /dev/no-such-tty: .*No such file"):
        switch("cycle", method)


def test_a_hubs_port_is_switched_by_uhubctl() -> None:
    """The board file names the port; on, off and cycle are uhubctl's commands for it."""
    port = ["uhubctl", "-l", "1-1.4", "-p", "3", "-a"]
    power = Power.model_validate({"usb_hub": {"location": "1-1.4", "port": 3, "seconds": 1.5}})
    assert (power.on, power.off) == ([*port, "on"], None)
    assert power.cycle == [*port, "cycle", "-d", "1.5"]
    again = Power.model_validate(
        {"usb_hub": {"location": "1-1.4", "port": 3, "off_after_run": True}}
    )
    assert again.off == [*port, "off"]


def test_one_thing_switches_a_board() -> None:
    """A hub's port beside a command for the same is a mistake of the board file."""
    hub = {"location": "1-1", "port": 3}
    with pytest.raises(ValidationError, match="cycle: usb_hub switches already"):
        Power.model_validate({"usb_hub": hub, "cycle": ["our-switch"]})
    with pytest.raises(ValidationError, match="location"):
        Power.model_validate({"usb_hub": {"location": "1-1; reboot", "port": 3}})


def test_the_doctor_looks_for_switches(tmp_path: Path) -> None:
    """A program that is not installed and an adapter that is not there are missing."""
    path = tmp_path / "b.yaml"
    path.write_text(
        'release: "2.3.1"\nlauncher: {kind: fvp, binary: x}\nrses: [{id: 0}]\n'
        "power: {on: [no-such-switch], cycle: {device: /dev/no-such-tty, line: rts}}\n"
    )
    missing = {f.what: f.seen for f in examine_board(load_board(path)) if f.missing}
    assert missing["power.on"] == "no program 'no-such-switch'"
    assert missing["power.cycle"] == "no device /dev/no-such-tty"
