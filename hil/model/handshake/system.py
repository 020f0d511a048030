# SPDX-License-Identifier: Apache-2.0
"""What takes part in the exchange: the chips, what they were provisioned with, how they are wired.

A chip is a place on the board; its RSE id is what its OTP says. On a good board they are equal.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from hil.errors import ModelError
from hil.model.releases import Release
from hil.model.system_inputs import SERVER, SystemInputs

#: Entry of a routing table that leads nowhere.
NO_DEVICE = 0xFFFF_FFFF


class Sfcp(StrEnum):
    """How much of SFCP, which carries the handshake from 2.3 on, is in the machine."""

    #: SFCP_ENABLE_ENCRYPTION off: nothing but the handshake.
    PLAIN = "plain"
    #: Encrypted; the session key comes about as it is meant to: all IVs in, all IVs out.
    SESSION = "session"
    #: Encrypted; the session key comes about message by message, as TF-M 2.3.1 is written.
    SETUP = "setup"


@dataclass(frozen=True)
class Chip:
    """One chip.

    Attributes:
        rse_id: Id in its OTP.
        present: Whether it ever starts.
        takes_part: Whether it runs the handshake: its policy bit, or a release without one.
        guk: What its GUK is; chips with equal values have the same.
        state: What its boot state is, in the same way.
        senders: Up to 2.2: MHU device to send to an RSE id with; None = wired as numbered.
        receivers: Up to 2.2: MHU device to receive from an RSE id with.
        restarts: How often it may be reset in mid-handshake.
    """

    rse_id: int
    present: bool = True
    takes_part: bool = True
    guk: Hashable = "GUK"
    state: Hashable = "state"
    senders: tuple[int, ...] | None = None
    receivers: tuple[int, ...] | None = None
    restarts: int = 0


@dataclass(frozen=True)
class System:
    """Chips 0 to N-1 of one board, all with one release of the firmware.

    Attributes:
        release: Rules that they follow.
        chips: By place.
        sfcp: From 2.3 on: how much of SFCP is there.
        routing_tables: Up to 2.2: whether the build has them; without them the handshake refuses.
    """

    release: Release
    chips: tuple[Chip, ...]
    sfcp: Sfcp = Sfcp.SESSION
    routing_tables: bool = True

    def __post_init__(self) -> None:
        amount = len(self.chips)
        if amount < 1:
            raise ModelError("handshake: expected at least one RSE")
        for place, chip in enumerate(self.chips):
            if not 0 <= chip.rse_id < amount:
                raise ModelError(
                    f"handshake: chip {place} has RSE id {chip.rse_id}, expected 0 to {amount - 1}"
                )
            for name in ("senders", "receivers"):
                table = getattr(chip, name)
                if table is not None and len(table) != amount:
                    raise ModelError(
                        f"handshake: {name} of chip {place}: expected {amount} entries, "
                        f"got {len(table)}"
                    )

    @property
    def amount(self) -> int:
        """Number of RSEs that the firmware was built for."""
        return len(self.chips)

    def peer_to_send(self, place: int, rse_id: int) -> int | None:
        """Return the place to which `place` sends what it means for an id, None for nowhere."""
        return self._peer(place, rse_id, self.chips[place].senders)

    def peer_to_receive(self, place: int, rse_id: int) -> int | None:
        """Return the place from which `place` takes what it believes to be of an id."""
        return self._peer(place, rse_id, self.chips[place].receivers)

    def _peer(self, place: int, rse_id: int, table: tuple[int, ...] | None) -> int | None:
        if table is None:
            return rse_id if rse_id != place else None
        return device_peer(place, table[rse_id], self.amount)


def device_peer(place: int, device: int, amount: int) -> int | None:
    """Return the chip at the other end of an MHU device: devices count the others, ascending."""
    if not 0 <= device < amount - 1:
        return None
    return device if device < place else device + 1


def nominal(release: Release, amount: int, *, sfcp: Sfcp = Sfcp.SESSION) -> System:
    """Return a system in which nothing is wrong."""
    return System(release, tuple(Chip(place) for place in range(amount)), sfcp)


def system_of(inputs: SystemInputs, *, sfcp: Sfcp = Sfcp.SESSION) -> System:
    """Return the system that provisioning values describe."""
    chips = tuple(
        Chip(
            rse.rse,
            takes_part=inputs.release.handshake_runs(
                rse_amount=len(inputs.rses), policy=rse.vhuk_agreement
            ),
            guk=rse.guk,
            state=rse.state_fields,
        )
        for rse in inputs.rses
    )
    return System(inputs.release, chips, sfcp)


def changed(system: System, places: Iterable[int], **values: object) -> System:
    """Return the system with some attributes of some chips changed.

    Raises:
        ModelError: there is no such chip.
    """
    chips = list(system.chips)
    for place in places:
        if not 0 <= place < len(chips):
            raise ModelError(f"no RSE {place}: there are {SERVER} to {len(chips) - 1}")
        chips[place] = replace(chips[place], **values)  # type: ignore[arg-type]
    return replace(system, chips=tuple(chips))
