# SPDX-License-Identifier: Apache-2.0
"""The protocol of TF-M 2.3.1 with SFCP's own key set-up, message by message, as it is written.

A send over MHU returns when the other end has taken the message; with a message of that very peer
pending it ends in "bus busy", which the callers pass on as an error. RSE 0 answers the first
request for a key, then asks every RSE for an IV, in ascending order, one after the other.

So a second client finds the question for its IV when it wants to send its own request, or RSE 0
finds that request when it wants to ask. Who fails while it answers a message tells its sender; if
that send fails as well, its error is the one that is returned. Read in the source, and seen with
that source compiled for a host, not on a device. Two RSEs are not concerned.

Source: TF-M 2.3.1 sfcp.c (sfcp_send_msg, sfcp_receive_msg), sfcp_encryption_handshake.c,
sfcp_link_hal.c (mhu_send_message), rse_handshake.c.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hil.model.handshake.machine import Links, Local, Move, Phase, Step, unwritten
from hil.model.handshake.messages import Kind, Message, Value
from hil.model.handshake.system import System
from hil.model.handshake.values import Values
from hil.model.system_inputs import SERVER

#: Message types of SFCP's handshake, and an empty reply.
_REQUEST, _GET_IV, _IVS, _IV, _EMPTY, _ERROR = 0x1010, 0x1020, 0x1030, 0x1021, 0x1000, -1
_NAMES = {
    _REQUEST: "SFCP key request",
    _GET_IV: "SFCP get IV",
    _IV: "SFCP IV",
    _IVS: "SFCP IVs",
    _EMPTY: "SFCP reply",
    _ERROR: "SFCP protocol error",
}
_BUSY = "SFCP_ERROR_SEND_MSG_BUS_BUSY"
_BUSY_AGAIN = "SFCP_HAL_ERROR_SEND_MESSAGE_BUS_BUSY"
_INVALID_MSG = "SFCP_ERROR_INVALID_MSG"
_INVALID_NODE = "SFCP_ERROR_INVALID_NODE"
_DECRYPTION_FAILED = "SFCP_ERROR_DECRYPTION_FAILED"
_SHORT = "TFM_PLAT_ERR_RSE_HANDSHAKE_INVALID_MESSAGE"
_HEADER = "TFM_PLAT_ERR_RSE_HANDSHAKE_SERVER_SESSION_INVALID_HEADER"

# States of the subnet (sfcp_trusted_subnet_state_t), in the order in which they are passed.
_REQUIRED, _SENT_REQUEST, _REQUEST_ANSWERED, _SENT_GET_IV, _SENT_IV, _SENT_IVS, _VALID = range(7)


class _Memory(NamedTuple):
    """What a chip remembers beside its `Local`.

    Attributes:
        subnet: State of the subnet.
        outbox: Messages that it sends before it looks at anything, and to whom.
        put: Whether the first of them is on its link, waiting to be taken.
        ivs: IVs, by id.
        replied: Places whose reply RSE 0 has, as bits.
        asker: Place whose message is being answered and would be told of an error, -1 for none.
        failed: Whether an error is being told, after which it stops.
    """

    subnet: int
    outbox: tuple[tuple[int, Message], ...]
    put: bool
    ivs: tuple[Value, ...]
    replied: int
    asker: int = -1
    failed: bool = False


class SetupRules:
    """Steps of the protocol of 2.3.1 with SFCP's key set-up.

    Args:
        system: The chips.
        values: Bytes or symbols.
    """

    def __init__(self, system: System, values: Values) -> None:
        self._system = system
        self._values = values
        self._amount = system.amount
        self._clients = [place for place in range(self._amount) if place != SERVER]

    def start(self, place: int, boot: int) -> Local:
        """Return how a chip begins: RSE 0 waits for messages, the others ask for a key."""
        values = self._values
        own = values.own_seed(place)
        array = (own, *unwritten(self._system, values, place, boot)[1:])
        blank = tuple(values.leftover(place, boot, "ivs", slot) for slot in range(self._amount))
        me = Local(Phase.SEED_TAKE, 0, boot, array, None, None, None, 0, "")
        if self._system.chips[place].rse_id == SERVER:
            return me._replace(seed=own, work=_Memory(_REQUIRED, (), False, blank, 0))
        ask = ((SERVER, self._packet(place, _REQUEST)),)
        return me._replace(work=_Memory(_SENT_REQUEST, ask, False, blank, 0))

    def moves(self, place: int, me: Local, links: Links) -> Iterator[Move]:
        """Return the steps that a chip can do now."""
        memory = _memory(me)
        if memory.outbox:
            peer, message = memory.outbox[0]
            there, back = place * self._amount + peer, peer * self._amount + place
            if memory.put:
                if links[there] is None:
                    step = Step(place, "sees taken", peer, _name(message))
                    yield Move(step, self._sent(place, me, memory))
            elif links[back] is not None:
                yield self._busy(place, me, memory, peer)
            elif links[there] is None:
                local = me._replace(work=memory._replace(put=True))
                step = Step(place, "sends", peer, _name(message))
                yield Move(step, local, given=((there, message),))
            return
        server = self._system.chips[place].rse_id == SERVER
        for peer in self._clients if server else (SERVER,):
            took = peer * self._amount + place
            message_in = links[took]
            if message_in is not None and peer != place:
                take = self._server_takes if server else self._client_takes
                yield take(place, me, memory, peer, message_in, took)
                # It looks at the lowest id first and takes what it finds there.
                return

    def _busy(self, place: int, me: Local, memory: _Memory, peer: int) -> Move:
        """Return what a chip does that cannot send: tell who asked, once, and stop."""
        if memory.failed:
            return _stop(place, me, peer, -1, _BUSY_AGAIN)
        if memory.asker < 0:
            return _stop(place, me, peer, -1, _BUSY)
        telling = ((memory.asker, self._packet(place, _ERROR)),)
        after = me._replace(work=memory._replace(outbox=telling, failed=True))
        return Move(Step(place, "finds busy", peer, _BUSY), after)

    def _sent(self, place: int, me: Local, memory: _Memory) -> Local:
        """Return the state after the first message of the outbox was taken."""
        if memory.failed:
            return me._replace(phase=Phase.STOPPED, error=_BUSY, work=None)
        rest = memory._replace(outbox=memory.outbox[1:], put=False)
        if not rest.outbox:
            rest = rest._replace(asker=-1)
        kind = memory.outbox[0][1].kind
        if kind == _EMPTY and memory.subnet == _SENT_IV:
            # The IVs are acknowledged; the client has its key and sends its seed.
            key = self._values.session_key(place, memory.ivs)
            seed = self._values.random(place, me.boot, "seed")
            rest_of_message = (
                self._values.leftover(place, me.boot, "vHUK message", slot)
                for slot in range(1, self._amount)
            )
            me_id = self._system.chips[place].rse_id
            message = Message(Kind.VHUK_MSG, me_id, None, (seed, *rest_of_message), key)
            after = rest._replace(subnet=_VALID, outbox=((SERVER, message),))
            return me._replace(key=key, seed=seed, work=after)
        if kind == Kind.VHUK_REPLY and me.heard == (1 << self._amount) - 2:
            return me._replace(phase=Phase.DONE, work=None)
        return me._replace(work=rest)

    def _client_takes(
        self, place: int, me: Local, memory: _Memory, peer: int, message: Message, took: int
    ) -> Move:
        if message.kind == _ERROR:
            # Nobody waits for it: it is dropped.
            return Move(Step(place, "drops", peer, _name(message)), me, taken=took)
        expected = {
            _SENT_REQUEST: _EMPTY,
            _REQUEST_ANSWERED: _GET_IV,
            _SENT_IV: _IVS,
            _VALID: int(Kind.VHUK_REPLY),
        }[memory.subnet]
        if message.kind != expected:
            return _stop(place, me, peer, took, _INVALID_MSG)
        step = Step(place, "takes", peer, _name(message))
        if memory.subnet == _SENT_REQUEST:
            after = memory._replace(subnet=_REQUEST_ANSWERED)
        elif memory.subnet == _REQUEST_ANSWERED:
            iv = self._values.random(place, me.boot, "iv")
            answer = self._packet(place, _IV, (iv,))
            after = memory._replace(subnet=_SENT_IV, outbox=((peer, answer),), asker=peer)
        elif memory.subnet == _SENT_IV:
            reply = self._packet(place, _EMPTY)
            after = memory._replace(outbox=((peer, reply),), ivs=message.slots, asker=peer)
        else:
            if message.tag != me.key:
                return _stop(place, me, peer, took, _DECRYPTION_FAILED)
            mine = self._system.chips[place].rse_id
            array = (*message.slots[:mine], me.seed, *message.slots[mine + 1 :])
            done = me._replace(phase=Phase.DONE, array=array, work=None)
            return Move(step, done, taken=took)
        return Move(step, me._replace(work=after), taken=took)

    def _server_takes(
        self, place: int, me: Local, memory: _Memory, peer: int, message: Message, took: int
    ) -> Move:
        step = Step(place, "takes", peer, _name(message))
        if message.sender != peer:
            return _stop(place, me, peer, took, _INVALID_NODE)
        if memory.subnet == _VALID:
            return self._server_takes_seed(place, me, memory, peer, message, took)
        if memory.subnet == _REQUIRED and message.kind == _REQUEST:
            outbox = [(peer, self._packet(place, _EMPTY))]
            outbox += [(client, self._packet(place, _GET_IV)) for client in self._clients]
            queue = tuple(outbox)
            after = memory._replace(subnet=_SENT_GET_IV, outbox=queue, replied=0, asker=peer)
            return Move(step, me._replace(work=after), taken=took)
        replied = memory.replied | 1 << peer
        everyone = replied == (1 << self._amount) - 2
        if memory.subnet == _SENT_GET_IV and message.kind == _IV:
            ivs = (*memory.ivs[:peer], message.slots[0], *memory.ivs[peer + 1 :])
            after = memory._replace(ivs=ivs, replied=replied)
            if everyone:
                own = self._values.random(place, me.boot, "iv")
                ivs = (own, *ivs[1:])
                outgoing = tuple((c, self._packet(place, _IVS, ivs)) for c in self._clients)
                after = after._replace(subnet=_SENT_IVS, outbox=outgoing, ivs=ivs, replied=0)
            return Move(step, me._replace(work=after), taken=took)
        if memory.subnet == _SENT_IVS and message.kind == _EMPTY:
            after = memory._replace(replied=replied)
            if not everyone:
                return Move(step, me._replace(work=after), taken=took)
            key = self._values.session_key(place, memory.ivs)
            valid = after._replace(subnet=_VALID)
            return Move(step, me._replace(key=key, work=valid), taken=took)
        if message.kind == _ERROR:
            return Move(step._replace(what="drops"), me, taken=took)
        # SFCP does not know it and hands it to the handshake as if it were a seed.
        error = _DECRYPTION_FAILED if message.kind == Kind.VHUK_MSG else _SHORT
        return _stop(place, me, peer, took, error)

    def _server_takes_seed(
        self, place: int, me: Local, memory: _Memory, peer: int, message: Message, took: int
    ) -> Move:
        if message.tag is None:
            return _stop(place, me, peer, took, _INVALID_MSG)
        if message.tag != me.key:
            return _stop(place, me, peer, took, _DECRYPTION_FAILED)
        if message.kind != Kind.VHUK_MSG:
            return _stop(place, me, peer, took, _HEADER)
        array = (*me.array[:peer], message.slots[0], *me.array[peer + 1 :])
        reply = Message(Kind.VHUK_REPLY, SERVER, None, array, me.key)
        local = me._replace(
            array=array,
            heard=me.heard | 1 << peer,
            work=memory._replace(outbox=((peer, reply),)),
        )
        return Move(Step(place, "takes", peer, _name(message)), local, taken=took)

    def _packet(self, place: int, kind: int, slots: tuple[Value, ...] = ()) -> Message:
        return Message(kind, self._system.chips[place].rse_id, None, slots, None)


def _memory(me: Local) -> _Memory:
    assert isinstance(me.work, _Memory)
    return me.work


def _name(message: Message) -> str:
    return _NAMES.get(message.kind) or Kind(message.kind).name


def _stop(place: int, me: Local, peer: int, took: int, error: str) -> Move:
    stopped = me._replace(phase=Phase.STOPPED, error=error, work=None)
    what = "refuses" if took >= 0 else "cannot send"
    return Move(Step(place, what, peer, error), stopped, taken=took)
