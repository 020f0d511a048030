# SPDX-License-Identifier: Apache-2.0
"""What holds the terminals of a model, against terminals that are real sockets."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fvp_lab import Consoles, until

from hil.errors import DeviceError
from hil.targets import fvp_terminal_line
from hil.targets.fvp_ports import Announcement
from hil.targets.fvp_terminal_line import Recorder
from hil.targets.fvp_terminals import Terminals

GREETING = bytes.fromhex("fffb01 fffb03 fffb00 fffd00 fffd03")


class Lab:
    """One RSE's terminal, the file beside it, and what holds both."""

    def __init__(self, folder: Path, *, file: bool) -> None:
        self.folder = folder
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.port = self.listener.getsockname()[1]
        self.file = folder / "uart.log"
        self.notes: list[str] = []
        self.consoles = Consoles()
        self.terminals = Terminals(
            folder=folder,
            rse_of=lambda announcement: 0 if announcement.leaf == "rse" else None,
            files={0: self.file} if file else {},
            left={"people"},
            note=self.notes.append,
        )

    def attached(self, leaf: str = "rse") -> socket.socket:
        """Announce the terminal and take the client."""
        self.terminals.announced(Announcement(leaf, self.port))
        client, _ = self.listener.accept()
        client.settimeout(10)
        return client

    def heard(self) -> bytes:
        return bytes(self.consoles.data.get(0, b""))

    def open(self) -> None:
        self.consoles.open(0, self.terminals.console(0))
        self.terminals.release()

    def close(self) -> None:
        self.terminals.close()
        self.consoles.__exit__()
        self.listener.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with closing(Lab(tmp_path, file=True)) as made:
        yield made


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Lab]:
    """A model without files."""
    with closing(Lab(tmp_path, file=False)) as made:
        yield made


def test_nothing_is_handed_on_before_it_is_released(lab: Lab):
    """What comes before is old output, and not judged."""
    with lab.attached() as model:
        lab.consoles.open(0, lab.terminals.console(0))
        lab.file.write_bytes(b"first")
        model.sendall(b"first")
        until(lambda: lab.terminals._relays[0]._kept == b"first", "read")
        assert lab.heard() == b""
        lab.terminals.release()
        lab.consoles.wait_for(0, b"first")


def test_the_file_tells_what_the_terminal_has_lost(lab: Lab):
    """Each byte once, in order, whatever the terminal says of it."""
    with lab.attached() as model:
        lab.open()
        with lab.file.open("ab", buffering=0) as uart:
            for number in range(100):
                uart.write(b"%03d " % number)
                if number % 3 == 0:
                    model.sendall(b"%03d " % number)
        lab.consoles.wait_for(0, b"099 ")
        assert lab.heard() == b"".join(b"%03d " % number for number in range(100))


def test_a_file_that_stays_empty_is_given_up_and_told(lab: Lab):
    """Some model may not write it beside a terminal; what the terminal said so far is kept."""
    lab.file.touch()
    with lab.attached() as model:
        lab.open()
        model.sendall(b"one ")
        until(lambda: len(lab.notes) == 1, "note")
        model.sendall(b"two")
        lab.consoles.wait_for(0, b"two")
        assert lab.heard() == b"one two"
        assert "does not write uart.log" in lab.notes[0]


def test_what_comes_last_is_handed_on_after_the_models_end(lab: Lab):
    """The last words of a crash; then the console ends, and the file is not needed any more."""
    with lab.attached() as model:
        lab.open()
        lab.file.write_bytes(b"x" * 3_000_000 + b"last words")
        model.close()
        lab.terminals.finish()
        lab.consoles.wait_for(0, b"last words")
        assert len(lab.heard()) == 3_000_010
        lab.terminals.close()
        assert not lab.file.exists()


def test_a_file_that_was_not_handed_on_stays(lab: Lab):
    """Nobody opened the console: the bytes are evidence."""
    with lab.attached():
        lab.file.write_bytes(b"unread")
        lab.terminals.close()
    assert lab.file.read_bytes() == b"unread"


def test_without_a_file_the_terminal_is_the_console(bare: Lab):
    """From its announcement on, in both directions, byte by byte."""
    with bare.attached() as model:
        model.sendall(b"early ")
        bare.open()
        model.sendall(bytes(range(1, 255)))
        bare.consoles.wait_for(0, b"\xfe")
        assert bare.heard() == b"early " + bytes(range(1, 255))
        bare.consoles.type(0, b"\x14typed\xff")
        assert model.recv(100) == b"\x14typed\xff"


