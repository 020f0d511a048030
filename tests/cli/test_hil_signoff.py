# SPDX-License-Identifier: Apache-2.0
"""`hil signoff` as a user runs it: exit status, output, and a sign-off of a real virtual bench."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from signoff_inputs import BOTH, POLICY, junit

ROOT = Path(__file__).resolve().parents[2]


def hil(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `hil` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "hil.cli", "signoff", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a policy and evidence for it."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    junit(tmp_path / "a.xml")
    return tmp_path


def test_exit_status_is_0_only_if_everything_holds(place: Path) -> None:
    """0 for a sign-off that holds, 1 for one that does not, 2 for a policy that cannot be read."""
    good = hil("policy.yaml", "a.xml", "-o", "out", cwd=place)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.startswith("HOLDS: a release")
    assert "evidence out/evidence.zip" in good.stdout
    junit(place / "a.xml", BOTH[:1])
    bad = hil("policy.yaml", "a.xml", "-o", "out", "--json", cwd=place)
    assert bad.returncode == 1
    assert json.loads(bad.stdout)["holds"] is False
    (place / "policy.yaml").write_text("name: x\nrequired: 1\n")
    wrong = hil("policy.yaml", "a.xml", "-o", "out", cwd=place)
    assert wrong.returncode == 2
    assert "hil: policy.yaml:2: required: unknown key" in wrong.stderr


def test_nothing_is_written_outside_the_folder(place: Path) -> None:
    """All that a sign-off leaves is in DIR, hostile input or not."""
    before = {path.name for path in place.iterdir()}
    (place / "bomb.xml").write_text("<!DOCTYPE x [<!ENTITY a 'b'>]><testsuite name='&a;'/>")
    bad = hil("policy.yaml", "bomb.xml", "-o", "out", cwd=place)
    assert bad.returncode == 2
    assert bad.stderr.startswith("hil: bomb.xml:1: not read: it has a document type")
    assert len(bad.stderr.splitlines()) == 1
    assert not (place / "out").exists()
    hil("policy.yaml", "a.xml", "-o", "out", cwd=place)
    assert {path.name for path in place.iterdir()} == before | {"bomb.xml", "out"}


def test_a_refused_sign_off_leaves_no_earlier_verdict(place: Path) -> None:
    """What stands in DIR is the verdict of this call, or nothing."""
    assert hil("policy.yaml", "a.xml", "-o", "out", cwd=place).returncode == 0
    (place / "out" / "notes.txt").write_text("mine")
    (place / "b.xml").write_text("<broken")
    assert hil("policy.yaml", "a.xml", "b.xml", "-o", "out", cwd=place).returncode == 2
    assert [path.name for path in (place / "out").iterdir()] == ["notes.txt"]


def test_the_verdict_is_no_evidence(place: Path) -> None:
    """A folder that is judged takes no report: the next sign-off would read it."""
    runs = place / "runs"
    runs.mkdir()
    junit(runs / "a.xml")
    refused = hil("policy.yaml", "runs", "-o", "runs/../runs", cwd=place)
    assert (refused.returncode, "holds the evidence" in refused.stderr) == (2, True)
    assert [path.name for path in runs.iterdir()] == ["a.xml"]
    for _ in range(2):
        assert hil("policy.yaml", "runs", "-o", "runs/signoff", cwd=place).returncode == 0


def test_verify_names_what_was_changed(place: Path) -> None:
    """A flipped byte in the archive: exit status 1 and the name of the file."""
    hil("policy.yaml", "a.xml", "-o", "out", cwd=place)
    bundle = place / "out" / "evidence.zip"
    assert hil("verify", bundle, cwd=place).returncode == 0
    data = bytearray(bundle.read_bytes())
    data[data.index(b"junit/00001-a.xml") + 60] ^= 4
    bundle.write_bytes(data)
    changed = hil("verify", bundle, cwd=place)
    assert changed.returncode == 1
    assert "changed: junit/00001-a.xml" in changed.stdout
    assert json.loads(hil("verify", bundle, "--json", cwd=place).stdout)["intact"] is False


def test_a_signed_archive(place: Path) -> None:
    """A key made by openssl's formats signs; its public half verifies, offline."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ed25519

    key = ed25519.Ed25519PrivateKey.generate()
    (place / "key.pem").write_bytes(
        key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    )
    (place / "pub.pem").write_bytes(
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    )
    hil("policy.yaml", "a.xml", "-o", "out", "--sign", "key.pem", cwd=place)
    checked = hil("verify", "out/evidence.zip", "--key", "pub.pem", cwd=place)
    assert checked.returncode == 0
    assert "signature is good" in checked.stdout
    assert b"PRIVATE" not in (place / "out" / "evidence.zip").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["policy.yaml"], "expected runs or JUnit files and -o DIR"),
        (["policy.yaml", "a.xml"], "expected runs or JUnit files and -o DIR"),
        (["policy.yaml", "gone.xml", "-o", "out"], "gone.xml: no run and no file"),
        (["gone.yaml", "a.xml", "-o", "out"], "gone.yaml: cannot be read"),
        (["policy.yaml", "a.xml", "-o", "out", "--sign", "a.xml"], "no private key"),
        (["policy.yaml", "a.xml", "-o", "out", "--at", "soon"], "expected a time like"),
        (
            ["policy.yaml", "a.xml", "-o", "out", "--at", "0001-01-01T00:00+05:00"],
            "expected a time like",
        ),
        (["policy.yaml", "a.xml", "-o", "out", "--key", "x"], "--sign KEY makes one"),
        (["verify"], "expected one bundle"),
        (["verify", "gone.zip"], "gone.zip: No such file"),
        (["verify", "a.xml", "-o", "out"], "takes --key PUB and --json only"),
    ],
)
def test_wrong_arguments_are_one_clear_error(place: Path, arguments: list[str], told: str) -> None:
    """What is wrong and what was expected, exit status 2, nothing written."""
    done = hil(*arguments, cwd=place)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "out").exists()


