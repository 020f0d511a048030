# SPDX-License-Identifier: Apache-2.0
"""What models are known to do wrong, done by the virtual one: what the launcher makes of it."""

from __future__ import annotations

import gzip
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest
from fvp_lab import MODEL_WORD, Consoles, launcher, noise, processes_with, script, until

from hil.errors import DeviceError, UsageError
from hil.targets.endpoint import Endpoint

FLASH = "css{}.sysctrl.rse_flashloader.fnameWrite"


def count(data: bytes | bytearray, rse: int) -> int:
    """How many whole lines of noise a chip's console has."""
    return len(re.findall(re.escape(noise(rse)) + rb"\.+\r\n", data))


def test_an_undrained_terminal_would_stall_the_model_so_all_are_drained(tmp_path: Path):
    """Also those of the SCPs, for which no test asks; what they said is in the run's folder."""
    manners = {"virtual.scp_flood": 300_000, "virtual.terminal_buffer": 1024,
               "virtual.stall_unattached": True}  # fmt: skip
    with Consoles() as consoles, launcher(tmp_path, parameters=manners) as fvp:
        fvp.start(consoles.open)
        for rse in range(4):
            consoles.wait_for(rse, b"BL1_1")
        state = tmp_path / "state"

        def heard() -> int:
            return sum(p.stat().st_size for p in state.glob("terminal-terminal_uart_scp-*.log"))

        until(lambda: heard() == 4 * (300_000 // 256 + 1) * 256, "all that the SCPs said")


def test_with_files_as_consoles_terminals_are_drained_as_well(tmp_path: Path):
    """The terminals of a model stand open whatever its UARTs write."""
    manners = {"virtual.terminal_buffer": 64, "virtual.stall_unattached": True,
               "virtual.flood": 65536}  # fmt: skip
    console = {"kind": "out_file"}
    with Consoles() as consoles, launcher(tmp_path, parameters=manners, console=console) as fvp:
        fvp.start(consoles.open)
        for _, endpoint in consoles.endpoints:
            path = Path(endpoint.address)
            until(lambda path=path: b"BL1_1" in path.read_bytes(), "boot beyond the buffer")


def test_a_terminal_that_people_use_is_left_to_them(tmp_path: Path):
    """It has one place, and it is free."""
    free = {"free_terminals": ["terminal_uart_scp"]}
    with Consoles() as consoles, launcher(tmp_path, **free) as fvp:
        fvp.start(consoles.open)
        consoles.wait_for(0, b"BL1_1")
        log = fvp.log.read_text()
        port = int(re.findall(r"terminal_uart_scp: Listening.* port (\d+)", log)[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as person:
            person.settimeout(0.3)
            with pytest.raises(TimeoutError):  # neither data nor a refusal
                person.recv(1)


def test_early_output_that_a_terminal_loses_is_had_all_the_same(tmp_path: Path):
    """The file that the UART writes has it from the first byte on."""
    manners = {"virtual.early_output": "lost", "virtual.flood": 32768}
    with Consoles() as consoles, launcher(tmp_path, parameters=manners) as fvp:

        def slowly(rse: int, endpoint: Endpoint) -> None:
            time.sleep(0.05)
            consoles.open(rse, endpoint)

        fvp.start(slowly)
        for rse in range(4):
            assert count(consoles.wait_for(rse, b"BL1_1"), rse) == 128


@pytest.mark.parametrize("moves", [False, True], ids=["same port", "other port"])
def test_a_dropped_client_misses_nothing_and_can_still_type(tmp_path: Path, moves: bool):
    """The launcher attaches again; the console of the test does not notice."""
    manners = {
        "virtual.drop_clients_after": 0.3, "virtual.drop_moves_port": moves, "virtual.echo": True,
        "virtual.early_output": "lost", "virtual.flood": 256,
    }  # fmt: skip
    notes: list[str] = []
    with Consoles() as consoles, launcher(tmp_path, parameters=manners) as fvp:
        fvp._log.tell = lambda kind, **values: notes.append(str(values.get("text", kind)))
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        again = "terminal terminal_rse_uart of RSE 3 dropped its client; attached again on port"
        until(lambda: any(again in note for note in notes), "note of the drop")
        for letter in (b"p", b"q"):
            consoles.type(3, letter)
            consoles.wait_for(3, letter)
        assert count(consoles.data[3], 3) == 1
        assert again in fvp.log.read_text()


def test_a_full_disk_under_the_log_costs_the_log_alone(tmp_path: Path):
    """Also when something is noted there while the model runs; the model and its consoles go on."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "model.log").symlink_to("/dev/full")
    manners = {"virtual.drop_clients_after": 0.1, "virtual.echo": True}
    notes: list[str] = []
    with Consoles() as consoles, launcher(tmp_path, parameters=manners) as fvp:
        fvp._log.tell = lambda kind, **values: notes.append(str(values.get("text", kind)))
        fvp.start(consoles.open)
        until(lambda: any("RSE 3 dropped its client" in note for note in notes), "note of the drop")
        consoles.type(3, b"q")
        consoles.wait_for(3, b"q")
        assert fvp.alive(3) is None


def test_a_console_that_nobody_reads_does_not_stall_the_model(tmp_path: Path):
    """A test that sits in a breakpoint must not stop the other RSEs."""
    manners = {"virtual.flood": 3_000_000, "virtual.terminal_buffer": 1024}
    deaf: list[socket.socket] = []
    with Consoles() as consoles, launcher(tmp_path, parameters=manners) as fvp:

        def open_one(rse: int, endpoint: Endpoint) -> None:
            if rse:
                consoles.open(rse, endpoint)
                return
            host, _, port = endpoint.address.rpartition(":")
            deaf.append(socket.create_connection((host, int(port))))

        fvp.start(open_one)
        for rse in (1, 2, 3):
            until(lambda rse=rse: b"BL1_1" in consoles.data[rse][-4096:], "boot", 30)
        deaf[0].close()


def test_a_slow_start_is_waited_for(tmp_path: Path):
    """Nothing is announced for a while; the limit is launcher.timeouts.start."""
    with Consoles() as consoles, launcher(tmp_path, parameters={"virtual.slow_start": 0.7}) as fvp:
        fvp.start(consoles.open)
        assert consoles.wait_for(2, b"BL1_1").startswith(noise(2))
    late = launcher(tmp_path, parameters={"virtual.slow_start": 30}, timeouts={"start": 0.4})
    with pytest.raises(DeviceError, match=r"no port of .*announced were: none; after 0\.4 s"):
        late.start(Consoles().open)
    assert processes_with(str(tmp_path)) == []


def test_a_hanging_model_is_ended_by_the_last_of_three_signals(tmp_path: Path):
    """The record says which it took; nothing is left."""
    manners = {"virtual.hang_after": 0.05, "virtual.ignore_sigint": True,
               "virtual.ignore_sigterm": True}  # fmt: skip
    events: list[tuple[str, dict[str, object]]] = []
    quick = {"interrupt": 0.2, "terminate": 0.2}
    with Consoles() as consoles:
        fvp = launcher(tmp_path, parameters=manners, timeouts=quick)
        fvp._log.tell = lambda kind, **values: events.append((kind, values))
        fvp.start(consoles.open)
        assert fvp.alive(0) is None
        fvp.stop()
    assert ("fvp end", {"took": "SIGKILL", "status": -9, "reason": None}) in events
    assert processes_with(str(tmp_path)) == []


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        ("licence", "ARMLMD_LICENSE_FILE"),
        ("execstack", "--clear-execstack"),
        ("library", "LD_LIBRARY_PATH"),
        ("glibc", "newer C library"),
        ("display", "disable_visualisation"),
    ],
)
def test_why_a_model_does_not_start_is_recognised(tmp_path: Path, failure: str, hint: str):
    """The message ends with what to do."""
    fvp = launcher(tmp_path, parameters={"virtual.start_failure": failure})
    with pytest.raises(DeviceError) as caught:
        fvp.start(Consoles().open)
    assert hint in str(caught.value.hint)
    assert "the model ended with status" in str(caught.value)


def test_a_licence_that_fails_after_a_while_is_told_by_the_start(tmp_path: Path):
    """With files as consoles a start waits for the announcements as well, as long as it may take."""
    script(
        tmp_path / "FVP",
        f'case "$1" in --*) exec {MODEL_WORD} "$@";; esac\n'
        "sleep 1.3; echo 'Error: license checkout failed'; exit 1\n",
    )
    fvp = launcher(tmp_path, binary="./FVP", console={"kind": "out_file"})
    with pytest.raises(DeviceError, match=r"status 1; last lines: Error: license .*ARMLMD_LICENSE"):
        fvp.start(Consoles().open)
    assert processes_with(str(tmp_path)) == []


@pytest.mark.parametrize("mode", ["raw", "telnet"])
def test_a_crash_while_consoles_are_opened_is_told_as_a_crash(tmp_path: Path, mode: str):
    """Not as a connection that was refused."""

    def too_late(rse: int, endpoint: Endpoint) -> None:
        for pid in processes_with(str(fvp.log.parent)):
            os.kill(pid, 9)  # what a frozen process still hears
        host, _, port = endpoint.address.rpartition(":")
        until(lambda: fvp.alive(0) is not None, "death")
        until(lambda: not listens(int(port)), "closed port")
        socket.create_connection((host, int(port)))

    fvp = launcher(tmp_path, console={"mode": mode})
    with pytest.raises(DeviceError, match="start the model: the model was killed by signal 9"):
        fvp.start(too_late)


def listens(port: int) -> bool:
    return f"0100007F:{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def test_a_limit_is_told_although_status_0_and_many_lines_follow(tmp_path: Path):
    """Statistics push the reason out of the last lines."""
    with Consoles() as consoles, launcher(tmp_path, simlimit=2, args=["--stat"]) as fvp:
        fvp.start(consoles.open)
        until(lambda: fvp.alive(0) is not None, "end")
        told = str(fvp.alive(0))
    assert "ended with status 0 (Simulated time has been exceeded.)" in told
    assert "launcher.timelimit" in told


def test_an_end_without_a_reason_is_no_good_end(tmp_path: Path):
    """A shutdown tag, or somebody's Ctrl-C."""
    with Consoles() as consoles, launcher(tmp_path, parameters={"virtual.exit_after": 0.5}) as fvp:
        fvp.start(consoles.open)
        until(lambda: fvp.alive(0) is not None, "end")
        assert "ended with status 0 (stopped without a reason: a shutdown tag" in str(fvp.alive(0))


@pytest.mark.parametrize("how", ["raw", "gzip"])
def test_flash_that_is_written_back_is_a_copy_and_survives_a_reset(tmp_path: Path, how: str):
    """The original stays; what the model wrote, packed or not, is what it reads after a reset."""
    original = tmp_path / "flash.img"
    original.write_bytes(b"as built")
    name = FLASH.format(1)
    with (
        Consoles() as consoles,
        launcher(
            tmp_path,
            parameters={"virtual.write_back": how},
            writable_images={name: "flash.img"},
        ) as fvp,
    ):
        fvp.start(consoles.open)
        consoles.wait_for(1, b"BL1_1")
        copy = tmp_path / "state" / f"{name}.img"
        assert f"-C {name.removesuffix('Write')}={copy}" in fvp.command_line()
        fvp.stop()
        written = copy.read_bytes()
        assert len(written) == 8 << 20
        assert written.startswith(b"as built")
        copy.write_bytes(b"in run" + written[6:])
        fvp.start(consoles.open)
        consoles.wait_for(1, b"BL1_1")
        fvp.stop()
        assert copy.read_bytes().startswith(b"in runlt")
    assert original.read_bytes() == b"as built"
    assert ("wrote it with gzip" in fvp.log.read_text()) is (how == "gzip")


def test_a_damaged_gzip_file_is_an_error_that_names_it(tmp_path: Path):
    """Left by a model that was killed while it wrote."""
    name = FLASH.format(0)
    fvp = launcher(tmp_path, writable_images={name: ""})
    consoles = Consoles()
    fvp.start(consoles.open)
    copy = tmp_path / "state" / f"{name}.img"
    until(copy.exists, "flash that is written back")
    packed = gzip.compress(os.urandom(4096))
    kill = [pid for pid in processes_with(str(tmp_path)) if "hil-virtual-fvp" in command_of(pid)]
    assert kill
    for pid in kill:
        os.kill(pid, 9)
    until(lambda: fvp.alive(0) is not None, "death")
    copy.write_bytes(packed[:2000])
    with consoles, pytest.raises(DeviceError, match=f"{name}: the model left a damaged gzip file"):
        fvp.stop()


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_an_original_that_a_model_would_write_itself_is_refused(tmp_path: Path):
    """Under every run at once; the message says where it belongs."""
    fvp = launcher(tmp_path, parameters={FLASH.format(2): "/lab/flash.img"})
    with pytest.raises(UsageError, match=r"writes /lab/flash\.img itself.*writable_images"):
        fvp.start(Consoles().open)


def test_a_debug_server_that_would_hold_the_model_is_refused(tmp_path: Path):
    """With -R beside it the model runs."""
    with pytest.raises(UsageError, match="waits at reset until a debugger"):
        launcher(tmp_path, args=["-Ip"]).start(Consoles().open)
    with Consoles() as consoles, launcher(tmp_path, args=["-IRp"]) as fvp:
        fvp.start(consoles.open)
        assert consoles.wait_for(0, b"BL1_1")


def test_what_leaves_the_group_of_a_model_is_found_by_its_mark(tmp_path: Path):
    """An xterm or a wrapper's helper in a session of its own ends with the model."""
    script = tmp_path / "FVP"
    script.write_text(
        f'#!/bin/sh\ncase "$1" in --*) exec {MODEL_WORD} "$@";; esac\n'
        f"setsid sh -c 'exec >/dev/null 2>&1; sleep 98765 & wait' {tmp_path} & exec {MODEL_WORD} "
        '"$@"\n'
    )
    script.chmod(0o755)

    def strays() -> list[int]:
        found = subprocess.run(
            ["pgrep", "-f", "^sleep 98765"], capture_output=True, text=True, check=False
        )
        return [int(word) for word in found.stdout.split()]

    with Consoles() as consoles, launcher(tmp_path, binary="./FVP") as fvp:
        fvp.start(consoles.open)
        until(lambda: len(strays()) == 1, "stray")
        fvp.stop()
        until(lambda: not strays(), "end of the stray")
