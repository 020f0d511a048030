# SPDX-License-Identifier: Apache-2.0
"""The protocol up to TF-M 2.2: raw MHU messages, IVs first, then seeds under AES-CCM.

RSE 0 takes one message from every id in ascending order, then answers all, in both phases. It
encrypts its one reply buffer again, in place, for each client.

Source: TF-M 2.2.2 rse_handshake.c.
"""

from __future__ import annotations

from collections.abc import Iterator

from hil.model.handshake.machine import Links, Local, Move, Phase, Step, unwritten
from hil.model.handshake.messages import Kind, Message, Value
from hil.model.handshake.system import System
from hil.model.handshake.values import Values
from hil.model.system_inputs import SERVER

_INVALID_TAG = "CC3XX_ERR_INVALID_TAG"
_HEADER = "TFM_PLAT_ERR_RSE_HANDSHAKE_{}_{}_INVALID_HEADER"


class RawRules:
    """Steps of the protocol up to 2.2.

    Args:
        system: The chips and their wiring.
        values: Bytes or symbols.
    """

    def __init__(self, system: System, values: Values) -> None:
        self._system = system
        self._values = values

    def start(self, place: int, boot: int) -> Local:
        """Return how a chip begins."""
        values, amount = self._values, self._system.amount
        own, rest = values.own_seed(place), unwritten(self._system, values, place, boot)[1:]
        local = Local(Phase.IV_TAKE, 1, boot, (own, *rest), None, None, None, 0, "")
        if not self._system.routing_tables:
            return local._replace(phase=Phase.STOPPED, error="TFM_PLAT_ERR_UNSUPPORTED")
        iv = values.random(place, boot, "iv")
        if self._system.chips[place].rse_id == SERVER:
            ivs = (iv, *(values.leftover(place, boot, "ivs", slot) for slot in range(1, amount)))
            return local._replace(seed=own, work=ivs, phase=Phase.IV_TAKE if rest else Phase.DONE)
        message = self._message(place, boot, Kind.SESSION_KEY_MSG, iv, "session key message")
        return local._replace(phase=Phase.IV_GIVE, work=message)

    def moves(self, place: int, me: Local, links: Links) -> Iterator[Move]:
        """Return the step that a chip can do now, if it can."""
        server = self._system.chips[place].rse_id == SERVER
        other = me.turn if server else SERVER
        if me.phase in (Phase.IV_GIVE, Phase.SEED_GIVE):
            peer = self._system.peer_to_send(place, other)
            if peer is not None and links[place * self._system.amount + peer] is None:
                yield self._give(place, me, peer, server=server)
        else:
            peer = self._system.peer_to_receive(place, other)
            if peer is not None:
                message = links[peer * self._system.amount + place]
                if message is not None:
                    take = self._server_takes if server else self._client_takes
                    yield take(place, me, peer, message)

    def _give(self, place: int, me: Local, peer: int, *, server: bool) -> Move:
        message = me.work
        assert isinstance(message, Message)
        if me.phase == Phase.SEED_GIVE:
            message = self._values.seal(me.key, message)
        link = place * self._system.amount + peer
        name = Kind(message.kind).name
        if not server:
            return Move(
                Step(place, "sends", peer, name),
                me._replace(phase=me.phase + 1, work=None),
                given=((link, message),),
            )
        # The very buffer that was encrypted is encrypted again for the next client.
        kept = message if self._system.release.reencrypts_in_place else me.work
        after = me._replace(turn=me.turn + 1, work=kept)
        if after.turn == self._system.amount:
            after = self._served(place, after)
        return Move(Step(place, "sends", peer, name), after, given=((link, message),))

    def _served(self, place: int, me: Local) -> Local:
        """Return the server's state after its last answer of a phase."""
        if me.phase == Phase.SEED_GIVE:
            return me._replace(phase=Phase.DONE, work=None)
        assert isinstance(me.work, Message)
        key = self._values.session_key(place, me.work.slots)
        return me._replace(phase=Phase.SEED_TAKE, turn=1, key=key, work=None)

    def _server_takes(self, place: int, me: Local, peer: int, message: Message) -> Move:
        name, took = _name(message), peer * self._system.amount + place
        if me.phase == Phase.IV_TAKE:
            if message.kind != Kind.SESSION_KEY_MSG:
                return _refuse(place, me, peer, took, _HEADER.format("SERVER", "SESSION"))
            assert isinstance(me.work, tuple)
            filled = _filled(me.work, me.turn, message.slots[0])
            after = me._replace(work=filled, turn=me.turn + 1)
            reply, phase = Kind.SESSION_KEY_REPLY, Phase.IV_GIVE
        else:
            opened = self._values.unseal(me.key, message)
            if opened is None:
                return _refuse(place, me, peer, took, _INVALID_TAG)
            if opened.kind != Kind.VHUK_MSG:
                return _refuse(place, me, peer, took, _HEADER.format("SERVER", "VHUK"))
            filled = _filled(me.array, me.turn, opened.slots[0])
            after = me._replace(array=filled, turn=me.turn + 1)
            reply, phase = Kind.VHUK_REPLY, Phase.SEED_GIVE
        if after.turn == self._system.amount:
            nonce = self._values.random(place, me.boot, reply.name)
            buffer = Message(reply, SERVER, nonce, filled, self._values.zero_tag())
            after = after._replace(phase=phase, turn=1, work=buffer)
        return Move(Step(place, "takes", peer, name), after, taken=took)

    def _client_takes(self, place: int, me: Local, peer: int, message: Message) -> Move:
        name, took = _name(message), peer * self._system.amount + place
        step = Step(place, "takes", peer, name)
        if me.phase == Phase.IV_TAKE:
            if message.kind != Kind.SESSION_KEY_REPLY:
                return _refuse(place, me, peer, took, _HEADER.format("CLIENT", "SESSION"))
            key = self._values.session_key(place, message.slots)
            seed = self._values.random(place, me.boot, "seed")
            buffer = self._message(place, me.boot, Kind.VHUK_MSG, seed, "vHUK message")
            after = me._replace(phase=Phase.SEED_GIVE, key=key, seed=seed, work=buffer)
            return Move(step, after, taken=took)
        opened = self._values.unseal(me.key, message)
        if opened is None:
            return _refuse(place, me, peer, took, _INVALID_TAG)
        if opened.kind != Kind.VHUK_REPLY:
            return _refuse(place, me, peer, took, _HEADER.format("CLIENT", "VHUK"))
        array = _filled(opened.slots, self._system.chips[place].rse_id, me.seed)
        return Move(step, me._replace(phase=Phase.DONE, array=array, work=None), taken=took)

    def _message(self, place: int, boot: int, kind: Kind, value: Value, where: str) -> Message:
        """Return a client's message: what it says, and leftovers in the rest of the buffer."""
        values, amount = self._values, self._system.amount
        rest = (values.leftover(place, boot, where, slot) for slot in range(1, amount))
        return Message(
            kind,
            self._system.chips[place].rse_id,
            values.random(place, boot, kind.name),
            (value, *rest),
            values.leftover(place, boot, where, amount),
        )


def _filled(slots: tuple[Value, ...], slot: int, value: Value) -> tuple[Value, ...]:
    return (*slots[:slot], value, *slots[slot + 1 :])


def _name(message: Message) -> str:
    return Kind(message.kind).name


def _refuse(place: int, me: Local, peer: int, took: int, error: str) -> Move:
    stopped = me._replace(phase=Phase.STOPPED, error=error, work=None)
    return Move(Step(place, "refuses", peer, error), stopped, taken=took)
