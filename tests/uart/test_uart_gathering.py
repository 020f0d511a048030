# SPDX-License-Identifier: Apache-2.0
"""When the capture lets output gather."""

from __future__ import annotations

from hil.uart.gathering import FLOOD, MANY, PAUSE, ROUNDS, WINDOW, Gathering

#: Seconds between two rounds of a busy capture.
STEP = WINDOW / ROUNDS / 10


def rounds(
    gathering: Gathering, uarts: int, count: int = 20 * ROUNDS, size: int = 5
) -> list[float]:
    """Let UARTs say a little in turn, one in each round; return what each round paused."""
    pauses = []
    for number in range(count):
        gathering.heard(f"uart{number % uarts}", size)
        pauses.append(gathering.pause(number * STEP, quiet=False))
    return pauses


def test_many_trickling_uarts_are_paused_for() -> None:
    """The first rounds are read at once; then output gathers."""
    pauses = rounds(Gathering(), MANY)
    assert pauses[:ROUNDS] == [0.0] * ROUNDS
    assert pauses[ROUNDS:] == [PAUSE] * (len(pauses) - ROUNDS)


def test_few_uarts_are_never_paused_for() -> None:
    """However often fewer UARTs than MANY speak."""
    assert set(rounds(Gathering(), MANY - 1, count=1000)) == {0.0}


def test_a_flood_is_never_paused_for() -> None:
    """A large read of one UART ends the pauses at once, and they do not come back while it lasts."""
    gathering = Gathering()
    assert rounds(gathering, MANY)[-1] == PAUSE
    gathering.heard("uart1", 3)
    gathering.heard("uart0", FLOOD)
    gathering.heard("uart2", 7)
    assert gathering.pause(1.0, quiet=False) == 0.0
    assert not gathering.active
    assert set(rounds(Gathering(), MANY, size=FLOOD)) == {0.0}


def test_the_flood_of_one_round_does_not_count_in_the_next() -> None:
    """Many UARTs that trickle behind a flood are paused for again."""
    gathering = Gathering()
    gathering.heard("uart0", FLOOD)
    gathering.pause(0.0, quiet=False)
    assert rounds(gathering, MANY)[-1] == PAUSE


def test_silence_ends_the_pauses() -> None:
    """A line that comes after a moment of silence is read at once."""
    gathering = Gathering()
    assert rounds(gathering, MANY)[-1] == PAUSE
    assert gathering.pause(1.0, quiet=True) == 0.0
    assert not gathering.active
    gathering.heard("uart0", 20)
    assert gathering.pause(1.1, quiet=False) == 0.0


def test_slow_lines_are_not_paused_for() -> None:
    """Many UARTs that say a line now and then do not make a trickle."""
    gathering = Gathering()
    for number in range(1000):
        gathering.heard(f"uart{number % 16}", 40)
        assert gathering.pause(number * WINDOW / 5, quiet=False) == 0.0
