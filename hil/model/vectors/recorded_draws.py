# SPDX-License-Identifier: Apache-2.0
"""The numbers of a recorded run that no rule determines: what was drawn, and memory never written."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from hil.model import keys
from hil.model.handshake import messages
from hil.model.handshake.messages import Message
from hil.model.system_inputs import SERVER
from hil.model.vectors.reading import octets
from hil.model.vectors.recorded import Recorded

#: Bytes that memory consists of that was never written: of RSE 0, and of RSE r (plus r).
_SERVER_MARKER, _CLIENT_MARKER = 0xE0, 0xC0


class RecordedDraws:
    """The random numbers and the leftovers of a recorded run; zeros where none are recorded."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        self._amount = recorded.system.amount

    def random(self, place: int, boot: int, what: str, size: int) -> bytes:
        """Return what an RSE drew."""
        del boot
        if what == "seed":
            return self._field(place, "contribution") or bytes(size)
        # RSE 0 answers every client with the IVs, then every client with the seeds.
        replies = self._amount - 1
        turns = {"iv": 0, "SESSION_KEY_MSG": 0, "SESSION_KEY_REPLY": 0, "VHUK_MSG": 1}
        sent = self._sent(place, turns.get(what, replies))
        if what == "iv":
            own = self._field(place, "session_key_iv_own")
            return own or (_bytes(sent.slots[0]) if sent else bytes(size))
        if what == "VHUK_REPLY" and sent is None:
            return self._reply_nonce() or bytes(size)
        return _bytes(sent.nonce) if sent and sent.nonce is not None else bytes(size)

    def leftover(self, place: int, boot: int, what: str, slot: int, size: int) -> bytes:
        """Return memory that was never written."""
        del boot
        if what in ("array", "ivs"):
            return bytes([_CLIENT_MARKER + place if place else _SERVER_MARKER]) * size
        message = self._buffer(place, what)
        if message is None:
            return bytes(size)
        return _bytes(message.tag if slot == self._amount else message.slots[slot])

    def _reply_nonce(self) -> bytes | None:
        """Return the nonce of RSE 0's reply where its bytes are not recorded.

        An RSE that took ciphertext for the seeds holds the first block of the keystream added to
        seed 0. Decrypted, that block is flags, nonce and counter.
        """
        keys_told = (self._field(place, "session_key") for place in self._recorded.entries)
        key, right = next(filter(None, keys_told), None), self._slot_0(SERVER)
        if key is None or right is None:
            return None
        cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305
        for place in self._recorded.entries:
            if (wrong := self._slot_0(place)) is not None:
                block = bytes(a ^ b for a, b in zip(right[:16], wrong[:16], strict=True))
                counter = cipher.decryptor().update(block)
                if (counter[:1], counter[13:]) == (b"\x02", b"\0\0\x01"):
                    return counter[1:13]
        return None

    def _slot_0(self, place: int) -> bytes | None:
        array = self._recorded.entries.get(place, {}).get("array")
        if not isinstance(array, list) or not array:
            return None
        return octets(array[0], f"RSE {place}: array[0]", messages.SLOT_SIZE)

    def _field(self, place: int, name: str) -> bytes | None:
        value = self._recorded.entries.get(place, {}).get(name)
        return None if value is None else octets(value, f"RSE {place}: {name}", messages.SLOT_SIZE)

    def _sent(self, place: int, turn: int) -> Message | None:
        raw = self._recorded.system.release.session_key_in_handshake
        for wire in self._recorded.wires.get(place, ()):
            if wire.turn == turn:
                parse = messages.parse_raw if raw else messages.parse_sfcp
                return parse(wire.data, self._amount)
        return None

    def _buffer(self, place: int, what: str) -> Message | None:
        """Return a client's message buffer, decrypted where it was sent encrypted."""
        if not self._recorded.system.release.session_key_in_handshake:
            return self._sent(place, 0)
        if what == "session key message":
            return self._sent(place, 0)
        sent, ivs = self._sent(place, 1), self._sent(SERVER, 0)
        rse = self._recorded.inputs.rses[place]
        if sent is None or ivs is None or rse.guk is None or rse.state is None:
            return None
        slots = messages.split(messages.join(ivs.slots))
        key = keys.session_key(rse.guk, slots, rse.state, self._recorded.inputs.release)
        return messages.unseal(key, sent)

    @property
    def ivs_known(self) -> bool:
        """Whether the IV of every RSE is recorded; one found waiting did not get to tell its own."""
        return all(
            str(entry.get("status", "")).startswith("done")
            or self._field(place, "session_key_iv_own") is not None
            or self._sent(place, 0) is not None
            for place, entry in self._recorded.entries.items()
        )


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value
