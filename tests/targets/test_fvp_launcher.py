# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from fvp_lab import (
    MODEL,
    MODEL_WORD,
    Consoles,
    launcher,
    mesh_model,
    noise,
    processes_with,
    script,
    until,
)

from hil.errors import DeviceError, UsageError
from hil.targets.endpoint import Endpoint
from hil.targets.load import LoadPlan, PlacedImage

R1 = {
    "env": {"HIL_VIRTUAL_FVP": "topology=rdv3r1"},
    "console": {"terminal": "{sysctrl}.terminal0"},
}


def image(folder: Path, rse: int, address: int, data: bytes) -> PlacedImage:
    path = folder / f"image-{rse}-{address:x}.bin"
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    return PlacedImage("s", rse, path, address, "flash", digest, len(data))


@pytest.mark.parametrize(
    "manners",
    [
        {"virtual.port_format": "a"},
        {"virtual.port_format": "b", "virtual.port_order": "reversed"},
        {"virtual.port_format": "c", "virtual.port_order": "shuffled", "virtual.seed": 5},
        {"virtual.port_glue": True, "virtual.port_order": "shuffled", "virtual.seed": 1},
    ],
    ids=["plain", "reversed", "shuffled", "glued"],
)
def test_each_console_belongs_to_its_chip(tmp_path: Path, manners: dict[str, object]):
    """All four chips announce the same leaf name, in whatever order, format and number per line."""
    with Consoles() as consoles, launcher(tmp_path, parameters=manners) as fvp:
        fvp.start(consoles.open)
        assert sorted(rse for rse, _ in consoles.endpoints) == [0, 1, 2, 3]
        for rse in range(4):
            consoles.wait_for(rse, b"BL1_1")
            assert consoles.data[rse].startswith(noise(rse))
            assert fvp.alive(rse) is None


def test_prefixes_are_found_in_the_model(tmp_path: Path):
    """Two sockets' chips with other names and generic terminals, from the same code."""
    rom = tmp_path / "rom.bin"
    rom.write_bytes(bytes(1024))
    parameters = {"{rse}.rom.raw_image": "{board}/rom.bin"}
    with (
        Consoles() as consoles,
        launcher(tmp_path, rses=2, parameters=parameters, **R1) as fvp,
    ):
        fvp.start(consoles.open)
        assert consoles.wait_for(1, b"BL1_1").startswith(noise(1))
        for n in range(2):
            assert f"-C socket0.css{n}.sysctrl.rse.rom.raw_image={rom}" in fvp.command_line()


def test_another_number_of_rses_is_refused_with_what_was_found(tmp_path: Path):
    """Before the model is started."""
    fvp = launcher(tmp_path, rses=4, **R1)
    with pytest.raises(UsageError, match=r"4 RSE\(s\), but 2 .*socket0\.css0\.sysctrl\.rse, sock"):
        fvp.start(Consoles().open)
    assert not fvp.log.exists()


def test_no_byte_is_lost_even_if_consoles_open_slowly(tmp_path: Path):
    """The model stands still from its last announcement until the last console is open."""
    much = {"virtual.flood": 32768}
    with Consoles() as consoles, launcher(tmp_path, parameters=much) as fvp:

        def slowly(rse: int, endpoint: Endpoint) -> None:
            stat = Path(f"/proc/{processes_with(str(fvp.log.parent))[0]}/stat").read_text()
            assert stat.rpartition(")")[2].split()[0] == "T"
            consoles.open(rse, endpoint)

        fvp.start(slowly)
        for rse in range(4):
            assert consoles.wait_for(rse, b"BL1_1").count(noise(rse)) == 32768 / 256


def test_two_models_side_by_side_keep_their_consoles_apart(tmp_path: Path):
    """Each reads only what its own model announced."""
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()
    with (
        Consoles() as one,
        Consoles() as two,
        launcher(first) as a,
        launcher(second, parameters={"virtual.flood": 512}) as b,
    ):
        a.start(one.open)
        b.start(two.open)
        for rse in range(4):
            assert one.wait_for(rse, b"BL1_1").count(noise(rse)) == 1
            assert two.wait_for(rse, b"BL1_1").count(noise(rse)) == 2
        ports = [endpoint.address for _, endpoint in one.endpoints + two.endpoints]
        assert len(set(ports)) == 8


