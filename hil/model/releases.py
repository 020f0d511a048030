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
from hil.model.lifecycle_rules import LCM_2_1, LCM_2_2, LCM_2_3, LifecycleRules
from hil.model.provisioning_rules import (
    PROVISIONING_2_1,
    PROVISIONING_2_2,
    PROVISIONING_2_3,
    PROVISIONING_MAIN,
    ProvisioningRules,
)


class Transport(StrEnum):
    """What carries the handshake."""

    MHU = "MHU frames; session key from exchanged IVs, seeds under AES-256-CCM"
    SFCP = "SFCP packets, which bring their own session key"


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
    #: Code generation, "2.1", "2.2" or "2.3": log texts and source layout.
    generation: str
    #: Family of error codes, see `error_codes`.
    error_family: str
    #: Rows whose versions this firmware may print: it has them from the tree it was built from.
    announces: tuple[str, ...]
    #: Release tags (without "TF-Mv") that follow these rules; "main" is a branch.
    tags: tuple[str, ...]
    kdf: KdfEncoding
    state_order: tuple[StateField, ...]
    #: Whether the handshake runs only with the policy bit VHUK_AGREEMENT_REQUIRED set.
    policy_gated: bool
    #: Whether the handshake derives its own session key from GUK and boot state; then an RSE
    #: whose GUK or boot state differs makes it fail instead of ending with another vHUK.
    session_key_in_handshake: bool
    transport: Transport
    reply: Reply
    #: Whether the reply is encrypted again, in place, for each client: every second client
    #: accepts keystream as seeds.
    reencrypts_in_place: bool
    bound: Bound
    #: Most bytes that the KDF takes as a label, None where nothing limits it.
    label_limit: int | None
    client_seed: ClientSeed
    #: Whether RSE 0 gives up on a missing client with a message instead of waiting for ever.
    reports_missing_peer: bool
    #: Address of the (CM or combined) provisioning message with 512 KiB memory banks.
    provisioning_address: int
    #: OTP word of the policy bits, None where there is none.
    policy_word: str | None
    lifecycle: LifecycleRules
    provisioning: ProvisioningRules
    #: Stages that a boot of a provisioned chip passes, with everything that can be there.
    stages: tuple[str, ...]
    #: Stages of a boot that provisions; it ends in a reset.
    provisioning_stages: tuple[str, ...]
    #: Stages of a boot without any good BL2 image, where BL1_2 looks for a message then.
    recovery_stages: tuple[str, ...]
    source: str

    @property
    def is_published(self) -> bool:
        """Whether TF-M has this release, so that it prints its own version."""
        return self.name in self.announces

    def bound_bytes(self, rse_amount: int) -> int:
        """Return how many bytes of the seed array enter the vHUK."""
        return 32 * (rse_amount if self.bound is Bound.ALL else 1)

    def handshake_runs(self, *, rse_amount: int, policy: bool) -> bool:
        """Return whether an RSE takes part in the handshake."""
        return rse_amount > 1 and (policy or not self.policy_gated)

    def may_print_version_of(self, other: Release) -> bool:
        """Return whether firmware of this row may print a version that belongs to another."""
        return other.name in self.announces


_STAGES = ("BL1_1", "BL1_2", "vhuk", "BL2", "runtime", "ns", "end")
_PROVISIONING_STAGES = ("BL1_1", "provisioning")
_RECOVERY_STAGES = ("BL1_1", "BL1_2", "vhuk", "provisioning")

