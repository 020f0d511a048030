# SPDX-License-Identifier: Apache-2.0
"""The messages of the handshake, byte by byte. All words are little-endian.

Up to TF-M 2.2, on an MHU link, 36 + 32 N bytes in both directions:

    0 type   4 id of the sender   8 nonce (12)   20 N slots of 32   20 + 32 N tag (16)

and AES-256-CCM protects the slots in place, with the first 20 bytes as associated data. From 2.3
on, as the payload of an SFCP packet, 8 + 32 N bytes:

    0 type   4 error   8 N slots of 32

A message that carries one value has it in its first slot; whatever was in memory fills the rest.

Source: TF-M 2.2.2 and 2.3.1 rse_handshake.c.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable
from enum import IntEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from hil.errors import ModelError

SLOT_SIZE = 32
NONCE_SIZE = 12
TAG_SIZE = 16
ZERO_TAG = bytes(TAG_SIZE)
_RAW_HEADER = struct.Struct("<II12s")
_SFCP_HEADER = struct.Struct("<II")

#: 32 bytes, or the symbol that stands for them.
Value = Hashable


class Kind(IntEnum):
    """Type words (enum rse_handshake_msg_type; the last one from 2.3 on)."""

    SESSION_KEY_MSG = 0
    SESSION_KEY_REPLY = 1
    VHUK_MSG = 2
    VHUK_REPLY = 3
    ERROR_REPLY = 4


class Message(NamedTuple):
    """One message; its values are bytes or symbols.

    Attributes:
        kind: A `Kind`, as the number that was received.
        sender: Id that the sender claims (from 2.3 on in SFCP's header).
        nonce: Nonce of CCM, 12 bytes; from 2.3 on None.
        slots: One value of 32 bytes for each RSE.
        tag: Tag of CCM, 16 bytes; from 2.3 on the SFCP session key that protects the packet.
        error: Error word, from 2.3 on.
    """

    kind: int
    sender: int
    nonce: Value
    slots: tuple[Value, ...]
    tag: Value
    error: int = 0


def raw_size(rse_amount: int) -> int:
    """Return the size of a message up to 2.2, in bytes."""
    return _RAW_HEADER.size + SLOT_SIZE * rse_amount + TAG_SIZE


def sfcp_size(rse_amount: int) -> int:
    """Return the size of a message from 2.3 on, in bytes."""
    return _SFCP_HEADER.size + SLOT_SIZE * rse_amount


def pack_raw(message: Message) -> bytes:
    """Return the bytes of a message up to 2.2."""
    header = _RAW_HEADER.pack(message.kind, message.sender, _octets(message.nonce))
    return header + join(message.slots) + _octets(message.tag)


def parse_raw(data: bytes, rse_amount: int) -> Message:
    """Return the message that the bytes of an MHU transfer hold, up to 2.2.

    Raises:
        ModelError: the size is not that of this number of RSEs.
    """
    _check_size("message", data, raw_size(rse_amount), rse_amount)
    kind, sender, nonce = _RAW_HEADER.unpack_from(data)
    return Message(kind, sender, nonce, split(data[_RAW_HEADER.size : -TAG_SIZE]), data[-TAG_SIZE:])


def pack_sfcp(message: Message) -> bytes:
    """Return the bytes of a message from 2.3 on, the payload of its SFCP packet."""
    return _SFCP_HEADER.pack(message.kind, message.error) + join(message.slots)


def parse_sfcp(data: bytes, rse_amount: int, sender: int = 0) -> Message:
    """Return the message that the payload of an SFCP packet holds, from 2.3 on.

    Raises:
        ModelError: the size is not that of this number of RSEs.
    """
    _check_size("payload", data, sfcp_size(rse_amount), rse_amount)
    kind, error = _SFCP_HEADER.unpack_from(data)
    return Message(kind, sender, None, split(data[_SFCP_HEADER.size :]), None, error)


def seal(key: bytes, message: Message) -> Message:
    """Return the message as the firmware encrypts it: slots and tag replaced, the rest kept.

    Doing it twice gives what TF-M up to 2.2 sends to RSE 2: the second pass takes the first one's
    ciphertext for plaintext, so the slots are the seeds in clear again, under a tag that verifies.
    """
    header = _RAW_HEADER.pack(message.kind, message.sender, _octets(message.nonce))
    sealed = AESCCM(key, TAG_SIZE).encrypt(_octets(message.nonce), join(message.slots), header)
    return message._replace(slots=split(sealed[:-TAG_SIZE]), tag=sealed[-TAG_SIZE:])


def unseal(key: bytes, message: Message) -> Message | None:
    """Return the message decrypted, None if its tag does not verify (CC3XX_ERR_INVALID_TAG)."""
    header = _RAW_HEADER.pack(message.kind, message.sender, _octets(message.nonce))
    sealed = join(message.slots) + _octets(message.tag)
    try:
        slots = AESCCM(key, TAG_SIZE).decrypt(_octets(message.nonce), sealed, header)
    except InvalidTag:
        return None
    return message._replace(slots=split(slots))


def join(slots: tuple[Value, ...]) -> bytes:
    """Return the slots as one run of bytes."""
    return b"".join(_octets(slot) for slot in slots)


def split(body: bytes) -> tuple[bytes, ...]:
    """Return the slots of a run of bytes."""
    return tuple(body[at : at + SLOT_SIZE] for at in range(0, len(body), SLOT_SIZE))


def _octets(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ModelError(f"handshake message: expected bytes, got the symbol {value!r}")
    return value


def _check_size(what: str, data: bytes, expected: int, rse_amount: int) -> None:
    if len(data) != expected:
        raise ModelError(
            f"handshake {what}: expected {expected} bytes for {rse_amount} RSEs, got {len(data)}"
        )
