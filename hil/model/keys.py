# SPDX-License-Identifier: Apache-2.0
"""Keys of the RSE, computed from their roots by the rows of the key table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

from hil.errors import ModelError
from hil.model.boot_state import BootState, StateField, TpMode
from hil.model.ecc import P384, ecc_private_key
from hil.model.kdf import STANDARD, kdf
from hil.model.key_table import BootKeys, Context, KeyRow, Slot, key_row
from hil.model.releases import Bound, Release
from hil.model.secret import Secret

KEY_SIZE = 32
SEED_SIZE = 32
ZERO_KEY = Secret(KEY_SIZE)

Owner = Literal["CM", "DM"]


def derive(
    name: str,
    release: Release,
    root: bytes,
    *,
    label: bytes | None = None,
    state: BootState | None = None,
    number: int | None = None,
    context: bytes | None = None,
    boot_keys: BootKeys = BootKeys.NONE,
) -> Secret:
    """Derive the key `name` of the key table.

    Args:
        name: Name of a row.
        release: Rules to follow.
        root: The key of the row's slot, 32 bytes.
        label: The label, for rows whose label comes from the protocol.
        state: The boot state, for rows that include it.
        number: The number, for rows whose context is one.
        context: The context, for rows whose context comes from the protocol.
        boot_keys: Attestation scheme of the build.

    Raises:
        ModelError: no such key in this release, an argument that the row needs is missing, or the
            key is drawn at random.
    """
    row = key_row(name, release, boot_keys)
    if row.slot is Slot.RNG:
        raise ModelError(f"{name}: the firmware draws it at random, nothing derives it")
    if len(root) != KEY_SIZE:
        raise ModelError(f"{name}: expected a {row.slot} of {KEY_SIZE} bytes, got {len(root)}")
    used_label = row.label if row.label is not None else label
    if used_label is None:
        raise ModelError(f"{name}: the label comes from the protocol, none was given")
    used_context = _context(row, release, state, number, context)
    return kdf(root, used_label, used_context, row.length, release.kdf)


def _context(
    row: KeyRow,
    release: Release,
    state: BootState | None,
    number: int | None,
    context: bytes | None,
) -> bytes:
    if row.context is Context.NONE:
        return b""
    if row.context is Context.STATE and state is not None:
        return state.digest(_mask(row, release, state), release.state_order)
    if row.context is Context.NUMBER and number is not None:
        return _le32(row.name, number)
    if row.context is Context.GIVEN and context is not None:
        return context
    raise ModelError(f"{row.name}: the context is {row.context}, which was not given")


def _le32(what: str, number: int) -> bytes:
    if not 0 <= number <= 0xFFFF_FFFF:
        raise ModelError(f"{what}: expected a number of 32 bits, got {number}")
    return number.to_bytes(4, "little")


def _mask(row: KeyRow, release: Release, state: BootState) -> StateField:
    with_dcu = row.dcu_with_adac and state.dcu is not None and StateField.DCU in release.state_order
    return row.mask | StateField.DCU if with_dcu else row.mask


def vhuk_seed(huk: bytes, release: Release) -> Secret:
    """Return the seed that a HUK gives; RSE 0 contributes it in every release."""
    return derive("vhuk_seed", release, huk)


def vhuk(
    guk: bytes,
    seeds: Sequence[bytes],
    state: BootState,
    release: Release,
    bound: Bound | Literal["real"] = "real",
) -> Secret:
    """Return the vHUK of an RSE.

    Args:
        guk: Its group key.
        seeds: The array that it ends the handshake with, one seed of 32 bytes for each RSE; its
            own seed first where there was no handshake.
        state: Its boot state.
        release: Rules to follow.
        bound: How much of the array enters: "real" as the release does it, or one of `Bound` to
            ask what another rule would give.
    """
    if not seeds or any(len(seed) != SEED_SIZE for seed in seeds):
        sizes = [len(seed) for seed in seeds]
        raise ModelError(f"vhuk: expected seeds of {SEED_SIZE} bytes, got sizes {sizes}")
    rule = release.bound if bound == "real" else Bound(bound)
    label = b"".join(seeds if rule is Bound.ALL else seeds[:1])
    return derive("vhuk", release, guk, label=label, state=state)


def iak_seed(
    root: bytes, state: BootState, release: Release, boot_keys: BootKeys = BootKeys.NONE
) -> Secret:
    """Return the seed of the initial attestation key (CPAK up to 2.2).

    Args:
        root: The HUK; in 2.1 the GUK. From 2.3 on `ZERO_KEY` where debug invalidated the HUK.
        state: The boot state.
        release: Rules to follow.
        boot_keys: Attestation scheme of the build.
    """
    return derive("iak_seed", release, root, state=state, boot_keys=boot_keys)


def dak_seed(guk: bytes, state: BootState, release: Release) -> Secret:
    """Return the seed of the delegated attestation key (CCA)."""
    return derive("dak_seed", release, guk, state=state, boot_keys=BootKeys.CCA)


def rot_cdi(huk: bytes, state: BootState, release: Release) -> Secret:
    """Return the compound device identifier of the root of trust (DPE)."""
    return derive("rot_cdi", release, huk, state=state, boot_keys=BootKeys.DPE)


def session_key(guk: bytes, ivs: Sequence[bytes], state: BootState, release: Release) -> Secret:
    """Return the key that protects the exchange of seeds.

    Args:
        guk: The group key.
        ivs: The IV of every RSE, 32 bytes each, by ascending id.
        state: The boot state; enters up to 2.2 only.
        release: Rules to follow.
    """
    joined = b"".join(ivs)
    if release.session_key_in_handshake:
        return derive("session_key", release, guk, label=joined, state=state)
    return derive("session_key", release, guk, context=hashlib.sha384(joined).digest())


def rekeyed_session_key(previous: bytes, context: bytes, release: Release) -> Secret:
    """Return the session key that follows another (from 2.3 on)."""
    return derive("rekeyed_session_key", release, previous, context=context)


def master_key(tp: TpMode, krtl: bytes | None, label: bytes, context: bytes = b"") -> Secret:
    """Return a key derived from KRTL in PCI mode and from zeros in TCI mode (from 2.2 on).

    Raises:
        ModelError: a virgin device has no such key (the firmware returns
            KEY_DERIVATION_INVALID_TP_MODE), or KRTL is needed and not given.
    """
    if tp is TpMode.TCI:
        return kdf(ZERO_KEY, label, context, KEY_SIZE, STANDARD)
    if tp is TpMode.VIRGIN:
        raise ModelError("master key: TP mode is VIRGIN, expected TCI or PCI")
    if krtl is None or len(krtl) != KEY_SIZE:
        raise ModelError(f"master key: TP mode PCI needs a KRTL of {KEY_SIZE} bytes")
    return kdf(krtl, label, context, KEY_SIZE, STANDARD)


def provisioning_key(
    tp: TpMode, krtl: bytes | None, owner: Owner, number: int, release: Release
) -> Secret:
    """Return the key that encrypts the secret values of a provisioning message (from 2.2 on).

    Args:
        tp: TCI derives from zeros, PCI from KRTL.
        krtl: Root key of the RTL, needed with PCI only.
        owner: Chip manufacturer or device manufacturer.
        number: batch_id (CM) or dm_number (DM) of the message.
        release: Rules to follow.
    """
    master_row = key_row(f"master_key_{owner.lower()}", release)
    if master_row.label is None:
        raise ModelError(f"{master_row.name}: the key table has no label")
    master = master_key(tp, krtl, master_row.label, _le32(master_row.name, number))
    return derive(f"provisioning_key_{owner.lower()}", release, master)


def bl2_decryption_key(kce_cm: bytes, security_counter: int, release: Release) -> Secret:
    """Return the AES-256 key of a BL2 image (from 2.2 on)."""
    return derive("bl2_decryption_key", release, kce_cm, number=security_counter)


def runtime_image_key(
    kce: bytes, state: BootState, release: Release, *, secure: bool = True
) -> Secret:
    """Return the key of the runtime images; from KCE_CM (secure) or KCE_DM (non-secure)."""
    name = "runtime_secure_image_key" if secure else "runtime_non_secure_image_key"
    return derive(name, release, kce, state=state)


def image_binding_key(huk: bytes, release: Release) -> Secret:
    """Return the key that binds images to the device (from 2.3 on)."""
    return derive("image_binding_key", release, huk)


def rak_private(iak_seed_: bytes, release: Release) -> Secret:
    """Return the private key of the RAK (P-384), 48 bytes big-endian (from 2.3 on).

    The chip output data carries its public half.
    """
    return ecc_private_key(P384, derive("rak_private_seed", release, iak_seed_))
