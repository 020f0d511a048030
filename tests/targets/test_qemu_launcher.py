# SPDX-License-Identifier: Apache-2.0
"""The QEMU launcher with real machines: boots, resets, memory that is kept, images read back."""

from __future__ import annotations

import hashlib
import shlex
import struct
import time
from pathlib import Path

import pytest
from qemu_lab import (
    COUNTERS,
    END,
    FIRMWARE,
    FIRST,
    NVM,
    PAYLOADS,
    SCENARIO,
    QemuLab,
    file_with,
    firmware_with_counter,
    needs_qemu,
    placed,
    plan,
    processes_in,
)

from hil.errors import DeviceError, UsageError

pytestmark = needs_qemu


@pytest.mark.parametrize(
    ("machine", "firmware"),
    [("mps2-an505", "mps2"), ("mps2-an521", "mps2"), ("mps3-an524", "mps3")],
)
def test_boots_on_each_machine(tmp_path: Path, machine: str, firmware: str) -> None:
    """Every stage and every test of the firmware is in the transcript, from the first byte on."""
    with QemuLab(tmp_path, machine=machine) as lab:
        lab.boot(placed(PAYLOADS / f"firmware-{firmware}.bin"))
        said = lab.said()
    assert said.startswith(FIRST)
    assert b"Jumping to the first image slot" in said
    assert said.count(b" - PASSED!") == 4
    assert said.count(b" - SKIPPED!") == 1


def test_held_until_the_console_is_open(tmp_path: Path) -> None:
    """Nothing runs before `armed`, however long that takes, and nothing is lost behind it."""
    seen: list[int] = []
    with QemuLab(tmp_path) as lab:

        def armed() -> None:
            time.sleep(0.2)
            seen.append(lab.transcripts[0].size)

        lab.launcher.load(plan(placed(FIRMWARE)))
        lab.launcher.start(lab.open, armed=armed)
        lab.consoles[0].expect_exact(END)
        assert seen == [0]
        assert lab.said().startswith(FIRST)


def test_a_flood_arrives_whole(tmp_path: Path) -> None:
    """The firmware is held up rather than a byte lost: 4000 numbered lines are there in order."""
    with QemuLab(tmp_path) as lab:
        console = lab.boot()
        console.sendline("flood")
        console.expect_exact(b"flood 3999\r\n")
        flood = lab.said().partition(b"flood 0\r\n")
    wanted = b"".join(b"flood %d\r\n" % line for line in range(1, 4000))
    assert flood[2] == wanted


def test_memory_outlives_resets(tmp_path: Path) -> None:
    """After a reset by the launcher, and one by the firmware, counters are what they were."""
    with QemuLab(tmp_path) as lab:
        console = lab.boot()
        assert lab.counters("count") == "counter=1 security_counter=1"
        lab.launcher.reset()
        console.expect_exact(FIRST)
        console.expect_exact(END)
        assert lab.counters() == "counter=1 security_counter=1"
        console.sendline("reset")
        console.expect_exact(FIRST)
        console.expect_exact(END)
        assert lab.counters("count") == "counter=2 security_counter=1"


def test_a_reset_begins_where_it_was_armed(tmp_path: Path) -> None:
    """What the firmware said before the reset stands before `armed`, the new boot right behind."""
    offsets: list[int] = []
    with QemuLab(tmp_path) as lab:
        console = lab.boot()
        console.sendline("flood")
        console.expect_exact(b"flood 500\r\n")
        lab.launcher.reset(armed=lambda: offsets.append(lab.transcripts[0].size))
        console.expect_exact(END)
        [offset] = offsets
        assert lab.said()[offset:].startswith(FIRST)


@pytest.mark.parametrize("kept", [True, False])
def test_what_outlives_a_load(tmp_path: Path, kept: bool) -> None:
    """A region of `nvm` is there again in the next process; without one the memory is new."""
    with QemuLab(tmp_path, **({"nvm": COUNTERS} if kept else {})) as lab:
        lab.boot()
        lab.counters("count")
        lab.boot()
        assert lab.counters() == f"counter={int(kept)} security_counter=1"


