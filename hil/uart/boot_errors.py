# SPDX-License-Identifier: Apache-2.0
"""Lines of failed boots in words: the numbers in them get their names."""

from __future__ import annotations

from hil.uart.codes import decode, generation
from hil.uart.events import Event
from hil.uart.release_guess import ReleaseGuess
from hil.uart.stages import Boot

#: "Unable to find bootable image": it does not say which.
_NO_IMAGE = "76"


def explain(event: Event, guess: ReleaseGuess | str | None = None) -> str:
    """Return the text of a line, with the name of the error code in it.

    Args:
        event: An error, halt or exception.
        guess: Which release printed it, or its name; without it a code can have two names.
    """
    number = code_of(event)
    if number is None:
        return event.text
    return f"{event.text}: {decode(number, codes_of(event, guess))}"


def codes_of(event: Event, guess: ReleaseGuess | str | None) -> str | None:
    """Return the release whose codes the number in a line is taken for, None if unknown."""
    known = guess.known if isinstance(guess, ReleaseGuess) else guess
    if isinstance(guess, ReleaseGuess) and guess.forced:
        return known
    # Each form of the line exists in one generation only, whatever the release was taken for.
    form = {"51": "2.2", "52": "2.3"}.get(event.row.number)
    return known if form is None or generation(known) == form else form


def decoded_as(event: Event, guess: ReleaseGuess) -> str | None:
    """Return in words which release's codes the number in a line was taken for, and why."""
    if code_of(event) is None:
        return None
    known = codes_of(event, guess)
    if known is None:
        return "the log does not tell the release: both meanings of the code are given"
    if known == guess.known:
        return f"error codes of {known}: {guess.why if not guess.repaired else 'its own lines'}"
    return f"error codes of {known}: only that generation prints this form of the line"


def explain_halt(event: Event, boot: Boot | None, guess: ReleaseGuess | str | None = None) -> str:
    """Return the text of the line that ended a boot, with what the lines before it tell."""
    text = explain(event, guess)
    if event.row.number != _NO_IMAGE or boot is None or boot.image is None:
        return text
    slot = f", slot {boot.slot} not valid" if boot.slot else ""
    return f"{text} (image {boot.image}{slot})"


def code_of(event: Event) -> int | None:
    """Return the error code in a line, None if there is none.

    BL1 from 2.3 on prints the hardened value and the real code; the second one counts.
    """
    number, values = event.row.number, event.values
    if number == "51" and values[0]:
        return int(values[0])
    if number == "52" and values[1]:
        return int(values[1], 16)
    if number == "106e" and values[0]:
        return int(values[0], 16)
    if number == "34" and values[1]:
        return int(values[1])
    return None
