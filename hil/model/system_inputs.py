# SPDX-License-Identifier: Apache-2.0
"""What the RSEs of a system bring along: keys, boot state and policy, as far as they are known.

Values that are not known (a HUK never leaves a die) are None.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from hil.errors import ModelError
from hil.model import keys
from hil.model.boot_state import BootState, Lcs, TpMode
from hil.model.releases import Bound, Release
from hil.model.secret import Secret

#: Id of the RSE that serves the handshake.
SERVER = 0


@dataclass(frozen=True)
class RseInputs:
    """What one RSE brings into the agreement."""

    rse: int
    huk: Secret | None
    guk: Secret | None
    lcs: Lcs = Lcs.SE
    tp: TpMode = TpMode.TCI
    reprov: int = 0
    bl1_2_hash: bytes | None = None
    #: Its policy bit VHUK_AGREEMENT_REQUIRED.
    vhuk_agreement: bool = True

    def __post_init__(self) -> None:
        # Plain bytes would show themselves in the repr of this object.
        for name in ("huk", "guk"):
            if (key := getattr(self, name)) is not None:
                object.__setattr__(self, name, Secret(key))

    @property
    def state(self) -> BootState | None:
        """Its boot state, None while its BL1_2 is not known."""
        if self.bl1_2_hash is None:
            return None
        return BootState(self.tp, self.lcs, self.reprov, self.bl1_2_hash)

    @property
    def state_fields(self) -> Hashable:
        """What makes two boot states equal, as far as it is known."""
        return (self.tp, self.lcs, self.reprov, self.bl1_2_hash)

    def vhuk(
        self, seeds: Sequence[Secret | None], release: Release, bound: Bound = Bound.FIRST
    ) -> Secret | None:
        """Return the vHUK that seeds give it, None unless all that enters it is known."""
        known = [seed for seed in seeds if seed is not None]
        if self.guk is None or self.state is None or len(known) < len(seeds):
            return None
        return keys.vhuk(self.guk, known, self.state, release, bound)


@dataclass(frozen=True)
class SystemInputs:
    """All RSEs of a system, ids ascending from 0, and the release that they run."""

    release: Release
    rses: tuple[RseInputs, ...]

    def __post_init__(self) -> None:
        ids = [rse.rse for rse in self.rses]
        if not ids or ids != list(range(len(ids))):
            raise ModelError(f"system: expected RSEs 0 to N-1 in order, got ids {ids}")

    def seed(self, rse: int) -> Secret | None:
        """Return the seed that the HUK of an RSE gives, None if that HUK is not known."""
        huk = self.rses[rse].huk
        return None if huk is None else keys.vhuk_seed(huk, self.release)
