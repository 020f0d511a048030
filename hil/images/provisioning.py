# SPDX-License-Identifier: Apache-2.0
"""Provisioning message files: reading them, and saying what one does.

The format is the model's (`hil.model.provisioning_message`); here a finding gets its file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hil.errors import ImageError
from hil.images.files import read_bounded
from hil.model import provisioning_message as model
from hil.model.message_error import MessageError
from hil.model.provisioning_fields import MessageType
from hil.model.provisioning_words import Names, describe, valid_lcs

#: More than the memory bank that a message is loaded to.
MAX_MESSAGE = 512 * 1024


@dataclass(frozen=True)
class ProvisioningMessage:
    """A message and the file that it stands in."""

    path: Path | None
    message: model.Message

    @property
    def type(self) -> MessageType:
        """Type of the message."""
        return self.message.type

    @property
    def data_length(self) -> int:
        """Bytes behind the outer header."""
        return self.message.data_length

    @property
    def header(self) -> model.AuthHeader | None:
        """None for a certificate and for plain data."""
        return self.message.header

    @property
    def body(self) -> bytes:
        """Code, data and secret values of a blob, or the whole body of the other types."""
        return self.message.content

    @property
    def lcs(self) -> tuple[str, ...]:
        """Life-cycle states in which a blob may run."""
        return valid_lcs(self.message)

    def describe(self, names: Names = "2.3") -> dict[str, str]:
        """Return what the message says of itself, field by field, in the words of a release.

        Nothing of its code, data and secret values is in it.
        """
        return describe(self.message, names)


def parse_message(data: bytes, path: Path | None = None) -> ProvisioningMessage:
    """Return a message.

    Raises:
        ImageError: cut, inconsistent, of an unknown type, or a bundle of TF-M 2.1.
    """
    try:
        return ProvisioningMessage(path, model.parse(data))
    except MessageError as error:
        raise ImageError(error.text, path=path, offset=error.offset, field=error.field) from error


def load_message(path: Path) -> ProvisioningMessage:
    """Read a message file.

    Raises:
        ImageError: no such file, or what `parse_message` refuses.
    """
    return parse_message(read_bounded(path, MAX_MESSAGE, "provisioning message"), path)
