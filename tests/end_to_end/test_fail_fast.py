# SPDX-License-Identifier: Apache-2.0
"""`fail_on` in a board file, for lines that come while nobody waits for any."""

from __future__ import annotations

import struct

import pytest

from .conftest import Lab, Run

#: The runtime's report comes after the last stage that is awaited.
BOARD = """
extends: virtual-fvp-rdv3-cfg2
stages: [BL1_1, provisioning, BL1_2]
fingerprint: {sources: [bl1_2], partition_id: 3000}
fail_on: ['vhuk .*src=runtime']
"""

NOBODY_WAITS = """
import time

def test_own_early(first_boot):
    pass

def test_own_during(bench, first_boot):
    for recording in bench.recordings.values():
        for _ in range(2000):
            if b"src=runtime" in recording.read(0, recording.size):
                break
            time.sleep(0.01)

def test_own_later(first_boot):
    pass
"""


SOMEBODY_WAITS = """
def test_own_waits(bench, first_boot):
    bench.consoles[0].expect("never", timeout=30)

def test_own_later(first_boot):
    pass
"""


def told(run: Run) -> dict[str, tuple[str, str | None, str]]:
    """Status, class and message of each test of its own."""
    return {
        test.id.rpartition("::")[2]: (str(test.status), test.failure_class, test.last.message)
        for test in run.recorded.tests
    }


@pytest.fixture
def own(lab: Lab) -> str:
    """A file of tests of its own."""
    place = lab.folder / "test_own.py"
    place.write_text(NOBODY_WAITS)
    return str(place)


def test_a_line_that_nobody_waits_for_fails_the_test_it_came_in(lab: Lab, own: str) -> None:
    """One test fails, as the product, with the line; the ones behind it pass."""
    live = lab.run(lab.board(BOARD), own, "-k", "test_own")
    assert live.status == 1, live.output
    assert live.record["verdict"] == "fail"
    bad = {name: found for name, found in told(live).items() if found[0] != "PASS"}
    assert len(bad) == 1, bad
    [(status, kind, message)] = bad.values()
    assert (status, kind) == ("FAIL", "product")
    assert "src=runtime" in message
    assert live.record["reasons"] == [message]

    # What only the result of a recorded boot knows, and no test looks at, fails the last one.
    again = lab.run(f"replay:{live.folder}", own, "-k", "test_own")
    assert again.status == 1, again.output
    assert [found[0] for found in told(again).values()] == ["PASS", "PASS", "FAIL"]
    assert "src=runtime" in again.record["reasons"][0]

    again = lab.run(f"replay:{live.folder}", "-k", "test_reaches_every_stage_in_time")
    assert again.status == 1, again.output
    texts = [again.text_of(name) for name in again.cases if again.cases[name].result]
    assert len(texts) == 1, texts
    assert "fail-fast pattern 'vhuk .*src=runtime'" in texts[0]
    assert "after BL1_2 was reached" in texts[0]


def test_a_line_that_a_wait_has_told_is_not_told_again(lab: Lab) -> None:
    """The wait fails its test; a test behind it that waits for nothing passes."""
    place = lab.folder / "test_own.py"
    place.write_text(SOMEBODY_WAITS)
    run = lab.run(lab.board(BOARD), str(place), "-k", "test_own")
    assert run.status == 1, run.output
    found = told(run)
    assert found["test_own_waits"][:2] == ("FAIL", "product")
    assert "src=runtime" in found["test_own_waits"][2]
    assert found["test_own_later"][0] == "PASS"


def test_a_run_without_sound_times_is_not_replayed(lab: Lab) -> None:
    """No budget is judged by times that are not there: the run is refused, once, with the file."""
    live = lab.run(lab.board("extends: virtual-fvp-rdv3-cfg2\n"), "-k", "test_reaches_every_stage")
    assert live.status == 0, live.output
    index = live.folder / "uart" / "rse2.idx"
    whole = index.read_bytes()
    for data, why in (
        (None, "missing"),
        (b"", "missing"),
        (whole[:32], "empty"),
        (bytes(range(256)), "no index"),
        (whole + struct.pack("<QQ", 0, 0), "its times run backwards"),
    ):
        index.unlink(missing_ok=True)
        if data is not None:
            index.write_bytes(data)
        again = lab.run(f"replay:{live.folder}", "-k", "test_reaches_every_stage_in_time")
        assert again.status == 4, again.output
        assert again.output.count("uart/rse2.idx") == 1
        assert why in again.output


def test_damaged_images_may_say_what_good_ones_may_not(lab: Lab) -> None:
    """What refuses an image that a testcase damaged fails neither that test nor a later boot."""
    board = lab.board("extends: virtual-rse4\nfail_on: ['\\[ERR\\]']\n")
    run = lab.run(board, "-k", "test_mutants or agree_after_reset")
    assert run.status == 0, run.output
    assert b"[ERR]" in b"".join(p.read_bytes() for p in run.folder.glob("uart/*.log"))