def test_telnet_mode_says_so_in_the_endpoint(tmp_path: Path):
    """Whoever opens it strips the greeting."""
    with Consoles() as consoles, launcher(tmp_path, console={"mode": "telnet"}) as fvp:
        fvp.start(consoles.open)
        assert {endpoint.kind for _, endpoint in consoles.endpoints} == {"telnet"}
        assert consoles.wait_for(2, b"BL1_1")[15:].startswith(noise(2))


def test_files_can_be_consoles(tmp_path: Path):
    """They exist, empty, before the model starts; another start gets new ones."""
    with Consoles() as consoles, launcher(tmp_path, console={"kind": "out_file"}) as fvp:
        fvp.start(consoles.open)
        fvp.stop()
        fvp.start(consoles.open)
        paths = [Path(endpoint.address) for _, endpoint in consoles.endpoints]
        assert len(set(paths)) == 8
        assert {endpoint.kind for _, endpoint in consoles.endpoints} == {"file"}
        for rse, path in enumerate(paths[4:]):
            until(lambda path=path: b"BL1_1" in path.read_bytes(), "output in the file")
            assert path.read_bytes().startswith(noise(rse))


def test_a_reset_is_a_new_start_with_the_same_otp(tmp_path: Path):
    """Consoles are opened again; what the model wrote to its own images stays."""
    otp = {"{rse}.lcm_nvm.raw_image": ""}
    nvm = {f"{{rse}}.lcm_nvm.{flag}": True
           for flag in ("read_from_file", "update_raw_image", "use_image_file")}  # fmt: skip
    with Consoles() as consoles, launcher(tmp_path, writable_images=otp, parameters=nvm) as fvp:
        fvp.start(consoles.open)
        consoles.wait_for(3, b"BL1_1")
        image = tmp_path / "state" / "css3.sysctrl.rse.lcm_nvm.raw_image.img"
        written = bytearray(image.read_bytes())
        written[-1] = 0x5A
        image.write_bytes(bytes(written))
        fvp.reset()
        assert [rse for rse, _ in consoles.endpoints] == [0, 1, 2, 3] * 2
        consoles.wait_for(3, b"BL1_1")
        assert image.read_bytes()[-1] == 0x5A
        assert fvp.log.read_text().count(" start ") == 2


def test_the_model_writes_a_copy_never_the_original(tmp_path: Path):
    """A second run starts from the same OTP."""
    original = tmp_path / "golden-otp.img"
    original.write_bytes(bytes(0x4000))
    otp = {"{rse}.lcm_nvm.raw_image": "golden-otp.img"}
    with Consoles() as consoles, launcher(tmp_path, writable_images=otp) as fvp:
        fvp.start(consoles.open)
        assert str(original) not in fvp.command_line()
        assert (tmp_path / "state" / "css0.sysctrl.rse.lcm_nvm.raw_image.img").is_file()


@pytest.mark.parametrize("kind", ["terminal", "out_file"])
def test_who_watches_is_told_when_all_is_open_and_nothing_runs_yet(tmp_path: Path, kind: str):
    """At each start and reset, once; not where the model runs already."""
    told: list[tuple[int, set[str], int]] = []
    with Consoles() as consoles, launcher(tmp_path, console={"kind": kind}) as fvp:

        def armed() -> None:
            ids = processes_with(str(fvp.log.parent))
            stats = [Path(f"/proc/{pid}/stat").read_text() for pid in ids]
            heard = sum(len(consoles.data[rse]) for rse, _ in consoles.endpoints)
            states = {stat.rpartition(")")[2].split()[0] for stat in stats}
            told.append((len(consoles.endpoints), states, heard))

        frozen = {"T"} if kind == "terminal" else set()
        fvp.start(consoles.open, armed=armed)
        fvp.start(consoles.open, armed=armed)
        assert told == [(4, frozen, 0)]
        fvp.reset(armed=armed)
        assert told[1:] == [(8, frozen, 0)]
        fvp.reset()
        assert len(told) == 2


def test_the_model_is_asked_and_runs_in_its_folder(tmp_path: Path):
    """Some models look for mesh files there."""
    mesh_model(tmp_path)
    with Consoles() as consoles, launcher(tmp_path, binary="./FVP", cwd="mesh") as fvp:
        fvp.start(consoles.open)
        assert consoles.wait_for(0, b"BL1_1").startswith(noise(0))


