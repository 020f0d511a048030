# SPDX-License-Identifier: Apache-2.0
"""The image that ran is the image that was meant to: a stale one that passes is the worst result."""

from __future__ import annotations

import re

import pytest
from hil_fixtures.verdicts import fail

from hil.bench.bench import Bench
from hil.bench.board import Board
from hil.bench.boots import SystemBoot
from hil.diagnosis.boot import summarise_boot
from hil.errors import ModelError
from hil.model.releases import release_for
from hil.targets.load import LoadReport

#: Image 0 of MCUboot: the secure image, whose version BL2 prints.
SECURE_IMAGES = ("tfm_s", "tfm_s_ns")


@pytest.mark.req("RSE-IMG-IDENTITY")
def test_what_lies_on_the_device_is_what_was_meant(
    bench: Bench, loaded: LoadReport, rse: int
) -> None:
    """The digest that was read back from the RSE equals that of the file, for every image."""
    mine = [entry for entry in loaded.images if entry.image.rse == rse]
    if not mine:
        pytest.skip(bench.cannot("load") or "the board file lists no image")
    if all(entry.how == "given to the model" for entry in mine):
        pytest.skip("a model is given files and cannot be read; the digests are in the run record")
    wrong = [
        f"{entry.image.name} at 0x{entry.image.address:x}: read {entry.sha256_on_device}, "
        f"the file has {entry.image.sha256}"
        for entry in mine
        if not entry.verified
    ]
    if wrong:
        pytest.fail(f"RSE {rse}: " + "\n".join(wrong), pytrace=False)


@pytest.mark.req("RSE-IMG-IDENTITY")
def test_boots_the_version_that_was_loaded(
    bench: Bench, first_boot: SystemBoot, board: Board, rse: int
) -> None:
    """The version that BL2 prints for image 0 is that of the image that was loaded."""
    versions = {
        image.version.partition("+")[0]
        for image in bench.plan.images
        if image.rse == rse and image.name in SECURE_IMAGES and image.version
    }
    wanted = {board.image_version} if board.image_version else versions
    if not wanted:
        unknown = "the version of the secure image is not known (set image_version)"
        pytest.skip(bench.cannot("load") or unknown)
    boot = first_boot.last(rse)
    seen = boot.image_version if boot else None
    if seen is None:
        pytest.skip(
            "BL2 of this build prints no `Image version` line"
            if first_boot.of(rse).ok
            else f"{summarise_boot(first_boot.of(rse))}; that test failed"
        )
    if seen not in wanted:
        fail(
            f"RSE {rse}: boots version {seen}, loaded was {' or '.join(sorted(wanted))}: another image "
            "ran than the one that was loaded (secondary slot? stale flash?)",
            boot=first_boot,
            rse=rse,
        )


@pytest.mark.req("RSE-IMG-IDENTITY")
def test_runs_the_release_of_the_board_file(first_boot: SystemBoot, board: Board, rse: int) -> None:
    """The TF-M that says its version on the UART follows the rules that the board file names."""
    boot = first_boot.last(rse)
    printed = boot.tfm_version if boot else None
    if printed is None:
        pytest.skip("the runtime prints no version, or was not reached")
    number = re.match(r"\d+\.\d+\.\d+", printed)
    try:
        seen = release_for(number[0] if number else printed)
    except ModelError:
        pytest.skip(f"the rules of TF-M {printed} are not known")
    if release_for(board.release).may_print_version_of(seen):
        return
    fail(
        f"RSE {rse} runs TF-M {printed}, the board file says release {board.release}: stages, vHUK and "
        "diagnosis would be judged by the rules of another release",
        boot=first_boot,
        rse=rse,
    )
