# SPDX-License-Identifier: Apache-2.0
"""`hil model` as a user meets it: expected values, explorations, checks of recorded results."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

from hil.cli import main
from hil.model.handshake import explore as exploration

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests/model/data"


def model(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil.cli", "model", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def development_keys() -> list[str]:
    """Every HUK and the GUK of the shipped virtual board."""
    board = yaml.safe_load((ROOT / "boards/virtual-rse4.yaml").read_text())
    values = board["provisioning"]
    return [values["guk"]["hex"], *(key["hex"] for key in values["huks"].values())]


def test_expected_values_of_a_board_are_shown_without_its_keys() -> None:
    """State, bound seeds and fingerprints of every RSE; no key unless it is asked for."""
    shown = model("vhuk", "virtual-rse4")
    assert shown.returncode == 0, shown.stderr
    for part in ("RSE 3", "bound seeds        RSE 0", "(runtime, pid ", "lcs=3 (SE)"):
        assert part in shown.stdout
    fingerprints = {line.split()[2] for line in shown.stdout.splitlines() if "vHUK finger" in line}
    assert len(fingerprints) == 2
    assert not [key for key in development_keys() if key in shown.stdout]
    revealed = model("vhuk", "virtual-rse4", "--reveal-development-keys").stdout
    assert all(key in revealed for key in development_keys())
    vhuks = [line for line in revealed.splitlines() if line.startswith("  vHUK   ")]
    assert len(vhuks) == 4
    assert not set(vhuks) & set(shown.stdout.splitlines())


def test_a_board_whose_rses_do_not_agree_says_so(tmp_path: Path) -> None:
    """The last line is the conclusion."""
    board = "extends: virtual-rse4\nprovisioning: {vhuk_agreement: false}\n"
    (tmp_path / "apart.yaml").write_text(board)
    last = model("vhuk", "apart", "--boards", str(tmp_path)).stdout.splitlines()[-1]
    assert last == "they do not agree: RSEs with one vHUK: 0 / 1 / 2 / 3"


def test_a_board_without_known_huks_says_what_is_not_known() -> None:
    """Real chips' HUKs are not known: the groups are told, the values are not."""
    shown = model("vhuk", "FVP_RD_V3_Cfg2")
    assert shown.returncode == 0, shown.stderr
    assert "HUK                not known" in shown.stdout
    *_, note, conclusion = shown.stdout.splitlines()
    assert note == "note: not known, and taken as the same on every RSE: GUK and BL1_2"
    assert conclusion == "all RSEs end with one vHUK"
    assert "note:" not in model("vhuk", "virtual-rse4").stdout


def test_the_handshake_of_2_2_is_told_to_be_that_of_a_patched_build() -> None:
    """Stock 2.2 has no routing tables; the expected values are those of a build that has."""
    shown = model("vhuk", "virtual-rse4-tfm222").stdout
    assert "note: as if the build had routing tables; stock 2.2 refuses" in shown


def test_a_clean_release_ends_with_status_0() -> None:
    """`fixed` keeps every promise in every order."""
    result = model("explore", "--release", "fixed", "--rses", "4")
    assert result.returncode == 0
    assert "BROKEN" not in result.stdout
    assert result.stdout.count("\n  holds ") == 8
    assert "every order: 117 states" in result.stdout


def test_a_broken_promise_ends_with_status_1_and_a_schedule() -> None:
    """The counterexample is a sequence diagram that ends in the broken state."""
    result = model("explore", "--release", "2.3.1", "--rses", "3", "--bind", "all")
    assert result.returncode == 1
    assert "BROKEN  agreement         different vHUKs: RSE 0 and 2 / RSE 1" in result.stdout
    assert "a label of 96 bytes is over the 50" in result.stdout
    assert "RSE 0         RSE 1         RSE 2" in result.stdout
    assert "RSE 0 takes VHUK_MSG of RSE 1 and answers at once" in result.stdout


def test_faults_are_taken_from_the_command_line() -> None:
    """Each fault option changes the system that is explored."""
    for options, told in (
        (["--lost", "2"], "RSE 0, 1 and 3 wait for ever"),
        (["--no-policy", "0", "--no-policy", "1"], "wait for ever"),
        (["--other-guk", "1"], "SFCP_ERROR_DECRYPTION_FAILED"),
        (["--other-state", "3"], "different vHUKs: RSE 0, 1 and 2 / RSE 3"),
        (["--restart", "1"], "before RSE 1 was reset"),
        (["--id", "2=1"], "SFCP_ERROR_INVALID_NODE"),
    ):
        result = model("explore", "--release", "2.3.1", *options)
        assert told in result.stdout, options
        assert result.returncode == 1
    early = model("explore", "--release", "2.2.2", "--rx", "0=-,1,0,2")
    assert "slot 1 of RSE 0 holds a random seed of RSE 2" in early.stdout
    assert "TFM_PLAT_ERR_UNSUPPORTED" in model("explore", "--release", "2.2.2", "--stock").stdout


