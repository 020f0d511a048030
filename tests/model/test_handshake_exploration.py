# SPDX-License-Identifier: Apache-2.0
"""Every order of the handshake: which promises each release keeps, and schedules that break them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hil.model.handshake import explore as exploration
from hil.model.handshake.diagram import draw, sentence
from hil.model.handshake.explore import Exploration, explore
from hil.model.handshake.invariants import INVARIANTS, End
from hil.model.handshake.machine import FINAL, State, Step
from hil.model.handshake.run import machine_for, run
from hil.model.handshake.system import Sfcp, System, changed, nominal
from hil.model.handshake.values import Symbols
from hil.model.releases import Bound, release_for

UNBOUND = {"every seed bound"}
PARTIAL = {"whole array"}
CIPHERTEXT = {"agreement", "persistence", "whole array", "secrecy"}


def system(release: str, amount: int, *, bind_all: bool = False) -> System:
    rules = release_for(release)
    return nominal(replace(rules, bound=Bound.ALL) if bind_all else rules, amount)


def broken(result: Exploration) -> set[str]:
    return set(result.violations)


@pytest.mark.parametrize(
    ("release", "amount", "bind_all", "expected"),
    [
        ("2.1.0", 2, False, UNBOUND),
        ("2.1.0", 4, False, UNBOUND | CIPHERTEXT),
        ("2.2.2", 2, False, UNBOUND),
        ("2.2.2", 3, False, UNBOUND | CIPHERTEXT),
        ("2.2.2", 4, False, UNBOUND | CIPHERTEXT),
        ("2.2.2", 5, False, UNBOUND | CIPHERTEXT),
        ("2.2.2", 3, True, UNBOUND | CIPHERTEXT),
        ("2.3.1", 2, False, UNBOUND),
        ("2.3.1", 3, False, UNBOUND | PARTIAL),
        ("2.3.1", 4, False, UNBOUND | PARTIAL),
        ("2.3.1", 5, False, UNBOUND | PARTIAL),
        ("2.3.1", 2, True, {"persistence"}),
        ("2.3.1", 3, True, UNBOUND | PARTIAL | {"agreement", "persistence"}),
        ("main", 4, False, UNBOUND | PARTIAL),
        ("fixed", 2, False, set()),
        ("fixed", 5, False, set()),
    ],
)
def test_which_promises_a_release_breaks(
    release: str, amount: int, bind_all: bool, expected: set[str]
) -> None:
    """In all orders of N RSEs in which nothing else is wrong, exactly these promises are broken."""
    result = explore(system(release, amount, bind_all=bind_all))
    assert result.exhaustive
    assert broken(result) == expected


def test_even_ids_fall_out_up_to_2_2_and_only_they() -> None:
    """With five RSEs 0, 1 and 3 agree; 2 and 4 take ciphertext."""
    found = explore(system("2.2.2", 5)).violations
    assert found["agreement"].detail == "different vHUKs: RSE 0, 1 and 3 / RSE 2 and 4"
    assert found["persistence"].detail.endswith("holds ciphertext")
    assert found["secrecy"].detail == "the seeds cross the link from RSE 0 to RSE 2 in clear"


def test_from_2_3_on_arrays_differ_with_the_order_of_arrival() -> None:
    """Each of the (N - 1)! orders ends in other arrays, for one and the same vHUK."""
    for amount, orders in ((3, 2), (4, 6), (5, 24)):
        result = explore(system("2.3.1", amount))
        assert result.ends == orders
        assert "holds uninitialised memory of RSE 0" in result.violations["whole array"].detail


@pytest.mark.parametrize("release", ["2.1.0", "2.2.2", "2.3.1", "fixed"])
@pytest.mark.parametrize("bind_all", [False, True])
def test_every_counterexample_can_be_replayed(release: str, bind_all: bool) -> None:
    """The machine, led along a schedule, comes to a state in which the promise is broken so."""
    what = system(release, 4, bind_all=bind_all)
    what = changed(what, [1], restarts=1)
    result = explore(what)
    by_name = {invariant.name: invariant for invariant in INVARIANTS}
    symbols = Symbols(what)
    machine = machine_for(what, symbols)
    assert result.violations
    for name, violation in result.violations.items():
        state = machine.initial()
        for step in violation.schedule:
            state = dict(machine.steps(state))[step]
        if name in by_name:
            assert by_name[name].violated(End(what, symbols, state)) == violation.detail


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1", "fixed"])
def test_no_random_run_ends_outside_of_what_was_explored(release: str) -> None:
    """300 random runs with a reset in each end in states that the exploration knows."""
    what = changed(system(release, 3), [2], restarts=1)
    symbols = Symbols(what)
    machine = machine_for(what, symbols)
    seen: set[State] = {machine.initial()}
    queue = list(seen)
    for state in queue:
        new = {after for _, after in machine.steps(state)} - seen
        seen |= new
        queue += new
    assert len(seen) == explore(what).states
    choice = random.Random(7)
    for _ in range(300):
        state = machine.initial()
        while moves := list(machine.steps(state)):
            state = choice.choice(moves)[1]
            assert state in seen


def test_a_release_is_not_safe_against_everything() -> None:
    """What a fault does is found in all orders, with who stops and who waits."""
    lost = explore(changed(system("2.3.1", 4), [2], present=False))
    assert lost.violations["no deadlock"].detail == "RSE 0, 1 and 3 wait for ever, without a word"
    assert not lost.anyone_finishes
    told = explore(changed(system("fixed", 4), [2], present=False))
    assert broken(told) == {"no error"}
    assert "gives up waiting" in told.violations["no error"].detail
    alone = explore(changed(system("2.3.1", 3), range(3), takes_part=False))
    assert broken(alone) == {"agreement", "every seed bound", "whole array"}
    stock = explore(replace(system("2.2.2", 3), routing_tables=False))
    assert "RSE 0 stops with TFM_PLAT_ERR_UNSUPPORTED" in stock.violations["no error"].detail
    double = explore(changed(system("2.3.1", 3), [2], rse_id=1))
    assert "RSE 0 stops with SFCP_ERROR_INVALID_NODE" in double.violations["no error"].detail
    reset = explore(changed(system("2.3.1", 3), [1], restarts=1))
    assert {"freshness", "no deadlock", "no error"} <= broken(reset)


def test_sfcp_key_set_up_as_it_is_written_takes_two_rses_and_no_more() -> None:
    """With three RSEs a second request always meets the question for an IV: nobody finishes."""
    rules = release_for("2.3.1")
    two = explore(nominal(rules, 2, sfcp=Sfcp.SETUP))
    assert broken(two) == UNBOUND
    for amount in (3, 4):
        more = explore(nominal(rules, amount, sfcp=Sfcp.SETUP))
        assert more.exhaustive
        assert not more.anyone_finishes
        assert "BUS_BUSY" in more.violations["no error"].detail
    plain = explore(nominal(rules, 4, sfcp=Sfcp.PLAIN))
    assert broken(plain) == UNBOUND | PARTIAL


def test_who_halts_with_what_in_the_key_set_up_of_three() -> None:
    """Exactly the five ends that TF-M's own C files have when they run on a host."""
    what = nominal(release_for("2.3.1"), 3, sfcp=Sfcp.SETUP)
    machine = machine_for(what, Symbols(what))
    queue, ends = [machine.initial()], set()
    seen = set(queue)
    for state in queue:
        after = [new for _, new in machine.steps(state)]
        queue += [new for new in after if new not in seen]
        seen |= set(after)
        if not after:
            stopped = [(p, me.error) for p, me in enumerate(state.chips) if me.error]
            ends |= set(stopped)
            assert len(stopped) == 1
            assert len([me for me in state.chips if me.phase not in FINAL]) == 2
    busy, again = "SFCP_ERROR_SEND_MSG_BUS_BUSY", "SFCP_HAL_ERROR_SEND_MESSAGE_BUS_BUSY"
    assert ends == {(0, busy), (1, busy), (2, busy), (0, again), (1, again)}


