# SPDX-License-Identifier: Apache-2.0
"""The board files of Arm's models, against executables that list what the models are known to have.

Names of RD-V3-R1 are those of LAVA's documentation of FVPs; those of RD-V3-Cfg2 are not public and
stand here as RD-V3's below `css0` to `css3`.
"""

from __future__ import annotations

import hashlib
import shlex
from pathlib import Path

import pytest
from fvp_lab import script, until

from hil.bench.board import Board
from hil.bench.board_file import find_board, load_board
from hil.targets.endpoint import Endpoint
from hil.targets.fvp import FvpLauncher
from hil.targets.fvp_preflight import preflight
from hil.targets.fvp_settings import FvpSettings
from hil.targets.load import LoadPlan, PlacedImage

HEAD = """\
# Parameters:
# instance.parameter=value       #(type, mode) default = 'def value' : description : [min..max]
#------------------------------------------------------------------------------
"""
TERMINAL = """\
{0}.mode=telnet  # (string, init-time) default = 'telnet' : Terminal initialisation mode
{0}.quiet=0  # (bool  , init-time) default = '0'      : Avoid output on stdout/stderr
{0}.start_port=5000  # (int   , init-time) default = '0x1388' : Telnet TCP Port Number
{0}.start_telnet=1  # (bool  , init-time) default = '1'      : Start telnet if nothing connected
"""
UART = """\
{0}.out_file=""  # (string, init-time) default = '' : Output file (use '-' to send all to stdout)
{0}.uart_enable=0  # (bool  , init-time) default = '0'      : Enable uart at reset
{0}.unbuffered_output=0  # (bool  , init-time) default = '0'      : Unbuffered output
"""
RSE = """\
{0}.DISABLE_GATING=0  # (bool  , init-time) default = '0'      : Disable gating
{0}.intchecker.ICBC_RESET_VALUE=0x0  # (int   , init-time) default = '0x0' : : [0x0..0xFFFFFFFF]
{0}.rom.raw_image=""  # (string, init-time) default = '' : Filename
"""
CMU = """\
{0}.CMU0_NUM_DB_CH=5  # (int   , init-time) default = '0x5' : Doorbell channels : [0x1..0x80]
{0}.CMU4_NUM_DB_CH=5  # (int   , init-time) default = '0x5' : Doorbell channels : [0x1..0x80]
"""
MHU = "{0}.NUM_CH=1  # (int   , init-time) default = '0x1' : Channels : [0x1..0x80]\n"
OTPW = "{0}.otpw.GP_AON_0_INIT_VAL=0x0  # (int   , init-time) default = '0x0' : Initial value\n"
DISPLAY = "{0}.disable_visualisation=0  # (bool  , init-time) default = '0' : Enable/disable\n"

R1_CHIPS = [f"socket0.css{n}.sysctrl" for n in range(2)]
CFG2_CHIPS = [f"css{n}.sysctrl" for n in range(4)]

R1_LIST = HEAD + "".join(
    [TERMINAL.format(f"terminal{n}") for n in range(3)]
    + [RSE.format(f"{chip}.rse") + UART.format(f"{chip}.rse_uart") for chip in R1_CHIPS]
    + [OTPW.format(chip) for chip in R1_CHIPS]
    + [MHU.format(f"socket0.board{n}.rse2rse_mhu0") for n in range(2)]
    + [DISPLAY.format("ros")]
)
CFG2_LIST = HEAD + "".join(
    [RSE.format(f"{c}.rse") + CMU.format(f"{c}.rse") + UART.format(f"{c}.rse_uart")
     + TERMINAL.format(f"{c}.terminal_rse_uart") for c in CFG2_CHIPS]
    + [TERMINAL.format("ros.soc.terminal_s0"), DISPLAY.format("ros")]
)  # fmt: skip

