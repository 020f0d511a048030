# SPDX-License-Identifier: Apache-2.0
"""`hil log` as a user meets it: exit status, JUnit, JSON, standard input, logs that grow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

BOOT = b"[INF] Starting bootloader\r\n[INF] Image index: 0, Swap type: none\r\n"
RUNTIME = b"Booting TF-M v2.2.2\r\n"
AREA = b"\r\n#### Execute test suites for the Secure area ####\r\n"
GOOD = b"> Executing 'TFM_S_X_1' \r\n\x1b[32m  TEST: TFM_S_X_1 - PASSED!\r\n"
BAD = (
    b"> Executing 'TFM_S_X_2' \r\n\x01\xff no (Failed at a.c:3)\r\n  TEST: TFM_S_X_2 - FAILED!\r\n"
)
END = b"*** End of Secure test suites ***\r\nNon-Secure system starting...\r\n\x04"
LIMIT = 30

LOGS = {
    "passed": BOOT + RUNTIME + AREA + GOOD + END,
    "failed": BOOT + RUNTIME + AREA + GOOD + BAD + END,
    "refused": BOOT + b"[ERR] Unable to find bootable image\r\n",
    "incomplete": BOOT + RUNTIME + AREA + GOOD + b"> Executing 'TFM_S_X_2' \r\n",
    "no output": b"",
}


def start(*arguments: str, **kwargs: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "hil.cli", "log", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **kwargs,
    )


def hil_log(*arguments: str, given: bytes = b"") -> tuple[int, str, str]:
    process = start(*arguments, stdin=subprocess.PIPE)
    output, errors = process.communicate(given, timeout=LIMIT)
    return process.returncode, output.decode(), errors.decode()


def test_a_terminal_without_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its locale cannot say is shown in escapes; the status is still the log's."""
    log = tmp_path / "rse0.log"
    log.write_bytes(LOGS["passed"].replace(b"\n", "\n[INF] caf\u00e9\n".encode(), 1))
    monkeypatch.setenv("PYTHONIOENCODING", "iso-8859-1")
    for name in ("rse0", "r\u2014"):
        log = log.rename(tmp_path / f"{name}.log")
        status, told, errors = hil_log(str(log))
        assert (status, errors) == (0, "")
    assert r"r\u2014.log" in told


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A file whose name is of another encoding is shown in escapes, in any locale."""
    log = tmp_path / os.fsdecode(b"r\xff.log")
    log.write_bytes(LOGS["passed"])
    status, told, errors = hil_log(str(log))
    assert (status, errors) == (0, "")
    assert r"r\udcff.log" in told


@pytest.mark.parametrize("outcome", LOGS)
def test_the_exit_status_says_the_verdict(tmp_path: Path, outcome: str) -> None:
    """Only a complete log without failed tests ends with 0; the word for it stands on top."""
    log = tmp_path / "rse0.log"
    log.write_bytes(LOGS[outcome])
    status, output, _ = hil_log(str(log))
    assert status == (0 if outcome == "passed" else 1)
    assert output.splitlines()[1].split() == ["result", *outcome.upper().split()]


def test_several_logs_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    """All that can be read are told; one bad log makes 1, one that cannot be read makes 2."""
    good, bad = tmp_path / "a.log", tmp_path / "b.log"
    good.write_bytes(LOGS["passed"])
    bad.write_bytes(LOGS["failed"])
    assert hil_log(str(good), str(bad))[0] == 1
    status, output, errors = hil_log(str(good), str(tmp_path / "none.log"))
    assert (status, "PASSED" in output) == (2, True)
    assert "none.log: no such file" in errors


def test_standard_input_has_excerpts_too(tmp_path: Path) -> None:
    """- reads standard input; the JUnit file holds the tests' parts of it."""
    out = tmp_path / "out.xml"
    status, output, _ = hil_log("-", "--junit", str(out), given=LOGS["failed"])
    assert (status, output.startswith("-: ")) == (1, True)
    [suite] = JUnitXml.fromfile(str(out))
    assert "Executing 'TFM_S_X_2'" in {case.name: case for case in suite}["TFM_S_X_2"].system_out