@pytest.mark.parametrize("kept", [True, False])
def test_what_outlives_a_run(tmp_path: Path, kept: bool) -> None:
    """With `nvm.keep` the next run goes on where this one ended, else it starts fresh."""
    nvm = COUNTERS | ({"keep": "otp"} if kept else {})
    for number, run in enumerate(("first", "second"), 1):
        (tmp_path / run).mkdir()
        with QemuLab(tmp_path, nvm=nvm) as lab:
            lab.boot()
            assert lab.counters("count").startswith(f"counter={number if kept else 1} ")
        (tmp_path / "state").rename(tmp_path / run / "state")


def test_kept_memory_is_used_by_one_run_at_a_time(tmp_path: Path) -> None:
    """A second run on the same folder is refused with the name of the first."""
    nvm = COUNTERS | {"keep": str(tmp_path / "otp")}
    (tmp_path / "other").mkdir()
    with QemuLab(tmp_path, nvm=nvm) as lab, QemuLab(tmp_path / "other", nvm=nvm) as other:
        lab.boot()
        with pytest.raises(DeviceError, match=r"otp is in use by the run"):
            other.launcher.load(plan(placed(FIRMWARE)))
    with QemuLab(tmp_path / "other", nvm=nvm) as other:
        other.boot()


def test_an_older_image_is_refused(tmp_path: Path) -> None:
    """Rollback protection is real: a newer image locks the older one out, in the next process."""
    with QemuLab(tmp_path, nvm=COUNTERS) as lab:
        lab.boot(placed(firmware_with_counter(tmp_path, 2)))
        lab.launcher.load(plan(placed(firmware_with_counter(tmp_path, 1))))
        lab.launcher.reset()
        lab.consoles[0].expect_exact(b"Image security counter value 1 lower than monotonic value 2")


@pytest.mark.parametrize(("kept", "after"), [(True, 42), (False, 41)])
def test_what_a_reset_does_to_an_image(tmp_path: Path, kept: bool, after: int) -> None:
    """QEMU puts its images back at each reset; one in a kept region is written only once."""
    image = file_with(tmp_path, struct.pack("<III", 0x314D564E, 41, 0), "counters.bin")
    with QemuLab(tmp_path, **({"nvm": COUNTERS} if kept else {})) as lab:
        lab.boot(placed(FIRMWARE), placed(image, NVM, name="counters"))
        assert lab.counters("count").startswith("counter=42 ")
        lab.launcher.reset()
        lab.consoles[0].expect_exact(END)
        assert lab.counters().startswith(f"counter={after} ")


def test_images_are_read_back(tmp_path: Path) -> None:
    """The report has the digest of what is in the machine's memory, and QEMU's version."""
    with QemuLab(tmp_path) as lab:
        report = lab.launcher.load(plan(placed(FIRMWARE)))
        [image] = report.images
        assert image.sha256_on_device == hashlib.sha256(FIRMWARE.read_bytes()).hexdigest()
        assert (image.verified, image.how) == (True, "read-back")
        assert report.tools["qemu"].count(".") == 2


def test_a_file_that_changed_is_not_taken(tmp_path: Path) -> None:
    """An image that is not the one that was planned ends the load with both digests."""
    image = placed(firmware_with_counter(tmp_path, 1))
    firmware_with_counter(tmp_path, 7).rename(image.path)
    told = r"RSE 0: load: image firmware: .* planned was"
    with QemuLab(tmp_path) as lab, pytest.raises(DeviceError, match=told):
        lab.launcher.load(plan(image))