RELEASES: tuple[Release, ...] = (
    Release(
        name="2.1.0",
        generation="2.1",
        error_family="2.1",
        announces=("2.1.0",),
        tags=("2.1.0", "2.1.1", "2.1.2", "2.1.3", "2.1.4", "2.1.5", "2.1.6"),
        kdf=kdf.TFM_2_1,
        state_order=TFM_2_1_ORDER,
        policy_gated=False,
        session_key_in_handshake=True,
        transport=Transport.MHU,
        reply=Reply.COLLECT,
        reencrypts_in_place=True,
        bound=Bound.FIRST,
        label_limit=None,
        client_seed=ClientSeed.RANDOM,
        reports_missing_peer=False,
        provisioning_address=PROVISIONING_2_1.address,
        policy_word=None,
        lifecycle=LCM_2_1,
        provisioning=PROVISIONING_2_1,
        stages=_STAGES,
        provisioning_stages=_PROVISIONING_STAGES,
        recovery_stages=(),
        source="TF-M 2.1.0 rse_key_derivation.c, rse_handshake.c",
    ),
    Release(
        name="2.2.x",
        generation="2.2",
        error_family="2.2",
        announces=("2.2.x",),
        tags=("2.2.0", "2.2.1", "2.2.2"),
        kdf=kdf.STANDARD,
        state_order=STANDARD_ORDER,
        policy_gated=True,
        session_key_in_handshake=True,
        transport=Transport.MHU,
        reply=Reply.COLLECT,
        reencrypts_in_place=True,
        bound=Bound.FIRST,
        label_limit=None,
        client_seed=ClientSeed.RANDOM,
        reports_missing_peer=False,
        provisioning_address=PROVISIONING_2_2.address,
        policy_word="config_flags",
        lifecycle=LCM_2_2,
        provisioning=PROVISIONING_2_2,
        stages=_STAGES,
        provisioning_stages=_PROVISIONING_STAGES,
        recovery_stages=(),
        source="TF-M 2.2.2 rse_kmu_keys.c, rse_handshake.c (as if routing tables were enabled)",
    ),
    Release(
        name="2.3.x",
        generation="2.3",
        error_family="2.3",
        announces=("2.3.x",),
        tags=("2.3.0", "2.3.1"),
        kdf=kdf.STANDARD,
        state_order=STANDARD_ORDER,
        policy_gated=True,
        session_key_in_handshake=False,
        transport=Transport.SFCP,
        reply=Reply.AT_ONCE,
        reencrypts_in_place=False,
        bound=Bound.FIRST,
        label_limit=50,
        client_seed=ClientSeed.RANDOM,
        reports_missing_peer=False,
        provisioning_address=PROVISIONING_2_3.address,
        policy_word="cm_policies",
        lifecycle=LCM_2_3,
        provisioning=PROVISIONING_2_3,
        stages=_STAGES,
        provisioning_stages=_PROVISIONING_STAGES,
        recovery_stages=_RECOVERY_STAGES,
        source="TF-M 2.3.1 rse_kmu_keys.c, rse_handshake.c",
    ),
    Release(
        name="main",
        generation="2.3",
        error_family="2.3",
        # The branch counts its versions from the last tag.
        announces=("main", "2.3.x"),
        tags=("main",),
        kdf=kdf.STANDARD,
        state_order=STANDARD_ORDER,
        policy_gated=True,
        session_key_in_handshake=False,
        transport=Transport.SFCP,
        reply=Reply.AT_ONCE,
        reencrypts_in_place=False,
        bound=Bound.FIRST,
        label_limit=50,
        client_seed=ClientSeed.RANDOM,
        reports_missing_peer=False,
        provisioning_address=PROVISIONING_MAIN.address,
        policy_word="cm_policies",
        lifecycle=LCM_2_3,
        provisioning=PROVISIONING_MAIN,
        stages=_STAGES,
        provisioning_stages=_PROVISIONING_STAGES,
        recovery_stages=_RECOVERY_STAGES,
        source="TF-M main (b23e6633), behind 2.3.1: empty parts of provisioning messages",
    ),
    Release(
        name="fixed",
        generation="2.3",
        error_family="fixed",
        announces=("2.3.x",),
        tags=("fixed",),
        kdf=kdf.STANDARD,
        state_order=STANDARD_ORDER,
        policy_gated=True,
        session_key_in_handshake=False,
        transport=Transport.SFCP,
        reply=Reply.ALL_SEEDS_IN,
        reencrypts_in_place=False,
        bound=Bound.ALL,
        label_limit=None,
        client_seed=ClientSeed.HUK,
        reports_missing_peer=True,
        provisioning_address=PROVISIONING_2_3.address,
        policy_word="cm_policies",
        lifecycle=LCM_2_3,
        provisioning=PROVISIONING_2_3,
        stages=_STAGES,
        provisioning_stages=_PROVISIONING_STAGES,
        recovery_stages=_RECOVERY_STAGES,
        source="no release: 2.3.x as rse_kmu_keys.h documents it, every seed bound",
    ),
)

#: Every name that `release_for` knows.
_BY_NAME = {name: row for row in RELEASES for name in (*row.tags, row.name)}


def find_release(name: str) -> Release | None:
    """Return the rules of a release, None if no row has that name or tag."""
    return _BY_NAME.get(name.strip().removeprefix("TF-M").removeprefix("v"))


def release_for(name: str) -> Release:
    """Return the rules of a release: "2.3.1", "TF-Mv2.2.2", "2.2.x", "main", "fixed".

    Raises:
        ModelError: no such release is known; names the nearest and all others.
    """
    found = find_release(name)
    if found is not None:
        return found
    plain = name.strip().removeprefix("TF-M").removeprefix("v")
    near = difflib.get_close_matches(plain, _BY_NAME, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ModelError(f"no release profile {name!r}; {hint}known: {', '.join(_BY_NAME)}")
