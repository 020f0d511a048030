# SPDX-License-Identifier: Apache-2.0
"""Reading logs from anywhere."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.commands.log_follow import GrowingLog
from hil.errors import UsageError
from hil.uart.log_reader import read_log, read_logs, render
from hil.uart.transcript import Transcript

LogFile = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "kind", "says", "release"),
    [
        ("virgin to runtime, 2.3", "running", "the TF-M runtime was reached", "2.3.1"),
        ("BL1_2 dies, 2.2", "halted", "code lost", "2.2"),
        (
            "no BL2 image is good, 2.3",
            "refused",
            (
                "BL1_2 refused image 1: [ERR] BL2 image failed to decrypt; [ERR] Fatal boot error "
                "0xe5a5a5c1 (0x40000064): TFM_PLAT_ERR_BL1_2_PROVISIONING_NOT_REQUIRED"
            ),
            "2.3",
        ),
        ("a peer is missing, fixed", "halted", "RSE_HANDSHAKE_TIMEOUT", "fixed"),
        ("secure fault, 2.2", "panicked", "FATAL ERROR: SecureFault", "2.2.2"),
        (
            "reset in the middle of a line",
            "resets",
            (
                "1 unexpected reset in 2 boots: boot 1 reset in test TFM_S_ITS_TEST_1001; the last "
                "boot: the log ends after stage BL1_1, without a last word, at '[HIL1] vhuk rse=2 "
                "of=4 src=bl1_2 fp=0011'"
            ),
            "2.3.1",
        ),
    ],
)
def test_verdict(log_file: LogFile, name: str, kind: str, says: str, release: str) -> None:
    """Each way in which a boot can go has its own verdict, and the release is recognised."""
    reading = read_log(log_file(name))
    assert reading.verdict.kind == kind
    assert says in reading.verdict.sentence
    assert reading.release.known == release


def test_first_error_has_a_place(log_file: LogFile) -> None:
    """The first error is found by line number and offset."""
    path = log_file("a peer is missing, fixed")
    reading = read_log(path)
    assert reading.first_error is not None
    assert reading.first_error.values == ("seed", "2", "3000")
    line = reading.first_error.line
    assert path.read_bytes()[line.start : line.end].startswith(b"[ERR] RSE handshake")
    assert f"line {line.number + 1}, offset {line.start}: [ERR] RSE handshake" in render(reading)


@pytest.mark.parametrize(
    ("content", "kind", "says"),
    [
        (b"", "empty", "no text"),
        (b"\r\n\0\0\r\n", "empty", "no text"),
        (bytes(range(256)) * 64, "foreign", "not a UART log"),
        (b"\x7fELF" + b"\x01\x02\x03\x04\x90\x80\xc0\xff" * 999, "foreign", "not a UART log"),
        (b"login: ", "stopped", "no boot stage is in the log"),
        (b"[INF] Starting boot", "stopped", "ends with '[INF] Starting boot'"),
    ],
    ids=["empty", "line ends", "all bytes", "ELF", "Linux", "cut"],
)
def test_other_files(tmp_path: Path, content: bytes, kind: str, says: str) -> None:
    """A file that is no good log gets a clear verdict, and can be rendered."""
    path = tmp_path / "x.log"
    path.write_bytes(content)
    reading = read_log(path)
    assert reading.verdict.kind == kind
    assert says in reading.verdict.sentence
    assert all(c.isprintable() or c == "\n" for c in render(reading))


def test_unreadable_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file, a folder and a file without permission end as one sentence."""
    with pytest.raises(UsageError, match=r"none\.log: no such file"):
        read_log(tmp_path / "none.log")
    with pytest.raises(UsageError, match="is a folder"):
        read_log(tmp_path)
    (tmp_path / "secret.log").touch()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match=r"secret\.log cannot be read: Permission denied"):
        read_log(tmp_path / "secret.log")


def test_times_from_the_index(tmp_path: Path) -> None:
    """A log of a run has its stages with their times, from the first byte on."""
    transcript = Transcript(tmp_path / "rse0.log")
    transcript.append(b"[INF] Starting TF-M BL1_1\r\n", t=7_000_000_000)
    transcript.append(b"[INF] Starting TF-M BL1_2\r\n[INF] Sta", t=7_250_000_000)
    transcript.append(b"rting bootloader\r\n", t=8_500_000_000)
    transcript.close()
    reading = read_log(tmp_path / "rse0.log")
    assert reading.times == "rse0.idx"
    assert reading.wall_start is not None
    assert [stage.t for stage in reading.boots[0].stages] == [0.0, 0.25, 1.5]
    assert "BL1_1 0.000 s > BL1_2 0.250 s > BL2 1.500 s" in render(reading)


def test_times_of_a_log_that_grows(tmp_path: Path) -> None:
    """Whoever follows a log from before its first byte is told the same times in the end."""
    transcript = Transcript(tmp_path / "rse0.log")
    log = GrowingLog(tmp_path / "rse0.log", None)
    log.poll()
    for at, line in ((7.0, "TF-M BL1_1"), (7.25, "TF-M BL1_2"), (8.5, "bootloader")):
        transcript.append(f"[INF] Starting {line}\r\n".encode(), t=int(at * 1e9))
        log.poll()
    transcript.close()
    assert "BL1_1 0.000 s > BL1_2 0.250 s > BL2 1.500 s" in render(log.reading())


