# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from hil.errors import UsageError
from hil.targets import fvp_checks, fvp_command, fvp_shown
from hil.targets.fvp_command import Names
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_settings import FvpSettings, Scalar
from hil.targets.load import PlacedImage

NAMES = Names(
    {0: "socket0.css0.sysctrl.rse", 1: "socket0.css1.sysctrl.rse"},
    Path("/runs/7"),
    Path("/lab/boards"),
)
NO_MODEL = ModelParameters({})


def settings(**values: object) -> FvpSettings:
    return FvpSettings.model_validate({"kind": "fvp", "binary": "FVP_RD_V3_R1", **values})


def expanded(**values: object) -> dict[str, str]:
    return fvp_command.parameters(settings(**values), NAMES, NO_MODEL, {})


def test_a_parameter_that_names_an_rse_is_given_for_each(monkeypatch: pytest.MonkeyPatch):
    """All placeholders, the environment, and values as models write them."""
    monkeypatch.setenv("IMAGES", "/images")
    assert expanded(
        parameters={
            "{rse}.rom.raw_image": "${IMAGES}/rom{id}.bin",
            "{sysctrl}.HAS_RSE_CPU_PRIVATE_REGION": True,
            "{css}.bits": 20,
            "ros.disable_visualisation": False,
            "ros.path": "{board}/x {state}",
        }
    ) == {
        "socket0.css0.sysctrl.rse.rom.raw_image": "/images/rom0.bin",
        "socket0.css1.sysctrl.rse.rom.raw_image": "/images/rom1.bin",
        "socket0.css0.sysctrl.HAS_RSE_CPU_PRIVATE_REGION": "1",
        "socket0.css1.sysctrl.HAS_RSE_CPU_PRIVATE_REGION": "1",
        "socket0.css0.bits": "20",
        "socket0.css1.bits": "20",
        "ros.disable_visualisation": "0",
        "ros.path": "/lab/boards/x /runs/7",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ros.disable_visualisation", "1"),
        ("mps3_board.visualisation.disable-visualisation", "1"),
        ("mps3_board.telnetterminal0.start_telnet", "0"),
    ],
)
def test_no_window_opens(name: str, value: str):
    """Models spell it both ways; a board file may say otherwise."""
    model = ModelParameters({name: "bool", "ros.other": "bool"})
    assert fvp_command.parameters(settings(), NAMES, model, {}) == {name: value}
    opposite = str(1 - int(value))
    given = settings(parameters={name: opposite})
    assert fvp_command.parameters(given, NAMES, model, {}) == {name: opposite}


def test_optional_parameters_are_given_only_where_the_model_has_them():
    """For names that differ between releases."""
    model = ModelParameters({"socket0.css0.sysctrl.rse.NEW": "int"})
    given = settings(optional_parameters={"{rse}.NEW": 1, "ros.OLD": 1})
    assert fvp_command.parameters(given, NAMES, model, {}) == {"socket0.css0.sysctrl.rse.NEW": "1"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"ros.x": "{rse}.y"}, "names an RSE"),
        ({"ros.x": "${NO_SUCH_VARIABLE_HERE}"}, "NO_SUCH_VARIABLE_HERE is not set"),
    ],
)
def test_a_value_that_cannot_be_expanded_is_named(values: dict[str, object], words: str):
    """The message says where it stands."""
    with pytest.raises(UsageError, match=words) as caught:
        expanded(parameters=values)
    assert "launcher.parameters.ros.x" in str(caught.value)


def test_a_placeholder_above_the_top_of_the_model_is_refused():
    """`{css}` of an RSE that has no grandparent."""
    with pytest.raises(UsageError, match=r"\{css\} has no value"):
        Names({0: "se.rse"}, Path(), Path()).of("{css}.x", 0, where="here")


def test_no_terminal_and_no_display_opens_a_window():
    """Also of other processors and plug-ins; on a headless host a window is an error or a wait."""
    model = ModelParameters(
        {
            "terminal0.start_telnet": "bool",
            "socket0.board0.terminal_2.start_telnet": "bool",
            "socket0.ros.disable_visualisation": "bool",
            "socket0.board0.terminal_2.start_port": "int",
        }
    )
    assert fvp_command.parameters(settings(), NAMES, model, {}) == {
        "terminal0.start_telnet": "0",
        "socket0.board0.terminal_2.start_telnet": "0",
        "socket0.ros.disable_visualisation": "1",
    }
    wanted = settings(parameters={"terminal0.start_telnet": True})
    assert fvp_command.parameters(wanted, NAMES, model, {})["terminal0.start_telnet"] == "1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "1"),
        (16, "16"),
        (5000, "5000"),
        (0x80000000, "0x80000000"),
        (0x200000000, "0x200000000"),
        ("0x0000011B", "0x0000011B"),
        (0.5, "0.5"),
    ],
)
def test_a_value_is_written_as_scripts_for_models_write_it(value: Scalar, text: str):
    """Masks and addresses hexadecimal: a model may read a decimal number as a signed word."""
    assert expanded(parameters={"a.b": value}) == {"a.b": text}


@pytest.mark.parametrize(
    ("seconds", "text"), [(3600, "3600"), (1000000, "1000000"), (0.25, "0.25")]
)
def test_a_limit_is_a_plain_number(seconds: float, text: str):
    """1e+06 is no number of seconds for every model."""
    given = settings(timelimit=seconds, cpulimit=seconds)
    assert fvp_command.command_line(Path("/fvp"), given, NAMES, {}, []) == [
        "/fvp", "--timelimit", text, "--cpulimit", text
    ]  # fmt: skip


