# SPDX-License-Identifier: Apache-2.0
"""Provisioning state of models: fresh for each run, or kept from run to run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fvp_lab import Consoles, launcher, processes_with, until
from pydantic import ValidationError

from hil.bench.bench import Bench
from hil.bench.board_file import load_board
from hil.errors import DeviceError, UsageError
from hil.targets.fvp import FvpLauncher
from hil.targets.fvp_nvm import KeptState
from hil.targets.fvp_preflight import preflight
from hil.targets.fvp_settings import FvpSettings

OTP = "{rse}.lcm_nvm.raw_image"
FLAGS = {f"{{rse}}.lcm_nvm.{flag}": True
         for flag in ("read_from_file", "update_raw_image", "use_image_file")}  # fmt: skip
NAME = "css3.sysctrl.rse.lcm_nvm.raw_image"


def on_kept_otp(folder: Path, run: str, **values: Any) -> FvpLauncher:
    """Launcher of one run; all runs of a folder share what is kept."""
    values.setdefault("nvm", {"images": {OTP: ""}, "keep": "kept"})
    parameters = FLAGS | values.pop("parameters", {})
    made = launcher(folder, parameters=parameters, **values)
    made._state = folder / run / "state"
    return made


def blow(folder: Path, run: str, value: int) -> None:
    """Do what firmware does to the last fuses of chip 3."""
    image = folder / run / "state" / f"{NAME}.img"
    content = bytearray(image.read_bytes())
    content[-1] = value
    image.write_bytes(bytes(content))


def kept_fuse(folder: Path) -> int:
    kept = folder / "kept"
    return (kept / (kept / "current").read_text().strip() / f"{NAME}.img").read_bytes()[-1]


def one_run(folder: Path, run: str, value: int, **values: Any) -> list[str]:
    """Start, write a fuse, stop; returns what the record was told."""
    notes: list[str] = []
    with Consoles() as consoles, on_kept_otp(folder, run, **values) as fvp:
        fvp._log.tell = lambda kind, **told: notes.append(str(told.get("text", told.get("nvm"))))
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        blow(folder, run, value)
        fvp.stop()
    return notes


def test_what_one_run_leaves_the_next_one_finds(tmp_path: Path):
    """The record says which state was used, and which was kept."""
    assert one_run(tmp_path, "1", 0x5A)[0] == f"fresh, to be kept in {tmp_path}/kept"
    assert kept_fuse(tmp_path) == 0x5A
    with Consoles() as consoles, on_kept_otp(tmp_path, "2") as fvp:
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        assert (tmp_path / "2" / "state" / f"{NAME}.img").read_bytes()[-1] == 0x5A
    notes = one_run(tmp_path, "3", 0x7E)
    assert notes[0] == f"kept, state 2 of {tmp_path}/kept"
    assert f"the OTP is kept: state 3 of {tmp_path}/kept" in notes
    assert kept_fuse(tmp_path) == 0x7E
    assert sorted(p.name for p in (tmp_path / "kept").glob("state-*")) == ["state-2", "state-3"]


def test_without_a_folder_every_run_is_fresh(tmp_path: Path):
    """And kept over resets within the run; the record says so."""
    fresh = {"nvm": {"images": {OTP: ""}}}
    assert one_run(tmp_path, "1", 0x5A, **fresh)[0] == "fresh for this run"
    with Consoles() as consoles, on_kept_otp(tmp_path, "2", **fresh) as fvp:
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        assert (tmp_path / "2" / "state" / f"{NAME}.img").read_bytes()[-1] == 0
        blow(tmp_path, "2", 0x3C)
        fvp.reset()
        assert (tmp_path / "2" / "state" / f"{NAME}.img").read_bytes()[-1] == 0x3C


def test_a_fresh_otp_may_be_a_golden_one(tmp_path: Path):
    """Provisioned once, given to every run as a copy."""
    (tmp_path / "golden.img").write_bytes(bytes(0x3FFF) + b"\x11")
    golden = {"nvm": {"images": {OTP: "golden.img"}}}
    with Consoles() as consoles, on_kept_otp(tmp_path, "1", **golden) as fvp:
        fvp.start(consoles.open)
        assert (tmp_path / "1" / "state" / f"{NAME}.img").read_bytes()[-1] == 0x11


@pytest.mark.parametrize(
    ("manners", "why"),
    [
        ({"virtual.ignore_sigint": True}, "did not end in good order (SIGTERM)"),
        ({"virtual.crash_after": 1.0}, "did not end in good order (exit)"),
    ],
    ids=["killed", "crashed"],
)
def test_a_disorderly_end_keeps_the_state_from_before(
    tmp_path: Path, manners: dict[str, object], why: str
):
    """What such a model wrote may be half; nothing later in that run is kept either."""
    one_run(tmp_path, "1", 0x5A)
    quick = {"timeouts": {"interrupt": 0.2, "terminate": 5}}
    with Consoles() as consoles, on_kept_otp(tmp_path, "2", parameters=manners, **quick) as fvp:
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        blow(tmp_path, "2", 0xFF)
        if "virtual.crash_after" in manners:
            until(lambda: fvp.alive(0) is not None, "crash")
        fvp.stop()
        assert why in fvp.log.read_text()
        assert kept_fuse(tmp_path) == 0x5A
    assert one_run(tmp_path, "3", 0x7E)[0] == f"kept, state 1 of {tmp_path}/kept"


def test_who_lets_go_of_the_state_takes_what_others_made_of_it(tmp_path: Path):
    """Between a stop and a start of one launcher another run may have been."""
    with Consoles() as consoles, on_kept_otp(tmp_path, "1") as fvp:
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        fvp.stop()
        one_run(tmp_path, "2", 0x42)
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        assert (tmp_path / "1" / "state" / f"{NAME}.img").read_bytes()[-1] == 0x42


HARNESS = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from fvp_lab import Consoles
from test_fvp_nvm import blow, on_kept_otp
folder = Path({folder!r})
consoles = Consoles()
fvp = on_kept_otp(folder, "killed")
fvp.start(consoles.open)
consoles.wait_for(3, b"BL1_1")
blow(folder, "killed", 0xFF)
print("started", flush=True)
time.sleep(60)
"""


