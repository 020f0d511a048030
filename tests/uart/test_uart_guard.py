# SPDX-License-Identifier: Apache-2.0
"""Fail-fast patterns, waits on all consoles, order across consoles."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from hil.uart.capture import FILE_INTERVAL, Capture
from hil.uart.console import Console
from hil.uart.guard import FatalOutputError, Guard
from hil.uart.together import assert_order, explain, wait_all
from hil.uart.transcript import Transcript

NewTranscript = Callable[[str], Transcript]
MS = 1_000_000


def live(new: NewTranscript, *names: str) -> list[Transcript]:
    made = [new(name) for name in names]
    for transcript in made:
        transcript.live = True
    return made


def guarded(guard: Guard, *transcripts: Transcript) -> list[Console]:
    for transcript in transcripts:
        guard.add(transcript)
    return [Console(t, guard=guard, timeout=10) for t in transcripts]


def test_fatal_line_ends_a_wait_at_once(new_transcript: NewTranscript) -> None:
    """A wait for something else ends with the fatal line, long before its timeout."""
    (transcript,) = live(new_transcript, "rse0")
    (console,) = guarded(Guard([r"FATAL ERROR: \w+"]), transcript)
    threading.Timer(0.05, transcript.append, (b"x\r\nFATAL ERROR: SecureFault\r\n",)).start()
    began = time.monotonic()
    with pytest.raises(FatalOutputError, match="rse0: 'FATAL ERROR: SecureFault'") as caught:
        console.expect("never")
    assert time.monotonic() - began < 5
    assert caught.value.line == "FATAL ERROR: SecureFault"
    assert caught.value.offset == 3
    assert caught.value.failure_class == "product"


def test_whole_line_is_told_when_it_comes_in_pieces(
    new_transcript: NewTranscript, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fatal line that is still being printed is told whole."""
    # However late a busy machine lets the timer run.
    monkeypatch.setattr("hil.uart.guard.REST_OF_LINE", 30)
    (transcript,) = live(new_transcript, "rse0")
    (console,) = guarded(Guard([r"\[ERR\] Fatal"]), transcript)
    transcript.append(b"[ERR] Fatal boot ")
    rest = threading.Timer(0.02, transcript.append, (b"error 0x1 (0x2)\r\n",))
    rest.start()
    with pytest.raises(FatalOutputError, match=r"Fatal boot error 0x1 \(0x2\)"):
        console.expect("never")
    rest.join()


def test_fatal_line_of_another_rse(new_transcript: NewTranscript) -> None:
    """A fatal line on one console ends the waits on all that are guarded with it."""
    first, second = live(new_transcript, "rse0", "rse1")
    waiting, _ = guarded(Guard(["FATAL"]), first, second)
    threading.Timer(0.05, second.append, (b"FATAL\n",)).start()
    with pytest.raises(FatalOutputError, match="rse1: 'FATAL'"):
        waiting.expect("never")


def test_armed_while_nobody_waits(new_transcript: NewTranscript) -> None:
    """What came between two waits, and was consumed or skipped by them, is still examined."""
    (transcript,) = live(new_transcript, "rse0")
    guard = Guard(["FATAL"])
    (console,) = guarded(guard, transcript)
    transcript.append(b"start\nFATAL\nrunning\n")
    console.expect("start")  # what came behind the match is the business of the next wait
    console.seek(transcript.size)
    with pytest.raises(FatalOutputError):
        guard.check()
    with pytest.raises(FatalOutputError):
        console.expect("running")


def test_every_split_of_a_fatal_line(new_transcript: NewTranscript) -> None:
    """A fatal line is found wherever it is cut, with a check after each piece."""
    line = b"ok\nFATAL ERROR: x\n"
    for cut in range(1, len(line)):
        (transcript,) = live(new_transcript, f"cut{cut}")
        guard = Guard([r"FATAL ERROR: x"])
        guard.add(transcript)
        transcript.append(line[:cut])
        found = False
        for rest in (line[cut:], b""):
            try:
                guard.check()
            except FatalOutputError:
                found = True
            if rest:
                transcript.append(rest)
        assert found, cut


def test_allowed_lines_and_what_was_before(new_transcript: NewTranscript) -> None:
    """Expected error lines and old output are no failure; the next one is."""
    (transcript,) = live(new_transcript, "rse0")
    transcript.append(b"[ERR] of an old boot\n")
    guard = Guard([r"\[ERR\] .*"], allowed=["is expected"])
    guard.add(transcript, from_offset=transcript.size)
    transcript.append(b"[ERR] this is expected\n")
    guard.check()
    transcript.append(b"[ERR] this is not\n")
    with pytest.raises(FatalOutputError, match="this is not"):
        guard.check()


def test_wait_for_all(new_transcript: NewTranscript) -> None:
    """One wait tells of each RSE whether it is done, failed or has not come yet."""
    transcripts = live(new_transcript, "rse0", "rse1", "rse2")
    consoles = {n: Console(t) for n, t in enumerate(transcripts)}
    transcripts[0].append(b"boot\r\nready 1\r\nmore\r\n", 5_000 * MS)
    transcripts[1].append(b"boot\r\nstill waiting\r\n")
    transcripts[2].append(b"oops")
    transcripts[2].live = False
    outcomes = wait_all(consoles, r"ready (\d)", timeout=0.1)
    assert [o.state for o in outcomes.values()] == ["done", "not yet", "failed"]
    assert outcomes[0].t == pytest.approx(5.0)
    assert outcomes[0].detail == "ready 1"
    assert "oops" in outcomes[2].detail
    assert "RSE 1: not yet: 'still waiting'" in explain(outcomes)
    assert consoles[0].match.group(1) == b"1"
    transcripts[1].append(b"ready 2\r\n")
    assert wait_all({1: consoles[1]}, r"ready (\d)", timeout=5)[1].ok


