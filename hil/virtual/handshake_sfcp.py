# SPDX-License-Identifier: Apache-2.0
"""Handshake of TF-M 2.3.1 over SFCP, and the one of `fixed`.

2.3.1: the server answers each client at once with the array as it is then, so slots of clients
that have not come yet hold whatever was on its stack; a client's own seed is random at each boot.
`fixed`: seeds are derived from the HUK, the server answers when it has them all, and whoever waits
too long says for whom.
"""

from __future__ import annotations

import struct
from collections.abc import Generator

from hil.virtual import sfcp
from hil.virtual.console import Console
from hil.virtual.error_codes import SFCP_INVALID_MSG, PlatError, plat_code
from hil.virtual.handshake import SEED_SIZE, SERVER, Exchange, Party, Seeds

_VHUK_MSG, _VHUK_REPLY, _ERROR_REPLY = 2, 3, 4
_HEADER = struct.Struct("<II")

_Next = Generator[float, None, tuple[int, sfcp.Packet]]


class Patience:
    """How long a party waits: for ever, or until it names who is missing and gives up."""

    def __init__(self, console: Console, seconds: float | None) -> None:
        self._console = console
        self._seconds = seconds

    def spent(self, party: Party, missing: list[int]) -> None:
        """Give up if the time is over.

        Raises:
            PlatError: After a line for each missing peer.
        """
        if self._seconds is None or party.waited < self._seconds:
            return
        what = "seed" if party.me == SERVER else "reply"
        for node in missing:
            self._console.error(
                f"RSE handshake: no {what} from RSE {node} after {self._seconds * 1000:.0f} ms"
            )
        raise PlatError(plat_code("RSE_HANDSHAKE_TIMEOUT", "2.3"), f"RSE {missing} missing")


def client(party: Party, patience: Patience, *, own_seed: bool) -> Exchange:
    """Run a client's side; the array it ends with.

    Args:
        party: Who we are.
        patience: How long to wait.
        own_seed: Contribute the HUK-derived seed (`fixed`) instead of a random one.

    Raises:
        PlatError: If SFCP or the server refuses, or patience is over.
    """
    node = sfcp.Node(party)
    seed = party.own_seed if own_seed else party.random(SEED_SIZE)
    yield from _client_key(node, patience)
    body = seed + party.stale[SEED_SIZE:]
    node.send(SERVER, _HEADER.pack(_VHUK_MSG, 0) + body)
    _, reply = yield from _next(node, [SERVER], patience)
    if len(reply.payload) < _HEADER.size + SEED_SIZE * party.amount:
        raise PlatError(plat_code("RSE_HANDSHAKE_INVALID_REPLY", "2.3"), "short reply")
    if _HEADER.unpack_from(reply.payload)[0] != _VHUK_REPLY:
        code = plat_code("RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER", "2.3")
        raise PlatError(code, "the server answered with an error")
    array = _split(reply.payload[_HEADER.size :])
    if party.me < party.amount:
        array[party.me] = seed
    return array


def server(party: Party, patience: Patience, *, reply_at_once: bool) -> Exchange:
    """Run the server's side.

    Args:
        party: Who we are.
        patience: How long to wait.
        reply_at_once: Answer each client when it comes (2.3.1), or all when all came (`fixed`).

    Raises:
        PlatError: If a packet does not decrypt or is not a seed, or patience is over.
    """
    node = sfcp.Node(party)
    yield from _server_key(node, patience)
    array = party.blank_array()
    missing = list(party.others)
    waiting: list[sfcp.Packet] = []
    while missing:
        sender, packet = yield from _next(node, list(party.others), patience, missing)
        array[sender] = _seed_of(node, packet, SEED_SIZE * party.amount)
        if sender in missing:
            missing.remove(sender)
        waiting.append(packet)
        if reply_at_once or not missing:
            for asked in waiting:
                node.reply(asked, _HEADER.pack(_VHUK_REPLY, 0) + b"".join(array))
            waiting = []
    return array


def _seed_of(node: sfcp.Node, packet: sfcp.Packet, body_size: int) -> bytes:
    """The seed in a client's message."""
    payload = packet.payload
    if not packet.encrypted:
        raise PlatError(SFCP_INVALID_MSG, f"RSE {packet.sender} sent in clear")
    if len(payload) < _HEADER.size + body_size:
        name = "RSE_HANDSHAKE_INVALID_MESSAGE"
    elif _HEADER.unpack_from(payload)[0] != _VHUK_MSG:
        name = "RSE_HANDSHAKE_SERVER_SESSION_INVALID_HEADER"
    else:
        return payload[_HEADER.size : _HEADER.size + SEED_SIZE]
    code = plat_code(name, "2.3")
    node.reply(packet, _HEADER.pack(_ERROR_REPLY, code) + bytes(body_size))
    raise PlatError(code, f"message of RSE {packet.sender}")


def _client_key(node: sfcp.Node, patience: Patience) -> Generator[float, None, None]:
    """Ask for a session key and take part in making it."""
    node.send(SERVER, sfcp.handshake_message(sfcp.KEY_REQUEST))
    iv = node.party.random(sfcp.IV_SIZE)
    while node.key is None:
        _, packet = yield from _next(node, [SERVER], patience)
        kind = sfcp.handshake_kind(packet)
        if kind == sfcp.GET_IV:
            node.reply(packet, iv)
        elif kind == sfcp.SEND_IVS:
            ivs = sfcp.own_iv_came_back(node, packet, iv)
            node.reply(packet, b"")
            node.derive_key(ivs)


def _server_key(node: sfcp.Node, patience: Patience) -> Generator[float, None, None]:
    """Wait for the first request, then collect IVs, spread them, and collect the receipts."""
    others = list(node.party.others)
    _, packet = yield from _next(node, others, patience)
    while sfcp.handshake_kind(packet) != sfcp.KEY_REQUEST:
        _, packet = yield from _next(node, others, patience)
    node.reply(packet, b"")
    replies = yield from _replies(node, patience, sfcp.handshake_message(sfcp.GET_IV))
    ivs = node.party.random(sfcp.IV_SIZE) + b"".join(
        replies[other].ljust(sfcp.IV_SIZE, b"\0")[: sfcp.IV_SIZE] for other in others
    )
    message = sfcp.handshake_message(sfcp.SEND_IVS, node.party.amount, ivs)
    yield from _replies(node, patience, message)
    node.derive_key(ivs)


def _replies(
    node: sfcp.Node, patience: Patience, message: bytes
) -> Generator[float, None, dict[int, bytes]]:
    """Send a message to every client and collect the replies."""
    asked = {other: node.send(other, message) for other in node.party.others}
    replies: dict[int, bytes] = {}
    while missing := [other for other in asked if other not in replies]:
        sender, packet = yield from _next(node, missing, patience)
        if packet.kind == sfcp.REPLY and packet.message_id == asked[sender]:
            replies[sender] = packet.payload
        elif sfcp.handshake_kind(packet) == sfcp.KEY_REQUEST:
            node.reply(packet, b"")
            asked[sender] = node.send(sender, message)
    return replies


def _next(
    node: sfcp.Node, sources: list[int], patience: Patience, missing: list[int] | None = None
) -> _Next:
    """The next packet from any of `sources`, lowest id first."""
    while True:
        for source in sources:
            packet = node.poll(source)
            if packet is not None:
                return source, packet
        patience.spent(node.party, sources if missing is None else missing)
        yield node.party.pause()


def _split(body: bytes) -> Seeds:
    return [body[start : start + SEED_SIZE] for start in range(0, len(body), SEED_SIZE)]