def test_times_from_json_lines(tmp_path: Path) -> None:
    """Chunk times of another tool are used; lines that are none are said to be odd."""
    log = tmp_path / "a.b-2.2.2.log"
    log.write_bytes(b"[INF] Starting bootloader\r\nBooting TF-M v2.2.2\r\n")
    chunks = [{"t": 0.5, "offset": 0, "len": 27}, {"t": 2.0, "offset": 27, "len": 21}]
    lines = [json.dumps(chunk) for chunk in chunks]
    (tmp_path / "a.b-2.2.2.timing.jsonl").write_text("\n".join([lines[0], "{oops", lines[1], "3"]))
    reading = read_log(log)
    assert [stage.t for stage in reading.boots[0].stages] == [0.5, 2.0]
    assert reading.findings == ("a.b-2.2.2.timing.jsonl: 2 lines are no {t, offset, len}",)


def test_log_without_times(log_file: LogFile) -> None:
    """Without times a log has its stages all the same."""
    reading = read_log(log_file("secure fault, 2.2"))
    assert reading.times is None
    assert [stage.t for stage in reading.boots[0].stages] == [None, None]
    assert "BL2 > runtime" in render(reading)


def test_malformed_report_is_a_finding(log_file: LogFile) -> None:
    """A report line that cannot be read is said to be odd, with the reason."""
    reading = read_log(log_file("reset in the middle of a line"))
    (finding,) = reading.findings
    assert "fp=0011: expected 32 lower-case hexadecimal digits" in finding


def test_reports_are_shown(log_file: LogFile) -> None:
    """What the reporter said is in the reading, and so is the chip id."""
    reading = read_log(log_file("virgin to runtime, 2.3"))
    text = render(reading)
    assert reading.chip_id == 2
    assert "RSE 2 of 4 vHUK fingerprint (bl1_2) 00112233445566778899aabbccddeeff" in text
    assert "RSE 2 seeds 01020304, 11121314, 21222324, 31323334" in text
    assert "tp 111155aa" in text


def test_rendering_is_harmless(tmp_path: Path) -> None:
    """Escape sequences do not reach the terminal, and what may be a key is not shown."""
    path = tmp_path / "x.log"
    key = os.urandom(32).hex()
    path.write_bytes(
        b"[INF] Starting bootloader\r\n"
        b"[ERR] \x1b]0;title\x07 \x9b2J\x1b[31mred HUK=" + key.encode() + b"\r\n"
    )
    text = render(read_log(path))
    assert key not in text
    assert "<64 digits hidden>" in text
    assert all(c.isprintable() or c == "\n" for c in text)


def test_tests_that_were_cut(tmp_path: Path) -> None:
    """A log that ends in a test says in which, also in a line without end."""
    path = tmp_path / "x.log"
    path.write_bytes(
        b"[INF] Starting bootloader\r\n#### Execute test suites for the Secure area ####\r\n"
        b"> Executing 'TFM_S_PS_TEST_1001' \r\n  TEST: TFM_S_PS_TEST_1001 - PASSED!\r\n"
        b"> Executing 'TFM_S_PS_TEST_2001' \r\n  > Iteration 1 of 15\r  > Iter"
    )
    reading = read_log(path)
    assert reading.verdict.kind == "stopped"
    assert "ends in test TFM_S_PS_TEST_2001" in reading.verdict.sentence
    assert (reading.regression.passed, reading.cut) == (1, True)
    assert "'  > Iter' (line not ended)" in render(reading)


def test_secure_tests_without_an_application(tmp_path: Path) -> None:
    """An RSE without non-secure application ends with its secure tests, not with EOT."""
    path = tmp_path / "x.log"
    boot = (
        b"[INF] Starting bootloader\r\n[INF] CHIP ID: 1\r\n"
        b"[INF] Image 0 loaded from the primary slot\r\n[NOT] Booting TF-M v2.3.1\r\n"
    )
    area = b"#### Execute test suites for the Secure area ####\r\n"
    end = b"*** End of Secure test suites ***\r\n"
    good = b"> Executing 'A_1' \r\n  TEST: A_1 - PASSED!\r\n"
    bad = b"> Executing 'A_2' \r\n  why (Failed at a.c:3)\r\n  TEST: A_2 - FAILED!\r\n"
    path.write_bytes(boot + area + good + end)
    assert read_log(path).verdict.kind == "completed"
    path.write_bytes(boot + area + good + bad + end)
    reading = read_log(path)
    assert reading.verdict.kind == "failed"
    assert [(f.test, f.why) for f in reading.regression.failures] == [("A_2", "why: a.c:3")]


def test_psa_arch_verdicts(tmp_path: Path) -> None:
    """Every verdict of psa-arch-tests is counted; a simulation error is a failure."""
    verdicts = [
        "PASSED",
        "FAILED (Error Code=0x0000002E)",
        "SKIPPED (Skip Code=0x0000002B)",
        "SIM ERROR (Error Code=0x0000001A)",
    ]
    tests = "".join(
        f"\n\rTEST: {201 + number} | DESCRIPTION: x\n\r[Check 1] y\n\rTEST RESULT: {verdict}\n\r"
        for number, verdict in enumerate(verdicts)
    )
    path = tmp_path / "x.log"
    path.write_text(
        f"Running.. Crypto Suite\n\r{tests}TOTAL TESTS     : 4\n\rEntering standby.. \n\r"
    )
    reading = read_log(path)
    assert (reading.arch.passed, reading.arch.failed, reading.arch.skipped) == (1, 2, 1)
    assert [(f.test, f.why) for f in reading.arch.failures] == [
        ("202", "FAILED code 0x0000002E: check 1: y"),
        ("204", "SIM ERROR code 0x0000001A: check 1: y"),
    ]
    assert (reading.verdict.kind, reading.end_marker) == ("failed", "standby")


def test_several_logs(log_file: LogFile, tmp_path: Path) -> None:
    """Several logs are read one by one."""
    first = log_file("secure fault, 2.2")
    second = tmp_path / "empty.log"
    second.touch()
    assert [r.verdict.kind for r in read_logs([first, second])] == ["panicked", "empty"]
