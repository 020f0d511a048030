# SPDX-License-Identifier: Apache-2.0
"""Signing by imgtool, and the files that are kept."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from hil.errors import ImageError
from hil.images import signing
from hil.images.mcuboot import load_image
from hil.images.signing import SignRecipe, sign
from hil.images.signing_key import PublicKey


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """A payload of its own."""
    path = tmp_path / "app.bin"
    path.write_bytes(b"payload" * 20)
    return path


def test_signed_image_holds_payload_and_recipe(
    payload: Path, recipe: SignRecipe, tmp_path: Path
) -> None:
    """The result verifies, holds the payload after its header, and says what the recipe says."""
    done = sign(payload, recipe, tmp_path / "out")
    image = load_image(done.path, PublicKey.load(recipe.key))
    content = done.path.read_bytes()
    assert content[0x400:][: image.image_size] == payload.read_bytes()
    assert (image.load_address, image.security_counter) == (0x31000000, 7)
    assert done.size == len(content)


def test_image_that_runs_in_place_has_no_load_address(
    payload: Path, recipe: SignRecipe, tmp_path: Path
) -> None:
    """Without a load address the RAM_LOAD flag is not set."""
    done = sign(payload, replace(recipe, load_address=None), tmp_path)
    assert not done.image.ram_load
    assert done.image.load_address == 0


def test_same_inputs_reuse_the_signed_file(
    payload: Path, recipe: SignRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time no imgtool runs and the bytes are the same, though ECDSA is random."""
    first = sign(payload, recipe, tmp_path / "out")
    monkeypatch.setattr(signing, "_run_imgtool", lambda *_: pytest.fail("imgtool ran again"))
    again = sign(payload, recipe, tmp_path / "out")
    assert (again.path, again.sha256) == (first.path, first.sha256)


def test_signing_needs_no_temporary_file(
    payload: Path, recipe: SignRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing can be left of one: a process that is killed cannot clear up."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    assert sign(payload, recipe, tmp_path / "out").path.is_file()


def test_any_other_input_is_signed_anew(
    payload: Path, recipe: SignRecipe, other_key_path: Path, tmp_path: Path
) -> None:
    """Payload, key and each value of the recipe are part of the name of the file."""
    out = tmp_path / "out"
    files = {sign(payload, recipe, out).path}
    files.add(sign(payload, replace(recipe, version="1.2.4"), out).path)
    files.add(sign(payload, replace(recipe, security_counter=8), out).path)
    files.add(sign(payload, replace(recipe, key=other_key_path), out).path)
    payload.write_bytes(b"other payload")
    files.add(sign(payload, recipe, out).path)
    assert len(files) == 5


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "foreign"])
def test_damaged_file_is_signed_anew(
    payload: Path, recipe: SignRecipe, other_key_path: Path, tmp_path: Path, damage: str
) -> None:
    """A kept file that does not verify, or is of another recipe, is never handed out."""
    kept = sign(payload, recipe, tmp_path / "out").path
    content = bytearray(kept.read_bytes())
    if damage == "flipped":
        content[0x400] ^= 1
    elif damage == "cut":
        del content[-1]
    elif damage == "empty":
        content.clear()
    else:
        foreign = sign(payload, replace(recipe, version="9.9.9"), tmp_path / "foreign")
        content[:] = foreign.path.read_bytes()
    kept.write_bytes(content)
    again = sign(payload, recipe, tmp_path / "out")
    assert again.path == kept
    assert str(load_image(kept, PublicKey.load(recipe.key)).version) == "1.2.3+4"


def test_processes_side_by_side_end_with_one_file(
    payload: Path, recipe: SignRecipe, tmp_path: Path
) -> None:
    """Several that sign the same at once all get a whole file, and nothing is left behind."""
    out = tmp_path / "out"
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: sign(payload, recipe, out), range(3)))
    assert {each.path for each in done} == {done[0].path}
    load_image(done[0].path, PublicKey.load(recipe.key))
    assert [path.name for path in out.iterdir()] == [done[0].path.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slot_size": 0x400}, "exceeds requested size"),
        ({"version": "one"}, "version"),
        ({"key": Path("/nonexistent.pem")}, "nonexistent.pem.*no such file"),
        ({"align": 3}, "imgtool sign"),
    ],
    ids=["slot", "version", "key", "align"],
)
def test_what_cannot_be_signed_says_why(
    payload: Path, recipe: SignRecipe, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """The reason that imgtool gives, or the value that is wrong, reaches the user."""
    with pytest.raises(ImageError, match=message):
        sign(payload, replace(recipe, **change), tmp_path / "out")  # type: ignore[arg-type]


def test_missing_payload_is_named(recipe: SignRecipe, tmp_path: Path) -> None:
    """The path of the payload stands in the message."""
    with pytest.raises(ImageError, match=r"absent\.bin: payload: no such file"):
        sign(tmp_path / "absent.bin", recipe, tmp_path)


def test_imgtool_that_hangs_is_ended(payload: Path, recipe: SignRecipe, tmp_path: Path) -> None:
    """The time limit ends the run and says so."""
    with pytest.raises(ImageError, match=r"more than 0\.001 s"):
        sign(payload, recipe, tmp_path, timeout=0.001)


def test_imgtool_agrees_that_the_image_is_good(
    payload: Path, recipe: SignRecipe, tmp_path: Path
) -> None:
    """The tool's own verification is a second opinion on what was kept."""
    done = sign(payload, recipe, tmp_path)
    command = [sys.executable, "-m", "imgtool.main", "verify", "-k", str(recipe.key)]
    result = subprocess.run([*command, str(done.path)], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    digest = done.image.one(0x10).value.hex()
    assert digest in result.stdout
