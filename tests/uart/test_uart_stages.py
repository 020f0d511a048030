# SPDX-License-Identifier: Apache-2.0
"""Boots and their stages."""

from __future__ import annotations

import pytest

from hil.uart.report_lines import MalformedReport, VhukReport
from hil.uart.scanner import Scanner
from hil.uart.stages import Boot

BL1_1 = "[INF] Starting TF-M BL1_1"
NOISE = "[INF] Noise Source: rosc_id: 0, subsample_count: 0x3e8"
PROVISION = "[INF] Beginning RSE provisioning"
BL1_2 = "[INF] Starting TF-M BL1_2"
BL2 = "[INF] Starting bootloader"
RUNTIME = "[NOT] Booting TF-M v2.3.1"
NS = "Non-Secure system starting..."


def boots_of(*lines: str) -> tuple[Boot, ...]:
    scanner = Scanner()
    scanner.feed("".join(f"{line}\r\n" for line in lines).encode())
    scanner.finish()
    return scanner.tracker.boots


def paths(*lines: str) -> list[list[str]]:
    return [[stage.stage for stage in boot.stages] for boot in boots_of(*lines)]


def test_virgin_to_runtime(logs: dict[str, bytes]) -> None:
    """Each provisioning reset is a boot of its own, and the noise lines belong to the next one."""
    scanner = Scanner()
    scanner.feed(logs["virgin to runtime, 2.3"])
    boots = scanner.tracker.boots
    stages = [[stage.stage for stage in boot.stages] for boot in boots]
    assert stages == [["BL1_1", "provisioning"]] * 5 + [
        ["BL1_1", "BL1_2", "vhuk", "BL2", "runtime"]
    ]
    assert [boot.provisioned for boot in boots] == [True] * 5 + [False]
    last = boots[-1]
    assert (last.chip_id, last.image_version, last.tfm_version) == (2, "2.3.1", "2.3.1")
    assert [type(report).__name__ for report in last.reports] == [
        "StateReport",
        "SeedsReport",
        "VhukReport",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([BL1_1, BL1_2, BL2, RUNTIME], [["BL1_1", "BL1_2", "BL2", "runtime"]]),
        ([BL2, RUNTIME, NS, BL2, RUNTIME], [["BL2", "runtime", "ns"], ["BL2", "runtime"]]),
        ([BL2, BL2], [["BL2"], ["BL2"]]),
        ([BL1_2, BL2], [["BL1_2", "BL2"]]),
        ([BL1_1, BL1_2, BL1_2], [["BL1_1", "BL1_2"], ["BL1_2"]]),
        ([RUNTIME, NS, RUNTIME], [["runtime", "ns"], ["runtime"]]),
        (["  TEST: X - PASSED!", BL2], [[], ["BL2"]]),
        ([NOISE, BL1_1, NOISE, BL1_1], [["BL1_1"], ["BL1_1"]]),
        ([BL1_1, NOISE, BL1_2], [["BL1_1", "BL1_2"]]),
        ([BL1_1, PROVISION, PROVISION], [["BL1_1", "provisioning"]]),
        ([BL2, NS, "\x04", BL2], [["BL2", "ns", "end"], ["BL2"]]),
    ],
    ids=[
        "one boot",
        "without BL1",
        "early reset",
        "begins in BL1_2",
        "lost banner",
        "runtime only",
        "begins in tests",
        "noise before each",
        "noise in the middle",
        "provisioning twice",
        "after EOT",
    ],
)
def test_where_boots_begin(lines: list[str], expected: list[list[str]]) -> None:
    """A boot begins where a stage comes that the boot before had already passed."""
    assert paths(*lines) == expected


def test_failed_self_test_belongs_to_its_own_boot() -> None:
    """Lines before the first banner are a boot of their own when the boot stops there."""
    stop = ["[ERR] Boot self-tests... FAILED", "[ERR] Fatal boot error 0x15555555 (0xb0f0f0f0)"]
    boots = boots_of(BL1_1, BL1_2, NOISE, *stop, NOISE, *stop, NOISE, BL1_1)
    assert [boot.halt is not None for boot in boots] == [False, True, True, False]
    assert [len(boot.errors) for boot in boots] == [0, 1, 1, 0]


def test_recovery_is_no_provisioning(logs: dict[str, bytes]) -> None:
    """Provisioning that begins in BL1_2 is the recovery of a chip without a good BL2 image."""
    scanner = Scanner()
    scanner.feed(logs["no BL2 image is good, 2.3"])
    (boot,) = scanner.tracker.boots
    assert boot.recovery
    assert not boot.provisioned
    assert boot.furthest == "BL1_2"
    assert boot.image == "1"
    assert boot.halt is not None
    assert boot.halt.values == ("e5a5a5c1", "40000064")


def test_reset_in_the_middle_of_a_line(logs: dict[str, bytes]) -> None:
    """A banner glued to the cut line of the boot before begins a boot."""
    scanner = Scanner()
    scanner.feed(logs["reset in the middle of a line"])
    first, second = scanner.tracker.boots
    assert first.furthest == "runtime"
    assert [stage.stage for stage in second.stages] == ["BL1_1"]
    assert scanner.regression.results().interrupted == ("TFM_S_ITS_TEST_1001",)
    assert isinstance(second.reports[0], MalformedReport), "and is no vhuk stage"


def test_runtime_report_counts_as_vhuk() -> None:
    """A reporter that only exists in the runtime reaches the vhuk stage there."""
    fp = "0a" * 16
    (boot,) = boots_of(BL1_1, BL1_2, BL2, RUNTIME, f"[HIL1] vhuk rse=0 of=4 src=runtime fp={fp}")
    assert [stage.stage for stage in boot.stages][-1] == "vhuk"
    assert boot.furthest == "runtime"
    assert boot.reports == (VhukReport(0, 4, "runtime", fp),)


def test_endless_resets_stay_bounded() -> None:
    """A reset loop over night keeps the first and the latest boots, and their count."""
    scanner = Scanner()
    scanner.feed(f"{BL2}\r\n".encode() * 5000)
    boots = scanner.tracker.boots
    assert scanner.tracker.count == 5000
    assert len(boots) <= 1001
    assert (boots[0].number, boots[-1].number) == (0, 4999)
