# SPDX-License-Identifier: Apache-2.0
"""The regression tests of the virtual RSE print what real ones print."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hil.errors import UsageError
from hil.virtual.console import Console
from hil.virtual.firmware import FirmwareConfig
from hil.virtual.machine import BootEnd, Machine
from hil.virtual.releases import release
from hil.virtual.suite import KNOWN, run_suite


class Uart:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def printed(suite: str, version: str = "2.2.2") -> tuple[bytes, BootEnd | None]:
    """Run the tests of a chip of which only the console exists."""
    uart = Uart()
    machine = object.__new__(Machine)
    machine.release = release(version)
    machine.console = Console(uart, machine.release)
    machine.suite, machine.time_scale = suite, 0.0
    stage = run_suite(machine)
    try:
        while True:
            next(stage)
    except StopIteration as stop:
        return uart.data, stop.value


@pytest.mark.parametrize("suite", ["good", "failing"])
def test_every_line_is_one_of_a_real_transcript(shared_dir: Path, suite: str) -> None:
    """Colours, blanks and line ends are those of a real run; only totals and texts may differ."""
    names = ["an521-regression-Debug", "an521-regression-with-failures"]
    logs = [shared_dir / f"uart-logs/{name}-TF-Mv2.2.2.log" for name in names]
    real = b"\n".join(log.read_bytes() for log in logs)
    data, end = printed(suite)
    assert end is None

    def shapes(raw: bytes) -> set[bytes]:
        # A description and a count may be others; where they stand may not.
        plain = re.sub(rb"Description: '[^']*'", b"Description: ''", raw)
        return set(re.sub(rb"\d+ of \d+", b"n of m", plain).split(b"\n"))

    # The last colour is followed by whatever the chip prints next.
    strange = shapes(data) - shapes(real) - {b"\x1b[0m"}
    assert strange == set()


def test_2_3_sends_both_line_ends() -> None:
    """From 2.3 on a test's own CR LF goes through tfm_log, which adds another CR."""
    old, new = printed("good")[0], printed("good", "2.3.1")[0]
    assert new == old.replace(b"\r\n", b"\r\r\n")


@pytest.mark.parametrize(
    ("suite", "end", "last"),
    [
        ("hanging", BootEnd.HALT, b"  Description: 'Secure Key management interface'\r\n"),
        ("crashing", BootEnd.RESET, b"  Description: 'Secure Key management interface'\r\n"),
        ("lossy", None, b"*** End of Secure test suites ***\r\n\x1b[0m"),
    ],
)
def test_tests_that_do_not_end_well(suite: str, end: BootEnd | None, last: bytes) -> None:
    """A hang and a panic say nothing more; a lost verdict is followed by the next test."""
    data, ended = printed(suite)
    assert (ended, data.endswith(last)) == (end, True)


def test_the_verdict_that_is_lost() -> None:
    """Only that verdict is missing."""
    missing = set(printed("good")[0].split(b"\n")) - set(printed("lossy")[0].split(b"\n"))
    assert missing == {b"\x1b[32m  TEST: TFM_S_CRYPTO_TEST_1001 - PASSED!\r"}


def test_unknown_suite() -> None:
    """A way that does not exist is refused, with those that do."""
    with pytest.raises(UsageError, match=f"known are {', '.join(KNOWN)}"):
        FirmwareConfig(release="2.3.1", chip=0, suite="bad")