def test_images_are_given_to_the_model_at_its_start(tmp_path: Path):
    """In the order of the plan, with the version of the model in the report."""
    plan = LoadPlan((image(tmp_path, 1, 0xB0040000, b"s"), image(tmp_path, 0, 0x310E0000, b"p")))
    with Consoles() as consoles, launcher(tmp_path) as fvp:
        report = fvp.load(plan)
        assert [i.how for i in report.images] == ["given to the model"] * 2
        assert report.tools["fvp"] == "Fast Models [11.29.35 (Apr 24 2025)]"
        assert report.tools["fvp binary"] == str(MODEL)
        fvp.start(consoles.open)
        assert (
            f"--data css1.sysctrl.rse.cpu={plan.images[0].path}@0xb0040000 "
            f"--data css0.sysctrl.rse.cpu={plan.images[1].path}@0x310e0000"
        ) in fvp.command_line()
        assert fvp.command_line() in fvp.log.read_text()
        fvp.load(plan)
        assert fvp.alive(0) == "the model is not running (it was not started, or it was stopped)"


def test_an_image_that_changed_after_it_was_planned_is_refused(tmp_path: Path):
    """At the load and again at each start."""
    plan = LoadPlan((image(tmp_path, 2, 0xB0040000, b"planned"),))
    fvp = launcher(tmp_path)
    fvp.load(plan)
    plan.images[0].path.write_bytes(b"rebuilt")
    with pytest.raises(DeviceError, match=r"RSE 2: load: image s: .*SHA-256"):
        fvp.start(Consoles().open)
    with pytest.raises(DeviceError, match="SHA-256"):
        fvp.load(plan)
    plan.images[0].path.unlink()
    with pytest.raises(DeviceError, match="No such file"):
        fvp.load(plan)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"binary": "FVP_RD_V3_Cfg9"}, "'FVP_RD_V3_Cfg9' is neither in "),
        ({"binary": "${HIL_NO_SUCH_FVP}"}, "environment variable HIL_NO_SUCH_FVP is not set"),
        ({"binary": "/none/FVP"}, "no file /none/FVP"),
        ({"cwd": "none"}, "launcher.cwd: no folder "),
        ({"parameters": {"css0.sysctrl.rse_uart.out_fil": 1}}, "nearest: css0.sysctrl.rse_uart.ou"),
        ({"parameters": {"ros.disable_visualisation": "maybe"}}, "expected a bool"),
        (
            {"console": {"terminal": "{sysctrl}.terminal_uart"}},
            "launcher.console.terminal: the mod",
        ),
        (
            {"console": {"kind": "out_file", "uart": "{rse}_urt"}},
            "launcher.console.uart: the model ",
        ),
        (
            {"optional_parameters": {"ros.disable_visualisation": "x"}},
            "launcher.optional_parameters",
        ),
        ({"nvm": {"images": {"{rse}.lcm_nv.raw_image": ""}}}, "launcher.nvm.images: Fast Models"),
        ({"args": ["-C", "a.b=1"]}, "launcher.args: -C: expected parameters under"),
        ({"parameters": {"{rse}.rom.raw_image": "/none/rom.bin"}}, "no file /none/rom.bin"),
        ({"writable_images": {"{rse}.lcm_nvm.raw_image": "none.img"}}, "none.img"),
    ],
)
def test_a_mistake_is_found_before_the_model_starts(
    tmp_path: Path, values: dict[str, object], words: str
):
    """As a usage error that names the key of the board file."""
    fvp = launcher(tmp_path, **values)
    with pytest.raises(UsageError) as caught:
        fvp.start(Consoles().open)
    assert words in str(caught.value)
    assert "launcher." in str(caught.value)
    assert not fvp.log.exists()


