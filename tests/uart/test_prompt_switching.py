# SPDX-License-Identifier: Apache-2.0
"""The interval in which threads are switched while something is captured."""

from __future__ import annotations

import sys

from hil.uart.capture import Capture
from hil.uart.prompt_switching import INTERVAL


def test_threads_switch_promptly_as_long_as_something_is_captured() -> None:
    """The interval is short from the first capture to the last, and then what it was."""
    before = sys.getswitchinterval()
    with Capture():
        with Capture():
            assert sys.getswitchinterval() <= INTERVAL * 1.01
        assert sys.getswitchinterval() <= INTERVAL * 1.01
    assert sys.getswitchinterval() == before


def test_a_capture_that_is_closed_twice_counts_once() -> None:
    """A second close of one capture does not end what another one needs."""
    before = sys.getswitchinterval()
    with Capture():
        other = Capture()
        other.close()
        other.close()
        assert sys.getswitchinterval() <= INTERVAL * 1.01
    assert sys.getswitchinterval() == before
