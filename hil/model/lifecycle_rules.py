# SPDX-License-Identifier: Apache-2.0
"""What the life-cycle manager's driver demands, one row a version of lcm_drv.c."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from hil.errors import ModelError
from hil.model.boot_state import Lcs


class LcmRefusal(StrEnum):
    """Why the driver refuses a change."""

    TP_OUTSIDE_CM = "the TP mode can be set in CM only"
    TP_NOT_VIRGIN = "the TP mode has been set already"
    TP_NO_TARGET = "the TP mode can become TCI or PCI only"
    TP_VIRGIN = "the TP mode must be TCI or PCI first"
    LCS_TRANSITION = "no such transition: only CM to DM, DM to SE, and any to RMA"


@dataclass(frozen=True)
class LifecycleRules:
    """One version of the driver."""

    #: Error of each refusal. Where SP mode does not check the TP mode there is none for that.
    codes: tuple[tuple[LcmRefusal, str], ...]
    #: Whether the transition to RMA runs in SP mode only.
    rma_needs_sp: bool
    #: Whether SP mode can be entered only with a TP mode set.
    sp_checks_tp: bool
    #: States in which the firmware provisions instead of going on to BL1_2.
    provisions_in: tuple[Lcs, ...]
    #: Build option that makes it boot in DM, None where there is none.
    boot_in_dm_option: str | None
    source: str

    def code(self, refusal: LcmRefusal) -> str:
        """Return the name of the error of a refusal.

        Raises:
            ModelError: this driver has no such refusal.
        """
        known = dict(self.codes)
        if refusal not in known:
            raise ModelError(f"{self.source} does not refuse because {refusal}")
        return known[refusal]


_UNIQUE_CODES = (
    (LcmRefusal.TP_OUTSIDE_CM, "LCM_ERROR_SET_TP_MODE_INVALID_LCS"),
    (LcmRefusal.TP_NOT_VIRGIN, "LCM_ERROR_SET_TP_MODE_INVALID_TRANSITION"),
    (LcmRefusal.TP_NO_TARGET, "LCM_ERROR_SET_TP_MODE_INVALID_TRANSITION"),
    (LcmRefusal.TP_VIRGIN, "LCM_ERROR_SET_LCS_INVALID_TP_MODE"),
    (LcmRefusal.LCS_TRANSITION, "LCM_ERROR_SET_LCS_INVALID_TRANSITION"),
)

LCM_2_1 = LifecycleRules(
    codes=(
        (LcmRefusal.TP_OUTSIDE_CM, "LCM_ERROR_INVALID_LCS"),
        (LcmRefusal.TP_NOT_VIRGIN, "LCM_ERROR_INVALID_TRANSITION"),
        (LcmRefusal.TP_NO_TARGET, "LCM_ERROR_INVALID_TRANSITION"),
        (LcmRefusal.TP_VIRGIN, "LCM_ERROR_INVALID_TP_MODE"),
        (LcmRefusal.LCS_TRANSITION, "LCM_ERROR_INVALID_TRANSITION"),
    ),
    rma_needs_sp=True,
    sp_checks_tp=False,
    provisions_in=(Lcs.CM, Lcs.DM),
    boot_in_dm_option=None,
    source="TF-M 2.1.0 lcm_drv.c",
)
LCM_2_2 = LifecycleRules(
    codes=_UNIQUE_CODES,
    rma_needs_sp=True,
    sp_checks_tp=True,
    provisions_in=(Lcs.CM, Lcs.DM),
    boot_in_dm_option=None,
    source="TF-M 2.2.2 lcm_drv.c",
)
LCM_2_3 = LifecycleRules(
    codes=_UNIQUE_CODES,
    rma_needs_sp=False,
    sp_checks_tp=True,
    provisions_in=(Lcs.CM, Lcs.DM),
    boot_in_dm_option="RSE_BOOT_IN_DM_LCS",
    source="TF-M 2.3.1 lcm_drv.c",
)