def test_exchanged_ids_and_routing_tables_are_survived_with_wrong_slots() -> None:
    """Up to 2.2 the vHUK of RSE 0 and 1 does not suffer: only the slots are exchanged."""
    what = system("2.2.2", 4)
    tables = explore(changed(what, [0], receivers=(99, 1, 0, 2)))
    assert tables.violations["whole array"].detail == "slot 1 of RSE 0 holds a random seed of RSE 2"
    ids = explore(changed(changed(what, [1], rse_id=2), [2], rse_id=1))
    assert ids.violations["agreement"].detail == "different vHUKs: RSE 0, 1 and 3 / RSE 2"


def test_sampling_is_the_same_for_one_seed_and_says_that_it_is_no_proof() -> None:
    """Beyond five RSEs runs are sampled; another seed takes others."""
    first, again, other = (explore(system("2.3.1", 7), seed=seed, samples=40) for seed in (1, 1, 2))
    assert not first.exhaustive
    assert (first.states, first.transitions) == (again.states, again.transitions)
    assert first.violations == again.violations
    assert (first.states, first.ends) != (other.states, other.ends)
    assert broken(first) == UNBOUND | PARTIAL
    assert broken(explore(system("fixed", 8), samples=40)) == set()


def test_sampled_runs_find_what_all_orders_have() -> None:
    """Forced on a small system, sampling sees every broken promise and no other."""
    for release in ("2.2.2", "2.3.1"):
        what = changed(system(release, 3), [1], restarts=1)
        sampled = explore(what, exhaustive=False, samples=500)
        assert broken(sampled) == broken(explore(what))