def test_the_schema_is_printed(place: Path) -> None:
    """`hil signoff schema` prints JSON for editors."""
    schema = json.loads(hil("schema", cwd=place).stdout)
    assert "requirements" in schema["properties"]


REAL = """\
name: the model
targets:
  - {boards: [virtual-fvp-rdv3-cfg2], releases: ["2.3.1"], rses: 4}
requirements:
  - id: RSE-VHUK-AGREE
    title: agreement
    tests: ["testcases/vhuk/test_agreement.py::test_all_rses_agree[*]"]
    stage_limits: {runtime: 60}
  - id: RSE-VHUK-EXPECTED
    title: expected
    tests: ["testcases/vhuk/test_agreement.py::test_fingerprint_is_the_models[*rse{rse}]"]
  - id: RSE-VHUK-SEEDS
    title: seeds
    tests: ["testcases/vhuk/test_agreement.py::test_all_rses_agree[*]"]
    refuted_by: [only-seed-0-bound]
not_required: [RSE-VHUK-PERSIST]
expected_failures:
  - requirements: [RSE-VHUK-SEEDS]
    defect: only-seed-0-bound
    owner: me
    reason: upstream
    expires: 9999-12-31
"""


def test_a_run_of_a_virtual_bench_is_signed_off(tmp_path: Path) -> None:
    """A virtual FVP is tested, then the sign-off of its record, then its archive, offline."""
    (tmp_path / "policy.yaml").write_text(REAL)
    pytest_run = [sys.executable, "-m", "pytest", "testcases/vhuk", "-q", "-p", "no:cacheprovider"]
    board = ["--board", "virtual-fvp-rdv3-cfg2", "--runs", str(tmp_path / "runs")]
    done = subprocess.run(
        [*pytest_run, *board], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout
    signed = hil("policy.yaml", "runs", "-o", "out", cwd=tmp_path)
    assert signed.returncode == 0, signed.stdout
    assert "RSE-VHUK-SEEDS" in signed.stdout
    assert "waived" in signed.stdout
    assert hil("verify", "out/evidence.zip", cwd=tmp_path).returncode == 0
    # What nobody waives any more does not hold.
    (tmp_path / "policy.yaml").write_text(REAL.partition("expected_failures:")[0])
    again = hil("policy.yaml", "runs", "-o", "out", cwd=tmp_path)
    assert again.returncode == 1
    assert "known defect only-seed-0-bound is there" in again.stdout
