# SPDX-License-Identifier: Apache-2.0
"""The evidence archive: each byte is accounted for, and nothing leads out of it."""

from __future__ import annotations

import base64
import json
import os
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from signoff_inputs import POLICY, judged, junit, run_folder

from hil.errors import UsageError
from hil.report.signoff import bundle
from hil.report.signoff.bundle import write_bundle
from hil.report.signoff.signing import load_private_key, load_public_key
from hil.report.signoff.statement import statement
from hil.report.signoff.verifying import verify_bundle
from hil.report.signoff.writing import write_signoff
from hil.report.signoff.zip_layout import central_header, end_records, unsafe, write_entry


def small(path: Path, folder: Path, key: object = None) -> Path:
    """Write an archive of a few short files."""
    (folder / "a.xml").write_text("<testsuite/>" * 5)

    def say(manifest: str) -> bytes:
        configuration = [{"name": "manifest.json", "digest": {"sha256": manifest}}]
        return json.dumps(
            {"predicate": {"result": "PASSED", "configuration": configuration}}
        ).encode()

    contents: dict[str, bytes | Path] = {"policy/signoff.yaml": b"name: x\n", "report/t": b"text"}
    write_bundle(path, contents, [folder / "a.xml"], say, key)  # type: ignore[arg-type]
    return path


