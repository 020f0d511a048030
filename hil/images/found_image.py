# SPDX-License-Identifier: Apache-2.0
"""One file of a build and what it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from hil.errors import ImageError
from hil.images import mcuboot
from hil.images.bl1_2_format import Bl1Image
from hil.images.image_roles import Role
from hil.images.message_values import MessageValues
from hil.images.provisioning import ProvisioningMessage
from hil.images.sic_table import SicTable

_DAMAGED = "DAMAGED"
#: What is wrong with an image whose structure is sound.
HASH_WRONG = "its hash is wrong"
SIGNATURE_WRONG = "its signature is wrong"
NO_SIGNATURE = "it has no signature"
_NO_BOOT = (_DAMAGED, HASH_WRONG, SIGNATURE_WRONG, NO_SIGNATURE)


@dataclass(frozen=True)
class FoundImage:
    """A file and what it is; what does not apply is None or "-"."""

    path: Path
    role: Role
    size: int
    sha256: str
    #: What tells the role, one phrase.
    told_by: str = ""
    version: str | None = None
    security_counter: int | None = None
    key: str = "-"
    #: Of a provisioning message, where it is in the clear.
    rse_id: int | None = None
    remarks: tuple[str, ...] = ()
    mcuboot: mcuboot.McubootImage | None = None
    bl2: Bl1Image | None = None
    message: ProvisioningMessage | None = None
    values: MessageValues | None = None
    sic: SicTable | None = field(default=None, repr=False)
    #: SHA-256 of the payload of a MCUboot image.
    payload_sha256: str | None = None

    @property
    def damage(self) -> tuple[str, ...]:
        """Those remarks for which no boot takes it, whatever it is for."""
        return tuple(text for text in self.remarks if text.startswith(_NO_BOOT))


def damaged_image(path: Path, data: bytes, role: Role, error: ImageError) -> FoundImage:
    """Return a file that is damaged: its role, and in its remarks what is wrong."""
    digest = hashlib.sha256(data).hexdigest()
    return FoundImage(path, role, len(data), digest, "its magic", remarks=(damage(path, error),))


def damage(path: Path, error: ImageError) -> str:
    """Return the remark on what is wrong in a file; the file itself need not be named."""
    place = str(ImageError("", path=path))
    return f"{_DAMAGED}: {str(error).replace(place.removesuffix(': '), '').lstrip(': +')}"
