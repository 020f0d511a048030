# SPDX-License-Identifier: Apache-2.0
"""The command `hil-virtual-board`: one process is one board with one RSE."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import selectors
import signal
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from hil.errors import HilError, UsageError
from hil.virtual.board import Board, BoardConfig
from hil.virtual.board_faults import BOARD_FAULTS, parse_faults
from hil.virtual.faults import KNOWN
from hil.virtual.firmware import FirmwareConfig
from hil.virtual.host_flash import KINDS as HOST_FLASH
from hil.virtual.releases import RELEASES
from hil.virtual.suite import KNOWN as SUITES

_PR_SET_PDEATHSIG = 1


class _Parser(argparse.ArgumentParser):
    """Reports a mistake as one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(message)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hil-virtual-board",
        description="A virtual board with one RSE: debug probe, UART, flash and MHU links.",
        epilog="faults: "
        + "; ".join(f"{name}: {what}" for name, what in {**BOARD_FAULTS, **KNOWN}.items()),
    )
    parser.add_argument("--chip", type=int, required=True, help="physical number of this chip")
    parser.add_argument("--rse-amount", type=int, default=4, help="number of RSEs (default 4)")
    parser.add_argument("--release", required=True, help="TF-M release: " + ", ".join(RELEASES))
    parser.add_argument("--state", type=Path, required=True, help="folder of OTP and flash images")
    parser.add_argument("--fabric", type=Path, required=True, help="folder where the boards meet")
    parser.add_argument("--probe-port", type=int, default=0, help="TCP port (default: a free one)")
    parser.add_argument(
        "--probe-delay",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="time that the probe takes for each request, as one behind USB does",
    )
    parser.add_argument(
        "--initsvtor",
        type=lambda text: int(text, 0),
        metavar="ADDRESS",
        help="vector table at reset (default: the boot ROM's)",
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:N[:M]]",
        help="N: from its N-th occasion on, pageN: in the N-th page of flash; M: for M occasions",
    )
    parser.add_argument(
        "--suite",
        default="",
        metavar="HOW",
        help="run regression tests: " + "; ".join(f"{how}: {what}" for how, what in SUITES.items()),
    )
    parser.add_argument(
        "--host-flash",
        default="",
        metavar="HOW",
        help="boot from the host's flash: "
        + "; ".join(f"{how}: {what}" for how, what in HOST_FLASH.items()),
    )
    parser.add_argument("--time-scale", type=float, default=1.0, help="factor on every delay")
    parser.add_argument("--handshake-timeout", type=float, default=3.0, metavar="SECONDS")
    return parser


def _config(arguments: Sequence[str]) -> BoardConfig:
    options = _parser().parse_args(arguments)
    faults = parse_faults(options.fault, KNOWN)
    firmware = FirmwareConfig(
        release=options.release,
        chip=options.chip,
        rse_amount=options.rse_amount,
        time_scale=options.time_scale,
        handshake_timeout=options.handshake_timeout,
        faults=faults.firmware,
        suite=options.suite,
        host_flash=options.host_flash,
    )
    if options.chip >= options.rse_amount:
        expected = f"expected 0 to {options.rse_amount - 1} with --rse-amount {options.rse_amount}"
        raise UsageError(f"--chip {options.chip}: {expected}")
    for folder in (options.state, options.fabric):
        folder.mkdir(parents=True, exist_ok=True)
    return BoardConfig(
        firmware,
        options.state,
        options.fabric,
        options.probe_port,
        faults,
        options.initsvtor,
        options.probe_delay,
    )


def _obey(board: Board, parent: int) -> None:
    """End at SIGTERM, SIGINT, the end of a piped stdin or with the parent; SIGUSR2: power cycle."""
    loop = board.loop
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)

    def on_signal(number: int, _frame: object) -> None:
        if number == signal.SIGUSR2:
            board.power_cycle()
            return
        # SIGUSR1 says that the thread which started this process ended, or the whole parent.
        if number != signal.SIGUSR1 or os.getppid() != parent:
            loop.stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, on_signal)
    loop.watch(wake, selectors.EVENT_READ, lambda _events: _discard(wake))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGUSR1), 0, 0, 0)
    mode = os.fstat(0).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        loop.watch(0, selectors.EVENT_READ, lambda _events: None if _drain(0) else loop.stop())
    if os.getppid() != parent:
        loop.stop()


def _discard(handle: int) -> None:
    _drain(handle)


def _drain(handle: int) -> bytes:
    try:
        return os.read(handle, 4096)
    except BlockingIOError:
        return b"?"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a board until it is told to end.

    Returns:
        0 after SIGTERM, SIGINT or the end of stdin; 2 when the board could not be started.
    """
    parent = os.getppid()
    try:
        board = Board(_config(sys.argv[1:] if arguments is None else arguments))
    except (HilError, OSError) as error:
        sys.stderr.write(f"hil-virtual-board: {error}\n")
        return 2
    try:
        _obey(board, parent)
        chip = board.chip
        probe = f"probe remote:127.0.0.1:{board.probe.port}"
        sys.stdout.write(f"virtual board {chip}: {probe} uart {board.uart.path}\n")
        sys.stdout.flush()
        board.run()
    finally:
        board.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