def test_a_killed_harness_leaves_the_state_and_no_lock(tmp_path: Path):
    """While it lives nobody else gets the state; then at once, as it was before that run."""
    one_run(tmp_path, "1", 0x5A)
    text = HARNESS.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    harness = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"started\n"
        with pytest.raises(DeviceError, match=rf"in use by the run killed \(pid {harness.pid}\)"):
            on_kept_otp(tmp_path, "2").start(Consoles().open)
    finally:
        harness.send_signal(signal.SIGKILL)
        harness.communicate()
    until(lambda: processes_with(str(tmp_path / "killed")) == [], "end of the model")
    assert kept_fuse(tmp_path) == 0x5A
    assert one_run(tmp_path, "3", 0x7E)[0] == f"kept, state 1 of {tmp_path}/kept"


def images(folder: Path, value: bytes) -> dict[str, Path]:
    made = {name: folder / f"{name}.img" for name in ("a.otp", "b.otp")}
    for path in made.values():
        path.write_bytes(value)
    return made


@pytest.fixture
def state(tmp_path: Path) -> KeptState:
    kept = KeptState(tmp_path / "kept", "the run t")
    kept.take()
    kept.keep(images(tmp_path, b"first"))
    yield kept
    kept.release()


class Killed(BaseException):
    """Nothing after it runs, as after SIGKILL."""


def test_a_kill_between_any_two_steps_leaves_a_whole_state(
    tmp_path: Path, state: KeptState, monkeypatch: pytest.MonkeyPatch
):
    """Every folder, sync and rename is failed in turn: the old state counts, until the new does."""
    real = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "mkdir")}
    left = 0

    def step(name: str) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return real[name](*args, **more)

        return call

    for name in real:
        monkeypatch.setattr(os, name, step(name))
    copies = {name: tmp_path / f"{name}.got" for name in ("a.otp", "b.otp")}
    seen = []
    for at in range(1, 30):
        left = at
        try:
            state.keep(images(tmp_path, b"new"))
        except Killed:
            seen.append("killed")
        left = 0
        assert state.fill(copies) is not None
        got = {path.read_bytes() for path in copies.values()}
        assert len(got) == 1, "images of two states"
        seen += [value.decode() for value in got]
        if seen[-2:] != ["killed", seen[-1]]:
            break
    assert seen[-1] == "new"
    assert seen.count("killed") > 5
    assert seen[1] == "first"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda kept: (kept / "current").write_text("../x"), "`current` says '../x'"),
        (lambda kept: (kept / "state-1" / "state.json").unlink(), "state.json: No such file"),
        (lambda kept: (kept / "state-1" / "state.json").write_text("[" * 9), "cannot be read"),
        (lambda kept: (kept / "state-1" / "a.otp.img").write_bytes(b"x"), "is not what was kept"),
        (lambda kept: (kept / "state-1" / "b.otp.img").unlink(), "b.otp.img: No such file"),
    ],
)
def test_damaged_state_is_an_error_that_says_what_to_do(
    tmp_path: Path, state: KeptState, damage: Any, words: str
):
    """A half OTP would look like a broken product."""
    damage(tmp_path / "kept")
    with pytest.raises(UsageError) as caught:
        state.fill({name: tmp_path / name for name in ("a.otp", "b.otp")})
    assert words in str(caught.value)
    assert "delete the folder for fresh devices" in str(caught.value)