def keys(folder: Path, private: object) -> tuple[Path, Path]:
    """Write both halves of a key as PEM files."""
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    paths = folder / "private.pem", folder / "public.pem"
    paths[0].write_bytes(
        private.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)  # type: ignore[attr-defined]
    )
    paths[1].write_bytes(
        private.public_key().public_bytes(  # type: ignore[attr-defined]
            pem, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return paths


SIGNERS: dict[str, Callable[[], object]] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
}


@pytest.fixture
def signed_off(tmp_path: Path) -> Path:
    """A folder with the whole output of a sign-off of a run and a JUnit file."""
    run = run_folder(tmp_path / "runs" / "run-1")
    signoff = judged(tmp_path, POLICY, run, junit(tmp_path / "a.xml", run="run-2"))
    assert signoff.holds
    write_signoff(signoff, tmp_path / "policy.yaml", tmp_path / "out")
    return tmp_path / "out"


def test_the_archive_holds_all_of_the_evidence(signed_off: Path) -> None:
    """Records with raw UARTs, JUnit files, reports, policy; each with its SHA-256 in the manifest."""
    with zipfile.ZipFile(signed_off / "evidence.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        for one in manifest["files"]:
            assert sha256(archive.read(one["name"])).hexdigest() == one["sha256"]
        assert archive.read("runs/run-1/uart/rse0.log").endswith(b"\x00\xff")
    assert [one["name"] for one in manifest["files"]] == names[:-2]
    assert {"policy/signoff.yaml", "report/signoff.html", "runs/run-1/run.json"} < set(names)
    assert any(name.startswith("junit/") for name in names)
    checked = verify_bundle(signed_off / "evidence.zip")
    assert checked.intact
    assert checked.result == "PASSED"


def test_the_same_evidence_gives_the_same_bytes(tmp_path: Path) -> None:
    """No time of day, owner or order of a folder stands in an archive."""
    one, other = small(tmp_path / "1.zip", tmp_path), small(tmp_path / "2.zip", tmp_path)
    assert one.read_bytes() == other.read_bytes()


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    """Each byte of an archive is changed, in one bit or in all: never is it called intact."""
    path = small(tmp_path / "a.zip", tmp_path)
    good, bad = path.read_bytes(), tmp_path / "b.zip"
    assert verify_bundle(path).intact
    for place in range(len(good)):
        flip = (0xFF, 0x01, 0x80)[place % 3]
        bad.write_bytes(good[:place] + bytes([good[place] ^ flip]) + good[place + 1 :])
        assert verify_bundle(bad).findings, f"byte {place} ^ {flip:#x}"


def test_a_change_is_named(tmp_path: Path) -> None:
    """The finding names the file whose bytes, or whose header, are not what they were."""
    path = small(tmp_path / "a.zip", tmp_path)
    good, bad = path.read_bytes(), tmp_path / "b.zip"
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
    for info, following in zip(infos, [*infos[1:], None], strict=True):
        end = following.header_offset if following else archive.start_dir
        for place in (info.header_offset + 10, end - 1):
            bad.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
            assert any(info.filename in finding for finding in verify_bundle(bad).findings)


def test_a_cut_or_longer_archive_is_found(tmp_path: Path) -> None:
    """Whatever is cut off or put behind, before or between is found."""
    path = small(tmp_path / "a.zip", tmp_path)
    good, bad = path.read_bytes(), tmp_path / "b.zip"
    for data in [good[:n] for n in range(0, len(good), 37)] + [good + b"\0", b"\0" + good, b""]:
        bad.write_bytes(data)
        checked = verify_bundle(bad)
        assert not checked.intact
        assert checked.findings


def rewritten(path: Path, out: Path, change: Callable[[dict[str, bytes]], None]) -> list[str]:
    """Return the findings on an archive that an ordinary tool unpacked and packed again."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return verify_bundle(out).findings


def test_an_archive_of_another_tool_is_compared_with_its_manifest(tmp_path: Path) -> None:
    """Added, changed and missing files are named although the archive was packed anew."""
    path, out = small(tmp_path / "a.zip", tmp_path), tmp_path / "b.zip"
    assert "added: 'report/more'" in rewritten(path, out, lambda f: f.update({"report/more": b""}))
    assert "changed: report/t" in rewritten(path, out, lambda f: f.update({"report/t": b"TEXT"}))
    assert "missing: report/t" in rewritten(path, out, lambda f: f.pop("report/t") and None)
    assert "missing: manifest.json" in rewritten(
        path, out, lambda f: f.pop("manifest.json") and None
    )


def laid_out(out: Path, entries: list[tuple[str, bytes]]) -> list[str]:
    """Return the findings on an archive that somebody wrote who knows its layout."""
    with out.open("wb+") as stream:
        packed = [write_entry(stream, n, [d], stored=n in bundle.LAST) for n, d in entries]
        start = stream.tell()
        stream.writelines(central_header(one.entry) for one in packed)
        size = stream.tell() - start
        told = {name: sha256(data).hexdigest() for name, data in entries if name in bundle.LAST}
        comment = bundle.comment(told, bundle.digest_of(stream, start + size))
        stream.write(end_records(len(packed), size, start, comment))
    return verify_bundle(out).findings


def test_there_is_one_order_and_one_manifest(tmp_path: Path) -> None:
    """What would read the same is not the archive that was written."""
    path, out = small(tmp_path / "a.zip", tmp_path), tmp_path / "b.zip"
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    assert laid_out(out, entries) == []
    files, last = entries[:-2], entries[-2:]
    assert laid_out(out, [*files[::-1], *last]) == ["changed: the order of the files"]
    assert laid_out(out, [*last, *files]) == ["changed: the order of the files"]
    manifest = json.loads(last[0][1])
    for odd in (
        {"format": 99, "files": manifest["files"]},
        {"format": 1, "files": [{"name": "report/t", "sha256": "0"}, *manifest["files"]]},
        {"format": 1, "files": manifest["files"], "more": 1},
    ):
        text = json.dumps(odd, indent=1).encode() + b"\n"
        found = laid_out(out, [*files, ("manifest.json", text), last[1]])
        assert "changed: manifest.json: it is not as it was written" in found


def test_an_envelope_without_a_signature_is_none(tmp_path: Path) -> None:
    """It is not taken for one that was signed."""
    path = small(tmp_path / "a.zip", tmp_path, SIGNERS["Ed25519"]())
    with zipfile.ZipFile(path) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    envelope = json.loads(entries[-1][1]) | {"signatures": []}
    entries[-1] = (entries[-1][0], json.dumps(envelope).encode())
    out = tmp_path / "b.zip"
    assert laid_out(out, entries) == ["changed: statement.dsse.json: it holds no signature"]


def test_a_file_added_by_a_tool_is_named(tmp_path: Path) -> None:
    """`zip -r evidence.zip more` is found out, and so is a second file of one name."""
    path = small(tmp_path / "a.zip", tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("report/more", b"more")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("report/t", b"another")
    findings = verify_bundle(path).findings
    assert "added: 'report/more'" in findings
    assert "stands 2 times: 'report/t'" in findings


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "a/../../x", "C:/x", "a\\..\\x", "a//x", "./x", "x\n", ""]
)
def test_names_that_lead_out_are_called_unsafe(tmp_path: Path, name: str) -> None:
    """Absolute paths, parent folders, drives and control characters are named, never written."""
    assert unsafe(name)
    before = sorted(tmp_path.rglob("*"))
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
        archive.writestr("manifest.json", b'{"files": []}')
    assert any("unsafe name" in finding for finding in verify_bundle(path).findings)
    assert sorted(tmp_path.rglob("*")) == [*before, path]


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A file that unpacks to more than the manifest says is a change; nothing is written."""
    path, out = small(tmp_path / "a.zip", tmp_path), tmp_path / "b.zip"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, bytes(50 << 20) if name == "report/t" else data)
    assert "changed: report/t" in verify_bundle(out).findings


def test_what_is_printed_of_names_is_harmless(tmp_path: Path) -> None:
    """Escape sequences in the names of an archive do not reach the terminal."""
    path = tmp_path / "b.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a\x1b[2J/b", b"x")
        archive.writestr("manifest.json", b'{"files": [{"name": "c\\u001b[2J"}]}')
    lines = verify_bundle(path).lines()
    assert len(lines) > 3
    assert not any("\x1b" in line for line in lines)


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 100, b"PK\5\6" + bytes(18)])
def test_what_is_no_archive_is_said(tmp_path: Path, data: bytes) -> None:
    """Any other file is no evidence archive; one that cannot be read is a wrong argument."""
    (tmp_path / "x").write_bytes(data)
    assert "no evidence archive" in verify_bundle(tmp_path / "x").findings[0]
    with pytest.raises(UsageError, match="No such file"):
        verify_bundle(tmp_path / "gone")


