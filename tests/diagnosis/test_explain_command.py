# SPDX-License-Identifier: Apache-2.0
"""`hil explain` as it is called: on logs, on folders of runs, with bad input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from labelled import Situation, situations

from hil.cli import main


def situation(name: str, amount: int = 4) -> Situation:
    return next(s for s in situations(amount) if s.name == name)


def write(folder: Path, found: Situation, shown: str = "all") -> list[str]:
    folder.mkdir(parents=True, exist_ok=True)
    for chip in found.chips:
        (folder / f"rse{chip.place}.log").write_bytes(chip.log(len(found.chips), shown))
    return [str(folder / f"rse{chip.place}.log") for chip in found.chips]


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    status = main(["explain", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_logs_that_agree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Agreement is status 0, with the warning that only one seed is bound."""
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    status, out, _ = explain(capsys, *logs)
    assert status == 0
    assert out.startswith("all 4 RSEs agree on one vHUK\n")
    assert "warning: TF-M 2.3.x binds only the seed of RSE 0" in out


def test_logs_that_do_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first line names RSE and cause; the order of the arguments does not matter."""
    logs = write(tmp_path, situation("2.3.1 N=4 other-lcs on RSE 3"))
    status, out, _ = explain(capsys, *reversed(logs))
    assert status == 1
    assert out.splitlines()[0] == (
        "RSE 3 differs from RSE 0, 1 and 2: not provisioned alike: LCS of RSE 3 differs "
        "(DM on RSE 3; SE on RSE 0, 1 and 2)"
    )


def test_files_of_any_name_are_taken_in_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without ids in the names the first file is RSE 0."""
    logs = write(tmp_path, situation("2.2.2 N=3 nominal", 3))
    names = []
    for name, log in zip(("a.txt", "b.txt", "c.txt"), logs, strict=True):
        names.append(str(Path(log).rename(tmp_path / name)))
    _, out, _ = explain(capsys, *names)
    assert out.startswith("RSE 2 differs from RSE 0 and 1: this is what the in-place re-encryption")


def test_one_log_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An RSE without a log is neither silent nor absent: nothing is said about it."""
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    _, out, _ = explain(capsys, *logs[:3])
    assert "RSE 3  (not recorded)" in out
    assert "note: no log of RSE 3" in out
    assert "cause " not in out
    told = "RSE 0, 1 and 2 agree on one vHUK; of RSE 3 nothing was recorded"
    assert out.splitlines()[0] == told
    _, out, _ = explain(capsys, logs[1])
    told = "RSE 1 reported a fingerprint, with none to compare it to; of RSE 0, 2 and 3 nothing was"
    assert out.startswith(told)


def test_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same as data, with the known defect."""
    write(tmp_path, situation("2.3.1 N=4 policy clear on all"))
    status, out, _ = explain(capsys, "--json", str(tmp_path))
    found = json.loads(out)
    assert status == 1
    assert found["leading"] == ["handshake-skipped"]
    assert found["verdict"] == "found"
    assert found["causes"][0]["known_defects"] == ["handshake-not-provisioned"]
    assert found["causes"][0]["confidence"] == "certain"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The record of a run on a board whose file is in the same folder."""
    found = situation("2.2.2 N=4 nominal")
    folder = tmp_path / "20260101T000000Z-odd"
    write(folder / "uart", found)
    board = tmp_path / "odd.yaml"
    board.write_text('extends: virtual-rse4\nrelease: "2.2.2"\n')
    values: dict[str, Any] = {
        "id": folder.name,
        "board": {
            "name": "odd",
            "file": str(board),
            "sha256": hashlib.sha256(board.read_bytes()).hexdigest(),
        },
        "release": "2.2.2",
        "verdict": "fail",
    }
    (folder / "run.json").write_text(json.dumps(values))
    return folder


def test_a_run_record(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The board of the run gives release and keys."""
    status, out, err = explain(capsys, str(run))
    assert (status, err) == (1, "")
    assert out.startswith("RSE 2 differs from RSE 0, 1 and 3: ")
    assert "note" not in out


def test_a_run_whose_board_file_was_changed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other keys than those of the run are not used, and that is said."""
    (run.parent / "odd.yaml").write_text("extends: virtual-rse4\n")
    _, out, _ = explain(capsys, str(run))
    assert out.startswith("RSE 2 differs from RSE 0, 1 and 3: ")
    assert "is not what it was at the run" in out
    (run.parent / "odd.yaml").unlink()
    _, out, _ = explain(capsys, str(run))
    assert "board.file: " in out


def spoil(log: str, old: str, new: str) -> None:
    path = Path(log)
    data = path.read_bytes()
    assert old.encode() in data
    path.write_bytes(data.replace(old.encode(), new.encode()))


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        (" src=bl1_2 fp=", " src=bl1_2 fp=ab", 6, "fp="),
        ("src=bl1_2", "src=rom", 6, "src=rom: expected bl1_2 or runtime"),
        ("lcs=3", "lcs=x", 4, "lcs=x"),
        ("policy=1\r\n", "pol\r\n", 4, "no policy= in its place"),
        ("[HIL1] vhuk", "[HIL7] vhuk", 6, "version 7 of the report lines"),
    ],
    ids=["too long", "unknown source", "not hex", "truncated", "version"],
)
def test_a_bad_report_line_names_line_and_field(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    old: str,
    new: str,
    line: int,
    field: str,
) -> None:
    """Nothing is concluded from a line that cannot be read; --lenient goes on without it."""
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    spoil(logs[2], old, new)
    status, _, err = explain(capsys, *logs)
    assert status == 2
    assert f"{logs[2]}:{line}: report line" in err
    assert field in err
    status, out, _ = explain(capsys, "--lenient", *logs)
    assert status in {0, 1}
    assert "note: RSE 2: report line that cannot be read" in out


def test_control_characters_in_a_report_line_stay_out_of_the_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One error is one line, whatever bytes came: no line feed, nothing that a terminal obeys."""
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    spoil(logs[2], "src=bl1_2", "src=b\x0b\x07l")
    _, _, err = explain(capsys, *logs)
    assert len(err.splitlines()) == 1
    assert "src=b\ufffd\ufffdl: expected bl1_2" in err
    _, out, _ = explain(capsys, "--lenient", *logs)
    assert "\x0b" not in out + err
    assert "\x07" not in out + err


