# SPDX-License-Identifier: Apache-2.0
"""From pyOCD's exceptions to one sentence and what to do about it.

Only the worker process imports this module: it imports pyOCD.
"""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass
from pathlib import Path

from pyocd.core import exceptions

#: Everything that pyOCD and its drivers are known to raise for a failing probe, chip or file.
PYOCD_ERRORS = (
    exceptions.Error,
    OSError,
    ValueError,
    KeyError,
    AssertionError,
    AttributeError,
    TypeError,
    IndexError,
)


class Refusal(Exception):  # noqa: N818 - it is carried to the harness, where it is a DeviceError
    """Something that the launcher's own checks refuse.

    Args:
        message: What was found and what was expected.
        hint: What to do about it.
    """

    #: Whether another attempt would end the same way.
    final = True

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


class Mistake(Refusal):
    """Something that the board file asks for and that cannot be, whatever the device does."""


class Mismatch(Refusal):
    """Something that the checks found and that may be gone at the next attempt."""

    final = False


@dataclass(frozen=True)
class Explanation:
    """An exception in words."""

    message: str
    hint: str | None = None
    #: Whether another attempt would end the same way.
    final: bool = False
    #: Whether the board file is wrong, not the lab.
    mistake: bool = False


#: What pyOCD's client of remote probes puts before the words of the probe.
_WRAPPING = re.compile(r"error received from server for command \w+ \(status code \d+\): ")

#: First match counts: exception class, part of its text, what to do.
_HINTS: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        exceptions.ProbeDisconnected,
        "",
        "the probe has been unplugged or its server has lost it; plug it in and run again",
    ),
    (ConnectionRefusedError, "", "nothing listens there; start the probe server or the board"),
    (ConnectionError, "", "the probe server ended; start it again"),
    (exceptions.Error, "Target not detected", "check power, cable and frequency of the board"),
    (
        exceptions.DebugError,
        "No cores were discovered",
        "debug access is locked, or the reset line or the supply holds the chip",
    ),
    (
        exceptions.TransferFaultError,
        "sticky",
        "an error on the bus comes back as soon as it is cleared: switch the board off and on",
    ),
    (exceptions.TargetSupportError, "", "check launcher.target, launcher.user_script and .pack"),
    (
        exceptions.FlashFailure,
        "time",  # "timed out", "timeout"
        "the flash algorithm did not return: its controller hangs, or has no clock",
    ),
    (
        exceptions.FlashEraseFailure,
        "",
        "the flash refuses to be erased: check write protection and the flash algorithm",
    ),
    (
        exceptions.FlashProgramFailure,
        "",
        "the flash refuses the data: check write protection and the flash algorithm",
    ),
    (
        exceptions.FlashFailure,
        "init",
        "the flash algorithm does not start: is launcher.target the chip on this board?",
    ),
    (
        exceptions.TransferFaultError,
        "",
        "nothing answers there: memory without power or clock, or protected",
    ),
    (
        exceptions.TransferTimeoutError,
        "",
        "the bus answers WAIT all the time: is something hung there? try a lower frequency",
    ),
    (
        exceptions.TransferError,
        "",
        "the chip does not answer the probe any more: has it lost its power or its clock?",
    ),
    (exceptions.ProbeError, "in use", "another program has the probe open; end it"),
)

#: What no second attempt can change.
_FINAL = (exceptions.TargetSupportError,)


def explain(error: BaseException) -> Explanation:
    """Return the message of an exception, with its class where the text alone says little."""
    if isinstance(error, Refusal):
        return Explanation(error.message, error.hint, error.final, isinstance(error, Mistake))
    error = _origin(error)
    text = str(error).strip()
    for kind, part, hint in _HINTS:
        if isinstance(error, kind) and part in text:
            final = isinstance(error, _FINAL)
            return Explanation(_named(error, text), hint, final, mistake=final)
    return Explanation(_named(error, text))


def _origin(error: BaseException) -> BaseException:
    """Return what a clean-up that failed in its turn (often an assertion) was about."""
    meaningful = (exceptions.Error, OSError)
    found: BaseException | None = error
    while found is not None and not isinstance(found, meaningful):
        found = found.__cause__ or found.__context__
    return found or error


def _named(error: BaseException, text: str) -> str:
    name = type(error).__name__
    text = _WRAPPING.sub("", text)
    if isinstance(error, exceptions.TransferFaultError) and error.fault_address is not None:
        return f"bus fault at {error.fault_address:#010x} ({text})"
    if isinstance(error, (exceptions.Error, OSError)) and text:
        return text
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{name}{where}: {text}" if text else f"{name}{where}"
