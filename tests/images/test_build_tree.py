# SPDX-License-Identifier: Apache-2.0
"""What a folder holds is told by content, whatever the files are called."""

from __future__ import annotations

import hashlib
import os
import random
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from hil.errors import ImageError
from hil.images.bl2_image import build_bl2
from hil.images.build_tree import BuildTree, read_tree
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.image_roles import Role
from hil.images.mcuboot import parse_image
from hil.images.mcuboot_parts import ImageParts
from hil.images.mcuboot_tlvs import ECDSASIG
from hil.images.message_check import System, check_messages
from hil.images.signing import SignRecipe, sign
from hil.images.signing_key import SigningKey
from hil.model.boot_state import Lcs, TpMode
from hil.model.releases import release_for
from hil.model.secret import Secret

PAGE = 1024


@dataclass
class Tree:
    """A folder in the making."""

    folder: Path
    key: Path
    cache: Path
    noise: random.Random = field(default_factory=lambda: random.Random(7))

    def put(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def signed(self, name: str, payload: bytes | None = None, **recipe: object) -> Path:
        source = self.cache / "payload.bin"
        source.write_bytes(payload or self.noise.randbytes(900))
        options = {"version": "0.0.1", "slot_size": 0x20000, **recipe}
        made = sign(source, SignRecipe(key=self.key, **options), self.cache)  # type: ignore[arg-type]
        return self.put(name, made.path.read_bytes())

    def message(
        self, name: str, rse: int, *, agreement: bool = True, bl1_2: bytes = bytes(8192)
    ) -> Path:
        secret = Secret(bytes(32))
        key = SigningKey.load(self.key)
        message = DevelopmentMessage(
            rse_id=rse,
            rse_amount=4,
            bl1_2=bl1_2,
            rotpks=RotpkHashes.of_one_key(key.public),
            guk=secret,
            kp_cm=secret,
            kce_cm=secret,
            kp_dm=secret,
            kce_dm=secret,
            vhuk_agreement=agreement,
        )
        return self.put(name, message.build(key))

    def read(self) -> BuildTree:
        return read_tree(self.folder)

    def roles(self) -> dict[str, Role]:
        return {str(i.path.relative_to(self.folder)): i.role for i in self.read().images}


@pytest.fixture
def tree(tmp_path: Path, dev_key_path: Path) -> Tree:
    (tmp_path / "cache").mkdir()
    (tmp_path / "tree").mkdir()
    return Tree(tmp_path / "tree", dev_key_path, tmp_path / "cache")


def test_roles_do_not_depend_on_names(tree: Tree, dev_key: SigningKey) -> None:
    """Each image is told by boot record, dependency, load address or structure."""
    tree.signed("one", boot_record="SPE", load_address=0x31000000)
    tree.signed("two", boot_record="NSPE", load_address=0x31000000)
    tree.signed("three", dependency="(1, 0.0.0+0)")
    tree.signed("deep/four", load_address=0x70003C00)
    tree.signed("five", load_address=0x70307C00)
    tree.signed("six", load_address=0x70187C00)
    tree.signed("seven", load_address=0x70117C00)
    tree.signed("eight", load_address=0x72000000)
    tree.put("nine", build_bl2(b"code", dev_key, bytes(32), "2.3.1"))
    tree.put("ten", struct.pack("<II", 0x30004000, 0x11000401) + tree.noise.randbytes(4000))
    tree.message("eleven", 2)
    assert tree.roles() == {
        "one": Role.S,
        "two": Role.NS,
        "three": Role.S,
        "deep/four": Role.SCP,
        "five": Role.SI_CL1,
        "six": Role.LCP,
        "seven": Role.AP_BL1,
        "eight": Role.HOST,
        "nine": Role.BL2,
        "ten": Role.BL1_1,
        "eleven": Role.COMBINED_MESSAGE,
    }


def test_wrong_names_do_not_mislead(tree: Tree) -> None:
    """A secure image that is called SCP is still the secure image."""
    tree.signed("scp_signed.bin", boot_record="SPE")
    assert tree.roles() == {"scp_signed.bin": Role.S}


def test_bl1_2_is_found_through_its_hash(tree: Tree) -> None:
    """The padded BL1_2 is the file whose digest another file holds."""
    code = tree.noise.randbytes(8192)
    tree.put("a.bin", code)
    tree.put("b.bin", hashlib.sha256(code).digest())
    tree.put("bl1_2_padded.bin", code)
    tree.put("bl1_2_padded_hash.bin", hashlib.sha256(code).digest())
    [code_image] = tree.read().of(Role.BL1_2)
    [digest] = tree.read().of(Role.BL1_2_HASH)
    assert code_image.told_by == f"its hash is in {digest.path.name}"
    assert digest.told_by == f"it is the hash of {code_image.path.name}"


def test_xip_tables_find_their_encrypted_image(tree: Tree) -> None:
    """tc: the signed table, the raw one, and the encrypted image that has no header at all."""
    encrypted = tree.noise.randbytes(5 * PAGE)
    pages = [encrypted[at : at + PAGE] for at in range(0, len(encrypted), PAGE)]
    hashes = b"".join(hashlib.sha256(page).digest() for page in pages)
    table = struct.pack("<I8sI", 1, b"nonce   ", len(hashes)) + hashes
    tree.put("a", encrypted)
    tree.put("b", table)
    tree.signed("c", table, dependency="(1, 0.0.0+0)")
    tree.put("d", tree.noise.randbytes(5 * PAGE))
    assert tree.roles() == {"a": Role.S_ENCRYPTED, "b": Role.SIC_TABLE, "c": Role.SIC_S}
    [signed] = tree.read().of(Role.SIC_S)
    assert "of a" in signed.remarks


def test_raw_code_is_told_by_the_image_that_holds_it(tree: Tree) -> None:
    """`tfm_s.bin` is what was signed."""
    payload = tree.noise.randbytes(3000)
    tree.put("raw.bin", payload)
    tree.put("tfm_s.bin", payload)
    tree.signed("x", payload, boot_record="SPE")
    [code] = tree.read().of(Role.S_CODE)
    assert code.told_by == "it is the payload of x"


def test_sources_objects_and_links_are_left_alone(tree: Tree) -> None:
    """A build directory is full of other files, and of links that lead in circles."""
    tree.put("CMakeCache.txt", b"tfm_s " * 100)
    tree.put("tfm_s.axf", b"\x7fELF" + bytes(1000))
    tree.put("lib/libtfm_s.a", b"!<arch>\n" + bytes(1000))
    (tree.folder / "lib" / "up").symlink_to(tree.folder)
    os.mkfifo(tree.folder / "bl2.bin")
    assert tree.roles() == {}


def test_same_version_with_different_content_is_a_finding(tree: Tree) -> None:
    """Two images that neither a log nor a device can tell apart."""
    tree.signed("a", load_address=0x70003C00)
    tree.signed("b", load_address=0x70003C00)
    [finding] = tree.read().findings
    assert "0.0.1+0" in finding
    assert "SCP" in finding
    tree.signed("b", load_address=0x70003C00, version="0.0.2")
    assert tree.read().findings == ()


def test_an_image_with_another_behind_it_is_no_second_version(tree: Tree) -> None:
    """`tfm_s_ns_signed.bin` holds the same secure image; a damaged copy of it is another one."""
    secure = tree.signed("s", boot_record="SPE", pad=True).read_bytes()
    other = tree.signed("ns", boot_record="NSPE").read_bytes()
    joined = tree.put("s_ns", secure + other)
    assert tree.read().findings == ()
    remarks = {image.path.name: image.remarks for image in tree.read().images}
    assert f"another image, version 0.0.1+0, at {len(secure):#x} of this file" in remarks["s_ns"]
    joined.write_bytes(secure[:0x500] + b"!" + secure[0x501:] + other)
    [finding] = tree.read().findings
    assert "s_ns" in finding


def test_what_is_wrong_with_a_second_image_of_a_file_is_told(tree: Tree) -> None:
    """Hash and signature of the first one say nothing of it."""
    secure = tree.signed("s", boot_record="SPE", pad=True).read_bytes()
    other = bytearray(tree.signed("ns", boot_record="NSPE").read_bytes())
    other[0x500] ^= 1
    tree.put("s_ns", secure + other)
    [joined] = [image for image in tree.read().images if image.path.name == "s_ns"]
    assert any("its hash is wrong" in text for text in joined.damage)
    tree.put("s_ns", secure + other[:0x600])
    [joined] = [image for image in tree.read().images if image.path.name == "s_ns"]
    assert "ih_img_size" in joined.damage[0]
    assert f"in the image at {len(secure):#x}" in joined.damage[0]


def test_host_images_that_load_elsewhere_are_different_images(tree: Tree) -> None:
    """All have the profile's version 0.0.1; only two for one address cannot be told apart."""
    tree.signed("host_0", load_address=0x72000000)
    tree.signed("host_1", load_address=0x73000000)
    assert tree.read().findings == ()
    tree.signed("host_2", load_address=0x73000000)
    [finding] = tree.read().findings
    assert "host_1" in finding
    assert "host_0" not in finding


def test_an_image_without_a_signature_is_damaged(tree: Tree) -> None:
    """No boot takes it, though its hash is right."""
    image = parse_image(tree.signed("x", load_address=0x70003C00).read_bytes())
    parts = ImageParts.of((tree.folder / "x").read_bytes(), image)
    tree.put("x", replace(parts, tlvs=tuple(t for t in parts.tlvs if t[0] != ECDSASIG)).build())
    [found] = tree.read().images
    assert found.damage == ("it has no signature",)


def test_two_messages_with_one_id_are_a_finding(tree: Tree) -> None:
    """Two RSEs with one id wait for each other for ever."""
    tree.message("a", 1)
    tree.message("b", 1)
    [finding] = tree.read().findings
    assert "id 1" in finding


def test_copies_are_shown_once(tree: Tree) -> None:
    """TF-M copies its outputs; one row is enough."""
    path = tree.signed("bin/s", boot_record="SPE")
    tree.put("api_ns/bin/s", path.read_bytes())
    [image] = tree.read().images
    assert "1 more with the same content" in image.remarks


def test_warnings_of_an_image(tree: Tree, other_key_path: Path) -> None:
    """Development key, missing confirmation, and a counter that bars nothing."""
    tree.signed("padded", boot_record="SPE", pad=True)
    tree.signed("zero", boot_record="NSPE", security_counter=0)
    tree.key = other_key_path
    tree.signed("fine", load_address=0x70001C00)
    remarks = {i.path.name: " / ".join(i.remarks) for i in tree.read().images}
    assert "development key dev-EC-P256" in remarks["padded"]
    assert "rollback stays possible" in remarks["padded"]
    assert "security counter 0" in remarks["zero"]
    assert remarks["fine"] == ""


def test_a_damaged_image_is_listed_with_what_is_wrong(tree: Tree) -> None:
    """A broken file is not overlooked."""
    path = tree.signed("s", boot_record="SPE")
    data = bytearray(path.read_bytes())
    data[0x500] ^= 1
    tree.put("s", bytes(data))
    tree.put("t", bytes(data[:0x600]))
    remarks = {i.path.name: i.remarks[0] for i in tree.read().images}
    assert remarks["s"] == "its hash is wrong"
    assert remarks["t"].startswith("DAMAGED: ")


def test_no_such_folder_is_one_error(tmp_path: Path) -> None:
    """The error names the path."""
    with pytest.raises(ImageError, match="no such folder"):
        read_tree(tmp_path / "missing")


def _checked(tree: Tree, **system: object) -> list[str]:
    release = release_for(str(system.pop("release", "2.3.1")))
    return check_messages(tree.read().images, System(release, **system))  # type: ignore[arg-type]


def test_messages_that_fit_have_no_finding(tree: Tree) -> None:
    """One message for each RSE, the policy bit set, the life cycle right."""
    for rse in range(4):
        tree.message(f"m{rse}", rse)
    assert _checked(tree, rse_amount=4, lcs=Lcs.CM, tp=TpMode.VIRGIN, address=0x310E0000) == []


@pytest.mark.parametrize(
    ("system", "finding"),
    [
        ({"rse_amount": 3}, "no combined message for RSE 2"),
        ({"lcs": Lcs.SE}, "the device is in SE"),
        ({"tp": TpMode.PCI}, "the device is fixed to PCI"),
        ({"release": "2.2.2", "address": 0x310E0000}, "looks at 0x31000400"),
        ({"release": "2.1.0"}, "takes bundles"),
    ],
)
def test_messages_that_do_not_fit_say_why(
    tree: Tree, system: dict[str, object], finding: str
) -> None:
    """An RSE without a message, another life cycle, TP mode, load address or release."""
    tree.message("m0", 0)
    tree.message("m1", 1)
    assert any(finding in text for text in _checked(tree, **system))


def test_a_clear_policy_bit_is_a_finding_for_several_rses(tree: Tree) -> None:
    """TF-M's default: no handshake, no common vHUK; one RSE alone does not need it."""
    tree.message("m0", 0, agreement=False)
    assert any("bit 0" in text for text in _checked(tree, rse_amount=2))
    assert _checked(tree, rse_amount=1) == []


def test_a_signed_image_without_a_header_is_damaged(tree: Tree) -> None:
    """What a full disk leaves is not passed over: an empty file, or one of a few bytes."""
    tree.put("bl2_signed.bin", b"")
    tree.put("tfm_s_signed.bin", b"\x3d\xb8\xf3\x96" + bytes(10))
    tree.put("notes_signed.bin", b"")
    tree.put("tfm_s.bin", b"")
    images = tree.read().images
    assert [(image.role, image.remarks) for image in images] == [
        (Role.BL2, ("DAMAGED: 0 bytes, not even a header",)),
        (Role.S, ("DAMAGED: 14 bytes, not even a header",)),
    ]
