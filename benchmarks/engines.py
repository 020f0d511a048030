# SPDX-License-Identifier: Apache-2.0
"""The engines that are compared; each runs in a process of its own.

Run as a program: `engines.py NAME pty|tcp BYTES CHUNK LIMIT` prints one line of JSON. An engine
reads until it has found the last line, or until LIMIT seconds are over; then it says how far it came.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import tty
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.device import FINAL


class Link:
    """A device, and how to reach it."""

    def __init__(self, kind: str, total: int, chunk: int) -> None:
        self.kind = kind
        self.helper = None
        device = str(Path(__file__).with_name("device.py"))
        numbers = [str(total), str(chunk)]
        if kind == "pty":
            master, self.slave = os.openpty()
            tty.setraw(self.slave)
            self.path = os.ttyname(self.slave)
            command = [sys.executable, device, "pty", str(master), *numbers]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[master])
            os.close(master)
        else:
            self._server = socket.create_server(("127.0.0.1", 0))
            own = self._server.getsockname()[1]
            command = [sys.executable, device, "tcp", str(own), *numbers]
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE)
            self.socket, _ = self._server.accept()
        time.sleep(0.3)

    def go(self) -> None:
        """Let it talk."""
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def close(self) -> None:
        for process in (self.process, self.helper):
            if process is not None:
                process.kill()
                process.wait()


def bare(link: Link, limit: float, folder: Path) -> int:
    """Read, write to disk; look for the last line in what is just read."""
    fd = link.slave if link.kind == "pty" else link.socket.fileno()
    out = os.open(folder / "bare.log", os.O_WRONLY | os.O_CREAT)
    got, tail, until = 0, b"", time.monotonic() + limit
    link.go()
    while time.monotonic() < until:
        data = os.read(fd, 65536)
        os.write(out, data)
        got += len(data)
        if b"END OF OUTPUT" in tail + data[-100:]:
            return got
        tail = data[-100:]
    return -got


def hil(link: Link, limit: float, folder: Path) -> int:
    """Record with times, match stages, keep a fail-fast pattern armed, find the last line."""
    from hil.uart.capture import Capture
    from hil.uart.console import Console
    from hil.uart.follower import BootFollower
    from hil.uart.guard import Guard
    from hil.uart.sources import FdSource, TcpSource
    from hil.uart.transcript import Transcript
    from hil.uart.waiting import wait_stages

    transcript = Transcript(folder / "rse0.log")
    source = FdSource(link.slave, "pty") if link.kind == "pty" else TcpSource(link.socket, "tcp")
    with Capture() as capture:
        capture.attach(transcript, source)
        guard = Guard([r"FATAL ERROR: .*", r"\[ERR\] Fatal boot error"])
        guard.add(transcript)
        console = Console(transcript, capture, guard=guard)
        link.go()
        follower = BootFollower(transcript, rse=0)
        result = wait_stages({0: follower}, {"runtime": limit}, guard=guard)[0]
        if not result.ok:
            return -transcript.size
        console.expect(FINAL, timeout=10)
        assert [s.stage for s in follower.boots[0].stages][-1] == "runtime"
        return console.position


def pexpect(link: Link, limit: float, _folder: Path) -> int:
    """pexpect with its defaults on the device, the last line as a regular expression."""
    import pexpect.fdpexpect
    import pexpect.socket_pexpect

    if link.kind == "pty":
        spawn = pexpect.fdpexpect.fdspawn(link.slave, timeout=limit)
    else:
        spawn = pexpect.socket_pexpect.SocketSpawn(link.socket, timeout=limit)
    link.go()
    found = spawn.expect([FINAL, pexpect.TIMEOUT, pexpect.EOF])
    return (-1, 1)[found == 0] * (len(spawn.before) + (len(spawn.after) if found == 0 else 0))


def labgrid(link: Link, limit: float, _folder: Path) -> int:
    """labgrid's SerialDriver on a RawSerialPort (pty) or a raw NetworkSerialPort (tcp)."""
    from labgrid import Target
    from labgrid.driver import SerialDriver
    from labgrid.resource import NetworkSerialPort, RawSerialPort
    from pexpect import TIMEOUT

    target = Target("bench")
    if link.kind == "pty":
        RawSerialPort(target, name=None, port=link.path)
    else:
        port = _relay(link)
        NetworkSerialPort(target, name=None, host="127.0.0.1", port=port, protocol="raw")
    driver = SerialDriver(target, name=None)
    target.activate(driver)
    link.go()
    try:
        index, before, _, after = driver.expect(FINAL, timeout=limit)
    except TIMEOUT:
        index, before, after = -1, driver._expect.before or b"", b""  # noqa: SLF001
    return (-1 if index < 0 else 1) * (len(before) + len(after))