def test_a_drop_without_a_file_is_told(bare: Lab):
    """Something may be lost; the console goes on."""
    with bare.attached() as model:
        bare.open()
        model.sendall(b"one ")
        bare.consoles.wait_for(0, b"one ")
    again, _ = bare.listener.accept()
    with again:
        again.sendall(b"two")
        bare.consoles.wait_for(0, b"two")
        assert bare.heard() == b"one two"
        assert "of RSE 0 dropped its client; attached again on port" in bare.notes[0]


def test_a_terminal_that_stays_away_is_told_once(bare: Lab):
    """It is tried on and on."""
    model = bare.attached()
    bare.listener.close()
    model.close()
    until(lambda: bool(bare.notes), "note")
    assert "does not take a client again: Connection refused" in bare.notes[0]
    bare.listener = socket.create_server(("127.0.0.1", bare.port))
    bare.listener.settimeout(10)
    with bare.listener.accept()[0]:
        assert len(bare.notes) <= 2


def test_a_greeting_is_answered_and_is_no_output(bare: Lab):
    """Of a terminal that is in telnet mode although it was told not to be; 0xFF passes afterwards."""
    with bare.attached() as model:
        model.sendall(GREETING[:7])
        model.sendall(GREETING[7:] + b"boot \xff\xfb\x01 ")
        answer = b""
        while len(answer) < 15:
            answer += model.recv(100)
        assert [answer[i] for i in range(0, 15, 3)] == [0xFF] * 5
        bare.open()
        bare.consoles.wait_for(0, b"\xfb\x01 ")
        assert bare.heard() == b"boot \xff\xfb\x01 "


def test_other_terminals_go_into_files_and_some_are_left_alone(lab: Lab):
    """A file is made with the first byte; a terminal of people's keeps its place."""
    with lab.attached("scp") as model:
        model.sendall(b"scp says")
        log = lab.folder / f"terminal-scp-{lab.port}.log"
        until(lambda: log.exists() and log.read_bytes() == b"scp says", "file")
        lab.terminals.announced(Announcement("people", lab.port))
        lab.listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            lab.listener.accept()


@pytest.mark.parametrize("path", ["/dev/full", "/dev/null/none"], ids=["full", "unopenable"])
def test_a_record_that_cannot_be_written_is_given_up(path: str):
    """The terminal is read all the same: who is not read stops the simulation."""
    recorder = Recorder(Path(path))
    for _ in range(3):
        recorder.take(b"x")
    recorder.close()


def test_a_record_has_a_limited_size_and_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What is said beyond, or after it was closed, is dropped; what was there before may stay."""
    monkeypatch.setattr(fvp_terminal_line, "_MOST_RECORDED", 5)
    path = tmp_path / "log"
    path.write_bytes(b"before ")
    recorder = Recorder(path, append=True)
    for text in (b"abc", b"defg", b"h"):
        recorder.take(text)
    recorder.close()
    recorder.take(b"late")
    assert path.read_bytes() == b"before abcde"
    with closing(Recorder(path)) as other:
        other.take(b"new")
    assert path.read_bytes() == b"new"


def test_nothing_is_left_after_the_end(tmp_path: Path):
    """No thread, no descriptor; what is asked of it later does nothing."""
    descriptors = Path("/proc/self/fd")
    before = {fd.name for fd in descriptors.iterdir()}
    with closing(Lab(tmp_path, file=True)) as lab, lab.attached():
        lab.open()
    lab.terminals.announced(Announcement("rse", lab.port))
    lab.terminals.close()
    assert {t.name for t in threading.enumerate() if "fvp" in t.name} == set()
    # What an earlier test left may be closed meanwhile.
    assert {fd.name for fd in descriptors.iterdir()} <= before


def test_no_console_of_a_model_that_has_ended(lab: Lab):
    """It may end at any moment of its start; nothing is held open for it then."""
    lab.terminals.close()
    with pytest.raises(DeviceError, match="RSE 0: open console: the model has ended"):
        lab.terminals.console(0)
    gc.collect()  # a listener that was forgotten is a warning here, and warnings are errors


def test_a_console_that_is_asked_for_while_the_model_ends(tmp_path: Path):
    """What was accepted is given back with the rest."""
    made = Lab(tmp_path, file=True)
    made.terminals._serve = lambda _timeout: made.terminals._todo.append(  # type: ignore[method-assign]
        lambda: made.terminals._relay(0).serve(listener)
    )
    listener = socket.create_server(("127.0.0.1", 0))
    made.close()
    assert listener.fileno() == -1
