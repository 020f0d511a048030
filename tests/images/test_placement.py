# SPDX-License-Identifier: Apache-2.0
"""The image list of a board file, from its text to built and placed files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from hil.errors import HilError, ImageError, UsageError
from hil.images.bl2_image import verify_bl2
from hil.images.mcuboot import load_image
from hil.images.placement import ImageSpec, PlacedImage, ProvisioningValues, build_images
from hil.images.provisioning import load_message
from hil.images.signing_key import SigningKey
from hil.model.secret import Secret

VALUES = ProvisioningValues(
    **{
        name: Secret(hashlib.sha256(name.encode()).digest())
        for name in ("guk", "kp_cm", "kce_cm", "kp_dm", "kce_dm")
    }
)
IMAGES = """
- name: provisioning
  memory: ram
  address: "0x310E0000"
  provisioning: {bl1_2: payloads/bl1_2.bin, key: keys/dev-EC-P256.pem, tp_mode: TCI}
- name: bl2
  memory: flash
  address: 0xB0000000
  bl2: {payload: payloads/bl2.bin, key: keys/dev-EC-P256.pem, version: 1.9.0, security_counter: 1}
- name: s
  memory: flash
  address: 0xB0040000
  mcuboot:
    payload: payloads/tfm_s.bin
    key: keys/dev-EC-P256.pem
    version: 2.3.1+5
    slot_size: 0x60000
    load_address: "0x310A0000"
- name: ap_bl1
  memory: flash
  address: 0xB03E0000
  rses: [0]
  file: payloads/ap_bl1.bin
