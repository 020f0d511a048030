# SPDX-License-Identifier: Apache-2.0
"""The life-cycle manager: what each request leads to, and the codes of its refusals."""

from __future__ import annotations

from itertools import product

import pytest

from hil.errors import ModelError
from hil.model.boot_state import Lcs, TpMode
from hil.model.error_codes import error_codes
from hil.model.lifecycle import Event, Lifecycle, apply, enable_sp, set_lcs, set_tp_mode
from hil.model.lifecycle_rules import LCM_2_2, LCM_2_3, LcmRefusal
from hil.model.releases import RELEASES, release_for

CM_TCI = Lifecycle(Lcs.CM, TpMode.TCI)
IN_SP = Lifecycle(Lcs.CM, TpMode.TCI, sp_mode=True)
STATES = [Lifecycle(*values) for values in product(Lcs, TpMode, (False, True))]


def test_the_way_from_virgin_to_secured() -> None:
    """TP mode, SP mode, DM, SP mode, SE: each change shows after a reset, SP mode lasts one boot."""
    state = Lifecycle()
    seen = []
    for event, value in (
        (Event.SET_TP, TpMode.PCI),
        (Event.ENABLE_SP, None),
        (Event.SET_LCS, Lcs.DM),
        (Event.ENABLE_SP, None),
        (Event.SET_LCS, Lcs.SE),
    ):
        step = apply(state, event, LCM_2_3, value)
        assert step.refusal is None
        assert (step.state.lcs, step.state.tp) == (state.lcs, state.tp)
        assert step.resets is (event is Event.ENABLE_SP)
        assert step.needs_reset is not step.resets
        state = apply(step.state, Event.RESET, LCM_2_3).state
        seen.append((state.lcs, state.tp, state.sp_mode))
    assert seen == [
        (Lcs.CM, TpMode.PCI, False),
        (Lcs.CM, TpMode.PCI, True),
        (Lcs.DM, TpMode.PCI, False),
        (Lcs.DM, TpMode.PCI, True),
        (Lcs.SE, TpMode.PCI, False),
    ]


@pytest.mark.parametrize(
    ("state", "mode", "number"),
    [
        (Lifecycle(Lcs.DM, TpMode.VIRGIN), TpMode.TCI, 0x30000001),
        (Lifecycle(Lcs.CM, TpMode.PCI), TpMode.TCI, 0x30000002),
        (Lifecycle(), TpMode.VIRGIN, 0x30000002),
    ],
    ids=["outside CM", "already set", "to virgin"],
)
def test_the_tp_mode_is_set_once_and_in_cm(state: Lifecycle, mode: TpMode, number: int) -> None:
    """Every other attempt has the driver's code and changes nothing."""
    step = set_tp_mode(state, mode, LCM_2_3)
    assert step.state == state
    assert step.code is not None
    assert error_codes("2.3").number(step.code) == number


def test_sp_mode_needs_a_tp_mode_from_2_2_on() -> None:
    """2.1 enters it without looking."""
    assert enable_sp(Lifecycle(), LCM_2_2).refusal is LcmRefusal.TP_VIRGIN
    old = enable_sp(Lifecycle(), release_for("2.1.0").lifecycle)
    assert old.resets
    assert old.state.after_reset().sp_mode


@pytest.mark.parametrize("state", STATES, ids=str)
@pytest.mark.parametrize("target", Lcs)
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_every_transition_of_every_state(state: Lifecycle, target: Lcs, release: object) -> None:
    """A table of its own says which transitions there are; the rest is refused or enters SP mode."""
    row = release_for(release.name)  # type: ignore[attr-defined]
    step = set_lcs(state, target, row.lifecycle)
    free_rma = target is Lcs.RMA and row.generation == "2.3"
    allowed = (state.lcs, target) in {(Lcs.CM, Lcs.DM), (Lcs.DM, Lcs.SE)} or target is Lcs.RMA
    if state.lcs is target:
        assert step.state == state
        assert step.refusal is None
    elif state.tp is TpMode.VIRGIN:
        assert step.refusal is LcmRefusal.TP_VIRGIN
    elif not state.sp_mode and not free_rma:
        assert step.resets
        assert step.state.after_reset().sp_mode
        assert step.state.after_reset().lcs is state.lcs
    elif allowed:
        assert step.needs_reset
        assert step.state.after_reset().lcs is target
    else:
        assert step.refusal is LcmRefusal.LCS_TRANSITION
    if step.refusal:
        assert step.code is not None
        assert error_codes(row.error_family).number(step.code)
        assert step.state == state


def test_rma_needs_sp_mode_up_to_2_2_only() -> None:
    """The release table says so, and the keys are gone after the transition."""
    secured = Lifecycle(Lcs.SE, TpMode.TCI)
    assert set_lcs(secured, Lcs.RMA, LCM_2_2).resets
    returned = set_lcs(secured, Lcs.RMA, LCM_2_3).state.after_reset()
    assert returned.lcs is Lcs.RMA
    assert returned.keys_erased
    assert not secured.keys_erased


def test_a_reset_changes_nothing_but_what_was_written() -> None:
    """Nothing pending, nothing changed; SP mode ends."""
    assert not CM_TCI.pending
    assert CM_TCI.after_reset() == CM_TCI
    assert IN_SP.after_reset() == CM_TCI
    assert IN_SP.pending


def test_a_setter_needs_its_kind_of_value() -> None:
    """A missing or mixed-up value is said, not guessed."""
    for event, value in ((Event.SET_TP, None), (Event.SET_TP, Lcs.DM), (Event.SET_LCS, TpMode.TCI)):
        with pytest.raises(ModelError, match="say which TP mode or life-cycle state"):
            apply(CM_TCI, event, LCM_2_3, value)


@pytest.mark.parametrize("refusal", LcmRefusal)
@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_every_refusal_has_a_code_in_every_release(refusal: LcmRefusal, release: object) -> None:
    """The names of 2.1 differ, its numbers are small."""
    row = release_for(release.name)  # type: ignore[attr-defined]
    number = error_codes(row.error_family).number(row.lifecycle.code(refusal))
    assert (number >= 0x30000000) is (row.generation != "2.1")
