# SPDX-License-Identifier: Apache-2.0
"""`hil console` on a terminal: what it shows, where typed bytes go, how it leaves the terminal."""

from __future__ import annotations

import io
import os
import re
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from hil.commands.console_keys import Keys
from hil.commands.console_screen import PROMPT_SECONDS, Feed, Screen

LIMIT = 40


@pytest.fixture
def uarts() -> Iterator[list[tuple[int, str]]]:
    """The device's ends of two UARTs, and the paths of their other ends."""
    pairs = [os.openpty() for _ in range(2)]
    yield [(device, os.ttyname(host)) for device, host in pairs]
    for pair in pairs:
        for fd in pair:
            os.close(fd)


def spawn(*arguments: str, **env: str) -> pexpect.spawn:
    child = pexpect.spawn(
        sys.executable,
        ["-m", "hil.cli", "console", *arguments],
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **env},
        timeout=LIMIT,
        echo=True,
        dimensions=(40, 200),
    )
    child.delaybeforesend = None
    return child


@pytest.fixture
def board(tmp_path: Path, uarts: list[tuple[int, str]]) -> list[str]:
    """Arguments that name a board with these UARTs."""
    (tmp_path / "boards").mkdir()
    text = f"""\
release: "2.3.1"
launcher: {{kind: pyocd, target: cortex_m}}
rses:
  - {{id: 0, probe: "none0", console: {{serial: "{uarts[0][1]}", baud: 38400}}}}
  - {{id: 1, probe: "none1", console: {{serial: "{uarts[1][1]}", baud: 38400}}}}
"""
    (tmp_path / "boards/two.yaml").write_text(text)
    return ["two", "--boards", str(tmp_path / "boards")]


def test_two_uarts_in_one_terminal(board: list[str], uarts: list[tuple[int, str]]) -> None:
    """Lines come with time and RSE; typed bytes go to the chosen one; the terminal is restored."""
    child = spawn(*board)
    before = termios.tcgetattr(child.child_fd)
    child.expect("typing goes to RSE 0")
    child.expect("rse1: attached")
    os.write(uarts[1][0], b"\x1b[31m[INF] hello\x1b[0m\r\n")
    child.expect(r"\x1b\[\d+m +\d+\.\d{3} rse1 \| \[INF\] hello\x1b\[0m")
    child.send("ab\r")
    heard = b""
    while len(heard) < 3:
        heard += os.read(uarts[0][0], 9)
    assert heard == b"ab\r"
    child.send("\x1d1x")
    child.expect("typing goes to RSE 1")
    assert os.read(uarts[1][0], 9) == b"x"
    child.send("\x1d7")
    child.expect("there is no RSE 7; typing goes to RSE 1")
    child.send("\x1d\x1d")
    assert os.read(uarts[1][0], 9) == b"\x1d"
    os.write(uarts[0][0], b"prompt> ")
    child.expect(r"rse0 \| prompt> ?\.\.\.")
    child.send("\x1dq")
    child.expect(pexpect.EOF)
    assert termios.tcgetattr(child.child_fd)[3] == before[3]
    child.close()
    assert child.exitstatus == 0


def test_control_c_ends_and_restores_the_terminal(board: list[str]) -> None:
    """Ctrl-C ends as Ctrl-] q does."""
    child = spawn(*board)
    before = termios.tcgetattr(child.child_fd)
    child.expect("typing goes to RSE 0")
    child.send("\x03")
    child.expect(pexpect.EOF)
    assert b"Traceback" not in child.before
    assert termios.tcgetattr(child.child_fd)[3] == before[3]
    child.close()
    assert child.exitstatus == 0


def test_filter_choice_and_plain_text(board: list[str], uarts: list[tuple[int, str]]) -> None:
    """--filter and --rse show only what is wanted, NO_COLOR shows it without colours."""
    child = spawn(*board, "--rse", "1", "--filter", "ERR|end", NO_COLOR="1")
    child.expect("rse1: attached")
    os.write(uarts[0][0], b"[ERR] of the other one\r\n")
    os.write(uarts[1][0], b"[INF] nothing\r\n[ERR] bad\r\nend\x04")
    child.expect(r"rse1 \| end<EOT>")
    shown = child.before
    assert b"[ERR] bad" in shown
    assert not re.search(rb"nothing|other one|\x1b\[", shown)
    child.send("\x1dq")
    child.expect(pexpect.EOF)
    child.close()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rse", "9"], "--rse 9: two has the RSEs 0, 1"),
        (["--to", "9"], "--to 9: two has the RSEs 0, 1"),
        (["--filter", "("], "no regular expression"),
        (["--seconds", "0"], "expected more than 0"),
        (["--save", "/proc/x"], "give a new folder"),
    ],
)
def test_wrong_usage(board: list[str], arguments: list[str], says: str) -> None:
    """One clear sentence, status 2, nothing opened."""
    child = spawn(*board, *arguments)
    child.expect_exact(says)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2


def test_a_model_has_no_consoles_before_it_starts() -> None:
    """A model's consoles cannot be listened to without --load; that is said."""
    child = spawn("virtual-fvp-rdv3-cfg2")
    child.expect_exact("add --load")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 2


def test_a_board_that_is_loaded_first(tmp_path: Path) -> None:
    """--load flashes and starts all RSEs; the transcripts are kept where --save says."""
    child = spawn("virtual-rse4", "--load", "--save", str(tmp_path / "kept"), "--filter", "Booting")
    for _ in range(4):
        child.expect(r"rse\d \| \[NOT\] Booting TF-M v2\.3\.1")
    child.send("\x1dq")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    kept = sorted(path.name for path in (tmp_path / "kept/uart").glob("*.log"))
    assert kept == ["rse0.log", "rse1.log", "rse2.log", "rse3.log"]
    assert not (tmp_path / "kept/state").exists()


def test_keys() -> None:
    """Typed bytes and commands are told apart, also when they come in pieces."""
    keys = Keys()
    found = [*keys.take(b"a\x1d"), *keys.take(b"2b\x1d\x1dc\x1dz\x1dq")]
    assert found == [
        ("send", b"a"),
        ("to", b"2"),
        ("send", b"b\x1dc"),
        ("help", b""),
        ("quit", b""),
    ]


def test_a_prompt_is_shown_once() -> None:
    """A line without end is shown after a while, and again only if it went on."""
    stream = io.StringIO()
    screen = Screen(stream, coloured=False, pattern=None, began=0.0)
    feed = Feed(2, screen)
    feed.take(b"login: ", 1.0)
    feed.look(1.0 + PROMPT_SECONDS / 2)
    screen.flush()
    assert stream.getvalue() == ""
    feed.look(1.0 + PROMPT_SECONDS)
    feed.look(9.0)
    screen.flush()
    feed.take(b"\r\nkey " + b"0f" * 32 + b"\x07\r\n", 10.0)
    screen.flush()
    assert stream.getvalue().splitlines() == [
        "    1.000 rse2 | login: ...",
        "   10.000 rse2 | key <64 digits hidden>.",
    ]


def test_lines_of_several_rses_are_put_in_order() -> None:
    """What was read RSE by RSE is shown in the order in which it came."""
    stream = io.StringIO()
    screen = Screen(stream, coloured=False, pattern=None, began=0.0)
    first, second = Feed(0, screen), Feed(1, screen)
    first.take(b"late\r\n", 2.0)
    second.take(b"early\r\n", 1.0)
    screen.flush()
    assert [line.rpartition(" ")[2] for line in stream.getvalue().splitlines()] == ["early", "late"]
