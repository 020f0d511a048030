# SPDX-License-Identifier: Apache-2.0
"""SFCP, thin: packets of TF-M 2.3.1's sfcp_core with AES-256-CCM under a session key.

The session key needs a contribution of every node of the subnet: the server asks all of them for
an IV as soon as the first client wants to talk, sends all IVs to all, and everybody derives
KDF(GUK, "SFCP_SESSION_KEY_DERIVATION", SHA-384(IVs)). Simplified: a later client's request makes
the server ask that client again (a client that was reset has forgotten), and there is no re-keying.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from hil.virtual import kdf
from hil.virtual.error_codes import (
    SFCP_DECRYPTION_FAILED,
    SFCP_HANDSHAKE_INVALID_RECEIVED_IV,
    SFCP_INVALID_MSG,
    SFCP_INVALID_NODE,
    SFCP_INVALID_PACKET_SIZE,
    SFCP_INVALID_PROTOCOL_VERSION,
    SFCP_PROTOCOL_ERROR,
    PlatError,
)
from hil.virtual.handshake import Party

MSG, MSG_NO_REPLY, REPLY, ERROR_REPLY = range(4)
_VERSION = 0b010
_CRYPTO_BIT = 1 << 5
_HEADER_SIZE = 4
_CONFIG = struct.Struct("<HBB")
_TAG_SIZE = 16

KEY_REQUEST = 0x1010
GET_IV = 0x1020
SEND_IVS = 0x1030
_HANDSHAKE_HEAD = struct.Struct("<HBB")
IV_SIZE = 32

_DECRYPTION_FAILED_REASON = 13
_UNSUPPORTED_FORWARDING_REASON = 2


@dataclass(frozen=True)
class Packet:
    """One SFCP packet, decrypted if it was encrypted.

    Attributes:
        sender: Node that sent the message (a reply keeps the asker's id here).
        receiver: Node that the message was for.
    """

    kind: int
    sender: int
    receiver: int
    message_id: int
    payload: bytes = field(repr=False)
    encrypted: bool = False


class Node:
    """One node's view of its links: builds, encrypts, parses and decrypts packets."""

    def __init__(self, party: Party) -> None:
        self.party = party
        self.key: bytes | None = None
        self._next_id = [0] * max(party.amount, party.me + 1)
        self._sequence = [0] * max(party.amount, party.me + 1)

    def derive_key(self, ivs: bytes) -> None:
        """Set the session key up from all nodes' IVs."""
        seed = hashlib.sha384(ivs).digest()
        self.key = kdf.derive(self.party.guk, kdf.SFCP_KEY_LABEL, seed)

    def send(self, node: int, payload: bytes) -> int:
        """Send a message that wants a reply; the id that the reply will have."""
        message_id = self._next_id[node]
        self._next_id[node] = (message_id + 1) & 0xFF
        self._emit(node, MSG, (self.party.me, node, message_id), payload)
        return message_id

    def reply(self, packet: Packet, payload: bytes) -> None:
        """Answer a message."""
        ids = (packet.sender, self.party.me, packet.message_id)
        self._emit(packet.sender, REPLY, ids, payload)

    def poll(self, node: int) -> Packet | None:
        """The next packet from a node, if one is waiting; packets for other nodes are dropped.

        Raises:
            PlatError: If the packet is malformed, from somebody else, does not decrypt, or says
                that our message was refused.
        """
        frame = self.party.poll(node)
        if frame is None:
            return None
        packet = self._parse(node, frame)
        if packet.kind == ERROR_REPLY:
            if self.key is None:
                return None
            raise PlatError(SFCP_PROTOCOL_ERROR, f"RSE {node} refused a packet")
        asked = packet.receiver if packet.kind != REPLY else packet.sender
        if asked != self.party.me:
            self._refuse(node, packet, _UNSUPPORTED_FORWARDING_REASON)
            return None
        if packet.encrypted:
            return self._decrypt(node, packet, frame)
        return packet

    def _emit(self, node: int, kind: int, ids: tuple[int, int, int], payload: bytes) -> None:
        encrypt = _CRYPTO_BIT if self.key else 0
        head = bytes((kind << 6 | encrypt | _VERSION, *ids))
        if self.key:
            config = _CONFIG.pack(self._sequence[node], 0, 0)
            self._sequence[node] += 1
            sealed = AESCCM(self.key).encrypt(head + config, payload, head)
            payload = config + sealed[-_TAG_SIZE:] + sealed[:-_TAG_SIZE]
        self.party.send(node, head + payload)

    def _parse(self, node: int, frame: bytes) -> Packet:
        if len(frame) < _HEADER_SIZE:
            raise PlatError(SFCP_INVALID_PACKET_SIZE, f"{len(frame)} bytes from RSE {node}")
        metadata, sender, receiver, message_id = frame[:_HEADER_SIZE]
        if metadata & 0b111 != _VERSION:
            raise PlatError(SFCP_INVALID_PROTOCOL_VERSION, f"packet from RSE {node}")
        kind, encrypted = metadata >> 6, bool(metadata & _CRYPTO_BIT)
        packet = Packet(kind, sender, receiver, message_id, frame[_HEADER_SIZE:], encrypted)
        if encrypted and len(packet.payload) < _CONFIG.size + _TAG_SIZE:
            raise PlatError(SFCP_INVALID_PACKET_SIZE, f"{len(frame)} bytes from RSE {node}")
        return packet

    def _decrypt(self, node: int, packet: Packet, frame: bytes) -> Packet:
        remote = packet.sender if packet.kind != REPLY else packet.receiver
        if remote != node:
            raise PlatError(SFCP_INVALID_NODE, f"RSE {remote} spoke on the link of RSE {node}")
        nonce = frame[: _HEADER_SIZE + _CONFIG.size]
        tag, data = packet.payload[4 : 4 + _TAG_SIZE], packet.payload[4 + _TAG_SIZE :]
        try:
            plain = AESCCM(self.key or bytes(32)).decrypt(nonce, data + tag, frame[:_HEADER_SIZE])
        except InvalidTag:
            if packet.kind == MSG:
                self._refuse(node, packet, _DECRYPTION_FAILED_REASON)
            code = SFCP_DECRYPTION_FAILED
            raise PlatError(code, f"packet of RSE {node} does not decrypt") from None
        return replace(packet, payload=plain)

    def _refuse(self, node: int, packet: Packet, reason: int) -> None:
        if packet.kind != MSG:
            return
        head = (ERROR_REPLY << 6 | _VERSION, packet.sender, packet.receiver, packet.message_id)
        self.party.send(node, bytes(head) + struct.pack("<HH", 0, reason))


def handshake_message(kind: int, count: int = 0, ivs: bytes = b"") -> bytes:
    """Payload of a key-exchange message of subnet 0."""
    return _HANDSHAKE_HEAD.pack(kind, 0, count) + ivs


def handshake_kind(packet: Packet) -> int | None:
    """Type of a key-exchange message; None for anything else."""
    if packet.kind != MSG or len(packet.payload) < _HANDSHAKE_HEAD.size:
        return None
    kind: int = _HANDSHAKE_HEAD.unpack_from(packet.payload)[0]
    return kind if kind in (KEY_REQUEST, GET_IV, SEND_IVS) else None


def own_iv_came_back(node: Node, packet: Packet, iv: bytes) -> bytes:
    """All IVs of a SEND_IVS message.

    Raises:
        PlatError: If the own one is not among them where it belongs.
    """
    ivs = packet.payload[_HANDSHAKE_HEAD.size :]
    if len(ivs) != IV_SIZE * node.party.amount:
        raise PlatError(SFCP_INVALID_MSG, f"{len(ivs)} bytes of IVs")
    start = IV_SIZE * node.party.me
    if ivs[start : start + IV_SIZE] != iv:
        raise PlatError(SFCP_HANDSHAKE_INVALID_RECEIVED_IV, "the server sent another IV back")
    return ivs
