# SPDX-License-Identifier: Apache-2.0
"""Packages and flash images in a folder: what is wrong with their tables is told."""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest

from hil.cli import main
from hil.images.build_tree import read_tree
from hil.images.files import MAX_IMAGE
from hil.images.found_image import FoundImage
from hil.images.gpt_write import NewPartition, NewTable
from hil.images.host_flash import MAX_FLASH
from hil.images.image_roles import Role
from hil.images.output import new_file


def _gpt(path: Path, size: int = 1 << 20) -> Path:
    part = NewPartition("FIP_A", UUID(int=2), 64, 127)
    with new_file(path) as output:
        NewTable(512, size // 512, UUID(int=1), (part,)).write(output)
    return path


def _fip(folder: Path) -> Path:
    image, path = folder.parent / "bl2.bin", folder / "x"
    image.write_bytes(b"code" * 500)
    assert main(["image", "fip", "create", "--rse-bl2", str(image), str(path)]) == 0
    return path


def _only(folder: Path) -> FoundImage:
    [found] = read_tree(folder).images
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to look at."""
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


def test_a_package_that_is_cut_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `fip info` refuses `ls` does not list as if nothing were wrong."""
    path = _fip(folder)
    assert (_only(folder).role, _only(folder).remarks) == (Role.FIP, ())
    assert main(["image", "ls", str(folder)]) == 0
    path.write_bytes(path.read_bytes()[:9000])
    assert _only(folder).remarks[0].startswith("DAMAGED: ")
    assert str(path) not in _only(folder).remarks[0]
    assert main(["image", "ls", str(folder)]) == 1
    assert "DAMAGED" in capsys.readouterr().out


@pytest.mark.parametrize(("at", "field"), [(512 + 24, "HeaderCRC32"), (1024 + 60, "ArrayCRC32")])
def test_one_damaged_copy_of_a_table_is_told(folder: Path, at: int, field: str) -> None:
    """The other one is sound, and an RSE reads the first."""
    data = bytearray(_gpt(folder / "x").read_bytes())
    data[at] ^= 1
    (folder / "x").write_bytes(data)
    found = _only(folder)
    assert found.role is Role.GPT
    assert [field in text for text in found.damage] == [True]


def test_an_image_whose_first_table_is_erased_is_still_one(folder: Path) -> None:
    """Its second copy tells what it is."""
    data = _gpt(folder / "x").read_bytes()
    (folder / "x").write_bytes(b"\xff" * 34 * 512 + data[34 * 512 :])
    found = _only(folder)
    assert found.role is Role.GPT
    assert found.damage


def test_a_flash_image_larger_than_memory_allows_is_listed(folder: Path) -> None:
    """The flash of a host has up to 256 MiB; only its table is read, and its digest made."""
    _gpt(folder / "flash.img", MAX_IMAGE + (1 << 20))
    tree = read_tree(folder)
    assert [(i.role, i.size, i.remarks) for i in tree.images] == [
        (Role.GPT, MAX_IMAGE + (1 << 20), ())
    ]
    assert tree.findings == ()


@pytest.mark.parametrize("size", [MAX_IMAGE + 1, MAX_FLASH + 1])
def test_a_file_that_is_too_large_to_be_an_image_is_told(folder: Path, size: int) -> None:
    """It does not vanish; one that nobody calls an image is left alone."""
    for name in ("scp_signed.bin", "pack"):
        (folder / name).touch()
        os.truncate(folder / name, size)
    tree = read_tree(folder)
    assert tree.images == ()
    [finding] = tree.findings
    assert finding == f"{folder}/scp_signed.bin: larger than {MAX_IMAGE} bytes: not looked at"
