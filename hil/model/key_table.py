# SPDX-License-Identifier: Apache-2.0
"""The key hierarchy of the RSE as a table: which key, from what, with which label and context.

One row is one derivation of one group of releases. Labels are shown as the firmware passes them,
with the NUL of the C string where it is a C string.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hil.errors import ModelError
from hil.model.boot_state import ALL_FIELDS, NO_FIELDS, StateField
from hil.model.releases import Release


class Slot(StrEnum):
    """Where the key that is derived from comes from."""

    HUK = "HUK"
    GUK = "GUK"
    KCE_CM = "KCE_CM"
    KCE_DM = "KCE_DM"
    KRTL = "KRTL (PCI) or 32 zero bytes (TCI)"
    MASTER = "provisioning master key"
    SESSION = "previous session key"
    IAK_SEED = "IAK seed"
    RNG = "random at each boot, from nothing"


class Context(StrEnum):
    """What stands in the context of a derivation."""

    NONE = "empty"
    STATE = "boot state, by the row's mask"
    NUMBER = "a number, 32 bits little-endian"
    GIVEN = "bytes of the protocol"


class BootKeys(StrEnum):
    """Which attestation scheme's keys the build sets up (RSE_BOOT_KEYS_CCA, _DPE or neither)."""

    NONE = "none"
    CCA = "CCA"
    DPE = "DPE"


@dataclass(frozen=True)
class KeyRow:
    """One derivation."""

    name: str
    slot: Slot
    #: None where the protocol supplies it (vHUK seeds, session key IVs).
    label: bytes | None
    context: Context
    #: Names of the rows of the release table that it holds for.
    releases: tuple[str, ...]
    source: str
    mask: StateField = NO_FIELDS
    boot_keys: tuple[BootKeys, ...] = tuple(BootKeys)
    #: Whether the DCU words are added to the state in builds with ADAC secure debug.
    dcu_with_adac: bool = False
    #: Bytes.
    length: int = 32


_FROM_2_3 = ("2.3.x", "main", "fixed")
_FROM_2_2 = ("2.2.x", *_FROM_2_3)
_UP_TO_2_2 = ("2.1.0", "2.2.x")
_ALL = ("2.1.0", *_FROM_2_2)
_WITH_SCHEME = (BootKeys.CCA, BootKeys.DPE)
_LIFE = StateField.TP | StateField.REPROV

