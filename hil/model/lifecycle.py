# SPDX-License-Identifier: Apache-2.0
"""The life-cycle manager (LCM) as a state machine: what each request leads to, and when.

The registers for life-cycle state and TP mode are latched at reset: a change is written to OTP and
shows after the next one. SP mode is entered by a word that resets the chip at once; it lasts until
the reset after that.

Source: TF-M 2.1.0, 2.2.2 and 2.3.1 lcm_drv.c, by the rows of `lifecycle_rules`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from hil.errors import ModelError
from hil.model.boot_state import Lcs, TpMode
from hil.model.lifecycle_rules import LcmRefusal, LifecycleRules

_NEXT = {Lcs.CM: Lcs.DM, Lcs.DM: Lcs.SE}


@dataclass(frozen=True)
class Lifecycle:
    """State of the LCM of one chip.

    Attributes:
        lcs: Life-cycle state, as its register shows it.
        tp: TP mode, as its register shows it.
        sp_mode: Whether the chip runs in secure provisioning mode.
        written_lcs: State that the OTP holds, which the next reset latches.
        written_tp: TP mode that the OTP holds.
        sp_requested: Whether the next reset enters SP mode.
    """

    lcs: Lcs = Lcs.CM
    tp: TpMode = TpMode.VIRGIN
    sp_mode: bool = False
    written_lcs: Lcs | None = None
    written_tp: TpMode | None = None
    sp_requested: bool = False

    @property
    def pending(self) -> bool:
        """Whether the next reset changes a register."""
        return self.after_reset() != self

    @property
    def keys_erased(self) -> bool:
        """Whether the driver has overwritten all secret keys with ones: it does in RMA."""
        return self.lcs is Lcs.RMA

    def after_reset(self) -> Lifecycle:
        """Return the state that a reset leads to."""
        return Lifecycle(
            lcs=self.written_lcs or self.lcs,
            tp=self.written_tp or self.tp,
            sp_mode=self.sp_requested,
        )

    def provisions(self, rules: LifecycleRules, *, boot_in_dm: bool = False) -> bool:
        """Return whether BL1_1 provisions in this state instead of going on to BL1_2."""
        if self.lcs is Lcs.DM and boot_in_dm and rules.boot_in_dm_option:
            return False
        return self.lcs in rules.provisions_in


class Event(Enum):
    """What can be asked of the LCM; the setters take a value."""

    RESET = "reset"
    ENABLE_SP = "enter secure provisioning mode"
    SET_TP = "set the TP mode"
    SET_LCS = "change the life-cycle state"


@dataclass(frozen=True)
class Step:
    """What a request leads to.

    Attributes:
        state: The state right after it; a change that waits for a reset is still pending there.
        resets: Whether the LCM resets the chip now, so that what was asked for did not happen yet
            and has to be asked for again in the next boot.
        needs_reset: Whether what was asked for is written and shows after the next reset.
        refusal: Why it is refused; the state is unchanged then.
        code: Name of the error of the refusal.
    """

    state: Lifecycle
    resets: bool = False
    refusal: LcmRefusal | None = None
    code: str | None = None

    @property
    def needs_reset(self) -> bool:
        """Whether something was written that shows after the next reset."""
        return self.refusal is None and not self.resets and self.state.pending


def apply(
    state: Lifecycle, event: Event, rules: LifecycleRules, value: TpMode | Lcs | None = None
) -> Step:
    """Return what an event leads to.

    Args:
        state: Where the LCM is.
        event: What is asked of it.
        rules: The driver's version.
        value: The TP mode or life-cycle state to set.

    Raises:
        ModelError: a setter without a value of its kind.
    """
    if event is Event.RESET:
        return Step(state.after_reset())
    if event is Event.ENABLE_SP:
        return enable_sp(state, rules)
    if event is Event.SET_TP and isinstance(value, TpMode):
        return set_tp_mode(state, value, rules)
    if event is Event.SET_LCS and isinstance(value, Lcs):
        return set_lcs(state, value, rules)
    raise ModelError(f"to {event.value}, say which TP mode or life-cycle state; got {value!r}")


def set_tp_mode(state: Lifecycle, mode: TpMode, rules: LifecycleRules) -> Step:
    """Write the TP mode, once and in CM only."""
    if state.lcs is not Lcs.CM:
        return _refuse(state, LcmRefusal.TP_OUTSIDE_CM, rules)
    if state.tp is not TpMode.VIRGIN:
        return _refuse(state, LcmRefusal.TP_NOT_VIRGIN, rules)
    if mode is TpMode.VIRGIN:
        return _refuse(state, LcmRefusal.TP_NO_TARGET, rules)
    return Step(replace(state, written_tp=mode))


def enable_sp(state: Lifecycle, rules: LifecycleRules) -> Step:
    """Enter SP mode: the chip resets and comes back in it."""
    if rules.sp_checks_tp and state.tp is TpMode.VIRGIN:
        return _refuse(state, LcmRefusal.TP_VIRGIN, rules)
    return Step(replace(state, sp_requested=True), resets=True)


def set_lcs(state: Lifecycle, lcs: Lcs, rules: LifecycleRules) -> Step:
    """Write a life-cycle state; outside SP mode the driver enters that first, by a reset.

    The state that the chip is in already is no transition and always succeeds.
    """
    if lcs is state.lcs:
        return Step(state)
    if state.tp is TpMode.VIRGIN:
        return _refuse(state, LcmRefusal.TP_VIRGIN, rules)
    if not state.sp_mode and (lcs is not Lcs.RMA or rules.rma_needs_sp):
        return enable_sp(state, rules)
    if lcs is not Lcs.RMA and _NEXT.get(state.lcs) is not lcs:
        return _refuse(state, LcmRefusal.LCS_TRANSITION, rules)
    return Step(replace(state, written_lcs=lcs))


def _refuse(state: Lifecycle, refusal: LcmRefusal, rules: LifecycleRules) -> Step:
    return Step(state, refusal=refusal, code=rules.code(refusal))
