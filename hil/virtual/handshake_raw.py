# SPDX-License-Identifier: Apache-2.0
"""Handshake of TF-M 2.2.2 (rse_handshake.c): raw messages, two phases, collect then reply.

The server's vHUK reply is encrypted in place once per client, under one IV: client 1 gets E(P),
client 2 gets E(E(P)) = P in clear and "decrypts" it to keystream garbage, client 3 gets E(P) again.
The tag fits every time, so every even id ends with garbage in all slots but its own.
"""

from __future__ import annotations

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from hil.virtual import kdf
from hil.virtual.error_codes import (
    CC3XX_INVALID_TAG,
    MHU_RECEIVE_BUFFER_TOO_SMALL,
    PlatError,
    plat_code,
)
from hil.virtual.handshake import SEED_SIZE, SERVER, Exchange, Party, Seeds, Wait

_SESSION_KEY_MSG, _SESSION_KEY_REPLY, _VHUK_MSG, _VHUK_REPLY = range(4)
_HEADER = struct.Struct("<II12s")
_TAG_SIZE = 16


class _Message:
    """One buffer of 36 + 32 * N bytes: header, body, tag; encrypted where it lies."""

    def __init__(self, party: Party, kind: int, body: bytes) -> None:
        self._head = _HEADER.pack(kind, party.me, party.random(12))
        self._body = body
        self._tag = bytes(_TAG_SIZE)

    def encrypt(self, key: bytes) -> None:
        iv = self._head[8:]
        sealed = AESCCM(key).encrypt(iv, self._body, self._head)
        self._body, self._tag = sealed[:-_TAG_SIZE], sealed[-_TAG_SIZE:]

    def frame(self) -> bytes:
        return self._head + self._body + self._tag


def client(party: Party) -> Exchange:
    """Run the client's side; the array it ends with.

    Raises:
        PlatError: For a reply that does not verify or is of the wrong type.
    """
    iv = party.random(SEED_SIZE)
    party.send(SERVER, _Message(party, _SESSION_KEY_MSG, _padded(party, iv)).frame())
    reply = yield from _receive(party, SERVER)
    ivs = _body(party, reply, _SESSION_KEY_REPLY, "CLIENT_SESSION")
    key = kdf.derive(party.guk, ivs, party.state)
    seed = party.random(SEED_SIZE)
    message = _Message(party, _VHUK_MSG, _padded(party, seed))
    message.encrypt(key)
    party.send(SERVER, message.frame())
    reply = yield from _receive(party, SERVER, key)
    array = _split(_body(party, reply, _VHUK_REPLY, "CLIENT_VHUK"))
    if party.me < party.amount:
        array[party.me] = seed
    return array


def server(party: Party) -> Exchange:
    """Run the server's side: collect from all, in the order of ids, then reply to all.

    Raises:
        PlatError: For a message that does not verify or is of the wrong type.
    """
    ivs = [party.random(SEED_SIZE)]
    for node in party.others:
        message = yield from _receive(party, node)
        ivs.append(_body(party, message, _SESSION_KEY_MSG, "SERVER_SESSION")[:SEED_SIZE])
    reply = _Message(party, _SESSION_KEY_REPLY, b"".join(ivs))
    for node in party.others:
        party.send(node, reply.frame())
    key = kdf.derive(party.guk, b"".join(ivs), party.state)
    array = party.blank_array()
    for node in party.others:
        message = yield from _receive(party, node, key)
        array[node] = _body(party, message, _VHUK_MSG, "SERVER_VHUK")[:SEED_SIZE]
    reply = _Message(party, _VHUK_REPLY, b"".join(array))
    for node in party.others:
        # The defect of this release: the buffer already holds what the last client got.
        reply.encrypt(key)
        party.send(node, reply.frame())
    return array


def _padded(party: Party, words: bytes) -> bytes:
    """A message body: 32 bytes that count, then the union's leftovers."""
    return words + party.stale[SEED_SIZE:]


def _receive(party: Party, node: int, key: bytes | None = None) -> Wait:
    frame = yield from party.wait_for(node)
    size = _HEADER.size + SEED_SIZE * party.amount + _TAG_SIZE
    if len(frame) > size:
        raise PlatError(MHU_RECEIVE_BUFFER_TOO_SMALL, f"{len(frame)} bytes from RSE {node}")
    frame = frame.ljust(size, b"\0")
    if key is None:
        return frame
    head, sealed = frame[: _HEADER.size], frame[_HEADER.size :]
    try:
        return head + AESCCM(key).decrypt(head[8:], sealed, head) + sealed[-_TAG_SIZE:]
    except InvalidTag:
        raise PlatError(CC3XX_INVALID_TAG, f"CCM tag of the message from RSE {node}") from None


def _body(party: Party, frame: bytes, kind: int, stage: str) -> bytes:
    if _HEADER.unpack_from(frame)[0] != kind:
        code = plat_code(f"RSE_HANDSHAKE_{stage}_INVALID_HEADER", party.generation)
        raise PlatError(code, "wrong message type in the handshake")
    return frame[_HEADER.size : -_TAG_SIZE]


def _split(body: bytes) -> Seeds:
    return [body[start : start + SEED_SIZE] for start in range(0, len(body), SEED_SIZE)]
