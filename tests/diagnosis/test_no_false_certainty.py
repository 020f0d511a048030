# SPDX-License-Identifier: Apache-2.0
"""What looks like a cause and is none: coincidences, stale board files, lines of other platforms."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from labelled import (
    LOST,
    OTHERS,
    Chip,
    alone,
    changed,
    chips,
    exchanged,
    inputs_of,
    noise,
)

from hil.cli import main
from hil.diagnosis.diagnose import Diagnosis, Verdict, diagnose
from hil.diagnosis.evidence import Confidence
from hil.diagnosis.logs import case_of_logs
from hil.model.secret import Secret
from hil.model.system_inputs import SystemInputs

SOLE_HUK = noise("HUK", 0)


def found_in(
    folder: Path,
    system: list[Chip],
    shown: str,
    *,
    release: str = "2.3.1",
    inputs: SystemInputs | None = None,
) -> Diagnosis:
    """The diagnosis of the logs of a system, with what a board file knows if it is given."""
    paths = {}
    for chip in system:
        paths[chip.place] = folder / f"rse{chip.place}.log"
        paths[chip.place].write_bytes(chip.log(len(system), shown))
    case = replace(case_of_logs(paths, title="", release=release), reporter=True)
    if inputs is not None:
        case = replace(case, inputs=inputs, state_known=True)
    return diagnose(case)


def certain(found: Diagnosis) -> set[str]:
    """Causes that are called certain."""
    return {r.cause.id for r in found.causes if r.confidence is Confidence.CERTAIN}


ALL = (0, 1, 2, 3)


def copies(which: tuple[int, ...] = ALL, release: str = "2.3.1") -> list[Chip]:
    """Four chips, some of them with one HUK."""
    return [
        replace(chip, huk=SOLE_HUK) if chip.place in which else chip for chip in chips(4, release)
    ]


def copies_known(which: tuple[int, ...] = ALL, release: str = "2.3.1") -> SystemInputs:
    """What a board file says of them."""
    known = inputs_of(4, release)
    rses = (replace(r, huk=Secret(SOLE_HUK)) if r.rse in which else r for r in known.rses)
    return replace(known, rses=tuple(rses))


@pytest.mark.parametrize("label", OTHERS)
@pytest.mark.parametrize("shown", ["values", "seeds"])
@pytest.mark.parametrize("which", [ALL, (0, 1), (0, 1, 3)], ids=str)
def test_one_huk_on_several_dies_does_not_make_the_handshake_skipped(
    tmp_path: Path, label: str, shown: str, which: tuple[int, ...]
) -> None:
    """There the own seed is the agreed one; another GUK or state on RSE 2 is what differs."""
    system = changed(exchanged(copies(which), "2.3.1"), 2, **OTHERS[label])
    found = found_in(tmp_path, system, shown, inputs=copies_known(which))
    assert "handshake-skipped" not in {r.cause.id for r in found.causes}
    assert label in {r.cause.id for r in found.leading}


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1", "fixed"])
@pytest.mark.parametrize("shown", ["state", "all"])
def test_agreement_with_every_policy_bit_clear_is_a_finding(
    tmp_path: Path, release: str, shown: str
) -> None:
    """Equal dies agree without a handshake, and nothing binds them to each other."""
    system = [alone(chip) for chip in copies(release=release)]
    found = found_in(tmp_path, system, shown, release=release, inputs=copies_known(release=release))
    assert found.verdict is Verdict.FOUND
    assert certain(found) == {"handshake-skipped"}
    assert "the handshake never ran; policy bit 0 is clear on RSE 0, 1, 2 and 3" in found.headline
    assert found.known_defects == ("handshake-not-provisioned",)
    assert found.warnings == ()


def test_agreement_without_a_handshake_where_nobody_asked_for_one(tmp_path: Path) -> None:
    """Without a board file that wants it, or with one that does not, it is said as a warning."""
    system = [alone(chip) for chip in copies()]
    known = copies_known()
    unwanted = replace(known, rses=tuple(replace(r, vhuk_agreement=False) for r in known.rses))
    for inputs in (None, unwanted):
        found = found_in(tmp_path, system, "all", inputs=inputs)
        assert found.verdict is Verdict.FINE
        assert "no handshake ran" in found.warnings[0]


def test_arrays_that_hold_the_seeds_of_others_show_a_handshake(tmp_path: Path) -> None:
    """A reporter that prints a wrong policy word does not undo the exchange that it shows."""
    system = [replace(chip, policy=0) for chip in exchanged(chips(4, "2.3.1"), "2.3.1")]
    found = found_in(tmp_path, system, "all", inputs=inputs_of(4, "2.3.1"))
    assert found.verdict is Verdict.FINE
    assert "only the seed of RSE 0" in found.warnings[0]


def test_dies_of_one_huk_differ_for_another_reason_than_the_policy(tmp_path: Path) -> None:
    """One seed with or without the handshake: the GUK of RSE 2 is what differs."""
    system = changed([alone(chip) for chip in copies()], 2, **OTHERS["other-guk"])
    for inputs in (None, copies_known()):
        found = found_in(tmp_path, system, "all", inputs=inputs)
        assert "handshake-skipped" not in {r.cause.id for r in found.causes}
        assert "other-guk" in {r.cause.id for r in found.leading}


@pytest.mark.parametrize("label", ["other-guk", "other-bl1-2"])
@pytest.mark.parametrize("shown", ["values", "state"])
def test_nothing_is_certain_by_the_rules_of_a_release_that_the_logs_deny(
    tmp_path: Path, label: str, shown: str
) -> None:
    """Even ids that differ prove no re-encryption of 2.2.2 where the logs print 2.3.1."""
    system = changed(exchanged(chips(4, "2.3.1"), "2.3.1"), 2, **OTHERS[label])
    found = found_in(tmp_path, system, shown, release="2.2.2", inputs=inputs_of(4, "2.2.2"))
    assert certain(found) == {"release-not-as-told"}
    assert "judged by the rules of 2.2.2" in found.headline
    assert "re-encryption" not in found.headline


def test_a_version_that_fits_leaves_the_release_known(tmp_path: Path) -> None:
    """2.2.2 that prints 2.2.2, or nothing as it was cut off, is still certain of its defect."""
    system = exchanged(chips(4, "2.2.2"), "2.2.2")
    for cut in (system, [replace(c, end="BL2", halt="[INF] silent") for c in system]):
        found = found_in(tmp_path, cut, "values", release="2.2.2", inputs=inputs_of(4, "2.2.2"))
        assert "reply-encrypted-in-place" in certain(found)


@pytest.mark.parametrize("shown", ["values", "seeds"])
def test_a_bl1_2_built_anew_is_among_the_causes(tmp_path: Path, shown: str) -> None:
    """All agree on a value that the stale board file does not give: GUK or BL1_2, equally likely."""
    system = [replace(c, bl1_2=noise("new")) for c in exchanged(chips(4, "2.3.1"), "2.3.1")]
    found = found_in(tmp_path, system, shown, inputs=inputs_of(4, "2.3.1"))
    assert {"other-bl1-2", "other-guk"} <= {r.cause.id for r in found.leading}
    assert "another BL1_2 than the board file says" in found.headline
    assert certain(found) == set()


def test_a_bl1_2_that_the_state_lines_show_is_not_guessed(tmp_path: Path) -> None:
    """A state line with the known BL1_2 leaves it out; one with another makes it certain."""
    good = exchanged(chips(4, "2.3.1"), "2.3.1")
    other_guk = [replace(c, guk=noise("GUK")) for c in good]
    found = found_in(tmp_path, other_guk, "state", inputs=inputs_of(4, "2.3.1"))
    assert "other-bl1-2" not in {r.cause.id for r in found.causes}
    anew = [replace(c, bl1_2=noise("new")) for c in good]
    found = found_in(tmp_path, anew, "state", inputs=inputs_of(4, "2.3.1"))
    assert "other-bl1-2" in certain(found)


def test_one_uart_read_twice(tmp_path: Path) -> None:
    """The same id on two UARTs is one message on two dies, or one console named twice."""
    system = exchanged(chips(4, "2.3.1"), "2.3.1")
    system[2] = replace(system[1], place=2)
    found = found_in(tmp_path, system, "all")
    assert found.leading[0].cause.id == "same-id-twice"
    assert "or their consoles are one UART" in found.headline
    assert "console" in found.leading[0].cause.todo


@pytest.mark.parametrize("label", ["other-lcs", "other-guk"])
def test_two_odd_clients_do_not_prove_a_firmware_that_binds_all(tmp_path: Path, label: str) -> None:
    """RSE 0 and the last client agree, two others differ by a fault of their own."""
    system = exchanged(chips(4, "2.3.1"), "2.3.1", [1, 2, 3])
    for place in (1, 2):
        system = changed(system, place, **{"guk": noise("GUK", place), **OTHERS[label]})
        system = changed(system, place, guk=noise("GUK", place))
    found = found_in(tmp_path, system, "seeds")
    assert "partial-arrays-bound" not in certain(found)
    assert certain(found) == set()


def test_values_that_change_at_a_reset_prove_a_firmware_that_binds_all(tmp_path: Path) -> None:
    """No fault of a die does that."""
    whole = [replace(c, bound=4) for c in exchanged(chips(4, "2.3.1"), "2.3.1", [1, 2, 3])]
    before = [replace(c, given=noise("before", c.place)) for c in whole]
    paths = {}
    for old, new in zip(before, whole, strict=True):
        paths[new.place] = tmp_path / f"rse{new.place}.log"
        paths[new.place].write_bytes(old.log(4, "seeds") + new.log(4, "seeds"))
    case = replace(case_of_logs(paths, title="", release="2.3.1"), reporter=True)
    assert "partial-arrays-bound" in certain(diagnose(case))


POST_INIT = "[INF] Starting bootloader\r\n[ERR] Platform post init failed\r\n"
AS_AN_RSE = "[INF] Starting TF-M BL1_1\r\n[INF] Jumping to BL1_2\r\n[INF] Starting TF-M BL1_2\r\n"


def explained(
    capsys: pytest.CaptureFixture[str], *arguments: str
) -> tuple[list[str], dict[str, str]]:
    """What `hil explain --json` leads with, and how sure it is of each cause."""
    assert main(["explain", "--json", *arguments]) == 1
    told = json.loads(capsys.readouterr().out)
    return told["leading"], {c["cause"]: c["confidence"] for c in told["causes"]}


def test_a_board_without_rses_has_no_rse_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On Musca-B1 the same line of BL2 has another reason."""
    log = tmp_path / "m.log"
    log.write_text(POST_INIT)
    leading, causes = explained(capsys, str(log), "--board", "musca_b1")
    assert leading == ["halted"]
    assert "no-rse-id-mapping" not in causes


