# SPDX-License-Identifier: Apache-2.0
"""Everything that rse-hil raises on purpose.

    HilError
    ├── UsageError      a board file, an option or an argument is wrong; the user mends it
    │   └── UnsetVariableError  an environment variable that a board file needs
    ├── DeviceError     a probe, board, FVP or UART failed; the lab mends it
    │   └── NoDeviceError   a recording was asked for what only a device can do
    ├── ImageError      an image or message is malformed; whoever built it mends it
    └── ModelError      the reference model was asked something that has no answer

A failure of the *firmware* is not an error of the harness: it is an assertion in a testcase.
"""

from __future__ import annotations

from pathlib import Path


class HilError(Exception):
    """Root of all errors raised by rse-hil; ends as one clear message, never as a traceback."""

    #: Class of the failure in reports: "product", "infrastructure" or "harness".
    failure_class = "harness"


class UsageError(HilError):
    """Raised for a mistake in a board file, an option or an argument; the user mends it.

    Args:
        message: What was wrong, what was expected, the nearest match where there is one.
        where: `file:line` of the mistake, when it stands in a file.
    """

    def __init__(self, message: str, *, where: str | None = None) -> None:
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)


class UnsetVariableError(UsageError):
    """Raised when a board file names an environment variable that is not set.

    Args:
        variable: Its name.
        what: The text that needs it, as the board file calls it.
    """

    def __init__(self, variable: str, *, what: str) -> None:
        self.variable = variable
        super().__init__(f"{what}: environment variable {variable} is not set")


class DeviceError(HilError):
    """Raised when a probe, board, FVP or UART fails; infrastructure, not the product.

    Args:
        message: What happened.
        rse: Id of the RSE that is concerned, None for the whole bench.
        operation: What was being done ("load", "reset", "open console", ...).
        hint: What to do about it.
    """

    failure_class = "infrastructure"

    def __init__(
        self,
        message: str,
        *,
        rse: int | None = None,
        operation: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.rse = rse
        self.operation = operation
        self.hint = hint
        who = f"RSE {rse}: " if rse is not None else ""
        what = f"{operation}: " if operation else ""
        todo = f" ({hint})" if hint else ""
        super().__init__(f"{who}{what}{message}{todo}")


class NoDeviceError(DeviceError):
    """Raised when a recording is asked for what only a device can do; a replay skips the test."""


class ImageError(HilError):
    """Raised for an image or provisioning message that is malformed or does not verify.

    Args:
        message: What was found and what was expected.
        path: The file.
        offset: Byte offset of the finding in the file.
        field: Name of the field, as the format's source names it.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        offset: int | None = None,
        field: str | None = None,
    ) -> None:
        self.path = path
        self.offset = offset
        self.field = field
        place = str(path) if path else "image"
        if offset is not None:
            place += f"+0x{offset:x}"
        if field:
            place += f" [{field}]"
        super().__init__(f"{place}: {message}")


class ModelError(HilError):
    """Raised when the reference model is given values outside the firmware's domain."""
