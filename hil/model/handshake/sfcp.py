# SPDX-License-Identifier: Apache-2.0
"""The protocol from TF-M 2.3 on: seeds as payloads of SFCP, in one phase.

RSE 0 takes a message from whoever comes and answers at once, with the array as it is then; the
`fixed` rules answer when all seeds are in. Where SFCP encrypts, it first needs an IV of every RSE
for its session key, so nobody gets through before everybody has come.

SFCP itself is taken as a link that loses nothing; of its session-key set-up only what the
handshake can feel is here: all IVs in, all IVs out, and a packet under another key is refused.

Source: TF-M 2.3.1 rse_handshake.c, sfcp.c, sfcp_encryption_handshake.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from hil.model.handshake.machine import Links, Local, Move, Phase, Step, unwritten
from hil.model.handshake.messages import Kind, Message
from hil.model.handshake.system import Sfcp, System
from hil.model.handshake.values import Values
from hil.model.releases import ClientSeed, Reply
from hil.model.system_inputs import SERVER

#: Packets of SFCP itself; the numbers are those of its handshake message types.
_IV, _IVS, _REFUSED = 0x1020, 0x1030, -1
_NAMES = {_IV: "SFCP IV", _IVS: "SFCP IVs", _REFUSED: "SFCP protocol error"}
_DECRYPTION_FAILED = "SFCP_ERROR_DECRYPTION_FAILED"
_PROTOCOL_ERROR = "SFCP_ERROR_PROTOCOL_ERROR"
_INVALID_NODE = "SFCP_ERROR_INVALID_NODE"
_INVALID_MSG = "SFCP_ERROR_INVALID_MSG"
_SERVER_HEADER = "TFM_PLAT_ERR_RSE_HANDSHAKE_SERVER_SESSION_INVALID_HEADER"
_CLIENT_HEADER = "TFM_PLAT_ERR_RSE_HANDSHAKE_CLIENT_VHUK_INVALID_HEADER"


class SfcpRules:
    """Steps of the protocol from 2.3 on.

    Args:
        system: The chips.
        values: Bytes or symbols.
    """

    def __init__(self, system: System, values: Values) -> None:
        self._system = system
        self._values = values
        self._amount = system.amount
        self._encrypted = system.sfcp is not Sfcp.PLAIN

    def start(self, place: int, boot: int) -> Local:
        """Return how a chip begins."""
        values = self._values
        own = values.own_seed(place)
        array = (own, *unwritten(self._system, values, place, boot)[1:])
        if self._system.chips[place].rse_id == SERVER:
            local = Local(Phase.SEED_TAKE, 1, boot, array, own, None, None, 0, "")
            if self._encrypted:
                ivs = tuple(values.random(place, boot, "iv") for _ in range(self._amount))
                return local._replace(phase=Phase.IV_TAKE, work=ivs)
            return local
        phase = Phase.IV_GIVE if self._encrypted else Phase.SEED_GIVE
        return Local(phase, 0, boot, array, None, None, None, 0, "")

    def moves(self, place: int, me: Local, links: Links) -> Iterator[Move]:
        """Return the steps that a chip can do now."""
        if self._system.chips[place].rse_id != SERVER:
            move = self._client(place, me, links)
            if move is not None:
                yield move
        elif me.phase in (Phase.IV_GIVE, Phase.SEED_GIVE):
            if links[place * self._amount + me.turn] is None:
                yield self._server_gives(place, me)
        else:
            for peer in range(self._amount):
                message = links[peer * self._amount + place]
                if message is not None and links[place * self._amount + peer] is None:
                    yield self._server_takes(place, me, peer, message)

    # The client: RSE 1 to N-1.

    def _client(self, place: int, me: Local, links: Links) -> Move | None:
        if me.phase in (Phase.IV_GIVE, Phase.SEED_GIVE):
            link = place * self._amount + SERVER
            return self._client_gives(place, me, link) if links[link] is None else None
        took = SERVER * self._amount + place
        message = links[took]
        return None if message is None else self._client_takes(place, me, message, took)

    def _client_gives(self, place: int, me: Local, link: int) -> Move:
        values, me_id = self._values, self._system.chips[place].rse_id
        if me.phase == Phase.IV_GIVE:
            message = Message(_IV, me_id, None, (values.random(place, me.boot, "iv"),), None)
        else:
            own = self._system.release.client_seed is ClientSeed.HUK
            seed = values.own_seed(place) if own else values.random(place, me.boot, "seed")
            me = me._replace(seed=seed)
            rest = (
                values.leftover(place, me.boot, "vHUK message", slot)
                for slot in range(1, self._amount)
            )
            message = Message(Kind.VHUK_MSG, me_id, None, (seed, *rest), me.key)
        after = me._replace(phase=me.phase + 1)
        return Move(Step(place, "sends", SERVER, _name(message)), after, given=((link, message),))

    def _client_takes(self, place: int, me: Local, message: Message, took: int) -> Move:
        step = Step(place, "takes", SERVER, _name(message))
        if message.kind == _REFUSED:
            return _stop(place, me, SERVER, took, _PROTOCOL_ERROR)
        if me.phase == Phase.IV_TAKE:
            if message.kind != _IVS:
                return _stop(place, me, SERVER, took, _INVALID_MSG)
            key = self._values.session_key(place, message.slots)
            return Move(step, me._replace(phase=Phase.SEED_GIVE, key=key), taken=took)
        if message.tag != me.key:
            return _stop(place, me, SERVER, took, _DECRYPTION_FAILED)
        if message.kind != Kind.VHUK_REPLY:
            return _stop(place, me, SERVER, took, _CLIENT_HEADER)
        mine = self._system.chips[place].rse_id
        array = (*message.slots[:mine], me.seed, *message.slots[mine + 1 :])
        return Move(step, me._replace(phase=Phase.DONE, array=array), taken=took)

    # The server: RSE 0, and whoever has its id.

    def _server_gives(self, place: int, me: Local) -> Move:
        peer = me.turn
        if me.phase == Phase.IV_GIVE:
            assert isinstance(me.work, tuple)
            message = Message(_IVS, SERVER, None, me.work, None)
        else:
            message = Message(Kind.VHUK_REPLY, SERVER, None, me.array, me.key)
        after = me._replace(turn=me.turn + 1)
        if after.turn == self._amount:
            if me.phase == Phase.IV_GIVE:
                key = self._values.session_key(place, message.slots)
                after = after._replace(phase=Phase.SEED_TAKE, key=key, heard=0, work=None)
            else:
                after = after._replace(phase=Phase.DONE)
        link = place * self._amount + peer
        return Move(Step(place, "sends", peer, _name(message)), after, given=((link, message),))

    def _server_takes(self, place: int, me: Local, peer: int, message: Message) -> Move:
        took = peer * self._amount + place
        if message.sender != peer:
            return _stop(place, me, peer, took, _INVALID_NODE)
        if me.phase == Phase.IV_TAKE:
            return self._server_takes_iv(place, me, peer, message)
        if message.tag != me.key:
            refusal = Message(_REFUSED, SERVER, None, (), None)
            error = _INVALID_MSG if message.tag is None else _DECRYPTION_FAILED
            move = _stop(place, me, peer, took, error)
            return move._replace(given=((place * self._amount + peer, refusal),))
        if message.kind != Kind.VHUK_MSG:
            refusal = Message(Kind.ERROR_REPLY, SERVER, None, me.array, me.key)
            move = _stop(place, me, peer, took, _SERVER_HEADER)
            return move._replace(given=((place * self._amount + peer, refusal),))
        array = (*me.array[:peer], message.slots[0], *me.array[peer + 1 :])
        after = me._replace(array=array, heard=me.heard | 1 << peer)
        step = Step(place, "takes", peer, _name(message))
        all_in = after.heard == (1 << self._amount) - 2
        if self._system.release.reply is Reply.ALL_SEEDS_IN:
            after = after._replace(phase=Phase.SEED_GIVE, turn=1) if all_in else after
            return Move(step, after, taken=took)
        reply = Message(Kind.VHUK_REPLY, SERVER, None, array, me.key)
        after = after._replace(phase=Phase.DONE) if all_in else after
        given = ((place * self._amount + peer, reply),)
        return Move(step._replace(what="answers"), after, taken=took, given=given)

    def _server_takes_iv(self, place: int, me: Local, peer: int, message: Message) -> Move:
        took = peer * self._amount + place
        if message.kind != _IV:
            return _stop(place, me, peer, took, _INVALID_MSG)
        assert isinstance(me.work, tuple)
        ivs = (*me.work[:peer], message.slots[0], *me.work[peer + 1 :])
        after = me._replace(work=ivs, heard=me.heard | 1 << peer)
        if after.heard == (1 << self._amount) - 2:
            after = after._replace(phase=Phase.IV_GIVE, turn=1)
        return Move(Step(place, "takes", peer, _name(message)), after, taken=took)


def _name(message: Message) -> str:
    return _NAMES.get(message.kind) or Kind(message.kind).name


def _stop(place: int, me: Local, peer: int, took: int, error: str) -> Move:
    stopped = me._replace(phase=Phase.STOPPED, error=error, work=None)
    return Move(Step(place, "refuses", peer, error), stopped, taken=took)