def test_a_log_that_is_cut_off_in_a_report_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last line of a log that was cut off is no shorter fingerprint."""
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    data = Path(logs[1]).read_bytes()
    Path(logs[1]).write_bytes(data[: data.index(b" fp=", data.index(b" vhuk ")) + 20])
    status, _, err = explain(capsys, *logs)
    assert status == 2
    assert f"{logs[1]}:6: report line" in err
    assert "expected 32 lower-case hexadecimal digits" in err


def test_a_release_that_no_rules_are_known_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told by option or printed: the error names where it stands, and which there are."""
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    status, _, err = explain(capsys, "--release", "2.9.9", *logs)
    assert status == 2
    assert "--release: no release profile '2.9.9'" in err
    for log in logs:
        spoil(log, "TF-M v2.3.1", "TF-M v7.1.0")
    status, _, err = explain(capsys, *logs)
    assert status == 2
    assert f"{logs[0]}:12: version '7.1.0'" in err
    assert explain(capsys, "--release", "2.3.1", *logs)[0] == 0


def test_an_unpublished_version_goes_by_its_generation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """v2.3.1+g1234 follows the rules of 2.3."""
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    for log in logs:
        spoil(log, "TF-M v2.3.1", "TF-M v2.3.1+g12345")
    assert explain(capsys, *logs)[0] == 0


def test_logs_without_a_release_are_never_certain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What only holds by the rules of an assumed release is at most likely."""
    log = (
        "[INF] Starting TF-M BL1_2\n"
        "[HIL1] state rse={0} lcs=3 tp=111155aa reprov={0} bl1_2=00000000 policy=1\n"
        "[HIL1] vhuk rse={0} of=2 src=bl1_2 fp={0}{1}\n"
    )
    for rse in range(2):
        (tmp_path / f"rse{rse}.log").write_text(log.format(rse, "a" * 31))
    _, out, _ = explain(capsys, str(tmp_path))
    assert "reprovisioning" in out.splitlines()[0]
    assert "(certain)" not in out
    assert "the logs do not tell the release" in out


def test_wrong_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not there, empty or given twice is one clear error."""
    assert "no UART logs; expected" in explain(capsys, str(tmp_path))[2]
    assert "no such file" in explain(capsys, str(tmp_path / "x.log"))[2].lower()
    logs = write(tmp_path, situation("2.3.1 N=4 nominal"))
    assert "RSE 0 has a log already" in explain(capsys, logs[0], logs[0])[2]
    (tmp_path / "rse7.log").write_text("")
    err = explain(capsys, "--board", "virtual-rse4", str(tmp_path))[2]
    assert "the board virtual-rse4 has no RSE 7" in err


def test_what_is_no_log_of_tf_m(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Garbage points at console and baud rate, an empty log at nothing on the UART."""
    logs = write(tmp_path, situation("2.3.1 N=3 nominal", 3))
    Path(logs[1]).write_bytes(bytes(range(128, 256)) * 20)
    _, out, _ = explain(capsys, *logs)
    assert "what comes from RSE 1 is no output of TF-M: wrong console or baud rate" in out
    for log in logs:
        Path(log).write_bytes(b"")
    _, out, _ = explain(capsys, *logs)
    assert out.splitlines()[0].endswith("consoles, baud rate or power")
    assert "possibly" not in out.splitlines()[0]


def test_a_halt_is_a_fact_whatever_the_release(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an RSE prints itself needs no release to be certain."""
    log = tmp_path / "rse0.log"
    log.write_text("[INF] Starting bootloader\n[ERR] Unable to find bootable image\n")
    _, out, _ = explain(capsys, str(log))
    assert out.startswith("RSE 0 does not finish the boot: RSE 0 refused an image: ")


def test_sfcp_key_set_up_that_collides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bus busy on one of three RSEs, the others silent in the handshake: the known defect of 2.3."""
    start = "[INF] Starting TF-M BL1_1\r\n[INF] Starting TF-M BL1_2\r\n"
    for code in (0x19, 0x3D):
        halt = f"[ERR] Fatal boot error 0x{code ^ 0xA5A5A5A5:x} (0x{code:x})\r\n"
        (tmp_path / "rse0.log").write_text(start + halt)
        for rse in (1, 2):
            (tmp_path / f"rse{rse}.log").write_text(start)
        logs = [str(tmp_path / f"rse{rse}.log") for rse in range(3)]
        status, said, _ = explain(capsys, *logs, "--release", "2.3.1")
        assert status == 1
        assert "SFCP's key set-up collides with itself" in said.splitlines()[0]
        assert "sfcp-key-setup-collides" in said
        assert "SFCP_ENABLE_ENCRYPTION=OFF" in said
        two = explain(capsys, *logs[:2], "--release", "2.3.1")[1]
        assert "collides" not in two
