# SPDX-License-Identifier: Apache-2.0
"""Changes of level in a series of measurements."""

from __future__ import annotations

import random

import pytest

from hil.report.history.change_points import MIN_RUNS, change_points


def noisy(level: float, count: int, chance: random.Random) -> list[float]:
    """Times with 5 % noise, and one in twenty of a host that paused."""
    return [
        level * chance.gauss(1, 0.05) * (3 if chance.random() < 0.05 else 1) for _ in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_steps_are_found_where_they_are(seed: int) -> None:
    """Up, down and up again: three changes, each within a run of its place, with its medians."""
    chance = random.Random(seed)
    values = [v for level in (1.0, 1.3, 0.9, 1.2) for v in noisy(level, 40, chance)]
    found = change_points(values)
    assert len(found) == 3
    for change, place, before, after in zip(
        found, (40, 80, 120), (1.0, 1.3, 0.9), (1.3, 0.9, 1.2), strict=True
    ):
        assert abs(change.index - place) <= 1
        assert change.before == pytest.approx(before, rel=0.05)
        assert change.after == pytest.approx(after, rel=0.05)
        assert change.p < 1e-6


def test_series_that_do_not_change_raise_few_alarms() -> None:
    """Of 1000 noisy series without a change, at most 2 % are told to have one at a level of 1 %."""
    chance = random.Random(7)
    lengths = [15, 40, 100, 300]
    false = sum(
        bool(
            change_points(
                [chance.lognormvariate(0, 1) for _ in range(lengths[n % 4])], min_effect=0
            )
        )
        for n in range(1000)
    )
    assert false <= 20


def test_outliers_are_no_change() -> None:
    """Four paused runs in a row, a hundred times slower, are no new level."""
    chance = random.Random(2)
    values = [chance.gauss(1, 0.05) for _ in range(60)]
    values[30:34] = [100.0] * 4
    assert change_points(values) == ()


def test_too_little_to_matter_is_not_told() -> None:
    """A clear shift of 2 % is told only to who asks for it."""
    chance = random.Random(3)
    values = [chance.gauss(1.0, 0.002) for _ in range(50)] + [
        chance.gauss(1.02, 0.002) for _ in range(50)
    ]
    assert change_points(values) == ()
    assert [c.index for c in change_points(values, min_effect=0.01)] == [50]


@pytest.mark.parametrize("values", [[], [1.0], [1.0] * 500, [0.0] * 30, [1, 2] * (MIN_RUNS - 1)])
def test_short_and_constant_series_have_no_change(values: list[float]) -> None:
    """Nothing is divided by zero, and nothing is found."""
    assert change_points(values) == ()


def test_a_latest_change_needs_about_ten_runs() -> None:
    """A factor of 1.5 in the last twelve of 300 runs is found."""
    chance = random.Random(4)
    values = noisy(1.0, 288, chance) + [1.5 * chance.gauss(1, 0.05) for _ in range(12)]
    assert [abs(c.index - 288) <= 1 for c in change_points(values, level=0.001)] == [True]
