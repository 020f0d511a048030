# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fvp_lab import MODEL, MODEL_WORD, Consoles, launcher, processes_with, script, until

from hil.targets.fvp_process import ModelProcess
from hil.targets.fvp_settings import FvpTimeouts

QUICK = FvpTimeouts(interrupt=0.3, terminate=0.3, kill=5)
PATIENT = FvpTimeouts(interrupt=20, terminate=20, kill=20)
HEARS = "trap 'exit 0' INT; echo up; while :; do sleep 0.05; done"


def model(folder: Path, text: str) -> ModelProcess:
    program = script(folder / "FVP", text)
    return ModelProcess(
        [str(program), str(folder)],
        cwd=folder,
        env={},
        log=folder / "model.log",
        on_text=lambda text: None,
    )


def test_output_of_both_streams_is_kept_line_by_line(tmp_path: Path):
    """Stdout is a terminal for the model, so that C programs do not hold lines back."""
    process = model(tmp_path, "test -t 1 && echo tty; echo err >&2; printf 'last'; exit 3\n")
    until(lambda: process.status() == 3, "end")
    assert process.wait_until(lambda: "last" in process.tail(), 5)
    assert process.end(QUICK) == "exit"
    assert (tmp_path / "model.log").read_bytes() == b"tty\nerr\nlast"
    assert process.status() == 3


def test_what_it_said_last_is_heard_before_its_end_is_told(tmp_path: Path):
    """Its status is known before its output was read: the reason may still be on its way."""
    heard: list[str] = []

    def slowly(text: str) -> None:
        time.sleep(0.2)
        heard.append(text)

    program = script(tmp_path / "FVP", "echo 'Simulated time has been exceeded.'\n")
    process = ModelProcess(
        [str(program)], cwd=tmp_path, env={}, log=tmp_path / "model.log", on_text=slowly
    )
    until(lambda: process.status() == 0, "end")
    process.hear_out()
    assert heard
    process.end(QUICK)


def test_a_full_disk_does_not_keep_the_output_from_being_read(tmp_path: Path):
    """A model whose output nobody reads stands still, or is killed when its terminal closes."""
    (tmp_path / "model.log").symlink_to("/dev/full")
    process = model(tmp_path, "seq 50000; echo up; exec sleep 60\n")
    assert process.wait_until(lambda: "up" in process.tail(), 20)
    assert process.status() is None
    assert process.end(PATIENT) == "SIGINT"


def test_a_line_without_an_end_is_kept_in_part(tmp_path: Path):
    """Its last part, so that a model that never ends a line does not fill the memory."""
    process = model(tmp_path, "yes | tr -d '\\n' | head -c 300000; printf 'z'; exec sleep 60\n")
    assert process.wait_until(lambda: process.tail().endswith("z"), 20)
    assert 1000 < len(process.tail()) < 10000
    process.end(PATIENT)


@pytest.mark.parametrize(
    ("text", "timeouts", "took"),
    [
        (HEARS, PATIENT, "SIGINT"),
        (HEARS.replace("exit 0", ""), FvpTimeouts(interrupt=0.3, terminate=20), "SIGTERM"),
        (HEARS.replace("exit 0' INT", "' INT TERM"), QUICK, "SIGKILL"),
    ],
    ids=["hears", "deaf to SIGINT", "deaf to both"],
)
def test_the_end_is_asked_for_in_three_tones(
    tmp_path: Path, text: str, timeouts: FvpTimeouts, took: str
):
    """Each with its time limit; the caller learns which was needed."""
    process = model(tmp_path, text + "\n")
    assert process.wait_until(lambda: "up" in process.tail(), 5)
    assert process.end(timeouts) == took
    assert processes_with(str(tmp_path)) == []


def test_a_harness_in_the_background_can_stop_its_model(tmp_path: Path):
    """A shell starts background jobs with SIGINT ignored; the model must not inherit that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = model(tmp_path, HEARS + "\n")
        assert process.wait_until(lambda: "up" in process.tail(), 5)
        assert process.end(FvpTimeouts(interrupt=5, terminate=1)) == "SIGINT"
    finally:
        signal.signal(signal.SIGINT, before)


def test_children_of_a_model_do_not_outlive_it(tmp_path: Path):
    """Terminals that a model has started stay in its group and end with it."""
    with Consoles() as consoles, launcher(tmp_path, parameters={"virtual.child": True}) as fvp:
        fvp.start(consoles.open)
        group = os.getpgid(processes_with(str(tmp_path))[0])
        until(lambda: len(_members(group)) >= 2, "child of the model")
        fvp.stop()
        until(lambda: not _members(group), "end of the group")


def test_a_model_outlives_the_thread_that_asked_for_its_start(tmp_path: Path):
    """The kernel's leash is held by the thread that drains the output."""
    with Consoles() as consoles, launcher(tmp_path) as fvp:
        starter = threading.Thread(target=fvp.start, args=(consoles.open,))
        starter.start()
        starter.join()
        consoles.wait_for(0, b"BL1_1")
        assert fvp.alive(0) is None


HARNESS = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
from fvp_lab import Consoles, launcher
fvp = launcher(Path({folder!r}), binary={binary!r})
fvp.start(Consoles().open)
print("started", flush=True)
time.sleep(60)
"""


#: How a lab starts its model; the last one leaves a helper in a session of its own.
WRAPPERS = {
    "model": None,
    "wrapper": 'env {model} "$@"\n',
    "stray": "setsid sh -c 'exec >/dev/null 2>&1; sleep 45678 & wait' {here} & exec {model} \"$@\"\n",
}


@pytest.mark.parametrize("how", WRAPPERS)
def test_a_killed_harness_takes_the_model_with_it(tmp_path: Path, how: str):
    """Also where a script runs the model as its child, or has let something leave its group."""
    binary = MODEL
    state = str(tmp_path / "state")
    if (text := WRAPPERS[how]) is not None:
        queries = f'case "$1" in --*) exec {MODEL_WORD} "$@";; esac\n'
        binary = script(
            tmp_path / "run_model.sh", queries + text.format(model=MODEL_WORD, here=state)
        )
    text = HARNESS.format(
        tests=str(Path(__file__).parent), folder=str(tmp_path), binary=str(binary)
    )
    harness = subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        assert harness.stdout is not None
        assert harness.stdout.readline() == b"started\n"
        running = processes_with(state)
        assert len(running) >= (2 if how != "model" else 1)
    finally:
        harness.send_signal(signal.SIGKILL)
        harness.communicate()
    until(lambda: processes_with(state) == [], "end of the model")


def test_a_stop_ends_only_what_belongs_to_this_model(tmp_path: Path):
    """Another run's model on the same host goes on."""
    first, second = tmp_path / "a", tmp_path / "b"
    with Consoles() as consoles, launcher(first) as one, launcher(second) as two:
        one.start(consoles.open)
        two.start(consoles.open)
        one.stop()
        assert processes_with(str(first)) == []
        assert two.alive(0) is None


def _members(group: int) -> list[int]:
    everybody = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    return [pid for pid in everybody if _group(pid) == group]


def _group(pid: int) -> int | None:
    """Group of a process that lives; a dead one may wait for its reaper for a while."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return None if state == "Z" else os.getpgid(pid)
    except (ProcessLookupError, FileNotFoundError):
        return None