#: What public scripts say, apart from the names of files; bools as 1 and 0.
R1_PARAMETERS = {
    **{f"terminal{n}.start_telnet": "0" for n in range(3)},
    **{f"terminal{n}.mode": "raw" for n in range(3)},
    "ros.disable_visualisation": "1",
    "socket0.board0.rse2rse_mhu0.NUM_CH": "16",
    "socket0.board1.rse2rse_mhu0.NUM_CH": "16",
    **{
        f"{chip}.{name}": value
        for n, chip in enumerate(R1_CHIPS)
        for name, value in {
            "rse.rom.raw_image": "/tfm/bin/rom.bin",
            "rse.intchecker.ICBC_RESET_VALUE": "0x0000011B",
            "rse.DISABLE_GATING": "1",
            "rse_uart.uart_enable": "1",
            "rse_uart.out_file": f"RUN/uart-rse{n}-start1.log",
            "rse_uart.unbuffered_output": "1",
            "otpw.GP_AON_0_INIT_VAL": "0x80000000",
        }.items()
    },
}
CFG2_PARAMETERS = {
    "ros.soc.terminal_s0.start_telnet": "0",
    "ros.soc.terminal_s0.mode": "raw",
    "ros.disable_visualisation": "1",
    **{
        f"{chip}.{name}": value
        for n, chip in enumerate(CFG2_CHIPS)
        for name, value in {
            "terminal_rse_uart.start_telnet": "0",
            "terminal_rse_uart.mode": "raw",
            "rse.rom.raw_image": "/tfm/bin/rom.bin",
            "rse.intchecker.ICBC_RESET_VALUE": "0x0000011B",
            "rse.DISABLE_GATING": "1",
            "rse.CMU0_NUM_DB_CH": "16",
            "rse.CMU4_NUM_DB_CH": "5",
            "rse_uart.uart_enable": "1",
            "rse_uart.out_file": f"RUN/uart-rse{n}-start1.log",
            "rse_uart.unbuffered_output": "1",
        }.items()
    },
}


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "rom.bin").touch()
    monkeypatch.setenv("HIL_TFM_BIN", str(tmp_path))
    monkeypatch.setenv("HIL_HOST_IMAGES", "/host")


def board_of(name: str) -> tuple[Board, FvpSettings, Path]:
    file = load_board(find_board(name))
    assert isinstance(file.board.launcher, FvpSettings)
    return file.board, file.board.launcher, file.path.parent


def model(folder: Path, name: str, listing: str) -> None:
    """An executable that answers as the model does, and writes down how it is run."""
    (folder / "list").write_text(listing)
    script(
        folder / name,
        'case "$1" in\n'
        '  --version) echo; echo "Fast Models [11.29.35 (Apr 24 2025)]"; exit 0;;\n'
        f"  --list-params) exec cat {folder}/list;;\n"
        "esac\n"
        f'printf "%s\\n" "$@" > {folder}/arguments.new; mv {folder}/arguments.new '
        f"{folder}/arguments\n"
        "echo 'Info: RD_V3: terminal0: Listening for serial connection on port 5000'\n"
        "exec sleep 60\n",
    )


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("name", "listing", "expected", "cpus"),
    [
        ("FVP_RD_V3_R1", R1_LIST, R1_PARAMETERS, R1_CHIPS),
        ("FVP_RD_V3_Cfg2", CFG2_LIST, CFG2_PARAMETERS, CFG2_CHIPS),
    ],
)
def test_the_whole_command_line_is_that_of_public_scripts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    listing: str,
    expected: dict[str, str],
    cpus: list[str],
):
    """Each parameter once, each image to the processor of its RSE, a limit, and nothing else."""
    model(tmp_path, name, listing)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    board, settings, base = board_of(name)
    assert all(finding.ok for finding in preflight(settings, board.rse_ids, base=base))
    data = tmp_path / "image.bin"
    data.write_bytes(b"image")
    digest = hashlib.sha256(b"image").hexdigest()
    plan = LoadPlan(
        tuple(
            PlacedImage(spec.name, rse, data, spec.address, spec.memory, digest, 5)
            for spec in board.images
            for rse in (spec.rses or board.rse_ids)
        )
    )

    def nobody_listens(rse: int, endpoint: Endpoint) -> None:
        assert endpoint.kind == "file"

    run = tmp_path / "run"
    with FvpLauncher(settings, board.rse_ids, state=run, base=base) as fvp:
        fvp.load(plan)
        fvp.start(nobody_listens)
        until((tmp_path / "arguments").exists, "arguments of the model")
        words = (tmp_path / "arguments").read_text().splitlines()
        assert shlex.split(fvp.command_line()) == [str(tmp_path / name), *words]
    options = list(zip(words[::2], words[1::2], strict=True))
    parameters = [value for option, value in options if option == "-C"]
    assert sorted(parameters) == sorted(
        f"{key}={value.replace('RUN', str(run)).replace('/tfm/bin', str(tmp_path))}"
        for key, value in expected.items()
    )
    assert [pair for pair in options if pair[0] != "-C"] == [
        *(("--data", f"{cpus[i.rse]}.rse.cpu={data}@{i.address:#x}") for i in plan.images),
        ("--timelimit", "3600"),
    ]
    assert ("--data", f"{cpus[1]}.rse.cpu={data}@0xb0000000") in options
    assert ("--data", f"{cpus[1]}.rse.cpu={data}@0x310e0000") in options


@pytest.mark.parametrize("name", ["FVP_RD_V3_R1", "FVP_RD_V3_Cfg2"])
def test_a_model_without_otp_files_does_not_boot_warm(name: str):
    """A reset is a new virgin device, so tests of a second boot must not run on it."""
    board, settings, _ = board_of(name)
    assert board.warm_reset is bool(settings.nvm.images)