@pytest.mark.parametrize("kind", SIGNERS)
def test_signatures(tmp_path: Path, kind: str) -> None:
    """A good signature is told with its key; a wrong key, and none where one is asked for, are not."""
    private, public = keys(tmp_path, SIGNERS[kind]())
    path = small(tmp_path / "a.zip", tmp_path, load_private_key(private))
    checked = verify_bundle(path, load_public_key(public))
    assert checked.intact
    assert checked.signature.startswith("signature is good: key ")
    assert "not checked (give --key)" in verify_bundle(path).signature
    (tmp_path / "other").mkdir()
    _, other = keys(tmp_path / "other", SIGNERS[kind]())
    assert (
        "not signed with the key given" in verify_bundle(path, load_public_key(other)).findings[0]
    )
    plain = small(tmp_path / "b.zip", tmp_path)
    assert "not signed, and --key" in verify_bundle(plain, load_public_key(public)).findings[0]


def test_the_signature_is_dsse(tmp_path: Path) -> None:
    """Whoever knows DSSE checks it without us: the payload is the statement, signed as v1 says."""
    key = ed25519.Ed25519PrivateKey.generate()
    path = small(tmp_path / "a.zip", tmp_path, key)
    with zipfile.ZipFile(path) as archive:
        envelope = json.loads(archive.read("statement.dsse.json"))
        said = archive.read("statement.intoto.json")
    assert base64.b64decode(envelope["payload"]) == said
    kind = envelope["payloadType"]
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(said), said)
    key.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), message)


