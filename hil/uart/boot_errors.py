# SPDX-License-Identifier: Apache-2.0
"""Lines of failed boots in words: the numbers in them get their names."""

from __future__ import annotations

from hil.uart.codes import decode
from hil.uart.events import Event


def explain(event: Event, release: str | None = None) -> str:
    """Return the text of a line, with the name of the error code in it.

    Args:
        event: An error, halt or exception.
        release: The release that printed it; without it a code can have two names.
    """
    number = code_of(event)
    if number is None:
        return event.text
    # Each form of the line exists in one generation only, whatever the release was taken for.
    form = {"51": "2.2", "52": "2.3"}.get(event.row.number)
    return f"{event.text}: {decode(number, form or release)}"


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
