# SPDX-License-Identifier: Apache-2.0
"""DMA initial command sequences: the programs that the DMA runs out of ROM and OTP before any code.

A sequence is a chain of DMA-350 command descriptors: a header word whose bits say which registers
follow, the registers, and in the last of them the address of the next descriptor, bit 0 set.
Source: TF-M 2.3.1 create_bl1_1_dma_bin.py, dma_config.yaml.
"""

from __future__ import annotations

import struct
from enum import StrEnum

#: Header bits: bit 0 clears the registers first, bit 1 is nothing, each other one is a register.
_REGISTERS = 0xFFFFFFFC
_UNUSED = 0x00000002
_LINK = 1 << 30
_WORD = struct.Struct("<I")
#: More than the 4 KiB that the ROM and the 264 bytes that the OTP has for it.
MAX_SIZE = 0x1000
_MIN_COMMANDS = 2


class Sequence(StrEnum):
    """Whose sequence it is."""

    ROM = "rom_dma_ics"
    OTP = "otp_dma_ics"


#: Where a sequence is stored, and the bytes before its first descriptor, decide whose it is.
_PLACES = ((Sequence.ROM, 0x1101F000, 0), (Sequence.OTP, 0x31000000, 8))


def find_sequence(data: bytes) -> Sequence | None:
    """Return whose command sequence the data is, None if it is none."""
    if not 16 <= len(data) <= MAX_SIZE or len(data) % _WORD.size:
        return None
    for sequence, base, start in _PLACES:
        if _commands(data, base, start)[0] >= _MIN_COMMANDS:
            return sequence
    return None


def sequence_end(data: bytes) -> int:
    """Return the bytes up to the end of the last descriptor of the ROM's sequence, 0 if it is none.

    Args:
        data: From the first descriptor on; more may follow the sequence.
    """
    sequence, base, start = _PLACES[0]
    return _commands(data, base, start)[1] if find_sequence(data) is sequence else 0


def _commands(data: bytes, base: int, start: int) -> tuple[int, int]:
    """Return how many descriptors follow one another and where they end, 0 if one does not fit."""
    at, count, end = start, 0, 0
    seen = set()
    while at not in seen:
        seen.add(at)
        if at + _WORD.size > len(data):
            return 0, 0
        (header,) = _WORD.unpack_from(data, at)
        size = _WORD.size * (1 + (header & _REGISTERS).bit_count())
        if header & _UNUSED or size == _WORD.size or at + size > len(data):
            return 0, 0
        count, end = count + 1, max(end, at + size)
        (link,) = _WORD.unpack_from(data, at + size - _WORD.size)
        if not header & _LINK or not link & 1:
            break
        at = (link & ~1) - base
        if at % _WORD.size or not 0 <= at < len(data):
            break  # goes on in the other memory
    return count, end
