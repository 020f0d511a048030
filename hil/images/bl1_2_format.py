# SPDX-License-Identifier: Apache-2.0
"""The format of BL2 images, which is BL1_2's own: recognised and read whatever the build chose.

    header            [ctr_iv 16] [binding_tag 16] then for each signer:
                      rotpk[R] rotpk_len u32 sig[S] sig_len u32
    protected values  version{u8, u8, u16, u32} security_counter u32 [decrypt_magic u32] code

The format has no magic. Which fields there are and how long, the build decides; the table below
holds the choices, and an image is one of them when lengths and padding fit. Encrypted images keep
everything from the decrypt magic on to themselves. Source: TF-M 2.3.1 image_layout_bl1_2.h,
bl1_2_config.h; 2.2 the same without the binding tag.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from hil.errors import ImageError
from hil.images.mcuboot import Version

_LENGTH = struct.Struct("<I")
_CLEAR = struct.Struct("<BBHII")
_MAGIC = struct.Struct("<I")
DECRYPT_MAGIC = 0xDEADBEEF
#: The security counter is a unary number in OTP.
COUNTER_LIMIT = 1024
_IV = _TAG = 16
_MAX_SIGNERS = 3
#: More than the largest flash partition of a BL2.
_MAX_IMAGE = 1 << 20

#: Longest ROTPK and signature that a build has room for: bl1_2_config.h's defaults, then builds
#: that only know ECDSA.
_FIELD_SIZES = ((120, 1452), (96, 96), (64, 64))
#: Length of a ROTPK and of the signature that goes with it -> algorithm.
_ALGORITHMS = {
    (64, 64): "ECDSA P-256",
    (65, 64): "ECDSA P-256",
    (96, 96): "ECDSA P-384",
    (97, 96): "ECDSA P-384",
    (56, 1452): "LMS",
    (60, 1452): "LMS",
}


@dataclass(frozen=True)
class Layout:
    """What one build put into the header."""

    rotpk_size: int
    signature_size: int
    signers: int
    encrypted: bool
    bound: bool

    @property
    def sigs_offset(self) -> int:
        """Where the first signer's entry begins."""
        return _IV * self.encrypted + _TAG * self.bound

    @property
    def entry_size(self) -> int:
        """Bytes of one signer's entry."""
        return self.rotpk_size + self.signature_size + 2 * _LENGTH.size

    @property
    def header_size(self) -> int:
        """Bytes before the protected values."""
        return self.sigs_offset + self.signers * self.entry_size


#: Most signers first: the second signer of two looks like code to a layout with one.
LAYOUTS = tuple(
    Layout(*sizes, signers, encrypted, bound)
    for sizes, signers, encrypted, bound in product(
        _FIELD_SIZES, range(_MAX_SIGNERS, 0, -1), (True, False), (False, True)
    )
)


@dataclass(frozen=True)
class Signer:
    """One entry of the header."""

    rotpk: bytes
    signature: bytes
    algorithm: str
    #: Of the entry in the file.
    offset: int


@dataclass(frozen=True)
class Bl1Image:
    """What an image says in the clear; says nothing yet about whether it verifies."""

    path: Path | None
    layout: Layout
    signers: tuple[Signer, ...]
    version: Version
    security_counter: int
    #: Of the code, or of what is encrypted of it.
    code_size: int

    @property
    def protected_offset(self) -> int:
        """Where the protected values begin."""
        return self.layout.header_size


def read_bl1_image(data: bytes, path: Path | None = None) -> Bl1Image:
    """Return the structure of a BL2 image.

    Raises:
        ImageError: no layout fits.
    """
    found = find_bl1_image(data, path)
    if found is None:
        raise ImageError(
            "no BL2 image in BL1_2's format: in no known layout are there a ROTPK and a signature "
            "of lengths that go together",
            path=path,
            offset=0,
            field="header",
        )
    return found


def find_bl1_image(data: bytes, path: Path | None = None) -> Bl1Image | None:
    """Return the structure of a BL2 image, None if the data is none."""
    if len(data) > _MAX_IMAGE:
        return None
    for layout in LAYOUTS:
        image = _fitted(data, layout, path)
        if image is not None:
            return image
    return None


def _fitted(data: bytes, layout: Layout, path: Path | None) -> Bl1Image | None:
    minimum = layout.header_size + _CLEAR.size + _MAGIC.size
    if len(data) <= minimum:
        return None
    signers = []
    for number in range(layout.signers):
        signer = _signer(data, layout, layout.sigs_offset + number * layout.entry_size)
        if signer is None:
            return None
        signers.append(signer)
    *version, counter = _CLEAR.unpack_from(data, layout.header_size)
    if counter >= COUNTER_LIMIT:
        return None
    clear = layout.header_size + _CLEAR.size
    (magic,) = _MAGIC.unpack_from(data, clear)
    if magic == DECRYPT_MAGIC:
        return None  # encrypted images show anything but this
    size = len(data) - clear - _MAGIC.size * layout.encrypted
    return Bl1Image(path, layout, tuple(signers), Version(*version), counter, size)


def _signer(data: bytes, layout: Layout, at: int) -> Signer | None:
    """Return one entry, None if its lengths or its padding do not fit."""
    rotpk_end = at + layout.rotpk_size
    signature_at = rotpk_end + _LENGTH.size
    signature_end = signature_at + layout.signature_size
    (rotpk_len,) = _LENGTH.unpack_from(data, rotpk_end)
    (signature_len,) = _LENGTH.unpack_from(data, signature_end)
    algorithm = _ALGORITHMS.get((rotpk_len, signature_len))
    if algorithm is None or rotpk_len > layout.rotpk_size or signature_len > layout.signature_size:
        return None
    padding = data[at + rotpk_len : rotpk_end] + data[signature_at + signature_len : signature_end]
    if any(padding):
        return None
    rotpk = data[at : at + rotpk_len]
    signature = data[signature_at : signature_at + signature_len]
    return Signer(rotpk, signature, algorithm, at)
