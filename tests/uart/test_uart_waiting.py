# SPDX-License-Identifier: Apache-2.0
"""Waiting until RSEs have booted."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.errors import DeviceError
from hil.uart.follower import BootFollower
from hil.uart.guard import Guard
from hil.uart.report_lines import VhukReport
from hil.uart.transcript import Transcript
from hil.uart.waiting import wait_stages

NewTranscript = Callable[[str], Transcript]

BL1_1 = b"[INF] Starting TF-M BL1_1\r\n"
PROVISION = b"[INF] Beginning RSE provisioning\r\n"
BL1_2 = b"[INF] Starting TF-M BL1_2\r\n"
VHUK = b"[HIL1] vhuk rse=0 of=1 src=bl1_2 fp=" + b"0a" * 16 + b"\r\n"
BL2 = b"[INF] Starting bootloader\r\n"
RUNTIME = b"[NOT] Booting TF-M v2.3.1\r\n"
HALT = b"[ERR] Fatal boot error 0xe5a5a53b (0x4000009e)\r\n"
BUDGETS = {"BL1_1": 5, "BL1_2": 5, "vhuk": 5, "BL2": 5, "runtime": 5}


@pytest.fixture
def follower(transcript: Transcript) -> BootFollower:
    """A follower of a live transcript that the test writes itself."""
    transcript.live = True
    return BootFollower(transcript, rse=0)


def say(follower: BootFollower, *pieces: bytes, at: float | None = None) -> None:
    """Append output that came at `at` seconds, now by default."""
    transcript = follower.transcript
    assert isinstance(transcript, Transcript)
    for piece in pieces:
        transcript.append(piece, None if at is None else int(at * 1e9))


def later(action: Callable[[], object], seconds: float = 0.05) -> None:
    threading.Timer(seconds, action).start()


def test_a_fatal_line_behind_the_last_stage_fails_who_said_it(
    new_transcript: NewTranscript,
) -> None:
    """Also an RSE that had reached every stage has not booted, if it said what none may ever say."""
    guard, followers = Guard(["panic"]), {}
    for rse in range(2):
        transcript = new_transcript(f"rse{rse}")
        transcript.live = True
        guard.add(transcript)
        followers[rse] = BootFollower(transcript, rse=rse)
        say(followers[rse], BL1_1, BL1_2)
    say(followers[1], b"panic\r\n")
    results = wait_stages(followers, {"BL1_1": 5, "BL1_2": 5}, guard=guard)
    assert results[0].ok
    assert (results[1].reason, results[1].failed_stage) == ("halt", "BL1_2")
    assert results[1].detail == "fail-fast pattern 'panic': panic, after BL1_2 was reached"


class Flooded(Transcript):
    """A transcript to which something is appended whenever a piece of it was read."""

    on_read: Callable[[], object] = staticmethod(lambda: None)

    def read(self, offset: int, size: int) -> bytes:
        """Return what is there; then more comes."""
        data = super().read(offset, size)
        if data:
            self.on_read()
        return data


def test_a_flood_does_not_hold_up_a_poll(tmp_path: Path) -> None:
    """Where output comes faster than it is read, a poll still ends, and so does the wait."""
    flooded = Flooded(tmp_path / "uart.log")
    flooded.live = True
    reads = []

    def flood() -> None:
        reads.append(1)
        if len(reads) < 2000:
            flooded.append(b"[INF] again and again\r\n" * 50)

    flooded.on_read = flood
    flooded.append(b"[INF] again and again\r\n")
    BootFollower(flooded, rse=0).poll()
    assert len(reads) == 1
    flooded.close()


def test_what_came_in_time_counts_though_it_is_read_late(tmp_path: Path) -> None:
    """A stage that came in its time, while what was before it took long to read, was reached."""
    flooded = Flooded(tmp_path / "uart.log")
    flooded.live = True
    start = time.monotonic()

    def take_long() -> None:
        flooded.on_read = lambda: None
        flooded.append(BL1_1)
        time.sleep(max(0.0, start + 0.25 - time.monotonic()))

    flooded.on_read = take_long
    flooded.append(b"[INF] something else\r\n", int(start * 1e9))
    result = wait_stages({0: BootFollower(flooded, rse=0)}, {"BL1_1": 0.2}, start=start)[0]
    assert result.ok
    flooded.close()


def test_follower_sees_a_boot_grow(follower: BootFollower) -> None:
    """Each poll returns what is new; stage, last line and reports are those of now."""
    assert follower.poll() == []
    say(follower, BL1_1, b"[INF] Jumping ", at=100.5)
    assert [event.stage for event in follower.poll()] == ["BL1_1"]
    assert follower.stage == "BL1_1"
    assert follower.last_line == "[INF] Jumping"
    say(follower, b"to BL1_2\r\n" + BL1_2 + VHUK, at=101.0)
    assert [event.row.number for event in follower.poll()] == ["40", "41", "H1"]
    assert follower.poll() == []
    assert follower.boot is not None
    assert [stage.t for stage in follower.boot.stages] == [100.5, 101.0, 101.0]
    assert follower.reports == (VhukReport(0, 1, "bl1_2", "0a" * 16),)
    assert (follower.first_halt, follower.first_error) == (None, None)
    say(follower, HALT)
    follower.poll()
    assert follower.first_halt is not None


def test_success(follower: BootFollower) -> None:
    """All awaited stages are reached: the result has their times and what was reported."""
    start = time.monotonic()
    say(follower, BL1_1, at=start + 0.1)
    say(follower, BL1_2 + VHUK, at=start + 0.3)
    later(lambda: say(follower, BL2, RUNTIME, at=start + 0.5))
    result = wait_stages({0: follower}, BUDGETS, start=start)[0]
    assert result.ok
    assert (result.reason, result.failed_stage, result.halt_line) == ("", None, None)
    assert [stage.stage for stage in result.reached] == list(BUDGETS)
    times = [round(stage.t - start, 3) for stage in result.reached if stage.t]
    assert times == [0.1, 0.3, 0.3, 0.5, 0.5]
    assert result.waited == pytest.approx(0.5)
    assert len(result.reports) == len(result.boots) == 1
    assert str(result) == "RSE 0: reached BL1_1 > BL1_2 > vhuk > BL2 > runtime in 0.50 s"


def test_halt_ends_at_once(follower: BootFollower) -> None:
    """A line after which nothing follows ends the wait, with its code in words."""
    say(follower, BL1_1, BL1_2)
    later(lambda: say(follower, HALT))
    began = time.monotonic()
    result = wait_stages({0: follower}, BUDGETS)[0]
    assert time.monotonic() - began < 4, "and not when the budget is over"
    assert (result.reason, result.failed_stage) == ("halt", "vhuk")
    assert result.halt_line == HALT.decode().strip()
    assert "TFM_PLAT_ERR_RSE_HANDSHAKE_INVALID_REPLY" in str(result)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            ["Image index: 1, Swap type: none", "Image index: 0, Swap type: none", "!primary"],
            " (image 0, slot primary not valid)",
        ),
        (["Image index: 1, Swap type: none", "!secondary", "Image index: 0, Swap type: none"],
         " (image 0)"),
        (["Image 5 loaded from the primary slot", "Image 4 RAM loading to 0x70 is succeeded.",
          "!primary", "Removing image 4 from SRAM at address 0x70", "No slot to load for image 4"],
         " (image 4, slot primary not valid)"),
        (["Image 5 loaded from the primary slot"], ""),
    ],
    ids=["refused", "erased", "loaded to RAM", "not named"],
)  # fmt: skip
def test_refused_image_is_named(follower: BootFollower, lines: list[str], told: str) -> None:
    """BL2 does not say which image it cannot boot; the lines before it do."""
    say(follower, BL1_1, BL1_2, VHUK, BL2)
    for line in lines:
        refusal = f"[ERR] Image in the {line[1:]} slot is not valid!"
        say(follower, f"{refusal if line[0] == '!' else f'[INF] {line}'}\r\n".encode())
    say(follower, b"[ERR] Unable to find bootable image\r\n")
    result = wait_stages({0: follower}, BUDGETS)[0]
    assert result.detail == f"[ERR] Unable to find bootable image{told}"


def test_exception_ends_at_once(follower: BootFollower) -> None:
    """An exception of the secure side ends the wait."""
    say(follower, BL1_1, BL1_2, VHUK, BL2, b"FATAL ERROR: HardFault\r\n")
    result = wait_stages({0: follower}, BUDGETS)[0]
    assert (result.reason, result.failed_stage) == ("exception", "runtime")


def test_budget_names_stage_and_last_line(follower: BootFollower) -> None:
    """A stage that does not come fails after its budget, counted from the stage before."""
    say(follower, BL1_1, BL1_2, b"[INF] no line end")
    result = wait_stages({0: follower}, BUDGETS | {"vhuk": 0.15})[0]
    assert (result.reason, result.failed_stage) == ("budget", "vhuk")
    assert result.last_line == "[INF] no line end"
    assert str(result) == (
        "RSE 0: no vhuk stage: not within 0.15 s after BL1_2; reached BL1_1 > BL1_2; "
        "last line: '[INF] no line end'"
    )


def test_late_stage_fails_by_its_own_time(follower: BootFollower) -> None:
    """A stage that came too late failed, also if the waiter looked even later."""
    start = time.monotonic() - 100
    say(follower, BL1_1, at=start + 1)
    say(follower, BL1_2, at=start + 6.5)
    result = wait_stages({0: follower}, BUDGETS, start=start)[0]
    assert (result.reason, result.failed_stage) == ("budget", "BL1_2")
    assert "it came 0.50 s late" in result.detail


def test_old_output_in_time_is_success(follower: BootFollower) -> None:
    """What came in time counts, however late somebody waits for it."""
    start = time.monotonic() - 100
    for number, piece in enumerate((BL1_1, BL1_2, VHUK, BL2, RUNTIME)):
        say(follower, piece, at=start + number)
    assert wait_stages({0: follower}, BUDGETS, start=start)[0].ok


def test_missing_stage_is_not_skipped(follower: BootFollower) -> None:
    """A later stage does not stand in for one that never came."""
    say(follower, BL1_1, BL1_2, BL2, RUNTIME)
    result = wait_stages({0: follower}, BUDGETS | {"vhuk": 0.1})[0]
    assert (result.reason, result.failed_stage) == ("budget", "vhuk")
    assert [stage.stage for stage in result.reached] == ["BL1_1", "BL1_2", "BL2", "runtime"]


def test_source_end(follower: BootFollower, transcript: Transcript) -> None:
    """The end of the console ends the wait, after all it said was read."""
    say(follower, BL1_1)

    def end() -> None:
        say(follower, b"[INF] Jumping to BL1_2")
        transcript.live = False

    later(end)
    result = wait_stages({0: follower}, BUDGETS)[0]
    assert (result.reason, result.failed_stage) == ("eof", "BL1_2")
    assert result.last_line == "[INF] Jumping to BL1_2"


def test_last_line_without_end(follower: BootFollower, transcript: Transcript) -> None:
    """A halt line that was cut at its line end counts once the console has ended."""
    say(follower, BL1_1, BL1_2, HALT.rstrip())
    transcript.live = False
    assert wait_stages({0: follower}, BUDGETS)[0].reason == "halt"


def test_dead_device(follower: BootFollower) -> None:
    """A device that died ends the wait with the sentence that says why."""
    sentence = "the FVP ended with status 1"
    result = wait_stages({0: follower}, BUDGETS, alive=lambda rse: sentence)[0]
    assert (result.reason, result.detail) == ("dead", sentence)


def test_last_words_of_a_dead_device_count(follower: BootFollower) -> None:
    """Output that is still on its way when the device has died is judged first."""
    say(follower, BL1_1)
    later(lambda: say(follower, HALT))
    result = wait_stages({0: follower}, BUDGETS, alive=lambda rse: "dead")[0]
    assert result.reason == "halt"


def test_each_rse_for_itself(new_transcript: NewTranscript) -> None:
    """One wait over several RSEs: one that halts does not keep the others from arriving."""
    followers = {}
    for rse in range(3):
        transcript = new_transcript(f"rse{rse}")
        transcript.live = True
        followers[rse] = BootFollower(transcript, rse=rse)
        say(followers[rse], BL1_1, BL1_2)
    say(followers[1], HALT)
    later(lambda: say(followers[2], VHUK, BL2, RUNTIME))
    later(lambda: say(followers[0], VHUK, BL2), 0.1)
    results = wait_stages(followers, BUDGETS | {"runtime": 0.2})
    assert {rse: result.reason for rse, result in results.items()} == {
        0: "budget",
        1: "halt",
        2: "",
    }


def test_provisioning_resets_are_expected(follower: BootFollower) -> None:
    """Boots that only provision keep what was reached; the stages come from all of them."""
    say(follower, *[BL1_1, PROVISION] * 5, BL1_1, BL1_2, VHUK, BL2, RUNTIME)
    result = wait_stages({0: follower}, BUDGETS | {"provisioning": 5}, max_resets=0)[0]
    assert result.ok
    assert [stage.stage for stage in result.reached] == [
        "BL1_1",
        "provisioning",
        "BL1_2",
        "vhuk",
        "BL2",
        "runtime",
    ]
    assert len(result.boots) == 6


def test_unexpected_reset_begins_anew(follower: BootFollower) -> None:
    """After an unexpected reset the stages of the new boot count, not those of the old one."""
    say(follower, BL1_1, BL1_2, VHUK, BL2, BL1_1)
    result = wait_stages({0: follower}, BUDGETS | {"BL1_2": 0.1})[0]
    assert (result.reason, result.failed_stage) == ("budget", "BL1_2")
    assert [stage.stage for stage in result.reached] == ["BL1_1"]
    assert "1 unexpected resets" in result.detail


def test_reset_loop_ends(follower: BootFollower) -> None:
    """A chip that resets again and again is not waited for until all budgets are over."""
    say(follower, *[BL1_1, BL1_2] * 5)
    result = wait_stages({0: follower}, BUDGETS)[0]
    assert (result.reason, result.detail) == ("resets", "4 unexpected resets")


def test_endless_provisioning_ends(follower: BootFollower) -> None:
    """Resets by provisioning do not start the clock anew."""
    start = time.monotonic() - 100
    for number in range(10):
        say(follower, BL1_1, PROVISION, at=start + number)
    say(follower, BL1_2, at=start + 9)
    result = wait_stages({0: follower}, {"BL1_1": 5, "BL1_2": 6}, start=start)[0]
    assert (result.reason, result.failed_stage) == ("budget", "BL1_2")


def test_resets_do_not_add_time(follower: BootFollower) -> None:
    """With resets the wait ends at the sum of the budgets, though each stage came in its time."""
    start = time.monotonic() - 100
    for number, piece in enumerate((BL1_1, BL1_2) * 3 + (VHUK,)):
        say(follower, piece, at=start + 1 + 4 * number)
    result = wait_stages({0: follower}, {"BL1_1": 5, "BL1_2": 5, "vhuk": 5}, start=start)[0]
    assert (result.reason, result.failed_stage) == ("budget", "BL1_1")
    assert "2 unexpected resets" in result.detail


def test_the_last_word_of_the_run_before_ends_nothing(follower: BootFollower) -> None:
    """What a UART still held when the chip was let go is not this boot's end."""
    budgets = BUDGETS | {"end": 0.3}
    say(follower, b"\x04")
    later(lambda: say(follower, BL1_1, BL1_2, VHUK, BL2, RUNTIME), 0.2)
    result = wait_stages({0: follower}, budgets)[0]
    assert (result.ok, result.failed_stage) == (False, "end")


