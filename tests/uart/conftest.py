# SPDX-License-Identifier: Apache-2.0
"""Hand-made logs, and UARTs that a test can talk through."""

from __future__ import annotations

import os
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hil.uart.capture import Capture
from hil.uart.capture_events import CaptureEvent
from hil.uart.transcript import Transcript

FP = "00112233445566778899aabbccddeeff"
STATE = "[HIL1] state rse=2 lcs=3 tp=111155aa reprov=0 bl1_2=9f1dcbc3 policy=1"
SEEDS = "[HIL1] seeds rse=2 fp=01020304,11121314,21222324,31323334"

NOISE = [
    "[INF] Noise Source: rosc_id: 0, subsample_count: 0x3e8",
    "[INF] SP800-90B: high_threshold: 300, repetition_count: 100",
]
PROVISIONING = [*NOISE, "[INF] Starting TF-M BL1_1", "[INF] Beginning RSE provisioning"]
TO_BL1_2 = [
    *NOISE,
    "[INF] Starting TF-M BL1_1",
    "[INF] Jumping to BL1_2",
    "[INF] Starting TF-M BL1_2",
]
TO_RUNTIME = [
    "[INF] Attempting to boot image 0",
    "[INF] BL2 image decrypted successfully",
    "[INF] BL2 image validated successfully",
    "[INF] Jumping to BL2",
    "[INF] Starting bootloader",
    "[INF] CHIP ID: 2",
    "[INF] Image 0 loaded from the primary slot",
    "[INF] Image version: v2.3.1",
    "[INF] Jumping to the first image slot",
    "[NOT] Booting TF-M \x1b[1;34mv2.3.1\x1b[0m",
]


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


_VIRGIN = [
    *PROVISIONING,
    *PROVISIONING,
    *PROVISIONING,
    "[INF] Running blob",
    # Real firmware prints the first of these without a line end.
    "[WRN] KTRL Usage counter expected to be 0, but read as 1[INF] Writing CM area info",
    "[INF] Provisioning HUK",
    "[INF] Transitioning to DM LCS",
    *PROVISIONING,
    *PROVISIONING,
    "[INF] Running blob",
    "[INF] Transitioning to SE LCS",
    *TO_BL1_2,
    STATE,
    SEEDS,
    f"[HIL1] vhuk rse=2 of=4 src=bl1_2 fp={FP}",
    *TO_RUNTIME,
]
_LOGS: dict[str, bytes] = {
    "virgin to runtime, 2.3": _text(_VIRGIN),
    "BL1_2 dies, 2.2": _text(
        [
            "[INF] Starting TF-M BL1_1",
            "[WAR] Failed to store boot measurement of BL1_2",
            "[INF] Jumping to BL1_2",
            "[INF] Starting TF-M BL1_2",
            "[ERR] Fatal boot error -1431677611",
        ]
    ),
    "no BL2 image is good, 2.3": _text(
        [
            *TO_BL1_2,
            "[INF] Attempting to boot image 0",
            "[ERR] Signature validation failed",
            "[ERR] BL2 image signature failed to validate",
            "[INF] Attempting to boot image 1",
            "[ERR] BL2 image failed to decrypt",
            "[INF] Beginning RSE provisioning",
            "[ERR] Fatal boot error 0xe5a5a5c1 (0x40000064)",
        ]
    ),
    "a peer is missing, fixed": _text(
        [
            *TO_BL1_2,
            "[ERR] RSE handshake: no seed from RSE 2 after 3000 ms",
            "[ERR] Fatal boot error 0xe5a5a51e (0x400000bb)",
        ]
    ),
    "secure fault, 2.2": _text(
        [
            "[INF] Starting bootloader",
            "[INF] Jumping to the first image slot",
            "\x1b[1;34mBooting TF-M v2.2.2\x1b[0m",
            "\x00TF-M isolation level is: \x000x00000001",
            "FATAL ERROR: SecureFault",
            "Here is some context for the exception:",
        ]
    ),
    "reset in the middle of a line": (
        _text([*TO_BL1_2, *TO_RUNTIME])
        + b"> Executing 'TFM_S_ITS_TEST_1001' \r\n  Descr"
        + _text(["[INF] Starting TF-M BL1_1", "[HIL1] vhuk rse=2 of=4 src=bl1_2 fp=0011"])
    ),
}


@pytest.fixture(scope="session")
def logs() -> dict[str, bytes]:
    """Hand-made logs by what they show."""
    return _LOGS


@pytest.fixture
def log_file(tmp_path: Path, logs: dict[str, bytes]) -> Callable[[str], Path]:
    """Write one of the hand-made logs to a file."""

    def write(name: str) -> Path:
        path = tmp_path / "uart.log"
        path.write_bytes(logs[name])
        return path

    return write


@dataclass
class Uart:
    """A pty: the test holds the device's end, the harness opens the other one by its path."""

    fd: int
    path: str

    def say(self, data: bytes) -> None:
        """Send bytes as the device."""
        sent = 0
        while sent < len(data):
            sent += os.write(self.fd, data[sent:])

    def hear(self, size: int) -> bytes:
        """Return what was sent to the device, once as many bytes have come."""
        heard = b""
        while len(heard) < size:
            heard += os.read(self.fd, size)
        return heard

    def unplug(self) -> None:
        """Let the device disappear."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@contextmanager
def threads_ended() -> Iterator[None]:
    """At the end wait for the test's own threads: they may still write to what is closed next."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(10)


@pytest.fixture
def new_uart() -> Iterator[Callable[[], Uart]]:
    """Make UARTs; all of them are gone after the test."""
    made: list[Uart] = []

    def make() -> Uart:
        device, host = os.openpty()
        tty.setraw(host)
        uart = Uart(device, os.ttyname(host))
        os.close(host)
        made.append(uart)
        return uart

    with threads_ended():
        yield make
    for uart in made:
        uart.unplug()


@pytest.fixture
def uart(new_uart: Callable[[], Uart]) -> Uart:
    """One UART."""
    return new_uart()


@pytest.fixture
def events() -> list[CaptureEvent]:
    """What happened to the UARTs of `capture`."""
    return []


@pytest.fixture
def capture(events: list[CaptureEvent]) -> Iterator[Capture]:
    """A capture that is closed after the test."""
    with Capture(events.append) as running:
        yield running


@pytest.fixture
def new_transcript(tmp_path: Path) -> Iterator[Callable[[str], Transcript]]:
    """Make transcripts in the test's folder; all of them are closed after the test."""
    made: list[Transcript] = []

    def make(name: str = "rse0") -> Transcript:
        made.append(Transcript(tmp_path / f"{name}.log"))
        return made[-1]

    with threads_ended():
        yield make
    for transcript in made:
        transcript.close()


@pytest.fixture
def transcript(new_transcript: Callable[[str], Transcript]) -> Transcript:
    """One transcript."""
    return new_transcript("rse0")
