# SPDX-License-Identifier: Apache-2.0
"""How fast UART logs are read, and in how much memory.

    python benchmarks/parse_speed.py [--size MB] [LOG...]

Every log is repeated until it has the wanted size, read by `hil.uart.log_reader.read_stream` as
`hil log` does, and judged: MB/s of one core, and the peak of the process's memory. Without a LOG a
log of a debug build with its regression tests is made up. Wanted: 20 MB/s, and 200 MB for 1 GB.
"""

from __future__ import annotations

import argparse
import io
import resource
import sys
import time
from pathlib import Path

from hil.uart.log_reader import read_stream

_MB = 1_000_000
WANTED_SPEED = 20.0
WANTED_MEMORY = 200.0


class Repeated(io.RawIOBase):
    """A log again and again, without a byte of it on disk."""

    def __init__(self, log: bytes, size: int) -> None:
        super().__init__()
        # Large enough that no read has to be put together.
        self._log = log * (1 + (4 << 20) // len(log))
        self._period, self._left, self._at = len(log), size, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        size = min(size, self._left)
        data = self._log[self._at : self._at + size]
        self._at = (self._at + len(data)) % self._period
        self._left -= len(data)
        return data


def made_up_log() -> bytes:
    """Return one boot of a debug build with 200 regression tests."""
    lines = [
        "[INF] Starting bootloader",
        "[INF] Image index: 1, Swap type: none",
        "[INF] Image index: 0, Swap type: none",
        "[INF] Image version: v2.2.2",
        "[INF] Jumping to the first image slot",
        "\x1b[1;34mBooting TF-M v2.2.2\x1b[0m",
    ]
    for area, letter in (("Secure", "S"), ("Non-secure", "NS")):
        if letter == "NS":
            lines.append("Non-Secure system starting...")
        lines.append(f"\x1b[33m\r\n#### Execute test suites for the {area} area ####")
        lines.append(f"\x1b[33mRunning Test Suite Some tests (TFM_{letter}_X_TEST_1XXX)...")
        for number in range(100):
            test = f"TFM_{letter}_X_TEST_1{number:03}"
            lines.append(f"\x1b[0m> Executing '{test}' ")
            lines.append("  Description: 'Set interface with invalid data lengths and offsets'")
            lines += [f"  > Iteration {i} of 15\r" for i in range(15)] * (number == 50)
            lines.append(f"\x1b[32m  TEST: {test} - PASSED!")
        lines.append("\x1b[32mTESTSUITE PASSED!")
        lines.append(f"\x1b[33m\r\n*** End of {area} test suites ***")
    return ("\r\n".join(lines) + "\r\n\x1b[0m\x04").encode()


def main() -> int:
    """Measure; status 1 if a log was slower, or needed more memory, than is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("logs", nargs="*", type=Path, metavar="LOG")
    parser.add_argument("--size", type=int, default=100, metavar="MB", help="default: 100")
    options = parser.parse_args()
    logs = [(path.name, path.read_bytes()) for path in options.logs]
    slow = 0
    for name, log in logs or [("made up", made_up_log())]:
        began = time.process_time()
        reading = read_stream(Repeated(log, options.size * _MB), name)
        seconds = time.process_time() - began
        speed = options.size / seconds
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / _MB
        slow += speed < WANTED_SPEED or peak > WANTED_MEMORY
        tests = reading.regression.total + reading.arch.total
        told = f"{reading.lines} lines, {reading.boot_count} boots, {tests} tests"
        print(f"{name:<50} {speed:6.1f} MB/s, peak {peak:.0f} MB: {told}")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