@pytest.mark.parametrize(
    ("outcome", "cases", "bad"),
    [
        ("passed", ["boot 1", "TFM_S_X_1"], {}),
        ("failed", ["boot 1", "TFM_S_X_1", "TFM_S_X_2"], {"TFM_S_X_2": "failure"}),
        ("refused", ["boot 1"], {"boot 1": "failure"}),
        (
            "incomplete",
            ["boot 1", "TFM_S_X_1", "TFM_S_X_2"],
            {"boot 1": "failure", "TFM_S_X_2": "error"},
        ),
        ("no output", ["boot 1"], {"boot 1": "failure"}),
    ],
)
def test_junit_has_one_case_per_test_and_boot(
    tmp_path: Path, outcome: str, cases: list[str], bad: dict[str, str]
) -> None:
    """Every executed test is a case; what the boot itself shows is a case of its own."""
    log, out = tmp_path / "rse0.log", tmp_path / "out.xml"
    log.write_bytes(LOGS[outcome])
    hil_log(str(log), "--junit", str(out))
    [suite] = JUnitXml.fromfile(str(out))
    assert [case.name for case in suite] == cases
    found = {case.name: case.result[0]._tag for case in suite if case.result}
    assert found == bad
    assert {p.name: p.value for p in suite.properties()}["outcome"] == outcome


def test_junit_of_all_transcripts_agrees_with_the_truth(tmp_path: Path, shared_dir: Path) -> None:
    """Over all logs: as many cases as tests were executed, and one per boot."""
    truth = json.loads((shared_dir / "uart-logs/truth.json").read_text())
    logs = [str(shared_dir / "uart-logs" / f"{name}.log") for name in sorted(truth)]
    out = tmp_path / "out.xml"
    assert hil_log(*logs, "--junit", str(out))[0] == 1
    for suite in JUnitXml.fromfile(str(out)):
        known = truth[Path(suite.name).stem]
        cases = [c for c in suite if c.classname.startswith("tf-m-tests")]
        results = [c.result[0]._tag if c.result else "passed" for c in cases]
        assert results.count("passed") == known["passed"], suite.name
        assert results.count("failure") == known["failed"], suite.name
        assert results.count("skipped") == known["skipped"], suite.name


def test_json_is_what_the_schema_says(tmp_path: Path) -> None:
    """One object a log, with the tests, their places, and what stopped it."""
    log = tmp_path / "rse0.log"
    log.write_bytes(LOGS["incomplete"])
    status, output, _ = hil_log(str(log), "--json")
    [told] = json.loads(output)
    assert (status, told["schema"], told["outcome"]) == (1, 1, "incomplete")
    assert told["stopped_by"]["test"] == "TFM_S_X_2"
    assert told["totals"]["tf-m-tests"] == {"passed": 1, "failed": 0, "skipped": 0}
    test = told["tests"][0]
    part = LOGS["incomplete"][test["offset"] : test["offset"] + test["length"]]
    assert part == GOOD


def test_the_release_can_be_forced(tmp_path: Path) -> None:
    """--release decides what error codes mean; a release that is none is refused."""
    log = tmp_path / "rse0.log"
    log.write_bytes(b"[ERR] Fatal boot error 0xe5a5a5c1 (0x40000064)\r\n")
    assert "PROVISIONING_NOT_REQUIRED" in hil_log(str(log), "--release", "2.3.1")[1]
    assert "PROVISIONING_NOT_REQUIRED" not in hil_log(str(log), "--release", "2.2.2")[1]
    status, _, errors = hil_log(str(log), "--release", "banana")
    assert (status, "banana: no release of TF-M" in errors) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-", "-"], "standard input can be read once"),
        (["-f", "-"], "-f needs files"),
        (["x.log", "--silence", "3"], "--silence needs -f"),
        (["-f", "x.log", "--silence", "-3"], "expected seconds"),
        (["-f", "none.log"], "none.log: no such file"),
    ],
)
def test_wrong_usage(arguments: list[str], says: str) -> None:
    """One clear sentence, status 2."""
    status, _, errors = hil_log(*arguments)
    assert (status, says in errors) == (2, True), errors


