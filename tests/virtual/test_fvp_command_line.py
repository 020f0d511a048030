# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from fvp_driver import STOPPED, run


def test_version_prints_the_banner_and_ends_with_0():
    """Launchers read the release from a line that starts with `Fast Models [`."""
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("\nFast Models [11.29.35 (Apr 24 2025)]\nCopyright 2000-2025 ARM")
    assert done.stdout.endswith(f"{STOPPED}\n")


def test_help_names_every_option_and_ends_with_0():
    """`--help` is not a failure."""
    done = run("-h")
    assert done.returncode == 0
    for option in ("--parameter", "--data", "--cyclelimit", "--iris-server", "--plugin"):
        assert option in done.stdout


def test_list_params_has_the_rows_of_real_models():
    """Type, mode, default and description stand behind each assignment."""
    done = run("-l")
    assert done.returncode == 0
    rows = done.stdout.splitlines()
    assert rows[0] == "# Parameters:"
    row = next(r for r in rows if r.startswith("css2.sysctrl.terminal_rse_uart.start_telnet="))
    assert row.split("#")[0].strip() == "css2.sysctrl.terminal_rse_uart.start_telnet=1"
    assert "# (bool  , init-time) default = '1'" in row
    assert row.endswith(": Start telnet if nothing connected")
    assert any(r.startswith('css3.sysctrl.rse.rom.raw_image=""') for r in rows)


def test_list_params_shows_what_the_command_line_sets():
    """The value before `#` is the present one, the default stays in the comment."""
    done = run("-l", "-C", "css0.sysctrl.terminal_rse_uart.start_port=6000")
    row = next(r for r in done.stdout.splitlines() if "css0.sysctrl.terminal_rse_uart.start_p" in r)
    assert "start_port=6000 " in row
    assert "default = '5000'" in row


def test_a_config_file_has_the_syntax_of_list_params(tmp_path: Path):
    """What --list-params prints can be given back with -f, and -C is stronger."""
    listing = tmp_path / "parameters.txt"
    assert run("-l", "-o", str(listing), "-C", "ros.disable_visualisation=1").stdout == ""
    done = run("-f", str(listing), "-C", "css0.sysctrl.rse.CMU0_NUM_DB_CH=0x10", "-l")
    assert "ros.disable_visualisation=1 " in done.stdout
    assert "css0.sysctrl.rse.CMU0_NUM_DB_CH=16 " in done.stdout


@pytest.mark.parametrize(
    ("topology", "top", "prefixes"),
    [
        ("rdv3cfg2", "RD_V3_Cfg2", [f"css{n}.sysctrl.rse" for n in range(4)]),
        ("rdv3r1", "RD_V3_R1", [f"socket0.css{n}.sysctrl.rse" for n in range(2)]),
        ("rdv3", "RD_V3", ["css.sysctrl.rse"]),
    ],
)
def test_topologies_differ_in_their_prefixes(topology: str, top: str, prefixes: list[str]):
    """The environment selects the model, as another executable would."""
    listed = run("-l", env=f"topology={topology}").stdout
    roms = [r.split(".rom.raw_image=")[0] for r in listed.splitlines() if ".rom.raw_image=" in r]
    assert roms == prefixes
    assert run("--list-instances", env=f"topology={topology}").stdout.splitlines()[1] == top


