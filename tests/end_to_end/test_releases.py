# SPDX-License-Identifier: Apache-2.0
"""The shipped benches whose firmware does not agree fail with the cause, the repaired one passes."""

from __future__ import annotations

import pytest

from hil.cli import main

from .conftest import Lab

CAUSES = {
    "virtual-rse4-tfm222": (
        "RSE 2 differs from RSE 0, 1 and 3: this is what the in-place re-encryption of TF-M 2.2.2 "
        "does (even ids from 2 on)"
    ),
    "virtual-rse4-no-agreement": "the handshake never ran; policy bit 0 is clear",
}


@pytest.mark.parametrize("board", CAUSES)
def test_the_agreement_fails_with_its_cause(lab: Lab, board: str) -> None:
    """Who differs and why stands in the first line of the failure, the formulas below it."""
    run = lab.run(board, "-k", "test_all_rses_agree and not reset")
    assert run.record["verdict"] == "fail"
    told = run.text_of("test_all_rses_agree[bl1_2]")
    assert CAUSES[board] in told.splitlines()[0]
    assert "KDF(GUK, seed_" in told


COPIES = """
extends: virtual-rse4-no-agreement
services:
  rse:
    command: [hil-virtual-board, --chip, "{id}", --rse-amount, "4", --release, "{release}",
              --state, "{state}/rse{id}", --fabric, "{state}/fabric", --fault, same-die]
provisioning:
  huks:
    1: {hex: 43ba8e95cef05494099b5c9e6217908c841add2d6d15bcd622fbd91ac03b5021}
    2: {hex: 43ba8e95cef05494099b5c9e6217908c841add2d6d15bcd622fbd91ac03b5021}
    3: {hex: 43ba8e95cef05494099b5c9e6217908c841add2d6d15bcd622fbd91ac03b5021}
"""


def test_copies_of_one_die_that_agree_without_a_handshake_fail(lab: Lab) -> None:
    """Equal fingerprints are no agreement where the policy bit is clear on all: nothing binds them."""
    run = lab.run(lab.board(COPIES), "-k", "test_all_rses_agree and not reset")
    assert run.status == 1, run.output
    told = run.text_of("test_all_rses_agree[bl1_2]").splitlines()[0]
    assert "the handshake never ran; policy bit 0 is clear on RSE 0, 1, 2 and 3" in told
    assert "their dies have one and the same HUK" in told
    assert run.properties_of("test_all_rses_agree[bl1_2]")["cause"] == "handshake-skipped"
    assert run.record["diagnosis"]["outcome"] == "agreed"


@pytest.mark.parametrize(
    ("board", "cause", "defect"),
    [
        ("virtual-rse4-tfm222", "reply-encrypted-in-place", "reply-encrypted-in-place"),
        ("virtual-rse4-no-agreement", "handshake-skipped", "handshake-not-provisioned"),
    ],
)
def test_the_cause_reaches_junit_the_record_and_hil_explain(
    lab: Lab, board: str, cause: str, defect: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The failed case carries cause and known defect; `hil explain RUN` says the same afterwards."""
    run = lab.run(board, "-k", "test_all_rses_agree and not reset")
    properties = run.properties_of("test_all_rses_agree[bl1_2]")
    assert properties["cause"] == cause
    assert properties["known_defect"] == defect
    assert properties["confidence"] == "certain"
    assert run.record["diagnosis"]["leading"] == [cause]
    assert main(["explain", str(run.folder)]) == 1
    told = capsys.readouterr().out
    assert told.splitlines()[0] == run.record["diagnosis"]["headline"]


def test_the_repaired_firmware_agrees_on_all_seeds(lab: Lab) -> None:
    """Every seed is bound, so that there is nothing to warn of."""
    run = lab.run("virtual-rse4-fixed", "-k", "vhuk")
    assert run.record["verdict"] == "pass", run.output
    assert not run.record.get("warnings")
