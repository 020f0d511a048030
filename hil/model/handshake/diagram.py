# SPDX-License-Identifier: Apache-2.0
"""A schedule as a sequence diagram in text: one lane for each RSE, one line for each step."""

from __future__ import annotations

from collections.abc import Sequence

from hil.model.handshake.machine import Step

#: Columns from one lane to the next.
LANE = 14
_MARGIN = 5
_SENTENCES = {
    "sends": "RSE {step.place} sends {step.name} to RSE {step.peer}",
    "takes": "RSE {step.place} takes {step.name} of RSE {step.peer}",
    "answers": "RSE {step.place} takes {step.name} of RSE {step.peer} and answers at once",
    "drops": "RSE {step.place} drops {step.name} of RSE {step.peer}",
    "finds busy": "RSE {step.place} cannot send to RSE {step.peer}: {step.name}",
    "sees taken": "RSE {step.place} sees that RSE {step.peer} took {step.name}",
    "refuses": "RSE {step.place} stops at what RSE {step.peer} sent: {step.name}",
    "cannot send": "RSE {step.place} stops, it cannot send to RSE {step.peer}: {step.name}",
    "resets": "RSE {step.place} is reset",
}
#: Steps of which nothing is to be seen on a link.
_SILENT = frozenset({"sees taken"})
_MARKS = {"refuses": "X", "cannot send": "X", "finds busy": "!", "resets": "R"}


def draw(steps: Sequence[Step], amount: int) -> list[str]:
    """Return the lines of a diagram.

    An arrow is a message put on a link, `o` that one is taken, `R` a reset, `X` the end of an RSE
    that refused what it took.

    Args:
        steps: What happened, in order.
        amount: Number of RSEs.
    """
    width = LANE * (amount - 1) + 3
    head = [" "] * (_MARGIN + width + 4)
    for place in range(amount):
        _write(head, max(0, _lane(place) - 2), f"RSE {place}")
    lines = ["".join(head).rstrip()]
    shown = [step for step in steps if step.what not in _SILENT]
    for number, step in enumerate(shown, 1):
        row = [" "] * (_MARGIN + width)
        _write(row, 0, f"{number:3}")
        for place in range(amount):
            row[_lane(place)] = "|"
        _draw_step(row, step)
        lines.append(f"{''.join(row)}   {sentence(step)}")
    return lines


def sentence(step: Step) -> str:
    """Return a step in words."""
    return _SENTENCES[step.what].format(step=step)


def _draw_step(row: list[str], step: Step) -> None:
    here, there = _lane(step.place), _lane(step.peer)
    if step.what in ("sends", "answers"):
        left, right = min(here, there), max(here, there)
        row[left + 1 : right] = "-" * (right - left - 1)
        row[right - 1 if there > here else left + 1] = ">" if there > here else "<"
    if step.what != "sends":
        row[here] = _MARKS.get(step.what, "o")


def _lane(place: int) -> int:
    return _MARGIN + 2 + LANE * place


def _write(row: list[str], at: int, text: str) -> None:
    row[at : at + len(text)] = text
