# SPDX-License-Identifier: Apache-2.0
"""What differs from one TF-M release to the next, as one row a code generation.

A new release is a new row, or a name in `tags` where nothing changed.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum

from hil.errors import ModelError
from hil.model import kdf
from hil.model.boot_state import STANDARD_ORDER, TFM_2_1_ORDER, StateField
from hil.model.kdf import KdfEncoding


class Reply(StrEnum):
    """When the server (RSE 0) answers its clients."""

    COLLECT = "collects all messages, then answers all"
    AT_ONCE = "answers each client at once, with the seeds come so far"
    ALL_SEEDS_IN = "answers when all seeds are in, everyone the same"


class Bound(StrEnum):
    """Which seeds of the array enter the vHUK."""

    FIRST = "seed 0 only (32 bytes)"
    ALL = "all seeds (32 bytes for each RSE)"


class ClientSeed(StrEnum):
    """Where the seed comes from that a client contributes."""

    RANDOM = "random at each boot"
    HUK = "derived from its HUK"


@dataclass(frozen=True)
class Release:
    """Rules of one code generation of TF-M on the RSE."""

    name: str
    #: Release tags (without "TF-Mv") that follow these rules; "main" is a branch.
    tags: tuple[str, ...]
    kdf: KdfEncoding
    state_order: tuple[StateField, ...]
    #: Whether the handshake runs only with the policy bit VHUK_AGREEMENT_REQUIRED set.
    policy_gated: bool
    #: Whether the handshake derives its own session key from GUK and boot state; then an RSE
    #: whose GUK or boot state differs makes it fail instead of ending with another vHUK.
    session_key_in_handshake: bool
    reply: Reply
    #: Whether the reply is encrypted again, in place, for each client: every second client
    #: accepts keystream as seeds.
    reencrypts_in_place: bool
    bound: Bound
    client_seed: ClientSeed
    #: Whether RSE 0 gives up on a missing client with a message instead of waiting for ever.
    reports_missing_peer: bool
    #: Address of the (CM or combined) provisioning message with 512 KiB memory banks.
    provisioning_address: int
    #: OTP word of the policy bits, None where there is none.
    policy_word: str | None
    source: str

    def bound_bytes(self, rse_amount: int) -> int:
        """Return how many bytes of the seed array enter the vHUK."""
        return 32 * (rse_amount if self.bound is Bound.ALL else 1)

    def handshake_runs(self, *, rse_amount: int, policy: bool) -> bool:
        """Return whether an RSE takes part in the handshake."""
        return rse_amount > 1 and (policy or not self.policy_gated)


RELEASES: tuple[Release, ...] = (
    Release(
        name="2.1.0",
        tags=("2.1.0", "2.1.1", "2.1.2", "2.1.3", "2.1.4", "2.1.5", "2.1.6"),
        kdf=kdf.TFM_2_1,
        state_order=TFM_2_1_ORDER,
        policy_gated=False,
        session_key_in_handshake=True,
        reply=Reply.COLLECT,
        reencrypts_in_place=True,
        bound=Bound.FIRST,
        client_seed=ClientSeed.RANDOM,
        reports_missing_peer=False,
        provisioning_address=0x31000400,
        policy_word=None,
        source="TF-M 2.1.0 rse_key_derivation.c, rse_handshake.c",
    ),
    Release(
        name="2.2.x",
        tags=("2.2.0", "2.2.1", "2.2.2"),
        kdf=kdf.STANDARD,
        state_order=STANDARD_ORDER,
        policy_gated=True,
        session_key_in_handshake=True,
        reply=Reply.COLLECT,
        reencrypts_in_place=True,
        bound=Bound.FIRST,
        client_seed=ClientSeed.RANDOM,
        reports_missing_peer=False,
        provisioning_address=0x31000400,
        policy_word="config_flags",
        source="TF-M 2.2.2 rse_kmu_keys.c, rse_handshake.c (as if routing tables were enabled)",
    ),
    Release(
        name="2.3.x",
        tags=("2.3.0", "2.3.1", "main"),
        kdf=kdf.STANDARD,
        state_order=STANDARD_ORDER,
        policy_gated=True,
        session_key_in_handshake=False,
        reply=Reply.AT_ONCE,
        reencrypts_in_place=False,
        bound=Bound.FIRST,
        client_seed=ClientSeed.RANDOM,
        reports_missing_peer=False,
        provisioning_address=0x310E0000,
        policy_word="cm_policies",
        source="TF-M 2.3.1 rse_kmu_keys.c, rse_handshake.c",
    ),
    Release(
        name="fixed",
        tags=("fixed",),
        kdf=kdf.STANDARD,
        state_order=STANDARD_ORDER,
        policy_gated=True,
        session_key_in_handshake=False,
        reply=Reply.ALL_SEEDS_IN,
        reencrypts_in_place=False,
        bound=Bound.ALL,
        client_seed=ClientSeed.HUK,
        reports_missing_peer=True,
        provisioning_address=0x310E0000,
        policy_word="cm_policies",
        source="no release: 2.3.x as rse_kmu_keys.h documents it, every seed bound",
    ),
)

#: Every name that `release_for` knows.
_BY_NAME = {name: row for row in RELEASES for name in (*row.tags, row.name)}


def release_for(name: str) -> Release:
    """Return the rules of a release: "2.3.1", "TF-Mv2.2.2", "2.2.x", "main", "fixed".

    Raises:
        ModelError: no such release is known; names the nearest and all others.
    """
    plain = name.strip().removeprefix("TF-M").removeprefix("v")
    if plain in _BY_NAME:
        return _BY_NAME[plain]
    near = difflib.get_close_matches(plain, _BY_NAME, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ModelError(f"no release profile {name!r}; {hint}known: {', '.join(_BY_NAME)}")
