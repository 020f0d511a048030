# SPDX-License-Identifier: Apache-2.0
"""`fip:` in the image list of a board file: packages, and packages in the host's GPT image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hil.bench.assembly import Tree, make_plan
from hil.bench.board_file import load_board
from hil.cli import main
from hil.errors import ImageError
from hil.images.bl2_image import build_bl2
from hil.images.content import Content
from hil.images.fip import parse_fip
from hil.images.gpt import parse_gpt
from hil.images.placement import ImageSpec, PlacedImage, build_images
from hil.images.signing import SignedImage
from hil.images.signing_key import SigningKey

PARTITIONS = [a for n in ("FIP_A", "FIP_B") for a in ("--partition", f"name={n},size=1M")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images and the GPT image of a host."""
    (tmp_path / "bl2.bin").write_bytes(b"2" * 5000)
    (tmp_path / "s.bin").write_bytes(b"s" * 9000)
    assert (
        main(["image", "gpt", "create", str(tmp_path / "gpt.img"), "--size", "4M", *PARTITIONS])
        == 0
    )
    return tmp_path


def _build(folder: Path, **recipe: Any) -> PlacedImage:
    images = {"rse-bl2": "bl2.bin", "rss-s": "s.bin"}
    data = {"name": "flash", "memory": "flash", "address": 0x70000000,
            "fip": {"images": images} | recipe}  # fmt: skip
    return build_images([ImageSpec.model_validate(data)], [0], folder, folder / "out")[0]


def test_package_of_a_board_is_aligned_for_images_in_place(folder: Path) -> None:
    """8 KiB, as TF-M asks for; other names of the same image mean the same."""
    image = _build(folder)
    fip = parse_fip(Content.of(image.path.read_bytes()))
    assert [(e.name, e.offset) for e in fip.entries] == [("rse-bl2", 0x2000), ("rse-s", 0x4000)]
    assert image.size == fip.size == 0x8000


def test_packages_of_several_boards_do_not_meet(folder: Path) -> None:
    """They share a folder, and may be loaded at once; a board's own is built in its place again."""
    one = _build(folder)
    kept = one.path.read_bytes()
    other = _build(folder, gpt="gpt.img")
    assert other.path != one.path
    assert one.path.read_bytes() == kept
    (folder / "s.bin").write_bytes(b"t" * 9000)
    assert _build(folder).path == one.path


def test_every_bank_of_the_gpt_gets_the_package(folder: Path) -> None:
    """Both FIP_A and FIP_B, or the one that is named; the table stays sound."""
    whole = Content.of(_build(folder, gpt="gpt.img").path.read_bytes())
    gpt = parse_gpt(whole)
    gpt.require_sound()
    for name in ("FIP_A", "FIP_B"):
        assert len(parse_fip(gpt.read(gpt.partition(name))).entries) == 2
    only = Content.of(_build(folder, gpt="gpt.img", partitions=["FIP_B"]).path.read_bytes())
    with pytest.raises(ImageError, match="no FIP"):
        parse_fip(gpt_part(only, "FIP_A"))
    assert parse_fip(gpt_part(only, "FIP_B")).entries


def gpt_part(whole: Content, name: str) -> Content:
    """Return the content of a partition."""
    gpt = parse_gpt(whole)
    return gpt.read(gpt.partition(name))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"images": {"rse-bl2": "none.bin"}}, r"none\.bin: image 'flash': image: no such file"),
        ({"gpt": "bl2.bin"}, "image 'flash': no 'EFI PART'"),
        ({"gpt": "gpt.img", "partitions": ["FIP_C"]}, "no partition is called 'FIP_C'"),
        ({"align": 3}, "power of two"),
        ({"align": 1 << 20, "gpt": "gpt.img"}, "needs 0x300000 bytes, the partition has 0x100000"),
    ],
)
def test_mistakes_name_the_image_of_the_board(
    folder: Path, recipe: dict[str, Any], message: str
) -> None:
    """With the file, and nothing is left half written."""
    with pytest.raises(ImageError, match=message):
        _build(folder, **recipe)
    assert not list(folder.glob("out/*"))


def test_package_is_not_put_into_an_image_with_a_damaged_table(folder: Path) -> None:
    """Also when the other copy of the table is sound: it has to be mended first."""
    data = bytearray((folder / "gpt.img").read_bytes())
    data[-500] ^= 1
    (folder / "gpt.img").write_bytes(data)
    with pytest.raises(ImageError, match="HeaderCRC32"):
        _build(folder, gpt="gpt.img")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ({"rse-bl3": "x"}, "no image of a FIP is called 'rse-bl3' (did you mean rse-bl2?)"),
        ({"rse-s": "x", "rss-s": "y"}, "rse-s is there under two names"),
        ({}, "at least 1"),
    ],
)
def test_mistakes_in_the_text_are_refused(images: dict[str, str], message: str) -> None:
    """Before any file is looked at."""
    data = {"name": "x", "memory": "flash", "address": 0, "fip": {"images": images}}
    with pytest.raises(ValidationError) as caught:
        ImageSpec.model_validate(data)
    assert message in str(caught.value)


def test_board_with_host_flash_takes_its_package_from_the_build_tree(
    folder: Path, dev_key: SigningKey, signed: SignedImage
) -> None:
    """The package begins at the base of the host's flash; one that is too large for its half is told."""
    (folder / "bl2.bin").write_bytes(build_bl2(b"code", dev_key, bytes(32), "2.3.1"))
    (folder / "s.bin").write_bytes(signed.path.read_bytes())
    (folder / "lab.yaml").write_text(
        'release: "2.3.1"\nimage_version: 1.2.3+4\nplatform: tc\n'
        "launcher: {kind: fvp, binary: FVP_TC4}\nrses: [{id: 0}]\n"
        "images:\n  host:\n    memory: flash\n    address: 0x70000000\n"
        '    fip: {images: {rse-bl2: "${HIL_TFM_BIN}/bl2.bin", rse-s: "${HIL_TFM_BIN}/s.bin"}}\n'
    )
    board = load_board(folder / "lab.yaml")
    plan = make_plan(board, Tree.at(folder), folder / "cache")
    assert plan.problems == ()
    assert plan.placements[0].place == "fip_a"
    (folder / "s.bin").write_bytes(bytes(0x800000))
    problems = make_plan(board, Tree.at(folder), folder / "cache").problems
    assert any("slot fip_a ends at 0x707fffff" in problem for problem in problems)