def test_a_junit_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The reason is told, without a traceback."""
    log = tmp_path / "rse0.log"
    log.write_bytes(LOGS["passed"])
    status, _, errors = hil_log(str(log), "--junit", str(tmp_path / "no" / "out.xml"))
    assert (status, "Traceback" in errors) == (2, False)
    assert "out.xml cannot be written: No such file or directory" in errors


def wait_for(path: Path, text: str) -> None:
    deadline = time.monotonic() + LIMIT
    while text not in path.read_text():
        assert time.monotonic() < deadline, f"{text!r} was not told: {path.read_text()!r}"
        time.sleep(0.02)


def test_follow_ends_with_the_end_marker(tmp_path: Path) -> None:
    """-f tells stages as they come, forgets a log that is begun anew, and ends by itself."""
    log, told = tmp_path / "rse0.log", tmp_path / "told"
    log.write_bytes(BOOT + RUNTIME)
    with told.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "hil.cli", "log", "-f", str(log)],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        wait_for(told, "runtime: Booting TF-M v2.2.2")
        log.write_bytes(BOOT)
        wait_for(told, "the log was begun anew")
        with log.open("ab") as stream:
            stream.write(RUNTIME + AREA + BAD)
            stream.flush()
            wait_for(told, "TFM_S_X_2 - FAILED!")
            assert process.poll() is None
            stream.write(END)
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "1 boot" in output.decode().splitlines()[0]
    assert "1 of 1 failed" in output.decode()


def test_follow_refuses_what_does_not_grow(tmp_path: Path) -> None:
    """A UART itself, or a pipe, has no length to look at."""
    os.mkfifo(tmp_path / "fifo")
    for path in (str(tmp_path / "fifo"), "/dev/null"):
        status, _, errors = hil_log("-f", path)
        assert status == 2
        assert "is a device or a pipe; expected a file that somebody writes" in errors


def test_follow_ends_with_control_c_and_with_silence(tmp_path: Path) -> None:
    """Whoever has seen enough gets the verdict about what there is."""
    log = tmp_path / "rse0.log"
    log.write_bytes(LOGS["incomplete"])
    status, output, errors = hil_log("-f", str(log), "--silence", "0.3")
    assert (status, "no log grew for 0.3 s" in errors) == (1, True)
    assert "the log ends in test TFM_S_X_2" in output
    told = tmp_path / "told"
    with told.open("wb") as stream:
        process = start("-f", str(log), env=os.environ | {"PYTHONUNBUFFERED": "1"})
        assert process.stderr is not None
        stream.write(process.stderr.readline())
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert b"the log ends in test TFM_S_X_2" in out


def test_follow_outlives_a_log_that_is_taken_away(tmp_path: Path) -> None:
    """A log that is moved aside and written anew is followed in its place."""
    log, told = tmp_path / "rse0.log", tmp_path / "told"
    log.write_bytes(BOOT + RUNTIME)
    with told.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "hil.cli", "log", "-f", str(log)],
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        wait_for(told, "runtime: Booting TF-M v2.2.2")
        log.rename(tmp_path / "rse0.log.1")
        time.sleep(0.3)  # several looks at what is not there
        assert process.poll() is None
        log.write_bytes(LOGS["failed"])
        output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert "1 of 2 failed" in output.decode()
    assert "the log was begun anew" in told.read_text()


@pytest.mark.parametrize("format_", [(), ("--json",)], ids=["text", "json"])
def test_a_reader_that_goes_away_changes_nothing(tmp_path: Path, format_: tuple[str, ...]) -> None:
    """`hil log ... | head`: the JUnit file is written, and the exit status says the verdict."""
    log, junit = tmp_path / "rse0.log", tmp_path / "out.xml"
    log.write_bytes(LOGS["failed"])
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "hil.cli", "log", str(log), "--junit", str(junit), *format_]
    with os.fdopen(writer, "wb") as gone:
        done = subprocess.run(
            command, stdout=gone, stderr=subprocess.PIPE, timeout=LIMIT, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"")
    [suite] = JUnitXml.fromfile(str(junit))
    assert suite.failures == 1


def test_a_junit_file_that_is_a_folder(tmp_path: Path) -> None:
    """A folder in the place of the JUnit file is refused before anything is read."""
    for folder in (str(tmp_path), "."):
        status, output, errors = hil_log(str(tmp_path / "no.log"), "--junit", folder)
        assert (status, output) == (2, "")
        assert f"hil: --junit {folder}: is a folder; expected a file" in errors