def embedded(link: Link, limit: float, folder: Path) -> int:
    """pytest-embedded: serial thread, queue, listener process, file, pexpect, as its plugin does."""
    import pexpect
    from pytest_embedded.dut_factory import _listener_gn, _pexpect_fr_gn
    from pytest_embedded.log import MessageQueueManager, PexpectProcess
    from pytest_embedded_serial.serial import Serial

    manager = MessageQueueManager()
    manager.start()
    queue = manager.MessageQueue()
    log = folder / "embedded" / "dut.log"
    listener = _listener_gn(queue, str(log), True, 0, 1)
    reader = _pexpect_fr_gn(str(log), listener)
    process = PexpectProcess(reader)
    port = link.path if link.kind == "pty" else f"socket://127.0.0.1:{_relay(link)}"
    serial = Serial(queue, port)
    time.sleep(2)
    link.go()
    found = process.expect([FINAL, pexpect.TIMEOUT, pexpect.EOF], timeout=limit)
    size = log.stat().st_size
    serial.stop_redirect_thread()
    listener.terminate()
    manager.shutdown()
    return size if found == 0 else -size


def _relay(link: Link) -> int:
    """Listen for an engine that connects by itself, and pass the device's output on to it."""
    server = socket.create_server(("127.0.0.1", 0))
    program = (
        "import os, socket, sys\n"
        "server, device = (socket.socket(fileno=int(n)) for n in sys.argv[1:])\n"
        "client, _ = server.accept()\n"
        "while data := device.recv(65536):\n"
        "    client.sendall(data)\n"
    )
    fds = [server.fileno(), link.socket.fileno()]
    command = [sys.executable, "-c", program, *map(str, fds)]
    link.helper = subprocess.Popen(command, pass_fds=fds)
    return server.getsockname()[1]


ENGINES = {f.__name__: f for f in (bare, hil, pexpect, labgrid, embedded)}


def _import(name: str) -> None:
    """Load an engine's modules, so that its memory is not that of its code."""
    if name == "hil":
        import hil.uart.capture
        import hil.uart.console
        import hil.uart.waiting  # noqa: F401
    elif name == "labgrid":
        import labgrid.driver  # noqa: F401
    elif name == "embedded":
        import pytest_embedded_serial.serial  # noqa: F401


def _rss_mb() -> float:
    """Most memory since the start of the process, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def main() -> None:
    name, kind, total, chunk, limit = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    with tempfile.TemporaryDirectory(prefix="hil-bench-") as folder:
        link = Link(kind, total, chunk)
        try:
            _import(name)
            idle = _rss_mb()
            before = time.process_time()
            began = time.monotonic()
            done = [0.0]
            go = link.go

            def timed() -> None:
                done[0] = time.monotonic()
                go()

            link.go = timed
            got = ENGINES[name](link, limit, Path(folder))
            ended = time.monotonic()
        finally:
            link.close()
    seconds = ended - (done[0] or began)
    print(
        json.dumps(
            {
                "engine": name,
                "link": kind,
                "size": total,
                "chunk": chunk,
                "found": got > 0,
                "read": abs(got),
                "seconds": seconds,
                "cpu": time.process_time() - before,
                "rss_mb": _rss_mb() - idle,
            }
        ),
        flush=True,
    )
    os._exit(0)


if __name__ == "__main__":
    main()
