# SPDX-License-Identifier: Apache-2.0
"""How `pytest testcases` answers to the ways in which it is called."""

from __future__ import annotations

import pytest

from .conftest import Lab

BROKEN = {
    "no such program": (
        "extends: virtual-rse4\nservices: {rse: {command: [no-such-board]}}\n",
        "services.rse.command: no program 'no-such-board' on PATH",
    ),
    "a service that ends": (
        "extends: virtual-rse4\nservices: {rse: {arguments_of: {1: [--no-such-option]}}}\n",
        "service rse1 ended with status 2",
    ),
    "no such image": (
        "extends: virtual-rse4\nimages: {tfm_s: {mcuboot: {payload: /no/such.bin}}}\n",
        "image 'tfm_s': payload: no such file",
    ),
    "images on each other": (
        "extends: virtual-rse4\nimages: {scp: {address: 0xB0040000}}\n",
        "images 'tfm_s' (0xb0040000",
    ),
    "an image outside of the flash": (
        "extends: virtual-rse4\nimages: {scp: {address: 0xC0000000}}\n",
        "0xc0000000",
    ),
    "a target that pyOCD does not know": (
        "extends: virtual-rse4\nlauncher: {target: rse_virtuel}\n",
        "rse_virtuel",
    ),
    "a parameter that the model does not have": (
        "extends: virtual-fvp-rdv3-cfg2\nlauncher: {parameters: {virtual.relase: 1}}\n",
        "virtual.release",
    ),
    "another chip": (
        "extends: virtual-rse4\nlauncher: {expect_identity: {cpuid: 0x410FD210}}\n",
        "this is not the chip of the board file; nothing was erased",
    ),
}


def test_without_a_board(lab: Lab) -> None:
    """Testcases without `--board` say what is missing and which boards there are."""
    process = lab.start("")
    run = lab.finish(process)
    assert run.status == 4
    assert "these tests need a board: --board NAME, one of" in run.output
    assert "virtual-rse4" in run.output


def test_a_board_that_does_not_exist(lab: Lab) -> None:
    """A typo is answered at once, before anything is started."""
    run = lab.run("virtual-rse44")
    assert run.status == 4
    assert "did you mean 'virtual-rse4'?" in run.output
    assert not lab.runs.exists()


def test_several_processes_cannot_share_a_bench(lab: Lab) -> None:
    """`-n` together with one `--board` is refused."""
    run = lab.run("virtual-rse4", "-n", "2")
    assert run.status == 4
    assert "one bench cannot serve several processes" in run.output


def test_collecting_leaves_no_record(lab: Lab) -> None:
    """`--collect-only` lists one item per RSE and touches nothing."""
    run = lab.run("virtual-rse4", "--collect-only")
    assert run.status == 0
    assert "test_reaches_every_stage_in_time[rse3]" in run.output
    assert not lab.runs.exists()


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_the_bench_is_one_clear_error(lab: Lab, name: str) -> None:
    """A bench that cannot be used ends every test with the reason, without a traceback."""
    text, expected = BROKEN[name]
    run = lab.run(lab.board(text), "-x")
    assert run.status != 0
    assert expected in run.output
    assert "Traceback" not in run.output
    assert run.record["verdict"] == "error"
    assert any(expected in reason for reason in run.record["reasons"])


def test_pytests_own_junit_file_can_be_had_too(lab: Lab) -> None:
    """`--junitxml` beside the run's own file changes nothing in the results."""
    path = lab.folder / "own.xml"
    run = lab.run("virtual-fvp-rdv3-cfg2", f"--junitxml={path}")
    assert run.status == 0, run.output
    assert path.is_file()


def test_a_service_that_ends_at_once_is_noticed(lab: Lab) -> None:
    """Also one without an announcement: the bench needs it while it is live."""
    text = "extends: virtual-fvp-rdv3-cfg2\nservices: {aux: {command: ['false']}}\n"
    run = lab.run(lab.board(text))
    assert run.record["verdict"] == "error"
    assert "service aux ended with status 1" in run.record["reasons"][0]


def test_a_checkout_that_cannot_be_written_is_no_failure(lab: Lab) -> None:
    """Pytest cannot keep its cache there, which says nothing of the board."""
    board = "virtual-fvp-rdv3-cfg2"
    run = lab.run(board, "-k", "test_stages", "-o", "cache_dir=/proc/nowhere")
    assert run.status == 0, run.output
    assert run.recorded.verdict == "pass"