MISTAKES = {
    "option": (["--bogus"], "--bogus"),
    "parameter": (["-C", "css0.sysctrl.rse_uart.outfile=x"], "nearest: css0.sysctrl.rse_uart.out"),
    "no value": (["-C", "css0.sysctrl.rse_uart.out_file"], "malformed"),
    "bool": (["-C", "ros.disable_visualisation=yes"], "expected 0, 1"),
    "int": (["-C", "css0.sysctrl.terminal_rse_uart.start_port=70000"], "[0x0..0xffff]"),
    "choice": (["-C", "css0.sysctrl.terminal_rse_uart.mode=ssh"], "telnet, raw"),
    "no data file": (["--data", "css0.sysctrl.rse.cpu=none.bin@0x31000400"], "'none.bin'"),
    "data without address": (["-d", "none.bin"], "malformed data specifier"),
    "data instance": (["-d", "css9.sysctrl.rse.cpu=/dev/null@0"], "not found"),
    "data address": (["-d", "css0.sysctrl.rse.cpu={file}@0x40000000"], "no memory"),
    "rom": (["-C", "css1.sysctrl.rse.rom.raw_image=none.bin"], "'none.bin' not found"),
    "application": (["-a", "cpu0=none.axf"], "application 'none.axf' not found"),
    "stray word": (["none.axf"], "application 'none.axf' not found"),
    "plug-in": (["--plugin", "Crypto.so"], "plug-in 'Crypto.so' not found"),
    "config file": (["-f", "none.txt"], "none.txt"),
    "number": (["--simlimit", "soon"], "--simlimit"),
    "topology": (["-C", "virtual.topology=rdv9"], "rdv3cfg2"),
    "fault": (["-C", "virtual.fault=7:never-join"], "7:never-join"),
    "unknown fault": (["-C", "virtual.fault=1:never-joins"], "did you mean 'never-join'"),
    "rom key": (["-C", "virtual.rom_key=xyz"], "expected hexadecimal digits"),
    "short rom key": (["-C", "virtual.rom_key=00"], "64 bytes"),
    "time scale": (["-C", "virtual.time_scale=0"], "above 0"),
    "out_file": (["-C", "css0.sysctrl.rse_uart.out_file=/none/x.log"], "/none/x.log"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_ends_with_1_before_a_port_opens(
    arguments: list[str], message: str, tmp_path: Path
):
    """The message says which word was wrong."""
    image = tmp_path / "image.bin"
    image.write_bytes(b"1234")
    done = run(*(word.format(file=image) for word in arguments))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Listening" not in done.stdout


def test_an_unknown_parameter_can_be_a_warning():
    """What real models do is not public; both are there."""
    done = run("-C", "virtual.unknown_parameter=warn", "-C", "css0.new=1", "--simlimit", "0.01")
    assert done.returncode == 0
    assert "Warning: RD_V3_Cfg2: parameter 'css0.new' not found" in done.stdout


def test_names_may_begin_with_the_top_level_instance(tmp_path: Path):
    """`RD_V3_Cfg2.css0...` and `css0...` are the same, also for --data; quotes are dropped."""
    log = tmp_path / "uart.log"
    image = tmp_path / "image.bin"
    image.write_bytes(b"1234")
    done = run(
        "-C",
        f"RD_V3_Cfg2.css0.sysctrl.rse_uart.out_file='{log}'",
        "--data",
        f"RD_V3_Cfg2.css0.sysctrl.rse.cpu={image}@Secure:0x310E0000",
        "--simlimit=0.02",
    )
    assert done.returncode == 0, done.stderr
    assert log.exists()


def test_a_rom_image_is_reported_when_loaded(tmp_path: Path):
    """The FlashLoader line names instance, size and file."""
    rom = tmp_path / "rom.bin"
    rom.write_bytes(bytes(0x20000))
    arguments = ("-C", f"css3.sysctrl.rse.rom.raw_image={rom}", "--simlimit", "0.01")
    line = "Info: RD_V3_Cfg2: RD_V3_Cfg2.css3.sysctrl.rse.rom: FlashLoader: Loaded 128 kB from fi"
    assert line in run(*arguments).stdout
    assert "FlashLoader" not in run("-q", *arguments).stdout


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        ("execstack", 127, "cannot enable executable stack"),
        ("library", 127, "error while loading shared libraries"),
        ("licence", 1, "license"),
        ("glibc", 1, "version `GLIBC_2.38' not found"),
        ("display", 1, "Can't open display"),
    ],
)
def test_a_model_that_does_not_start_fails_at_version_too(failure: str, status: int, words: str):
    """Loader and licence failures hit every invocation."""
    done = run("--version", env=f"start_failure={failure}")
    assert (done.returncode, done.stdout) == (status, "")
    assert words in done.stderr