def test_the_last_word_of_this_run_is_awaited(follower: BootFollower) -> None:
    """It comes behind what it ends."""
    say(follower, b"\x04", BL1_1, BL1_2, VHUK, BL2, RUNTIME, b"\x04")
    assert wait_stages({0: follower}, BUDGETS | {"end": 5})[0].ok


def test_second_boot_alone(follower: BootFollower, transcript: Transcript) -> None:
    """A follower that begins at a reset judges nothing that came before it."""
    say(follower, BL1_1, BL1_2, VHUK, BL2, RUNTIME, HALT)
    second = BootFollower(transcript, rse=0, from_offset=transcript.size)
    say(follower, BL1_1)
    result = wait_stages({0: second}, {"BL1_1": 5, "BL1_2": 0.1})[0]
    assert (result.reason, result.failed_stage) == ("budget", "BL1_2")
    assert result.halt_line is None
    assert len(result.boots) == 1


def test_full_disk_is_an_error(follower: BootFollower, transcript: Transcript) -> None:
    """A wait on output that cannot be stored ends with an error, not with a verdict."""
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, transcript._log_fd)
    os.close(full)

    def overflow() -> None:
        with pytest.raises(OSError, match="No space"):
            transcript.append(b"x")

    later(overflow)
    with pytest.raises(DeviceError, match="No space left on device"):
        wait_stages({0: follower}, BUDGETS)


def test_unknown_stage() -> None:
    """A budget for something that is no stage is a mistake of the caller."""
    with pytest.raises(ValueError, match="BL9"):
        wait_stages({0: object()}, {"BL9": 1})  # type: ignore[dict-item]


def test_waiting_costs_nothing(follower: BootFollower) -> None:
    """A wait takes no CPU while nothing comes."""
    before = time.process_time()
    wait_stages({0: follower}, {"BL1_1": 0.4}, alive=lambda rse: None)
    assert time.process_time() - before < 0.15