def test_a_lone_rse_may_read_its_id_or_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Platforms with one RSE differ in what they do there; with several they read the id."""
    for place in (0, 1):
        (tmp_path / f"rse{place}.log").write_text(AS_AN_RSE + POST_INIT)
    one = str(tmp_path / "rse0.log")
    _, causes = explained(capsys, one, "--release", "2.2.2")
    assert causes["no-rse-id-mapping"] == "possible"
    _, causes = explained(capsys, one, str(tmp_path / "rse1.log"), "--release", "2.2.2")
    assert causes["no-rse-id-mapping"] == "certain"


@pytest.mark.parametrize(("last", "lost"), [("[ERR] Platform init failed", False), (LOST, True)])
def test_a_lost_code_is_told_where_one_was_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], last: str, lost: bool
) -> None:
    """The known defect belongs to its number, not to every halt of 2.2."""
    log = tmp_path / "rse0.log"
    log.write_text(f"[INF] Starting TF-M BL1_1\r\n{last}\r\n")
    assert main(["explain", "--json", str(log), "--release", "2.2.2"]) == 1
    told = json.loads(capsys.readouterr().out)
    [halted] = [cause for cause in told["causes"] if cause["cause"] == "halted"]
    assert halted["known_defects"] == (["error-code-lost"] if lost else [])
