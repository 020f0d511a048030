# SPDX-License-Identifier: Apache-2.0
"""Runs on a model: whose failure its end is, and which firmware the record says that it had."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import ROOT, Lab

FVP = "extends: virtual-fvp-rdv3-cfg2\nretries: {{pause: 0}}\nlauncher: {{{more}}}\n"


def test_a_model_that_ran_out_of_simulated_time_is_the_products(lab: Lab) -> None:
    """A hang is what the limit is for: no retry, no quarantine, status 1; once with its last lines."""
    board = lab.board(FVP.format(more="simlimit: 2, parameters: {virtual.fault: '2:never-join'}"))
    run = lab.run(board, "-k", "test_stages")
    assert run.status == 1, run.output
    assert run.recorded.failure_class == "product"
    failed = [test for test in run.recorded.tests if test.status == "FAIL"]
    assert failed
    assert {len(test.attempts) for test in failed} == {1}
    text = failed[0].attempts[0].text
    assert text.count("last lines: ") == 1
    assert "Simulated time has been exceeded" in text


@pytest.mark.parametrize("console", ["terminal", "out_file"])
def test_a_rom_that_is_given_by_a_parameter_is_part_of_the_evidence(
    lab: Lab, tmp_path: Path, console: str
) -> None:
    """It is among the images of the record, and another ROM gives another digest of all of them."""
    rom = tmp_path / "rom.bin"
    rom.write_bytes((ROOT / "boards" / "payloads" / "rom.bin").read_bytes())
    more = (
        f'console: {{kind: {console}}}, optional_parameters: {{"{{rse}}.rom.raw_imag": x}}, '
        f'parameters: {{"{{rse}}.rom.raw_image": "{rom}", virtual.time_scale: 0.1}}'
    )
    board = lab.board(FVP.format(more=more))
    digests = set()
    for content in (None, b"another"):
        if content is not None:
            rom.write_bytes(rom.read_bytes() + content)
        run = lab.run(board, "-k", "test_stages")
        assert run.status == 0, run.output
        recorded = run.recorded
        roms = [image for image in recorded.images if image.name == "rse.rom.raw_image"]
        assert [image.rse for image in roms] == [0, 1, 2, 3]
        assert recorded.seen_on_device
        digests.add(recorded.image_digest)
        assert (run.folder / "report.html").read_text().count("rse.rom.raw_image") >= 1
        assert all(stage.seconds is None or stage.seconds >= 0 for stage in recorded.stages)
        [start, *_] = [
            event
            for line in (run.folder / "events.jsonl").read_text().splitlines()
            if (event := json.loads(line))["kind"] == "fvp"
        ]
        assert start["left_out"] == {"{rse}.rom.raw_imag": "css0.sysctrl.rse.rom.raw_image"}
    assert len(digests) == 2
