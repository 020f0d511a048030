# SPDX-License-Identifier: Apache-2.0
"""What the machine computes with: real bytes, or symbols that stand for them.

The machine itself never looks into a value. With `Octets` it gives the messages, arrays and keys
that a device gives; with `Symbols` two values are equal if and only if the real ones are (but for
collisions), so that all boots are explored at once instead of the one boot of some random numbers.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from hil.errors import ModelError
from hil.model import keys
from hil.model.handshake import messages
from hil.model.handshake.messages import NONCE_SIZE, SLOT_SIZE, TAG_SIZE, Message, Value
from hil.model.handshake.system import System
from hil.model.system_inputs import SystemInputs


class Values(Protocol):
    """What values can be made and done. `boot` counts the starts of a chip in one run."""

    def own_seed(self, place: int) -> Value:
        """Return the seed that a chip derives from its HUK."""

    def random(self, place: int, boot: int, what: str) -> Value:
        """Return what a chip draws: "seed", "iv", or the nonce of a message, by its name."""

    def leftover(self, place: int, boot: int, what: str, slot: int) -> Value:
        """Return what stands in memory that a chip never wrote."""

    def zero_tag(self) -> Value:
        """Return the tag of a message that was cleared before it was filled."""

    def session_key(self, place: int, ivs: tuple[Value, ...]) -> Value:
        """Return the key that a chip derives from all IVs."""

    def seal(self, key: Value, message: Message) -> Message:
        """Return the message encrypted in place."""

    def unseal(self, key: Value, message: Message) -> Message | None:
        """Return the message decrypted, None if its tag does not verify."""


class Draws(Protocol):
    """Where bytes come from that no rule determines."""

    def random(self, place: int, boot: int, what: str, size: int) -> bytes:
        """Return random bytes of a chip."""

    def leftover(self, place: int, boot: int, what: str, slot: int, size: int) -> bytes:
        """Return bytes of memory that a chip never wrote."""


class SeededDraws:
    """Bytes that look random and are the same for one seed.

    Args:
        seed: Any text.
    """

    def __init__(self, seed: str = "") -> None:
        self._seed = seed

    def random(self, place: int, boot: int, what: str, size: int) -> bytes:
        """Return random bytes of a chip."""
        return self._bytes(f"random {place} {boot} {what}", size)

    def leftover(self, place: int, boot: int, what: str, slot: int, size: int) -> bytes:
        """Return bytes of memory that a chip never wrote."""
        return self._bytes(f"leftover {place} {boot} {what} {slot}", size)

    def _bytes(self, name: str, size: int) -> bytes:
        return hashlib.shake_256(f"{self._seed}/{name}".encode()).digest(size)


class Octets:
    """Real values.

    Args:
        inputs: What the chips were provisioned with; HUK, GUK and BL1_2 must be known.
        draws: Random bytes and leftovers.
    """

    def __init__(self, inputs: SystemInputs, draws: Draws) -> None:
        self._inputs = inputs
        self._draws = draws

    def own_seed(self, place: int) -> Value:
        """Return the seed that a chip derives from its HUK."""
        seed = self._inputs.seed(place)
        if seed is None:
            raise ModelError(f"handshake: the HUK of RSE {place} is not known")
        return bytes(seed)

    def random(self, place: int, boot: int, what: str) -> Value:
        """Return what a chip draws."""
        size = SLOT_SIZE if what in {"seed", "iv"} else NONCE_SIZE
        return self._draws.random(place, boot, what, size)

    def leftover(self, place: int, boot: int, what: str, slot: int) -> Value:
        """Return what stands in memory that a chip never wrote."""
        size = TAG_SIZE if slot == self._inputs_amount else SLOT_SIZE
        return self._draws.leftover(place, boot, what, slot, size)

    def zero_tag(self) -> Value:
        """Return the tag of a message that was cleared before it was filled."""
        return messages.ZERO_TAG

    def session_key(self, place: int, ivs: tuple[Value, ...]) -> Value:
        """Return the key that a chip derives from all IVs."""
        rse, release = self._inputs.rses[place], self._inputs.release
        if rse.guk is None or rse.state is None:
            raise ModelError(f"handshake: GUK or BL1_2 of RSE {place} is not known")
        return bytes(
            keys.session_key(rse.guk, messages.split(messages.join(ivs)), rse.state, release)
        )

    def seal(self, key: Value, message: Message) -> Message:
        """Return the message encrypted in place."""
        return messages.seal(_key(key), message)

    def unseal(self, key: Value, message: Message) -> Message | None:
        """Return the message decrypted, None if its tag does not verify."""
        return messages.unseal(_key(key), message)

    @property
    def _inputs_amount(self) -> int:
        return len(self._inputs.rses)


def _key(key: Value) -> bytes:
    if not isinstance(key, bytes):
        raise ModelError("handshake: the session key is not known")
    return key


class Symbols:
    """Symbols: every value is a number; equal numbers stand for equal bytes.

    Args:
        system: Whose chips' GUKs and boot states tell which keys are equal.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._numbers: dict[tuple[object, ...], int] = {}
        self._terms: list[tuple[object, ...]] = []

    def term(self, value: Value) -> tuple[object, ...]:
        """Return what a symbol stands for: ("seed of HUK", place), ("random", ...), ..."""
        assert isinstance(value, int)
        return self._terms[value]

    def own_seed(self, place: int) -> Value:
        """Return the seed that a chip derives from its HUK."""
        return self._intern(("seed of HUK", place))

    def random(self, place: int, boot: int, what: str) -> Value:
        """Return what a chip draws."""
        return self._intern(("random", place, boot, what))

    def leftover(self, place: int, boot: int, what: str, slot: int) -> Value:
        """Return what stands in memory that a chip never wrote."""
        return self._intern(("leftover", place, boot, what, slot))

    def zero_tag(self) -> Value:
        """Return the tag of a message that was cleared before it was filled."""
        return self._intern(("zero tag",))

    def session_key(self, place: int, ivs: tuple[Value, ...]) -> Value:
        """Return the key that a chip derives from all IVs."""
        chip = self._system.chips[place]
        state = chip.state if self._system.release.session_key_in_handshake else None
        return self._intern(("session key", chip.guk, state, ivs))

    def seal(self, key: Value, message: Message) -> Message:
        """Return the message encrypted in place: XOR with a keystream, and a tag over both."""
        return message._replace(
            slots=self._with_keystream(key, message), tag=self._tag(key, message)
        )

    def unseal(self, key: Value, message: Message) -> Message | None:
        """Return the message decrypted, None if its tag does not verify."""
        opened = message._replace(slots=self._with_keystream(key, message))
        return opened if message.tag == self._tag(key, opened) else None

    def _with_keystream(self, key: Value, message: Message) -> tuple[Value, ...]:
        slots = []
        for slot, value in enumerate(message.slots):
            stream = ("keystream", key, message.nonce, slot)
            term = self.term(value)
            if term[:4] == stream:
                slots.append(term[4])
            else:
                slots.append(self._intern((*stream, value)))
        return tuple(slots)

    def _tag(self, key: Value, message: Message) -> Value:
        name = ("tag", key, message.kind, message.sender, message.nonce, message.slots)
        return self._intern(name)

    def _intern(self, term: tuple[object, ...]) -> int:
        number = self._numbers.get(term)
        if number is None:
            number = self._numbers[term] = len(self._terms)
            self._terms.append(term)
        return number