"""


def _specs(text: str) -> list[ImageSpec]:
    return TypeAdapter(list[ImageSpec]).validate_python(yaml.safe_load(text))


def _file(path: Path, name: str, address: int, content: bytes, **more: Any) -> ImageSpec:
    (path / f"{name}.bin").write_bytes(content)
    return ImageSpec(name=name, memory="flash", address=address, file=Path(f"{name}.bin"), **more)


def _by_place(images: list[PlacedImage]) -> dict[tuple[str, int], PlacedImage]:
    return {(image.name, image.rse): image for image in images}


def test_board_of_four_rses(boards: Path, dev_key: SigningKey, tmp_path: Path) -> None:
    """Every recipe gives a file that verifies, at its place, on the RSEs that should have it."""
    images = build_images(_specs(IMAGES), [0, 1, 2, 3], boards, tmp_path, VALUES)
    built = _by_place(images)
    assert [image.name for image in images] == (
        ["provisioning"] * 4 + ["bl2"] * 4 + ["s"] * 4 + ["ap_bl1"]
    )
    assert built["s", 3].path == built["s", 0].path
    assert len({built["provisioning", rse].sha256 for rse in range(4)}) == 4
    assert built["provisioning", 2].address == 0x310E0000
    signed = load_image(built["s", 0].path, dev_key.public)
    assert (built["s", 0].version, str(signed.version)) == ("2.3.1+5", "2.3.1+5")
    assert signed.load_address == 0x310A0000
    bl2 = built["bl2", 1]
    assert VALUES.kce_cm is not None
    _, code = verify_bl2(bl2.path.read_bytes(), VALUES.kce_cm, dev_key.public)
    assert code.startswith(b"rse-hil development payload bl2\n")
    assert bl2.version == "1.9.0+0"
    assert load_message(built["provisioning", 1].path).lcs == ("CM", "DM")
    assert built["ap_bl1", 0].path == boards / "payloads" / "ap_bl1.bin"
    for image in images:
        content = image.path.read_bytes()
        assert (image.size, image.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert image.end == image.address + len(content)


def test_second_build_gives_the_same_files(boards: Path, tmp_path: Path) -> None:
    """Nothing changed, so every file of the next build is the one of the first."""
    first = build_images(_specs(IMAGES), [0, 1], boards, tmp_path, VALUES)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert build_images(_specs(IMAGES), [0, 1], boards, tmp_path, VALUES) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times


@pytest.mark.parametrize("name", ["provisioning", "bl2"])
def test_damaged_kept_file_is_built_anew(boards: Path, tmp_path: Path, name: str) -> None:
    """A kept message or BL2 image that someone changed is not handed out."""
    first = _by_place(build_images(_specs(IMAGES), [0], boards, tmp_path, VALUES))[name, 0]
    content = bytearray(first.path.read_bytes())
    content[300] ^= 1
    first.path.write_bytes(content)
    again = _by_place(build_images(_specs(IMAGES), [0], boards, tmp_path, VALUES))[name, 0]
    assert again.path == first.path
    assert again.path.read_bytes() != bytes(content)


def test_other_keys_of_the_board_give_other_files(boards: Path, tmp_path: Path) -> None:
    """KCE_CM is part of what a BL2 image is, every key of what a message is."""
    other = ProvisioningValues(
        VALUES.guk, VALUES.kp_cm, Secret(b"x" * 32), VALUES.kp_dm, VALUES.kce_dm
    )
    first = _by_place(build_images(_specs(IMAGES), [0], boards, tmp_path, VALUES))
    second = _by_place(build_images(_specs(IMAGES), [0], boards, tmp_path, other))
    assert first["bl2", 0].path != second["bl2", 0].path
    assert first["provisioning", 0].path != second["provisioning", 0].path
    assert first["s", 0] == second["s", 0]


def test_messages_are_for_the_owner_only(boards: Path, tmp_path: Path) -> None:
    """A provisioning message can be read by nobody else; signed images by everyone."""
    built = _by_place(build_images(_specs(IMAGES), [0], boards, tmp_path, VALUES))
    assert built["provisioning", 0].path.stat().st_mode & 0o777 == 0o600
    assert built["s", 0].path.stat().st_mode & 0o777 == 0o644


def test_file_per_rse(tmp_path: Path) -> None:
    """{id} in a path is the id of the RSE: one bundle for each."""
    for rse in range(3):
        (tmp_path / f"cm_provisioning_{rse}_message.bin").write_bytes(bytes([rse]) * 8)
    spec = ImageSpec(
        name="cm", memory="ram", address=0x31000400, file="cm_provisioning_{id}_message.bin"
    )
    images = build_images([spec], [0, 1, 2], tmp_path, tmp_path / "out")
    assert [image.path.read_bytes()[0] for image in images] == [0, 1, 2]
    with pytest.raises(ImageError, match=r"cm_provisioning_3_message\.bin: image 'cm': no such"):
        build_images([spec], [0, 1, 2, 3], tmp_path, tmp_path / "out")


def test_signed_file_shows_its_version(signed: Any, tmp_path: Path) -> None:
    """A MCUboot image that comes from a build tree brings its version along, also a mutant."""
    content = bytearray(signed.path.read_bytes())
    content[0x410] ^= 1
    spec = _file(tmp_path, "s", 0, bytes(content))
    assert build_images([spec], [0], tmp_path, tmp_path)[0].version == "1.2.3+4"


def test_neighbours_are_fine_and_overlaps_are_not(tmp_path: Path) -> None:
    """Images may touch; one byte more in one place of one RSE is an error that names both."""
    low = _file(tmp_path, "low", 0x1000, bytes(16))
    high = _file(tmp_path, "high", 0x1010, bytes(16))
    assert len(build_images([high, low], [0, 1], tmp_path, tmp_path)) == 4
    low = _file(tmp_path, "low", 0x1000, bytes(17))
    with pytest.raises(UsageError, match=r"'low' \(0x1000 to 0x1010\) and 'high' .* RSE 0"):
        build_images([high, low], [0, 1], tmp_path, tmp_path)


def test_same_place_on_different_rses_or_memories(tmp_path: Path) -> None:
    """Two RSEs, or flash and RAM, have addresses of their own."""
    specs = [
        _file(tmp_path, "a", 0x1000, bytes(16), rses=[0]),
        _file(tmp_path, "b", 0x1000, bytes(16), rses=[1]),
        ImageSpec(name="c", memory="ram", address=0x1000, file=Path("a.bin")),
    ]
    assert len(build_images(specs, [0, 1], tmp_path, tmp_path)) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"payload": "payloads/none.bin"}, r"none\.bin: image 's': payload: no such file"),
        ({"key": "payloads/scp.bin"}, r"scp\.bin: image 's': expected a public or private key"),
        ({"slot_size": 0x1000}, "image 's': .*exceeds requested size"),
    ],
    ids=["payload", "key", "slot"],
)
def test_mistakes_in_a_signed_image(
    boards: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """What imgtool or the files refuse names the image and the file."""
    data = next(each for each in yaml.safe_load(IMAGES) if each["name"] == "s")
    data["mcuboot"] |= change
    specs = [ImageSpec.model_validate(data)]
    with pytest.raises(HilError, match=message):
        build_images(specs, [0], boards, tmp_path, VALUES)


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        (None, "guk"),
        (ProvisioningValues(guk=VALUES.guk), "kp_cm"),
    ],
)
def test_missing_keys_are_named(
    boards: Path, tmp_path: Path, values: ProvisioningValues | None, missing: str
) -> None:
    """An image that needs a key of the board says which."""
    message = rf"provisioning\.{missing} is missing, image 'provisioning' needs it"
    with pytest.raises(UsageError, match=message):
        build_images(_specs(IMAGES), [0], boards, tmp_path, values)


def test_pci_message_needs_krtl(boards: Path, tmp_path: Path) -> None:
    """In PCI mode the provisioning key comes from KRTL."""
    specs = _specs(IMAGES.replace("tp_mode: TCI", "tp_mode: PCI"))
    with pytest.raises(UsageError, match=r"provisioning\.krtl is missing"):
        build_images(specs, [0], boards, tmp_path, VALUES)


def test_doubled_names_and_unknown_rses(tmp_path: Path) -> None:
    """Two images of one name and an RSE that the board has not are mistakes of the board file."""
    one = _file(tmp_path, "one", 0, b"x")
    with pytest.raises(UsageError, match="two images are called 'one'"):
        build_images([one, one], [0], tmp_path, tmp_path)
    elsewhere = _file(tmp_path, "two", 0, b"x", rses=[4])
    with pytest.raises(UsageError, match="no RSE 4 on this board; it has 0, 1"):
        build_images([elsewhere], [0, 1], tmp_path, tmp_path)


def test_empty_file_is_refused(tmp_path: Path) -> None:
    """A file without content is a build that went wrong."""
    with pytest.raises(ImageError, match="image 'nothing': the file is empty"):
        build_images([_file(tmp_path, "nothing", 0, b"")], [0], tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"address": "0x310E00G0"}, "expected a number like 0x31000400"),
        ({"address": -1}, "greater than or equal to 0"),
        ({"address": True}, "valid integer"),
        ({"memory": "rom"}, "'flash' or 'ram'"),
        ({"file": None}, "exactly one of file, files, mcuboot, bl2, provisioning, fip, got none"),
        ({"bl2": {"payload": "a", "key": "b"}}, "got file and bl2"),
        ({"file": "x_{rse}.bin"}, "only {id} is known in a path, got {rse}"),
        ({"rses": []}, "at least 1"),
        ({"rses": [1, 1]}, "each RSE once"),
        ({"name": "../x"}, "String should match"),
        ({"adress": 0}, "Extra inputs"),
        (
            {"file": None, "bl2": {"payload": "a", "key": "b", "version": "1.x"}},
            "MAJOR.MINOR.REVISION",
        ),
        ({"file": None, "bl2": {"payload": "a", "key": "b", "security_counter": 1024}}, "1023"),
    ],
)
def test_mistakes_in_the_text_are_refused(change: dict[str, Any], message: str) -> None:
    """Each mistake is told with what was expected."""
    good = {"name": "x", "memory": "flash", "address": 0, "file": "x.bin"}
    assert ImageSpec.model_validate(good).recipe == "file"
    assert ImageSpec.model_validate(good | {"file": "${BUILD}/x_{id}.bin"}).recipe == "file"
    data = {key: value for key, value in (good | change).items() if value is not None}
    with pytest.raises(ValidationError) as caught:
        ImageSpec.model_validate(data)
    assert message in str(caught.value)


@pytest.mark.parametrize("address", [0x31000400, "0x31000400", "0x3100_0400", "822084608"])
def test_address_as_number_or_text(address: object) -> None:
    """YAML may give a number or a quoted text."""
    spec = ImageSpec.model_validate({"name": "x", "memory": "ram", "address": address, "file": "x"})
    assert spec.address == 0x31000400


def test_values_hide_and_check_themselves() -> None:
    """Keys of the board do not show in a repr, and a key of wrong size is named."""
    assert "KKKK" not in repr(ProvisioningValues(guk=b"K" * 32))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"provisioning\.kp_dm: expected 32 bytes, got 31"):
        ProvisioningValues(kp_dm=Secret(31))
