# SPDX-License-Identifier: Apache-2.0
"""The one error of everything that takes provisioning messages and bundles apart."""

from __future__ import annotations

from hil.errors import ModelError


class MessageError(ModelError):
    """Raised for bytes that are no provisioning message.

    Args:
        message: What was found and what was expected.
        offset: Byte offset of the finding.
        field: Name of the field, as the format's source names it.
    """

    def __init__(self, message: str, *, offset: int, field: str) -> None:
        self.offset = offset
        self.field = field
        self.text = message
        super().__init__(f"provisioning message+0x{offset:x} [{field}]: {message}")