def test_a_limit_of_states_is_told() -> None:
    """An exploration that was cut off does not count as exhaustive."""
    result = explore(system("2.3.1", 5), most_states=100)
    assert not result.exhaustive
    assert result.states == 100


def test_more_rses_have_fewer_states_in_the_same_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit counts chips, so that states of twelve RSEs need no more room than those of six."""
    monkeypatch.setattr(exploration, "MOST_CHIPS", 1200)
    for amount in (6, 12):
        assert explore(system("2.3.1", amount), exhaustive=True).states == 1200 // amount


def test_a_sampled_exploration_keeps_to_the_limit_of_states() -> None:
    """It ends with the run that gets there, and says how many there were."""
    result = explore(system("2.3.1", 7), samples=10_000, most_states=100)
    assert 1 <= result.runs < 100
    assert 100 <= result.states < 200
    assert explore(system("2.3.1", 7), samples=7).runs == 7
    assert explore(system("2.3.1", 3)).runs == 0


def test_a_schedule_is_drawn_with_lanes_and_arrows() -> None:
    """Sends are arrows from lane to lane, what is taken an o, a refusal an X, a reset an R."""
    steps = [
        Step(1, "sends", 0, "VHUK_MSG"),
        Step(0, "answers", 1, "VHUK_MSG"),
        Step(2, "resets", 2, "reset"),
        Step(2, "refuses", 0, "SFCP_ERROR_NO_KEY"),
    ]
    assert draw(steps, 3) == [
        "     RSE 0         RSE 1         RSE 2",
        "  1    |<------------|             |   RSE 1 sends VHUK_MSG to RSE 0",
        "  2    o------------>|             |   RSE 0 takes VHUK_MSG of RSE 1 and answers at once",
        "  3    |             |             R   RSE 2 is reset",
        "  4    |             |             X   RSE 2 stops at what RSE 0 sent: SFCP_ERROR_NO_KEY",
    ]
    what = system("2.2.2", 3)
    told = [sentence(step) for step in run(what, Symbols(what)).steps]
    assert told[0] == "RSE 1 sends SESSION_KEY_MSG to RSE 0"
    assert told[-1] == "RSE 2 takes VHUK_REPLY of RSE 0"
