# SPDX-License-Identifier: Apache-2.0
"""QEMUs that do not start, die, hang or lock up: each is told by its name, and nothing is left."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from qemu_lab import (
    COUNTERS,
    END,
    FIRMWARE,
    QemuLab,
    file_with,
    needs_qemu,
    placed,
    plan,
    processes_in,
    settings,
    until,
)

from hil.errors import DeviceError, HilError
from hil.targets.load import LoadPlan
from hil.targets.qemu_preflight import preflight
from hil.targets.qemu_process import QemuProcess
from hil.uart.boot_result import FirmwareEnded

ROOT = Path(__file__).resolve().parents[2]


def program(folder: Path, text: str, name: str = "qemu-fake") -> str:
    """A program that stands for QEMU."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def failure_of(folder: Path, **values: object) -> str:
    """What a load says that must fail; no process may be left."""
    with QemuLab(folder, **values) as lab, pytest.raises(HilError) as caught:
        lab.launcher.load(plan(placed(FIRMWARE)))
    until(lambda: not processes_in(folder), "end of every process", 5)
    return str(caught.value)


SAYS_7_2 = 'if [ "$1" = --version ]; then echo "QEMU emulator version 7.2.9"; exit 0; fi\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            None,
            r"find QEMU: no program '.*qemu-none' \(install it \(Debian: apt-get install qemu-s",
        ),
        ("exit 0", r"--version does not say `QEMU emulator version`: nothing"),
        ("exec sleep 1000", r"qemu-fake --version: .*timed out"),
        (
            'echo "QEMU emulator version 6.2.0 (Debian)"',
            r"is QEMU 6\.2\.0, too old; needed is 7\.2",
        ),
        (
            'echo "x: error while loading shared libraries: libpixman-1.so.0: no file" >&2; exit 127',
            r"install QEMU by the host's own package manager",
        ),
        (SAYS_7_2 + "exit 3", r"RSE 0: start QEMU: QEMU ended with status 3; last lines: none"),
        (SAYS_7_2 + "kill -SEGV $$", r"QEMU was killed by SIGSEGV"),
        (SAYS_7_2 + "exec sleep 1000", r"RSE 0: start QEMU: QEMU made no socket"),
        (
            SAYS_7_2 + 'echo "qemu-fake: unsupported machine type" >&2; exit 1',
            r"ended with status 1: this QEMU does not have the machine \(install QEMU 7\.2 or later",
        ),
        (
            SAYS_7_2 + 'echo "Cannot set up guest memory: Cannot allocate memory" >&2; exit 1',
            r"this host has not enough memory for it \(make room",
        ),
    ],
)
def test_programs_that_do_not_start(
    tmp_path: Path, text: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each ends in one sentence that says what is wrong and what to do."""
    monkeypatch.setattr("hil.targets.qemu_errors._VERSION_SECONDS", 0.5)
    binary = str(tmp_path / "qemu-none") if text is None else program(tmp_path, text)
    hangs = text is not None and "sleep" in text
    timeouts = {"start": 0.3 if hangs else 20}
    monkeypatch.setattr("hil.targets.qemu_running._LAST_WORDS", 0.1 if hangs else 20)
    assert re.search(told, failure_of(tmp_path, binary=binary, timeouts=timeouts))


@needs_qemu
@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["-nonsense"], "this QEMU has no option -nonsense (correct launcher.args)"),
        (["-device", "warp-drive"], "this QEMU has no device warp-drive (correct launcher.args)"),
        (
            ["-device", "loader,file=/none.bin,addr=0"],
            "cannot load /none.bin (build it, or correct",
        ),
        (
            ["-device", "loader,file={board}/extra.bin,addr=0x10000004,force-raw=on"],
            "two images lie in one place: ",
        ),
        (["-name", "${HIL_NO_SUCH}"], "launcher.args[1]: environment variable HIL_NO_SUCH is not"),
    ],
)
def test_arguments_that_qemu_refuses(tmp_path: Path, args: list[str], told: str) -> None:
    """What the real QEMU says about its arguments comes back as one sentence."""
    file_with(tmp_path, b"four", "extra.bin")
    assert told in failure_of(tmp_path, args=args)


@needs_qemu
def test_a_port_in_use(tmp_path: Path) -> None:
    """A debugger's port that another program has is named."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        told = failure_of(tmp_path, args=["-gdb", f"tcp:127.0.0.1:{port}"])
    assert "in use" in told
    assert "launcher.args" in told


@needs_qemu
def test_a_killed_qemu_is_told_and_comes_back(tmp_path: Path) -> None:
    """Its end is told by the signal's name; a reset starts it again with its images."""
    with QemuLab(tmp_path, nvm=COUNTERS) as lab:
        console = lab.boot()
        assert lab.launcher.alive(0) is None
        os.kill(lab.pid(), signal.SIGKILL)
        until(lambda: lab.launcher.alive(0) is not None, "word of its end")
        assert lab.launcher.alive(0) == "QEMU was killed by SIGKILL; last lines: none"
        with pytest.raises(DeviceError, match="RSE 0: hold: QEMU was killed by SIGKILL"):
            lab.launcher.hold(0)
        lab.launcher.reset()
        console.expect_exact(END)
        assert lab.launcher.alive(0) is None


@needs_qemu
@pytest.mark.parametrize("when", ["load", "stop"])
def test_memory_that_cannot_be_kept_is_told(tmp_path: Path, when: str) -> None:
    """Else a rollback test, or the next run, would go on with older counters than the device's."""
    with QemuLab(tmp_path, nvm=COUNTERS | ({"keep": "otp"} if when == "stop" else {})) as lab:
        lab.boot()
        lab.counters("count")
        lab.launcher.load(plan(placed(FIRMWARE)))
        [kept] = (tmp_path / "state").rglob("nvm-*.img")
        kept.unlink()
        kept.mkdir()
        with pytest.raises(
            DeviceError, match=r"keep memory: .*the device's memory is as it was saved"
        ):
            lab.launcher.load(plan(placed(FIRMWARE))) if when == "load" else lab.launcher.stop()
        assert not processes_in(tmp_path)


@needs_qemu
def test_memory_that_nobody_reads_again_may_be_lost(tmp_path: Path) -> None:
    """At the end of a run without `keep` it is gone anyway."""
    with QemuLab(tmp_path, nvm=COUNTERS, timeouts={"monitor": 0.3, "stop": 0.2}) as lab:
        lab.boot()
        os.kill(lab.pid(), signal.SIGSTOP)
        lab.launcher.stop()
        assert not processes_in(tmp_path)


@needs_qemu
def test_a_machine_without_images_starts(tmp_path: Path) -> None:
    """`hil doctor --live` loads nothing: it only looks at whether the device and its UARTs are there."""
    with QemuLab(tmp_path) as lab:
        lab.launcher.load(LoadPlan(()))
        lab.launcher.start(lab.open)
        assert lab.launcher.alive(0) is None


@needs_qemu
def test_a_lockup_is_the_firmwares(tmp_path: Path) -> None:
    """A fault inside the fault handler ends QEMU; the sentence says that the firmware did it."""
    with QemuLab(tmp_path) as lab:
        console = lab.boot()
        console.sendline("lockup")
        until(lambda: lab.launcher.alive(0) is not None, "word of its end")
        assert isinstance(lab.launcher.alive(0), FirmwareEnded)
        assert "the firmware locked up: it faulted where" in str(lab.launcher.alive(0))


def test_last_words_are_complete(tmp_path: Path) -> None:
    """Once an end is seen, everything that was said before it is there, however much it was."""
    text = 'seq 20000 >&2; echo "Lockup: can\'t escalate" >&2; kill -KILL $$'
    process = QemuProcess(
        [program(tmp_path, text)], name="fake", folder=tmp_path, log=tmp_path / "qemu.log"
    )
    while process.status() is None:
        pass
    assert process.said().endswith("20000\nLockup: can't escalate")
    process.end(1)
    assert len((tmp_path / "qemu.log").read_text().splitlines()) == 20002


def test_an_error_is_not_pushed_out_by_output(tmp_path: Path) -> None:
    """What comes after it on standard output, however much, is not what it died of."""
    text = 'echo "Lockup: can\'t escalate" >&2; seq 20000; exit 1'
    process = QemuProcess(
        [program(tmp_path, text)], name="fake", folder=tmp_path, log=tmp_path / "qemu.log"
    )
    assert process.wait(20) == 1
    assert process.status() == 1
    assert process.said().endswith("20000\nLockup: can't escalate")
    process.end(1)


def test_a_full_disk_does_not_keep_the_output_from_being_read(tmp_path: Path) -> None:
    """A QEMU whose output nobody reads stands still at its next line."""
    (tmp_path / "qemu.log").symlink_to("/dev/full")
    text = 'seq 1 20000; seq 1 20000 >&2; echo "Lockup: can\'t escalate" >&2; exit 1'
    process = QemuProcess(
        [program(tmp_path, text)], name="fake", folder=tmp_path, log=tmp_path / "qemu.log"
    )
    assert process.wait(20) == 1
    assert process.status() == 1
    assert "Lockup: can't escalate" in process.said()
    process.end(1)


@needs_qemu
def test_a_frozen_qemu_is_ended_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that answers nothing is told as such, and killed at the end."""
    monkeypatch.setattr("hil.targets.qemu_running._LAST_WORDS", 0.1)
    with QemuLab(tmp_path, timeouts={"monitor": 0.3, "stop": 0.2}) as lab:
        lab.boot()
        os.kill(lab.pid(), signal.SIGSTOP)
        with pytest.raises(DeviceError, match=r"RSE 0: hold: monitor: no answer in 0\.3 s"):
            lab.launcher.hold(0)
        lab.launcher.stop()
        assert not processes_in(tmp_path)
        lab.launcher.stop()


@needs_qemu
def test_nothing_is_started_without_images(tmp_path: Path) -> None:
    """A core without an image would lock up: it is refused, and so is a reset before any load."""
    with QemuLab(tmp_path) as lab:
        with pytest.raises(DeviceError, match="QEMU was not started"):
            lab.launcher.start(lab.open)
        with pytest.raises(DeviceError, match="RSE 0: start QEMU: nothing was loaded"):
            lab.launcher.reset()
        with pytest.raises(DeviceError, match="RSE 7: there is no such RSE on this board"):
            lab.launcher.hold(7)


HARNESS = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from qemu_lab import QemuLab, placed, FIRMWARE
lab = QemuLab(Path({folder!r}), rses=1, binary={binary!r})
lab.boot()
print("up", flush=True)
time.sleep(1000)
"""


@needs_qemu
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_killed_harness_takes_qemu_with_it(tmp_path: Path, wrapped: bool) -> None:
    """SIGKILL to the harness: QEMU is gone as well, also when a script started it."""
    binary = program(tmp_path, 'qemu-system-arm "$@"') if wrapped else "qemu-system-arm"
    path = [str(ROOT), str(ROOT / "tests" / "targets")]
    text = HARNESS.format(path=path, folder=str(tmp_path), binary=binary)
    harness = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE)
    try:
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"up\n"
        assert processes_in(tmp_path)
    finally:
        harness.kill()
        harness.communicate(timeout=20)
    until(lambda: not processes_in(tmp_path), "end of QEMU", 10)


@needs_qemu
def test_nothing_is_missing_where_qemu_is(tmp_path: Path) -> None:
    """The preflight finds program, version, machine and arguments."""
    found = preflight(settings(args=["-icount", "shift=4"]), base=tmp_path)
    assert [(each.what, each.ok) for each in found] == [
        ("QEMU", True),
        ("version", True),
        ("machine", True),
        ("arguments", True),
    ]


@pytest.mark.parametrize(
    ("text", "what", "told"),
    [
        (None, "QEMU", "no program"),
        ('echo "QEMU emulator version 5.0.0"', "version", "too old"),
        (SAYS_7_2 + 'echo "mps2-an385  Arm"', "machine", "does not have the machine mps2-an521"),
    ],
)
def test_what_the_preflight_finds_missing(
    tmp_path: Path, text: str | None, what: str, told: str
) -> None:
    """It ends at the first thing that is missing, and says what mends it."""
    binary = "qemu-none-such" if text is None else program(tmp_path, text)
    last = preflight(settings(binary=binary), base=tmp_path)[-1]
    assert (last.ok, last.what) == (False, what)
    assert told in last.found
    assert last.fix
