# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from fvp_driver import FVP, PROMPT, STOPPED, attach, free_port, run, running, until
from test_fvp_terminals import RAW

REASON = "Info: Simulation is stopping. Reason: {} has been exceeded.\n\n" + STOPPED


@pytest.mark.parametrize(
    ("limit", "what"),
    [
        (["--simlimit", "0.1"], "Simulated time"),
        (["--cyclelimit", "1000000"], "Cycle limit"),
        (["--cpulimit", "0.01"], "CPU time"),
        (["-T", "0.1"], "CPU time"),
    ],
)
def test_a_limit_prints_its_reason_and_ends_with_0(limit: list[str], what: str):
    """The exit status does not tell a limit from a clean end."""
    done = run(*limit)
    assert done.returncode == 0
    assert REASON.format(what) in done.stdout


def test_simulated_time_is_not_wall_time():
    """A slow host simulates less in a second."""
    began = time.monotonic()
    done = run("-C", "virtual.time_scale=0.001", "--simlimit", "100", "--stat", timeout=60)
    took = time.monotonic() - began
    row = next(x for x in done.stdout.splitlines() if x.startswith("Simulated time"))
    assert 100 <= float(row.split(":")[1].strip(" s")) <= took / 0.001


def test_sigint_is_a_clean_stop_with_statistics(tmp_path: Path):
    """Exit status 0, the line of a user's stop, the block of --stat."""
    with running(tmp_path, "--stat") as model:
        model.ports()
        assert model.stop(signal.SIGINT) == 0
        assert STOPPED in model.text
        for row in ("statistics: ---", "Simulated time", "User time", "Performance index"):
            assert row in model.text


def test_sigterm_ends_the_process_by_the_signal(tmp_path: Path):
    """No clean stop, as with real models."""
    with running(tmp_path) as model:
        model.ports()
        assert model.stop(signal.SIGTERM) == -signal.SIGTERM
        assert STOPPED not in model.text


def test_a_crash_looks_like_one(tmp_path: Path):
    """Killed by SIGSEGV in the middle of the run."""
    with running(tmp_path, "-C", "virtual.crash_after=0.1") as model:
        assert model.process.wait(10) == -signal.SIGSEGV
        assert "Listening" in model.text


def test_a_held_model_opens_its_ports_and_runs_nothing(tmp_path: Path):
    """-I without -R holds at reset; with -R it runs; -p prints the port."""
    uart = ("-C", "css0.sysctrl.rse_uart.out_file=-", "--timelimit", "0.3")
    port = str(free_port())
    held = run("-Ip", "--iris-port", port, *uart)
    assert f"Iris server started listening to port {port}\n" in held.stdout
    assert "BL1_1" not in held.stdout
    assert "BL1_1" in run("-IRp", "--iris-port", port, *uart).stdout
    assert "Iris" not in run("-IR", *uart).stdout


def test_iris_takes_the_next_free_port_and_ignores_a_cycle_limit(tmp_path: Path):
    """Two models collide unless the port is read back."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, "-I", "-p", "--iris-port", str(port), "--cyclelimit", "1") as model:
            model.wait_for("Iris server started listening to port ")
            assert f"port {port}\n" not in model.text
            assert "--cyclelimit ignored because --iris-server option specified" in model.text
            assert model.process.poll() is None


def test_an_unread_terminal_stalls_all_chips(tmp_path: Path):
    """One client that does not read stops the simulation; once it reads, all goes on."""
    log = tmp_path / "uart1.log"
    with running(
        tmp_path,
        *RAW,
        "-I",
        "-R",
        "-C", "virtual.flood=20000000",
        "-C", "virtual.terminal_buffer=1024",
        "-C", f"css1.sysctrl.rse_uart.out_file={log}",
        "-C", "css1.sysctrl.rse_uart.unbuffered_output=1",
    ) as model:  # fmt: skip
        with attach(model.rse_ports()[0]) as console:
            size = -1

            def still() -> bool:
                nonlocal size
                before, size = size, log.stat().st_size
                time.sleep(0.2)
                return before == size > 0

            until(still, "stall")
            for _ in range(200):
                console.recv(65536)
        until(lambda: log.stat().st_size > size, "progress")


@pytest.mark.parametrize("stall", [True, False])
def test_an_unread_stdout_stalls_the_simulation_unless_switched_off(stall: bool):
    """A full pipe blocks the model; SIGINT is not heard then."""
    process = subprocess.Popen(
        [FVP, *PROMPT, "-C", "css0.sysctrl.rse_uart.out_file=-", "-C", f"virtual.stall={stall:d}",
         "-C", "virtual.flood=1000000", "--timelimit", "0.5"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        if stall:
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.2)
            assert process.stdout is not None
            while os.read(process.stdout.fileno(), 65536):
                pass
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_a_deaf_model_needs_a_stronger_signal(tmp_path: Path):
    """For launchers' escalation."""
    deaf = ("-C", "virtual.ignore_sigint=1", "-C", "virtual.ignore_sigterm=1")
    with running(tmp_path, *deaf) as model:
        model.ports()
        model.process.send_signal(signal.SIGINT)
        model.process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            model.process.wait(0.3)
        assert model.stop(signal.SIGKILL) == -signal.SIGKILL


def test_a_hanging_model_lives_but_simulates_nothing(tmp_path: Path):
    """Time stands still; its ports stay open and SIGINT is heard."""
    hang = ("-C", "virtual.hang_after=0.05", "-C", "virtual.flood=100000000", "--stat")
    with running(tmp_path, *RAW, *hang, "-C", "css0.sysctrl.rse_uart.out_file=uart.log") as model:
        ports = model.rse_ports()
        log = tmp_path / "uart.log"
        until(lambda: log.exists() and log.stat().st_size > 0, "output")
        sizes: list[int] = []

        def still() -> bool:
            sizes.append(log.stat().st_size)
            return sizes[-5:] == [sizes[-1]] * 5

        until(still, "standstill")
        attach(ports[0]).close()
        assert model.stop() == 0


def test_an_end_may_have_no_reason_and_a_start_may_take_long(tmp_path: Path):
    """Launchers must not expect a reason, nor ports at once."""
    begin = time.monotonic()
    done = run("-C", "virtual.slow_start=0.3", "-C", "virtual.exit_after=0.05")
    assert time.monotonic() - begin > 0.3
    assert (done.returncode, "Reason" in done.stdout) == (0, False)
    assert STOPPED in done.stdout


def test_an_otp_that_is_not_to_be_kept_leaves_no_file(tmp_path: Path):
    """Without update_raw_image the image is read at most."""
    image = tmp_path / "otp.img"
    image.write_bytes(bytes(0x4000))
    before = image.stat().st_mtime_ns
    nvm = "css0.sysctrl.rse.lcm_nvm"
    words = [f"{nvm}.raw_image={image}", f"{nvm}.read_from_file=1", f"{nvm}.use_image_file=1"]
    arguments = [word for text in words for word in ("-C", text)]
    assert run(*arguments, "--simlimit=0.05").returncode == 0
    assert image.stat().st_mtime_ns == before
    image.write_bytes(bytes(100))
    assert "100 bytes, expected 16384" in run(*arguments).stderr
