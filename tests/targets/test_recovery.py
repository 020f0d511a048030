# SPDX-License-Identifier: Apache-2.0
"""The recovery ladder: mildest first, told at each rung, never after a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from hil.errors import DeviceError
from hil.targets.recovery import RefusedError, Rung, climb


class Device:
    """Works once the given rung has been taken."""

    def __init__(self, mends: str | None, refuses_after: str | None = None) -> None:
        self.done: list[str] = []
        self._mends = mends
        self._refuses = refuses_after
        self.told: list[dict[str, Any]] = []

    def attempt(self) -> None:
        self.done.append("attempt")
        if self._refuses in self.done:
            raise RefusedError("another chip")
        if self._mends not in self.done:
            raise DeviceError(f"broken {len(self.done)}", rse=3)

    def take(self, rung: str) -> None:
        self.done.append(rung)
        if rung == "power-cycle" and self._mends != rung:
            raise DeviceError("the switch is dead")

    def tell(self, kind: str, **values: Any) -> None:
        assert kind == "recovery"
        self.told.append(values)

    def climb(self) -> tuple[str, ...]:
        rungs = [(rung, lambda _why, rung=rung: self.take(rung.value)) for rung in Rung]
        return climb(self.attempt, rungs, self.tell)


def test_what_works_at_once_takes_no_rung() -> None:
    """Nothing is done to a device that works, and nothing told."""
    device = Device("attempt")
    assert device.climb() == ()
    assert (device.done, device.told) == (["attempt"], [])


def test_rungs_are_taken_until_it_works() -> None:
    """Each failure leads to the next rung; each is told with its reason and what came of it."""
    device = Device("under-reset")
    assert device.climb() == ("reset", "under-reset")
    assert device.done == ["attempt", "reset", "attempt", "under-reset", "attempt"]
    assert [(t["rung"], t["rse"], t["outcome"]) for t in device.told] == [
        ("reset", 3, "failed: RSE 3: broken 3"),
        ("under-reset", 3, "worked"),
    ]
    assert device.told[0]["why"] == "RSE 3: broken 1"


def test_a_rung_that_fails_leads_to_the_next() -> None:
    """A switch that does not work is no reason to give up."""
    device = Device("mass-erase")
    assert device.climb() == ("reset", "under-reset", "power-cycle", "mass-erase")
    assert device.told[2]["outcome"] == "failed: the switch is dead"


def test_the_last_failure_says_what_was_tried() -> None:
    """When nothing helps the last failure is raised, with the rungs as a note."""
    device = Device(None)
    with pytest.raises(DeviceError, match="broken 8") as caught:
        device.climb()
    assert caught.value.__notes__ == ["tried before: reset, under-reset, power-cycle, mass-erase"]


@pytest.mark.parametrize("when", ["attempt", "reset"])
def test_a_refusal_ends_it(when: str) -> None:
    """Nothing more is done to what turns out to be another chip, least of all erased."""
    device = Device(None, refuses_after=when)
    with pytest.raises(RefusedError, match="another chip"):
        device.climb()
    assert device.done == {"attempt": ["attempt"], "reset": ["attempt", "reset", "attempt"]}[when]