def test_what_was_only_sampled_is_not_said_to_hold() -> None:
    """Beyond five RSEs nothing "holds": nothing was seen to break it so far."""
    result = model("explore", "--release", "fixed", "--rses", "6", "--samples", "5")
    assert result.returncode == 0
    assert "SAMPLED, 5 runs (--seed 0); not every order" in result.stdout
    assert result.stdout.count("\n  so far  ") == 8
    assert "\n  holds" not in result.stdout


def cut_off(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Have explorations end with this."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(exploration, "explore", refuse)


def test_what_does_not_fit_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exhaustive exploration that ends early is called incomplete, and never sampled."""
    monkeypatch.setattr(exploration, "explore", partial(exploration.explore, most_states=100))
    assert main(["model", "explore", "--release", "fixed", "--rses", "7", "--exhaustive"]) == 0
    told = capsys.readouterr().out
    assert "INCOMPLETE, there are more states than fit; not every order: 100 states" in told
    assert "SAMPLED" not in told
    assert "what was seen does not go as far as a vHUK" in told
    assert "no RSE ever" not in told
    assert "\n  holds" not in told
    cut_off(monkeypatch, MemoryError())
    assert main(["model", "explore", "--release", "2.3.1", "--rses", "7"]) == 2
    assert "hil: out of memory with 7 RSEs" in capsys.readouterr().err


def test_an_interrupted_exploration_says_nothing_of_the_release(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C: one line, no result, status 130."""
    cut_off(monkeypatch, KeyboardInterrupt())
    assert main(["model", "explore", "--release", "2.3.1"]) == 130
    told = capsys.readouterr()
    assert not told.out
    assert told.err == "hil: interrupted; nothing can be said yet\n"


def test_the_result_for_machines() -> None:
    """--json has counts and every schedule in words."""
    result = model("explore", "--release", "2.2.2", "--rses", "3", "--json")
    told = json.loads(result.stdout)
    assert told["exhaustive"] is True
    assert told["states"] == 29
    assert told["broken"]["agreement"]["detail"] == "different vHUKs: RSE 0 and 1 / RSE 2"
    assert told["broken"]["agreement"]["schedule"][-1].startswith("RSE")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explore", "--release", "2.3.9"], "no release profile '2.3.9'; did you mean"),
        (["explore", "--release", "2.3.1", "--rses", "1"], "--rses: expected 2 to 64, got 1"),
        (["explore", "--release", "2.3.1", "--lost", "4"], "no RSE 4: there are 0 to 3"),
        (["explore", "--release", "2.3.1", "--id", "x"], "--id x: expected K= and 1 number"),
        (["explore", "--release", "2.3.1", "--id", "1=7"], "chip 1 has RSE id 7, expected 0 to 3"),
        (["explore", "--release", "2.3.1", "--stock"], "--stock: TF-M 2.3.x needs no routing"),
        (["explore", "--release", "2.3.1", "--rx", "0=1,2,3,0"], "2.3.x has no such routing"),
        (["explore", "--release", "2.2.2", "--sfcp", "plain"], "--sfcp: TF-M 2.2.x has no SFCP"),
        (["explore", "--release", "2.1.0", "--no-policy", "1"], "2.1.0 has no policy bit"),
        (["explore", "--release", "2.3.1", "--samples", "0"], "--samples: expected at least 1"),
        (["vhuk", "virtual-rse5"], "virtual-rse5"),
        (["check", "nowhere.json"], "nowhere.json: No such file"),
    ],
)
def test_wrong_usage_is_one_clear_line(arguments: list[str], message: str) -> None:
    """Status 2, no traceback, and what was expected."""
    result = model(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_recorded_results_are_counted_file_by_file(tmp_path: Path) -> None:
    """Passed and failed per file, the first difference, and the status."""
    good = DATA / "handshake-2.3.1.json"
    data = json.loads(good.read_text())
    entry = data["vectors"][-1]["per_rse"][0]
    entry["vhuk_real_len"] = entry["vhuk_real_len"][::-1]
    bad = tmp_path / "ours.json"
    bad.write_text(json.dumps(data))
    result = model("check", str(good), str(bad))
    assert result.returncode == 1
    first, second, difference = result.stdout.splitlines()
    assert first.startswith(f"{good}: 3 passed, 0 failed")
    assert second.startswith(f"{bad}: 2 passed, 1 failed")
    assert "RSE 0: vhuk_real_len: the file has" in difference
    assert model("check", str(good)).returncode == 0
    assert model("check", "-v", str(good)).stdout.count("  ok  ") == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1: not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[]", "file: expected an object, got []"),
        (b'{"tag": "TF-Mv2.3.1", "vectors": []}', "at least one case"),
    ],
)
def test_files_that_hold_no_results(tmp_path: Path, content: bytes, message: str) -> None:
    """Broken JSON and other JSON end with status 2 and the name of the file."""
    path = tmp_path / "x.json"
    path.write_bytes(content)
    result = model("check", str(path))
    assert result.returncode == 2
    assert str(path) in result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
