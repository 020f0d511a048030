# SPDX-License-Identifier: Apache-2.0
"""The UART of a virtual board, as pyserial sees it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial
from virtual_boards import BoardProcess, Wire

from hil.virtual.board_loop import Loop
from hil.virtual.board_uart import PtyUart

LIMIT = 10


@pytest.fixture
def uart() -> Iterator[PtyUart]:
    loop = Loop()
    pty = PtyUart(loop)
    yield pty
    pty.close()
    loop.close()


def test_bytes_come_through_unchanged(uart: PtyUart) -> None:
    """Raw mode: no line end, control character or echo is touched."""
    every = bytes(range(256))
    with serial.Serial(uart.path, 115200, timeout=LIMIT) as port:
        uart.write(every)
        assert port.read(256) == every


def test_a_plain_reader_gets_the_same_bytes(uart: PtyUart) -> None:
    """Also who opens the device without any settings, as `cat` does, sees every byte."""
    text = b"[INF] a\r\n\x03\x04b\0c\x7f"
    handle = os.open(uart.path, os.O_RDONLY | os.O_NOCTTY)
    try:
        uart.write(text)
        assert os.read(handle, 100) == text
    finally:
        os.close(handle)


def test_without_a_reader_bytes_are_lost_and_nobody_waits(uart: PtyUart) -> None:
    """Far more than the line can hold is taken at once; what had no room is gone."""
    for _ in range(100):
        uart.write(b"x" * 10_000)
    with serial.Serial(uart.path, 115200, timeout=0.2) as port:
        assert len(port.read(1_000_000)) < 1_000_000


def test_a_reader_may_leave_and_another_come(uart: PtyUart) -> None:
    """Closing the port does not end the line for the next reader."""
    for text in (b"first", b"second"):
        with serial.Serial(uart.path, 115200, timeout=LIMIT) as port:
            uart.write(text)
            assert port.read(len(text)) == text


def test_the_boot_is_seen_on_the_serial_port(tmp_path: Path) -> None:
    """A reset through the probe boots the firmware; its first line comes over the UART."""
    with BoardProcess(tmp_path) as board, serial.Serial(board.uart, timeout=LIMIT) as port:
        with Wire(board.port) as wire:
            wire.power_up()
            wire.get("reset")
        assert b"BL1_1" in port.read_until(b"BL1_1")


def test_a_silent_uart_is_silent(tmp_path: Path) -> None:
    """With the fault `uart-silent` the board lives, but nothing is heard."""
    with (
        BoardProcess(tmp_path, "--fault=uart-silent") as board,
        serial.Serial(board.uart, timeout=0.3) as port,
        Wire(board.port) as wire,
    ):
        wire.power_up()
        wire.get("reset")
        assert port.read(1) == b""


def test_code_on_the_core_can_use_the_uart(tmp_path: Path) -> None:
    """A program in RAM that writes UART0's data register is heard."""
    with BoardProcess(tmp_path) as board, serial.Serial(board.uart, timeout=LIMIT) as port:
        with Wire(board.port) as wire:
            wire.power_up()
            wire.write32(0xE000EDF0, 0xA05F0003)
            wire.write32(0x58101000, ord("!"))
        assert port.read_until(b"!").endswith(b"!")