def test_what_the_launcher_sets_cannot_be_set_twice():
    """A fixed start_port would bring consoles to the wrong chip."""
    given = settings(parameters={"t.start_port": 5000})
    with pytest.raises(UsageError, match=r"the launcher sets t\.start_port itself"):
        fvp_command.parameters(given, NAMES, NO_MODEL, {"t.start_port": "20000"})


def test_all_wrong_parameters_are_named_at_once():
    """Nearest match for each, before anything is started."""
    model = ModelParameters({"ros.disable_visualisation": "bool"})
    with pytest.raises(UsageError) as caught:
        fvp_checks.check({"ros.disable_visualization": "1", "a.b": "1"}, model, version="11.29")
    assert "2 of them" in str(caught.value)
    assert "nearest: ros.disable_visualisation" in str(caught.value)
    assert "'a.b'" in str(caught.value)


def test_the_command_line_is_whole_and_in_a_stable_order():
    """Parameters, images in the order of the plan, limits, further arguments."""
    images = [
        PlacedImage("s", 1, Path("/i/s.bin"), 0xB0040000, "flash", "0" * 64, 4),
        PlacedImage("bl2", 0, Path("/i/bl2.bin"), 0xB0000000, "flash", "0" * 64, 4),
    ]
    given = settings(simlimit=900, args=["--plugin", "{board}/Crypto.so", "--stat"])
    assert fvp_command.command_line(Path("/fvp"), given, NAMES, {"a.b": "1"}, images) == [
        "/fvp", "-C", "a.b=1",
        "--data", "socket0.css1.sysctrl.rse.cpu=/i/s.bin@0xb0040000",
        "--data", "socket0.css0.sysctrl.rse.cpu=/i/bl2.bin@0xb0000000",
        "--simlimit", "900", "--plugin", "/lab/boards/Crypto.so", "--stat",
    ]  # fmt: skip


def test_the_shown_command_hides_secret_values():
    """Keys do not get into records; paths and instances that sound like one stay."""
    line = fvp_shown.shown(
        ["/fvp", "-C", "css0.rse.lcm.huk=0123abcd", "-C", "a.raw_image=/k/secret.bin",
         "--data", "css.seed.cpu=/i/a b.bin@0x0"]
    )  # fmt: skip
    assert "0123abcd" not in line
    assert line.endswith("-C a.raw_image=/k/secret.bin --data 'css.seed.cpu=/i/a b.bin@0x0'")


@pytest.mark.parametrize("value", ["0", "1", "true", "FALSE"])
def test_a_switch_is_no_secret_whatever_it_is_called(value: str):
    """A command line by hand must do what the run did: HAS_RSE_CPU_PRIVATE_REGION of RD-V3 counts."""
    word = f"css.sysctrl.HAS_RSE_CPU_PRIVATE_REGION={value}"
    assert fvp_shown.without_secrets([word]) == [word]
    assert fvp_shown.without_secrets([f"{word}2"]) == [
        "css.sysctrl.HAS_RSE_CPU_PRIVATE_REGION=<hidden>"
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"rse_pattern": "css0.rse.rom"},
        {"rse_pattern": "*.rse"},
        {"rse_prefixes": ["css0.rse", "css0.rse"]},
        {"console": {"kind": "xterm"}},
        {"binry": "x"},
        {"timeouts": {"start": 0}},
    ],
)
def test_settings_refuse_what_cannot_work(values: dict[str, object]):
    """Mistakes in a board file are found when it is read."""
    with pytest.raises(ValidationError):
        settings(**values)


def test_fixed_prefixes_must_be_as_many_as_the_rses():
    """Their order is the order of the ids."""
    given = settings(rse_prefixes=["b.rse", "a.rse"])
    assert fvp_command.prefixes(given, NO_MODEL, [0, 1]) == {0: "b.rse", 1: "a.rse"}
    with pytest.raises(UsageError, match=r"3 RSE\(s\), but there are 2 prefixes"):
        fvp_command.prefixes(given, NO_MODEL, [0, 1, 2])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["--timelimit", "7200"]),
        ({"simlimit": 900}, ["--simlimit", "900"]),
        ({"args": ["--cpulimit", "5"]}, ["--cpulimit", "5"]),
        ({"args": ["-T", "5"]}, ["-T", "5"]),
        ({"args": ["--simlimit=5"]}, ["--simlimit=5"]),
        ({"args": ["--stat"]}, ["--timelimit", "7200", "--stat"]),
    ],
)
def test_a_model_always_has_a_limit(values: dict[str, object], words: list[str]):
    """A forgotten one must not simulate all night."""
    given = settings(**values)
    assert fvp_command.command_line(Path("/fvp"), given, NAMES, {}, []) == ["/fvp", *words]


@pytest.mark.parametrize("args", [["-I"], ["-Ip"], ["--iris-server"], ["-S"], ["-pI", "-A"]])
def test_a_debug_server_without_run_is_refused(args: list[str]):
    """The firmware would never start."""
    with pytest.raises(UsageError, match="waits at reset until a debugger"):
        fvp_command.arguments(settings(args=args), NAMES)
    assert fvp_command.arguments(settings(args=[*args, "-R"]), NAMES)


def test_words_that_are_no_flags_hold_nothing():
    """A plug-in's path, a log file, a library with a capital in its name."""
    words = ["--plugin", "{board}/libIris.so", "--log", "-SI.log", "-Q", "100"]
    assert fvp_command.arguments(settings(args=words), NAMES)[1] == "/lab/boards/libIris.so"