KEY_TABLE: tuple[KeyRow, ...] = (
    KeyRow(
        "vhuk_seed", Slot.HUK, b"VHUK_SEED_DERIVATION\0", Context.NONE, _ALL, "rse_derive_vhuk_seed"
    ),
    KeyRow("vhuk", Slot.GUK, None, Context.STATE, _ALL, "rse_setup_vhuk", mask=ALL_FIELDS),
    KeyRow(
        "iak_seed",
        Slot.GUK,
        b"BL1_CPAK_SEED_DERIVATION\0",
        Context.STATE,
        ("2.1.0",),
        "rse_derive_cpak_seed",
        mask=ALL_FIELDS,
    ),
    KeyRow(
        "iak_seed",
        Slot.HUK,
        b"BL1_CPAK_SEED_DERIVATION\0",
        Context.STATE,
        ("2.2.x",),
        "rse_setup_cpak_seed",
        mask=ALL_FIELDS,
        boot_keys=_WITH_SCHEME,
        dcu_with_adac=True,
    ),
    KeyRow(
        "iak_seed",
        Slot.HUK,
        b"BL1_CPAK_SEED_DERIVATION\0",
        Context.NONE,
        ("2.2.x",),
        "rse_setup_cpak_seed",
        boot_keys=(BootKeys.NONE,),
    ),
    KeyRow(
        # The HUK is 32 zero bytes where debug has invalidated its slot.
        "iak_seed",
        Slot.HUK,
        b"BL1_IAK_SEED_DERIVATION\0",
        Context.STATE,
        _FROM_2_3,
        "rse_setup_iak_seed",
        mask=StateField.REPROV,
    ),
    KeyRow(
        "dak_seed",
        Slot.GUK,
        b"BL1_DAK_SEED_DERIVATION\0",
        Context.STATE,
        _ALL,
        "rse_setup_dak_seed",
        mask=ALL_FIELDS,
        boot_keys=(BootKeys.CCA,),
        dcu_with_adac=True,
    ),
    KeyRow(
        "rot_cdi",
        Slot.HUK,
        b"BL1_ROT_CDI_DERIVATION\0",
        Context.STATE,
        _ALL,
        "rse_setup_rot_cdi",
        mask=ALL_FIELDS,
        boot_keys=(BootKeys.DPE,),
        dcu_with_adac=True,
    ),
    KeyRow(
        "image_binding_key",
        Slot.HUK,
        b"BL1_2_IMAGE_BINDING_KEY_DERIVATION\0",
        Context.NONE,
        _FROM_2_3,
        "rse_setup_image_binding_key",
    ),
    KeyRow(
        "runtime_secure_image_key",
        Slot.KCE_CM,
        b"RUNTIME_SECURE_ENCRYPTION_KEY\0",
        Context.STATE,
        ("2.2.x",),
        "rse_setup_runtime_secure_image_encryption_key",
        mask=ALL_FIELDS,
    ),
    KeyRow(
        "runtime_secure_image_key",
        Slot.KCE_CM,
        b"RUNTIME_SECURE_ENCRYPTION_KEY\0",
        Context.STATE,
        _FROM_2_3,
        "rse_setup_runtime_secure_image_encryption_key",
        mask=_LIFE,
    ),
    KeyRow(
        "runtime_non_secure_image_key",
        Slot.KCE_DM,
        b"RUNTIME_NON_SECURE_ENCRYPTION_KEY\0",
        Context.STATE,
        ("2.2.x",),
        "rse_setup_runtime_non_secure_image_encryption_key",
        mask=ALL_FIELDS,
    ),
    KeyRow(
        "runtime_non_secure_image_key",
        Slot.KCE_DM,
        b"RUNTIME_NON_SECURE_ENCRYPTION_KEY\0",
        Context.STATE,
        _FROM_2_3,
        "rse_setup_runtime_non_secure_image_encryption_key",
        mask=_LIFE,
    ),
    KeyRow(
        "bl2_decryption_key",
        Slot.KCE_CM,
        b"BL2_DECRYPTION_KEY\0",
        Context.NUMBER,
        _FROM_2_2,
        "bl1_2 main.c, create_bl2_img.py (number: security counter)",
    ),
    KeyRow(
        "session_key",
        Slot.GUK,
        None,
        Context.STATE,
        _UP_TO_2_2,
        "rse_setup_session_key",
        mask=ALL_FIELDS,
    ),
    KeyRow(
        "session_key",
        Slot.GUK,
        b"SFCP_SESSION_KEY_DERIVATION\0",
        Context.GIVEN,
        _FROM_2_3,
        "rse_setup_session_key (context: SHA-384 of the IVs)",
    ),
    KeyRow(
        "rekeyed_session_key",
        Slot.SESSION,
        b"SFCP_SESSION_KEY_DERIVATION\0",
        Context.GIVEN,
        _FROM_2_3,
        "rse_rekey_session_key",
    ),
    KeyRow(
        "master_key_cm",
        Slot.KRTL,
        b"KMASTER_CM\0",
        Context.NUMBER,
        _FROM_2_2,
        "rse_setup_master_key (number: batch_id)",
    ),
    KeyRow(
        "master_key_dm",
        Slot.KRTL,
        b"KMASTER_DM\0",
        Context.NUMBER,
        _FROM_2_2,
        "rse_setup_master_key (number: dm_number)",
    ),
    KeyRow(
        "provisioning_key_cm",
        Slot.MASTER,
        b"KPROV_CM\0",
        Context.NONE,
        _FROM_2_2,
        "rse_setup_provisioning_key",
    ),
    KeyRow(
        "provisioning_key_dm",
        Slot.MASTER,
        b"KPROV_DM\0",
        Context.NONE,
        _FROM_2_2,
        "rse_setup_provisioning_key",
    ),
    KeyRow(
        "provisioning_key_cm",
        Slot.KRTL,
        b"CM_PROVISIONING\0",
        Context.STATE,
        ("2.1.0",),
        "rse_derive_cm_provisioning_key",
        mask=ALL_FIELDS,
    ),
    KeyRow(
        "provisioning_key_dm",
        Slot.KRTL,
        b"DM_PROVISIONING\0",
        Context.STATE,
        ("2.1.0",),
        "rse_derive_dm_provisioning_key",
        mask=ALL_FIELDS,
    ),
    KeyRow(
        # Where the CM bundle brings no GUK (RSE_CM_PROVISION_GUK off); likewise the next two.
        "derived_guk",
        Slot.KRTL,
        b"GUK\0",
        Context.NONE,
        _FROM_2_2,
        "cm_provisioning_code.c provision_derived_key",
    ),
    KeyRow(
        # The label is a slip, mended in 2.3.
        "derived_kp_cm",
        Slot.KRTL,
        b"KCE_CM\0",
        Context.NONE,
        ("2.2.x",),
        "cm_provisioning_code.c provision_derived_key",
    ),
    KeyRow(
        "derived_kp_cm",
        Slot.KRTL,
        b"KP_CM\0",
        Context.NONE,
        _FROM_2_3,
        "cm_provisioning_code.c provision_derived_key",
    ),
    KeyRow(
        # With chip output data on, 2.3 derives it from a buffer that was just overwritten.
        "derived_kce_cm",
        Slot.HUK,
        b"KCE_CM\0",
        Context.NONE,
        _FROM_2_2,
        "cm_provisioning_code.c provision_derived_key",
    ),
    KeyRow(
        "chip_output_data_key",
        Slot.MASTER,
        b"KEXPORT_CM\0",
        Context.NONE,
        _FROM_2_3,
        "rse_setup_export_key, rse_chip_output_data.c",
    ),
    KeyRow(
        # Nothing derives it, so that nothing can predict it.
        "pka_sram_key",
        Slot.RNG,
        None,
        Context.NONE,
        _FROM_2_2,
        "rse_setup_cc3xx_pka_sram_encryption_key",
        length=16,
    ),
    KeyRow(
        # 48 bytes, taken modulo the order of the curve.
        "rak_private_seed",
        Slot.IAK_SEED,
        b"RAPK_PRIV\0",
        Context.NONE,
        _FROM_2_3,
        "cm_provisioning_code.c",
        length=48,
    ),
)


def key_row(name: str, release: Release, boot_keys: BootKeys = BootKeys.NONE) -> KeyRow:
    """Return the row of a key for a release.

    Raises:
        ModelError: the release, or a build with these boot keys, does not derive such a key.
    """
    rows = [row for row in KEY_TABLE if row.name == name]
    if not rows:
        raise ModelError(
            f"no key {name!r}; known: {', '.join(sorted({r.name for r in KEY_TABLE}))}"
        )
    rows = [row for row in rows if release.name in row.releases]
    if not rows:
        raise ModelError(f"release {release.name} does not derive a key {name!r}")
    for row in rows:
        if boot_keys in row.boot_keys:
            return row
    schemes = ", ".join(scheme for row in rows for scheme in row.boot_keys)
    raise ModelError(f"{name!r} needs boot keys {schemes}, the build has {boot_keys}")