def test_state_of_other_images_is_not_taken(tmp_path: Path, state: KeptState):
    """A board that was renamed, or has more RSEs now."""
    with pytest.raises(UsageError, match=r"keeps a\.otp, b\.otp, but the board has c\.otp"):
        state.fill({"c.otp": tmp_path / "c"})


def test_kept_keys_are_the_owners_alone(tmp_path: Path, state: KeptState):
    """An OTP holds a HUK."""
    kept = tmp_path / "kept"
    assert kept.stat().st_mode & 0o077 == 0
    assert (kept / "state-1" / "a.otp.img").stat().st_mode & 0o077 == 0
    told = json.loads((kept / "state-1" / "state.json").read_text())
    assert set(told) == {"images", "kept", "by"}
    assert state.number == 1


def test_the_doctor_looks_at_kept_state(tmp_path: Path):
    """Which there is; and what is wrong with it."""
    values = {"kind": "fvp", "binary": "hil-virtual-fvp", "nvm": {"images": {OTP: ""}, "keep": "k"}}
    settings = FvpSettings.model_validate(values)
    last = preflight(settings, range(4), base=tmp_path)[-1]
    assert (last.ok, last.found) == (True, f"fresh, to be kept in {tmp_path}/k")
    (tmp_path / "k").mkdir()
    (tmp_path / "k" / "current").write_text("state-4\n")
    last = preflight(settings, range(4), base=tmp_path)[-1]
    assert (last.ok, last.what) == (False, "OTP")
    assert "is damaged" in last.found


@pytest.mark.parametrize(
    "values",
    [
        {"nvm": {"keep": "kept"}},
        {"nvm": {"images": {OTP: ""}}, "writable_images": {OTP: ""}},
        {"nvm": {"images": {OTP: ""}, "kept": "x"}},
    ],
)
def test_settings_that_contradict_themselves_are_refused(values: dict[str, object]):
    """When the board file is read."""
    with pytest.raises(ValidationError):
        FvpSettings.model_validate({"kind": "fvp", "binary": "x", **values})


BOARD = """\
extends: virtual-fvp-rdv3-cfg2
launcher: {nvm: {keep: "%s/kept"}, parameters: {virtual.time_scale: 0.1}}
provisioning: {from_virgin: %s}
"""


class Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def event(self, kind: str, **values: Any) -> None:
        self.events.append((kind, values))


def test_a_board_provisions_once_and_boots_provisioned_afterwards(tmp_path: Path):
    """Two runs of the virtual board: the second one needs no reset of its own, and agrees."""
    path = tmp_path / "kept-board.yaml"
    path.write_text(BOARD % (tmp_path, "false"))
    fingerprints, boots = [], []
    for run in ("one", "two"):
        told = Told()
        bench = Bench(load_board(path), tmp_path / run, tmp_path / "cache", told)
        (tmp_path / run / "uart").mkdir(parents=True)
        bench.open()
        try:
            bench.load()
            boot = bench.start()
        finally:
            bench.close()
        assert boot.ok, boot
        fingerprints.append(boot.fingerprints("bl1_2"))
        boots.append(
            (tmp_path / run / "uart" / "rse0.log").read_bytes().count(b"Starting TF-M BL1_1")
        )
        nvm = next(values["nvm"] for kind, values in told.events if kind == "fvp")
        assert nvm.startswith("fresh" if run == "one" else "kept, state 1")
    assert fingerprints[0] == fingerprints[1]
    assert boots[0] > boots[1] == 1


def test_kept_state_and_virgin_devices_contradict_each_other(tmp_path: Path):
    """From the second run on a provisioning stage would be waited for in vain."""
    path = tmp_path / "kept-board.yaml"
    path.write_text(BOARD % (tmp_path, "true"))
    with pytest.raises(UsageError, match=r"from_virgin: only the first run is"):
        load_board(path)