def test_an_allowed_line_may_pause_in_its_middle(new_transcript: NewTranscript) -> None:
    """Whether a line is allowed is judged by all of it, also when its rest takes a while."""
    (transcript,) = live(new_transcript, "rse0")
    (console,) = guarded(Guard([r"\[ERR\]"], allowed=["NV counter not provisioned"]), transcript)
    transcript.append(b"[ERR] ")
    rest = b"NV counter not provisioned\r\nBooted\r\n"
    threading.Timer(0.3, transcript.append, (rest,)).start()
    console.expect("Booted")


def test_wait_for_all_knows_who_had_said_it_before_a_fatal_line(
    new_transcript: NewTranscript,
) -> None:
    """A console that has said what was waited for is done, whoever else said what ends the wait."""
    first, second = live(new_transcript, "rse0", "rse1")
    consoles = dict(enumerate(guarded(Guard(["FATAL"]), first, second)))
    first.append(b"FATAL\n")
    second.append(b"ready\n")
    outcomes = wait_all(consoles, "ready", timeout=10)
    assert [o.state for o in outcomes.values()] == ["failed", "done"]
    assert consoles[1].position == len(b"ready")


def test_nothing_is_fatal_while_the_guard_is_suspended(new_transcript: NewTranscript) -> None:
    """What is damaged on purpose may say anything; what comes behind it may not."""
    guard = Guard(["FATAL"])
    (transcript,) = live(new_transcript, "rse0")
    (console,) = guarded(guard, transcript)
    guard.resume()
    guard.suspend()
    transcript.append(b"FATAL 1\n")
    console.expect("1")
    transcript.append(b"FATAL 2\n")
    guard.resume()
    guard.check()
    transcript.append(b"FATAL 3\n")
    with pytest.raises(FatalOutputError, match="FATAL 3"):
        console.expect("never")


def test_wait_for_all_ends_with_a_fatal_line(new_transcript: NewTranscript) -> None:
    """A fatal line fails its RSE and ends the wait for the others at once."""
    first, second = live(new_transcript, "rse0", "rse1")
    consoles = dict(enumerate(guarded(Guard(["FATAL"]), first, second)))
    threading.Timer(0.05, second.append, (b"FATAL\n",)).start()
    began = time.monotonic()
    outcomes = wait_all(consoles, "ready", timeout=10)
    assert time.monotonic() - began < 5
    assert [o.state for o in outcomes.values()] == ["not yet", "failed"]


def test_order_across_consoles(new_transcript: NewTranscript) -> None:
    """An order is asserted by times; the wrong one shows both lines and when they came."""
    first, second = new_transcript("rse0"), new_transcript("rse1")
    first.append(b"key sent\r\n", 1_000 * MS)
    second.append(b"noise\r\nkey received\r\n", 1_100 * MS)
    a, b = Console(first), Console(second)
    assert_order((a, "key sent"), (b, "key received"))
    with pytest.raises(AssertionError) as caught:
        assert_order((b, "key received"), (a, "key sent"))
    message = str(caught.value)
    assert "rse1 'key received' at 1.100000 s" in message
    assert "rse0 'key sent' at 1.000000 s (-100.000 ms)" in message
    assert a.position == b.position == 0


def test_no_order_within_the_resolution(new_transcript: NewTranscript) -> None:
    """What came closer together than the clock can tell has no order, in either direction."""
    first, second = new_transcript("rse0"), new_transcript("rse1")
    first.append(b"a\r\n", 1_000 * MS)
    second.append(b"b\r\n", 1_010 * MS)
    a, b = Console(first), Console(second)
    for said in (((a, "a"), (b, "b")), ((b, "b"), (a, "a"))):
        with pytest.raises(AssertionError, match="within 50 ms, the resolution of the clock"):
            assert_order(*said)
    assert_order((a, "a"), (b, "b"), resolution=0.005)


def test_files_are_not_ordered_by_when_they_were_looked_at(
    new_transcript: NewTranscript,
) -> None:
    """Two lines whose files were looked at one after the other have no order, for want of a clock."""
    first, second = new_transcript("rse0"), new_transcript("rse1")
    first.append(b"a\r\n", 1_000 * MS)
    second.append(b"b\r\n", (1_000 + int(FILE_INTERVAL * 1e3) + 5) * MS)
    with pytest.raises(AssertionError, match="the resolution of the clock"):
        assert_order((Console(first), "a"), (Console(second), "b"))


def test_order_on_one_console(new_transcript: NewTranscript) -> None:
    """Lines of one console are ordered by their place, however fast they came."""
    transcript = new_transcript("rse0")
    transcript.append(b"one two", 5 * MS)
    console = Console(transcript)
    assert_order((console, "one"), (console, "two"))
    with pytest.raises(AssertionError, match="came after"):
        assert_order((console, "two"), (console, "one"))
    with pytest.raises(AssertionError, match="never said 'three'"):
        assert_order((console, "one"), (console, "three"))


def test_guard_on_a_captured_uart(capture: Capture, uart, transcript: Transcript) -> None:
    """The same works on a live UART."""
    from hil.uart.opening import open_source

    capture.attach(transcript, open_source("serial", uart.path))
    (console,) = guarded(Guard(["panic"]), transcript)
    uart.say(b"fine\n")
    console.expect("fine")
    uart.say(b"kernel panic\n")
    with pytest.raises(FatalOutputError, match="kernel panic"):
        console.expect("never")