def test_a_rewritten_archive_has_no_good_signature(tmp_path: Path) -> None:
    """Another verdict under the old signature is found: the envelope signs another statement."""
    key = ed25519.Ed25519PrivateKey.generate()
    path = small(tmp_path / "a.zip", tmp_path, key)
    findings = rewritten(
        path,
        tmp_path / "b.zip",
        lambda f: f.update(
            {"statement.intoto.json": f["statement.intoto.json"].replace(b"PASSED", b"FAILED")}
        ),
    )
    assert findings


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda p: p.write_bytes(b"no key"), "no private key"),
        (lambda p: keys(p.parent, rsa.generate_private_key(65537, 2048)), "another kind"),
        (lambda p: keys(p.parent, ec.generate_private_key(ec.SECP384R1())), "another kind"),
        (lambda p: None, "No such file"),
    ],
)
def test_other_keys_are_refused(tmp_path: Path, write: Callable[[Path], object], told: str) -> None:
    """Only Ed25519 and EC P-256 sign; anything else is named with what was expected."""
    write(tmp_path / "private.pem")
    with pytest.raises(UsageError, match=f"{told}.*Ed25519 or EC P-256"):
        load_private_key(tmp_path / "private.pem")


def refused(tmp_path: Path, name: str, data: bytes) -> str:
    """Return why a run that holds a file with these bytes is refused."""
    run = run_folder(tmp_path / "run")
    (run / name).write_bytes(data)
    with pytest.raises(UsageError) as error:
        write_signoff(judged(tmp_path, POLICY, run), tmp_path / "policy.yaml", tmp_path / "out")
    assert not (tmp_path / "out" / "evidence.zip").exists()
    assert not list((tmp_path / "out").glob(".*"))
    return str(error.value)


def test_private_keys_are_kept_out(tmp_path: Path) -> None:
    """A PEM key anywhere in a file, also across blocks, stops the archive and is named."""
    marker = b"-----BEGIN EC PRIVATE KEY-----"
    told = refused(tmp_path, "uart/rse1.log", b"x" * ((1 << 20) - 9) + marker + b"\nabc")
    assert "rse1.log: holds a private key" in told
    assert "abc" not in told


def test_private_keys_in_der_are_kept_out(tmp_path: Path) -> None:
    """A binary key file is known for what it is too."""
    der = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    assert "key.der: is a private key" in refused(tmp_path, "key.der", der)


def test_links_in_a_run_are_refused(tmp_path: Path) -> None:
    """A link in a run could bring any file of the host into the archive; so could a device."""
    run = run_folder(tmp_path / "run")
    (run / "link").symlink_to("/etc/hostname")
    signoff = judged(tmp_path, POLICY, run)
    with pytest.raises(UsageError, match="link: not a plain file"):
        write_signoff(signoff, tmp_path / "policy.yaml", tmp_path / "out")
    (run / "link").unlink()
    os.mkfifo(run / "pipe")
    with pytest.raises(UsageError, match="pipe: not a plain file"):
        write_signoff(signoff, tmp_path / "policy.yaml", tmp_path / "out")


def test_the_statement_is_in_toto(tmp_path: Path) -> None:
    """Statement v1 with the test-result predicate; subjects are the digests of the images."""
    signoff = judged(tmp_path, POLICY, junit(tmp_path / "a.xml"))
    value = json.loads(statement(signoff, "p" * 64, "m" * 64))
    assert value["_type"] == "https://in-toto.io/Statement/v1"
    assert value["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert value["subject"] == [{"name": "tfm_s", "digest": {"sha256": "a" * 64}}]
    predicate = value["predicate"]
    assert predicate["result"] == "PASSED"
    assert [one["digest"]["sha256"] for one in predicate["configuration"]] == ["p" * 64, "m" * 64]
    assert len(predicate["passedTests"]) == 1
    assert predicate["failedTests"] == predicate["warnedTests"] == []
