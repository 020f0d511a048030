# SPDX-License-Identifier: Apache-2.0
"""Letting the capture's thread run at once, whatever the other threads compute.

Each read gives up the interpreter's lock, and a test that computes gives it back only when asked
after `sys.getswitchinterval()` seconds: 5 ms by default, in which a pty of 4 KiB is full and its
device stands still. While something is captured the interval is a fraction of that.
"""

from __future__ import annotations

import sys
import threading

#: Seconds. A switch costs about 5 µs.
INTERVAL = 20e-6

_lock = threading.Lock()
_users = 0
_before = 0.0


def begin() -> None:
    """Switch threads promptly until as many calls of `end` have followed."""
    global _users, _before  # noqa: PLW0603 - the interval is one of the process, too
    with _lock:
        if _users == 0:
            _before = sys.getswitchinterval()
            sys.setswitchinterval(min(_before, INTERVAL))
        _users += 1


def end() -> None:
    """Take back one `begin`; the last one restores the interval."""
    global _users  # noqa: PLW0603
    with _lock:
        _users -= 1
        if _users == 0:
            sys.setswitchinterval(_before)
