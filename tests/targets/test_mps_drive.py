# SPDX-License-Identifier: Apache-2.0
"""Loading MPS2 and MPS3 boards through their USB drive; a folder stands for the drive."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hil.bench.board_file import load_board
from hil.bench.targets import make_launcher, preflight_launcher
from hil.errors import DeviceError, UsageError
from hil.targets.endpoint import Endpoint
from hil.targets.launcher import Launcher
from hil.targets.load import FlashPolicy, LoadPlan, LoadProgress, PlacedImage
from hil.targets.mps_launcher import MpsLauncher
from hil.targets.mps_settings import MpsSettings
from hil.targets.recovery import Lab, RefusedError

APPLICATION = Path("MB/HBI0263C/AN521")


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """What the controller of an MPS2 board shows as a drive."""
    root = tmp_path / "V2M_MPS2"
    (root / APPLICATION).mkdir(parents=True)
    (root / APPLICATION / "images.txt").write_text(
        "TOTALIMAGES: 1\nIMAGE0FILE: \\SOFTWARE\\old.axf"
    )
    (root / "SOFTWARE").mkdir()
    (root / "config.txt").write_text("[CONFIGURATION]\r\nAUTORUN: TRUE ;from power on\r\n")
    return root


def image(folder: Path, name: str, content: bytes, address: int = 0x10000000) -> PlacedImage:
    path = folder / f"{name}.img"
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return PlacedImage(name, 0, path, address, "ram", digest, len(content))


def launcher(drive: Path, lab: Lab | None = None, **changes: Any) -> MpsLauncher:
    settings = MpsSettings.model_validate(
        {"kind": "mps", "drive": str(drive), "application": "AN521", "timeouts": {"drive": 0.3}}
        | changes
    )
    return MpsLauncher(settings, drive, {0: Endpoint("serial", "/dev/null")}, lab)


@pytest.fixture
def plan(tmp_path: Path) -> LoadPlan:
    return LoadPlan(
        (
            image(tmp_path, "bl2", b"bl2" * 1000),
            image(tmp_path, "tfm_s_ns", b"tfm" * 9000, 0x10080000),
        )
    )


def test_it_is_a_launcher(drive: Path) -> None:
    """The class has what the contract asks for, and does not claim to hold a core."""
    contract: Launcher = launcher(drive)
    assert contract.capabilities == {"load", "reset", "read-back"}


def test_images_that_overlap_are_refused(drive: Path, tmp_path: Path) -> None:
    """What the controller would write over another image; a preload port has its own addresses."""
    images = LoadPlan((image(tmp_path, "bl2", b"x" * 0x101), image(tmp_path, "tfm", b"y", 0x40000)))
    same = {"bl2": {"address": "0x00000000"}, "tfm": {"address": "0x0000_0100"}}
    with pytest.raises(
        UsageError, match=r"would put 'tfm' at 0x0000_0100, into 'bl2' \(0x00000000 to"
    ):
        launcher(drive, images=same).load(images)
    assert not list((drive / "SOFTWARE").iterdir())
    same["tfm"] |= {"port": 1}
    launcher(drive, images=same).load(images)


def test_images_and_their_list_are_copied(drive: Path, plan: LoadPlan) -> None:
    """Each image is a file in SOFTWARE, images.txt names them, and nothing reboots yet."""
    told: list[LoadProgress] = []
    lab = Lab(progress=told.append)
    given = {
        "tfm_s_ns": {"name": "tfm.bin", "port": 1, "update": "RAM", "address": "0x00_1008_0000"}
    }
    report = launcher(drive, lab, images=given).load(plan)
    assert (drive / "SOFTWARE/BL2.BIN").read_bytes() == b"bl2" * 1000
    assert (drive / "SOFTWARE/TFM.BIN").read_bytes() == b"tfm" * 9000
    assert (drive / APPLICATION / "images.txt").read_bytes().split(b"\r\n") == [
        b"TITLE: Versatile Express Images Configuration File",
        b"",
        b"[IMAGES]",
        b"TOTALIMAGES: 2",
        b"",
        b"IMAGE0ADDRESS: 0x10000000",
        b"IMAGE0FILE: \\SOFTWARE\\BL2.BIN",
        b"",
        b"IMAGE1ADDRESS: 0x00_1008_0000",
        b"IMAGE1PORT: 1",
        b"IMAGE1UPDATE: RAM",
        b"IMAGE1FILE: \\SOFTWARE\\TFM.BIN",
        b"",
    ]
    assert all(loaded.verified and loaded.how == "read-back" for loaded in report.images)
    assert [(b.size, b.written, b.skipped) for b in report.boards] == [(30_000, 30_000, 0)]
    assert told[-1].done == told[-1].total == 30_000
    assert not (drive / "reboot.txt").exists()


def named(plan: LoadPlan) -> dict[str, Any]:
    return {"images": {"tfm_s_ns": {"name": "tfm.bin"}}}


def test_what_the_drive_has_is_not_copied_again(
    drive: Path, plan: LoadPlan, tmp_path: Path
) -> None:
    """The content on the drive decides: a file that was changed there is copied, others are not."""
    driver = launcher(drive, **named(plan))
    driver.load(plan)
    (drive / "SOFTWARE/BL2.BIN").write_bytes(b"damaged")
    report = driver.load(plan)
    assert [loaded.written for loaded in report.images] == [3000, 0]
    again = driver.load(LoadPlan(plan.images, FlashPolicy.ALWAYS))
    assert [loaded.written for loaded in again.images] == [3000, 27_000]


def test_never_only_looks(drive: Path, plan: LoadPlan) -> None:
    """With flash=never a missing or different file, or another list, is refused and left as it is."""
    driver = launcher(drive, **named(plan))
    only_look = LoadPlan(plan.images, FlashPolicy.NEVER)
    with pytest.raises(RefusedError, match=r"image bl2: SOFTWARE/BL2.BIN is not there"):
        driver.load(only_look)
    assert list((drive / "SOFTWARE").iterdir()) == []
    driver.load(plan)
    assert [loaded.written for loaded in driver.load(only_look).images] == [0, 0]
    (drive / APPLICATION / "images.txt").write_text("TOTALIMAGES: 0")
    with pytest.raises(RefusedError, match=r"images\.txt on the drive names other images"):
        driver.load(only_look)
    assert (drive / APPLICATION / "images.txt").read_text() == "TOTALIMAGES: 0"


def test_a_start_opens_the_console_and_then_reboots(drive: Path, plan: LoadPlan) -> None:
    """`reboot.txt` appears last, after everything that listens is there; a reset makes it anew."""
    driver = launcher(drive)
    order: list[str] = []
    reboot = drive / "reboot.txt"
    driver.start(
        lambda rse, _endpoint: order.append(f"console {rse} {reboot.exists()}"),
        armed=lambda: order.append(f"armed {reboot.exists()}"),
    )
    assert order == ["console 0 False", "armed False"]
    assert reboot.read_text() == "hsyxhj"
    with reboot.open() as first:  # so that its number is not used again
        driver.reset(armed=lambda: order.append("armed again"))
        assert reboot.stat().st_ino != os.fstat(first.fileno()).st_ino, "it was not made anew"
    assert order[-1] == "armed again"


def test_a_drive_that_comes_back_after_a_reboot_is_awaited(
    drive: Path, plan: LoadPlan, tmp_path: Path
) -> None:
    """The controller takes its drive away while it reboots: the next load waits for it."""
    away = tmp_path / "away"
    drive.rename(away)
    timer = threading.Timer(0.3, away.rename, [drive])
    timer.start()
    driver = launcher(drive, timeouts={"drive": 10}, **named(plan))
    assert len(driver.load(plan).images) == 2
    timer.join()


@pytest.mark.parametrize(
    ("spoil", "said", "hint"),
    [
        (shutil.rmtree, "no drive is mounted on", "is the board on"),
        (lambda root: shutil.rmtree(root / "MB"), r"has no MB/HBI\*/AN521", "SOFTWARE, config.txt"),
        (
            lambda root: (root / "MB/HBI0309B/AN521").mkdir(parents=True),
            "more than one MB/HBI0263C/AN521/images.txt, MB/HBI0309B",
            "",
        ),
    ],
    ids=["not mounted", "another board's", "two"],
)
def test_the_wrong_drive_is_named(
    drive: Path, plan: LoadPlan, spoil: Any, said: str, hint: str
) -> None:
    """What is missing ends in one message that says what there is."""
    spoil(drive)
    with pytest.raises(DeviceError, match=said) as caught:
        launcher(drive, **named(plan)).load(plan)
    assert hint in (caught.value.hint or "")


def test_a_full_drive_is_named(drive: Path, tmp_path: Path) -> None:
    """An error of the file system ends as one message with the file."""
    (drive / "SOFTWARE" / "BL2.BIN").mkdir()
    plan = LoadPlan((image(tmp_path, "bl2", b"x"),))
    with pytest.raises(DeviceError, match=r"SOFTWARE/BL2.BIN: Is a directory"):
        launcher(drive).load(plan)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["tfm_s_ns_signed"], r"at most 8 letters; give launcher.images.tfm_s_ns_signed.name"),
        (["a-b", "ab"], r"'a-b' \(RSE 0\) and 'ab' \(RSE 0\) would both be SOFTWARE/AB.BIN"),
        ([f"i{n}" for n in range(33)], "33 images; the board's controller loads 32"),
    ],
)
def test_names_that_do_not_fit_the_drive(
    drive: Path, tmp_path: Path, names: list[str], said: str
) -> None:
    """They are mistakes of the board file, found before anything is copied."""
    plan = LoadPlan(tuple(image(tmp_path, m, m.encode(), n << 12) for n, m in enumerate(names)))
    with pytest.raises(UsageError, match=said):
        launcher(drive).load(plan)
    assert list((drive / "SOFTWARE").iterdir()) == []


def test_the_drive_is_mounted_by_a_command(drive: Path, plan: LoadPlan, tmp_path: Path) -> None:
    """`mount` is run where the drive is not there, `unmount` once reboot.txt is written."""
    away, log = tmp_path / "away", tmp_path / "log"
    drive.rename(away)
    mount = [
        sys.executable,
        "-c",
        "import os, sys; os.rename(*sys.argv[1:])",
        str(away),
        str(drive),
    ]
    look = "import shutil, sys; shutil.copy(*sys.argv[1:])"
    unmount = [sys.executable, "-c", look, str(drive / "reboot.txt"), str(log)]
    driver = launcher(drive, mount=mount, unmount=unmount, **named(plan))
    driver.load(plan)
    driver.start(lambda _rse, _endpoint: None)
    assert log.read_text() == "hsyxhj"
    failing = launcher(tmp_path / "none", mount=[sys.executable, "-c", "exit('no medium')"])
    with pytest.raises(DeviceError, match=r"mount the drive: .* status 1: no medium"):
        failing.load(LoadPlan(()))


def test_nothing_holds_a_core_without_a_probe(drive: Path) -> None:
    """hold() is refused; release() and stop() do nothing, also twice."""
    driver = launcher(drive)
    with pytest.raises(RefusedError, match="needs a debug probe"):
        driver.hold(0)
    driver.release(0)
    driver.stop()
    driver.stop()
    assert driver.alive(0) is None


def test_a_console_server_is_no_device_that_could_be_gone(drive: Path) -> None:
    """What is reached by a URL is no file of this host."""
    settings = MpsSettings(kind="mps", drive=str(drive), application="AN521")
    remote = {0: Endpoint("serial", "rfc2217://127.0.0.1:9")}
    assert MpsLauncher(settings, drive, remote).alive(0) is None


def test_a_board_file_makes_the_launcher(drive: Path, tmp_path: Path) -> None:
    """`kind: mps` loads, the drive's placeholders are filled in, drive and AUTORUN are looked at."""
    path = tmp_path / "board.yaml"
    path.write_text(
        'release: "2.2.2"\n'
        "launcher: {kind: mps, drive: '{root}/V2M_MPS2', application: AN521}\n"
        "rses: [{id: 0, console: {serial: /dev/null}}]\n"
    )
    file = load_board(path)

    def expand(text: str, _where: str) -> str:
        return text.replace("{root}", str(tmp_path))

    made = make_launcher(file, tmp_path, expand)
    assert isinstance(made, MpsLauncher)
    assert [f.ok for f in preflight_launcher(file, expand)] == [True]
    (drive / "config.txt").write_text("AUTORUN: FALSE\n")
    assert [f.found for f in preflight_launcher(file, expand) if not f.ok] == [
        "AUTORUN is FALSE: it never boots"
    ]
    started = time.monotonic()
    shutil.rmtree(drive)
    assert [f.ok for f in preflight_launcher(file, expand)] == [False]
    assert time.monotonic() - started < 5