def test_a_partial_load_keeps_the_rest(tmp_path: Path) -> None:
    """A load of one image replaces the one at its address; the others stay on the device."""
    scenario = file_with(tmp_path, b"show\0")
    other = file_with(tmp_path, b"count\0", "other.bin")
    with QemuLab(tmp_path) as lab:
        lab.launcher.load(plan(placed(FIRMWARE), placed(scenario, SCENARIO, name="scenario")))
        lab.launcher.start(lab.open)
        lab.consoles[0].expect_exact(b"counter=0 ")
        lab.launcher.load(plan(placed(other, SCENARIO, name="scenario")))
        lab.launcher.reset()
        lab.consoles[0].expect_exact(b"counter=1 ")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (0x103FFFFE, r"extra .* at 0x103ffffe to 0x10400001: no memory of mps2-an521 holds it"),
        (0x10000800, r"image extra at 0x10000800 overlaps firmware, loaded to 0x10000000 to"),
        (
            0x50200000,
            r"extra .* at 0x50200000 to .*: no memory of mps2-an521 holds it; it has SSRAM1",
        ),
        (0x1006FFFF, r"lies across the border of launcher.nvm.regions.counters, 0x10070000 to"),
    ],
)
def test_images_without_a_place_are_refused(tmp_path: Path, address: int, told: str) -> None:
    """What has no place is refused before QEMU is started, with addresses."""
    extra = placed(file_with(tmp_path, b"four"), address, name="extra")
    with QemuLab(tmp_path, nvm=COUNTERS) as lab:
        with pytest.raises((UsageError, DeviceError), match=told):
            lab.launcher.load(plan(placed(FIRMWARE), extra))
        assert not processes_in(tmp_path)


def test_hold_and_release(tmp_path: Path) -> None:
    """A held core says nothing; released it begins at its reset vector."""
    with QemuLab(tmp_path) as lab:
        console = lab.boot()
        lab.launcher.hold(0)
        sizes = [-1, lab.transcripts[0].size]
        while sizes[-1] != sizes[-2]:  # what it said before is still on its way
            assert len(sizes) < 50, "it goes on talking"
            time.sleep(0.2)
            sizes.append(lab.transcripts[0].size)
        size = sizes[-1]
        lab.launcher.release(0)
        console.expect_exact(END)
        assert lab.said()[size:].startswith(FIRST)


def test_one_rse_is_reset_alone(tmp_path: Path) -> None:
    """The other one goes on: each has a machine of its own."""
    with QemuLab(tmp_path, rses=2) as lab:
        lab.launcher.load(plan(placed(FIRMWARE), placed(FIRMWARE, rse=1)))
        lab.launcher.start(lab.open)
        for rse in (0, 1):
            lab.consoles[rse].expect_exact(END)
        lab.launcher.reset(1)
        lab.consoles[1].expect_exact(END)
        assert lab.counters(rse=0).startswith("counter=0 ")
        assert [lab.said(rse).count(FIRST) for rse in (0, 1)] == [1, 2]


def test_other_uarts_are_kept_in_files(tmp_path: Path) -> None:
    """A UART that is nobody's console goes to a file of the run, and holds nothing up."""
    with QemuLab(tmp_path, uart=1) as lab:
        lab.launcher.load(plan(placed(FIRMWARE)))
        lab.launcher.start(lab.open)
        log = tmp_path / "state" / "qemu-rse0" / "uart0.log"
        deadline = time.monotonic() + 20
        while END not in log.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.02)
        lab.launcher.stop()
        assert log.read_bytes().startswith(FIRST)
        assert lab.transcripts[0].size == 0
        assert [each.name for each in log.parent.glob("uart*.log")] == ["uart0.log"]


def test_a_long_folder_is_no_obstacle(tmp_path: Path) -> None:
    """Sockets work below a path longer than a socket's name may be, with commas in it."""
    folder = tmp_path / ("long,name-" * 12)
    folder.mkdir()
    with QemuLab(folder) as lab:
        lab.boot(placed(file_with(folder, FIRMWARE.read_bytes(), "a,b.bin")))
        assert lab.said().startswith(FIRST)


def test_the_record_gets_the_command(tmp_path: Path) -> None:
    """Each start is told with its whole command line, and stands in QEMU's log."""
    with QemuLab(tmp_path) as lab:
        lab.boot()
        [event] = lab.events
    assert (event["kind"], event["rse"], event["start"]) == ("qemu", 0, 1)
    loader = f"loader,file={FIRMWARE},addr=0x10000000,force-raw=on"
    assert f"-device {shlex.quote(loader)}" in str(event["command"])
    assert str(event["command"]) in (tmp_path / "state/qemu-rse0/qemu.log").read_text()