def test_a_binary_may_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`${VAR}` holds a path or a name."""
    monkeypatch.setenv("FVP_UNDER_TEST", str(MODEL))
    report = launcher(tmp_path, binary="${FVP_UNDER_TEST}").load(LoadPlan(()))
    assert report.tools["fvp binary"] == str(MODEL)


def test_a_model_that_dies_at_its_start_tells_its_last_lines(tmp_path: Path):
    """With the hint that fits; nothing is left."""
    fvp = launcher(tmp_path, parameters={"virtual.start_failure": "licence"})
    with pytest.raises(DeviceError) as caught:
        fvp.start(Consoles().open)
    assert "ended with status 1; last lines: Error: hil-virtual-fvp: license" in str(caught.value)
    assert "ARMLMD_LICENSE_FILE" in str(caught.value.hint)
    assert processes_with(str(tmp_path)) == []


def test_a_crash_after_the_announcements_is_an_error_or_a_dead_device(tmp_path: Path):
    """Whether it is seen at the start or after it, the signal is named."""
    fvp = launcher(tmp_path, parameters={"virtual.crash_after": 0.2})
    with Consoles() as consoles, fvp:
        fvp.start(consoles.open)
        until(lambda: fvp.alive(1) is not None, "death")
        assert "the model was killed by signal 11" in str(fvp.alive(1))


def test_a_limit_that_ended_the_model_is_named(tmp_path: Path):
    """The exit status is 0, so the reason is read from the output."""
    # Long enough to be attached to on a busy machine before it ends.
    with Consoles() as consoles, launcher(tmp_path, simlimit=2) as fvp:
        fvp.start(consoles.open)
        until(lambda: fvp.alive(0) is not None, "end")
        assert "ended with status 0 (Simulated time has been exceeded.)" in str(fvp.alive(0))


def test_a_model_that_announces_nothing_is_given_up(tmp_path: Path):
    """The message says which terminal is missing and what was announced instead."""
    quiet = script(
        tmp_path / "FVP",
        f'case "$1" in --*) exec {MODEL_WORD} "$@";; esac\n'
        "echo 'terminal_uart: Listening for serial connection on port 5000'\nsleep 60\n",
    )
    fvp = launcher(tmp_path, binary=str(quiet), timeouts={"start": 0.5})
    with pytest.raises(DeviceError) as caught:
        fvp.start(Consoles().open)
    assert "css0.sysctrl.terminal_rse_uart (start_port " in str(caught.value)
    assert "announced were: terminal_uart on 5000" in str(caught.value)
    assert processes_with(str(tmp_path)) == []


def test_nothing_is_left_when_a_console_cannot_be_opened(tmp_path: Path):
    """The model is stopped also while it is frozen."""

    def refuse(rse: int, endpoint: Endpoint) -> None:
        raise DeviceError("no", rse=rse)

    fvp = launcher(tmp_path)
    with pytest.raises(DeviceError, match="RSE 0: no"):
        fvp.start(refuse)
    assert processes_with(str(tmp_path)) == []
    assert "end: SIGINT" in fvp.log.read_text()


def test_start_and_stop_may_be_called_twice(tmp_path: Path):
    """The second start finds the model running, the second stop finds it gone."""
    with Consoles() as consoles:
        fvp = launcher(tmp_path)
        fvp.start(consoles.open)
        fvp.start(consoles.open)
        assert len(consoles.endpoints) == 4
        fvp.stop()
        fvp.stop()
        assert processes_with(str(tmp_path)) == []


def test_what_a_model_cannot_do_is_said_beforehand(tmp_path: Path):
    """One RSE alone cannot be reset, held or released."""
    fvp = launcher(tmp_path)
    assert fvp.capabilities == {"load", "reset", "new-device"}
    with pytest.raises(DeviceError, match="cannot reset one RSE alone"):
        fvp.reset(1)
    with pytest.raises(DeviceError, match="never started"):
        fvp.reset()
    for refused in (fvp.hold, fvp.release):
        with pytest.raises(DeviceError, match="cannot hold one RSE"):
            refused(0)


def test_a_wrapper_script_is_ended_with_its_model(tmp_path: Path):
    """Lab scripts run the model as their child."""
    wrapper = script(tmp_path / "run_model.sh", f'{shutil.which("env")} {MODEL_WORD} "$@"\n')
    with Consoles() as consoles, launcher(tmp_path, binary="./run_model.sh") as fvp:
        fvp.start(consoles.open)
        assert consoles.wait_for(1, b"BL1_1").startswith(noise(1))
        assert len(processes_with(str(tmp_path))) >= 2
        fvp.stop()
        assert processes_with(str(tmp_path)) == []
    assert wrapper.exists()
