# SPDX-License-Identifier: Apache-2.0
"""Provisioning messages and bundles among the files of a build."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hil.errors import ImageError
from hil.images.found_image import FoundImage, damaged_image
from hil.images.image_roles import Role
from hil.images.message_values import MessageValues, message_values
from hil.images.provisioning import ProvisioningMessage, parse_message
from hil.model.provisioning_fields import BlobType, MessageType, ValidLcs

_BUNDLES = {
    0xAAAAC0DEFEEDAAAA: Role.CM_BUNDLE,
    0xAAAABEEFFEEDAAAA: Role.DM_BUNDLE,
}
_MESSAGE_TYPES = frozenset(MessageType)


def recognise_message(path: Path, data: bytes) -> FoundImage | None:
    """Return what a message or bundle is, None for another file."""
    if len(data) < 8:
        return None
    kind = int.from_bytes(data[:4], "little")
    bundle = _BUNDLES.get(int.from_bytes(data[:8], "little"))
    if bundle is not None:
        return FoundImage(
            path,
            bundle,
            len(data),
            hashlib.sha256(data).hexdigest(),
            "its magic",
            remarks=("TF-M 2.1",),
        )
    if kind not in _MESSAGE_TYPES:
        return None
    try:
        message = parse_message(data, path)
    except ImageError as error:
        return damaged_image(path, data, Role.MESSAGE, error)
    values = message_values(message.message)
    header = message.header
    return FoundImage(
        path,
        _message_role(message),
        len(data),
        hashlib.sha256(data).hexdigest(),
        told_by="its type and purpose",
        version=str(header.version) if header else None,
        rse_id=values.rse_id if values else None,
        remarks=tuple(_message_remarks(message, values)),
        message=message,
        values=values,
    )


def _message_role(message: ProvisioningMessage) -> Role:
    if message.header is None or message.type != MessageType.BLOB:
        return Role.MESSAGE
    purpose = message.header.purpose
    if purpose.type == BlobType.COMBINED:
        return Role.COMBINED_MESSAGE
    if purpose.type == BlobType.SINGLE_LCS:
        lcs = {ValidLcs.CM: Role.CM_MESSAGE, ValidLcs.DM: Role.DM_MESSAGE}
        return lcs.get(purpose.valid_lcs, Role.MESSAGE)
    return Role.MESSAGE


def _message_remarks(message: ProvisioningMessage, values: MessageValues | None) -> list[str]:
    if message.header is None:
        return []
    lcs = ", ".join(message.lcs) or "none"
    remarks = [f"TP {message.header.purpose.tp_mode.name}, for LCS {lcs}"]
    if values is not None:
        policy = "set" if values.vhuk_agreement else "CLEAR: no handshake between RSEs"
        rse = "no RSE id" if values.rse_id is None else f"RSE {values.rse_id}"
        remarks.append(f"{rse}, policy bit 0 {policy}")
    return remarks
