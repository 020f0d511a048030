# SPDX-License-Identifier: Apache-2.0
"""What can go wrong on the debug wire, with the status that pyOCD's remote protocol has for it."""

from __future__ import annotations

from typing import ClassVar


class WireError(Exception):
    """A request that the probe cannot carry out; `status` goes over the wire."""

    status: ClassVar[int] = 1


class ProbeGoneError(WireError):
    """The probe has been unplugged."""

    status = 2


class ProbeUseError(WireError):
    """The probe is in use by another client, or not open."""

    status = 3


class NoAckError(WireError):
    """The target does not acknowledge a transfer."""

    status = 10


class WaitError(WireError):
    """The target answers WAIT, again and again."""

    status = 11


class FaultError(WireError):
    """The target answers FAULT; a sticky error is set."""

    status = 12
