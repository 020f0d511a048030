# SPDX-License-Identifier: Apache-2.0
"""What messages of TF-M's own builds write to OTP, told from their data."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from hil.cli import main
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.message_values import MessageValues, message_values
from hil.images.provisioning import parse_message
from hil.images.signing_key import SigningKey
from hil.model.secret import Secret

BL1_2 = b"\x12" * 8192
#: Of rse_otp_layout.h in 2.3.1, as a compiler gives them: SHA-256 keys, a RSE id, CCA properties,
#: parameters of the TRNG and its entropy.
CM_SIZE, DM_SIZE = 708, 844
HEADER, PURPOSE, DATA_SIZE = 8 + 248, 8 + 104, 8 + 144
COMBINED, CM, DM = (2, 3), (1, 1), (1, 2)


def _tfm(
    template: bytes,
    rse: int,
    *,
    policies: int = 1,
    purpose: tuple[int, int] = COMBINED,
    cm_size: int = CM_SIZE,
    before: bytes = b"",
    digest: bytes = hashlib.sha256(BL1_2).digest(),
) -> bytes:
    """Return a message as 2.3.1's create_*_provisioning_bundle.py lays it out.

    Args:
        template: Another message, for the header and the secret values.
        rse: Its id.
        policies: cm_policies.
        purpose: Type, and mask of the life-cycle states.
        cm_size: Of the CM area.
        before: `.data` of the provisioning code.
        digest: Of BL1_2.
    """
    cm = struct.pack("<5I", 0, 1, policies, 0xCCA, rse).ljust(cm_size, b"\0")
    if cm_size in (704, 960):
        cm = struct.pack("<4I", 0, 1, policies, 0xCCA).ljust(cm_size, b"\0")
    bl1_2 = struct.pack("<3I48s", 0, len(BL1_2), 1, digest) + BL1_2
    dm = bytes([0x77]) * DM_SIZE
    infos, offset = b"", 0x300
    for size in (len(cm), len(bl1_2), len(dm), 0x400):
        infos += struct.pack("<HH", offset, size)
        offset += size
    values = infos + bytes(0x108) + struct.pack("<I", 0x108) + cm + bl1_2
    data = before + {COMBINED: values + dm, CM: values, DM: dm}[purpose]
    data += bytes(-len(data) % 16)
    header = bytearray(template[:HEADER])
    code_size, old_size = struct.unpack_from("<II", header, DATA_SIZE - 4)
    code, secret = template[HEADER:][:code_size], template[HEADER + code_size + old_size :]
    struct.pack_into("<I", header, DATA_SIZE, len(data))
    (word,) = struct.unpack_from("<I", header, PURPOSE)
    word = word & ~0xFF & ~(0xF << 28) | purpose[0] | purpose[1] << 28
    struct.pack_into("<I", header, PURPOSE, word)
    body = bytes(header[8:]) + code + data + secret
    return bytes(header[:4]) + struct.pack("<I", len(body)) + body


@pytest.fixture(scope="module")
def template(dev_key: SigningKey) -> bytes:
    """A message of this project."""
    hashes, secret = RotpkHashes.of_one_key(dev_key.public), Secret(bytes(32))
    return DevelopmentMessage(1, 2, BL1_2, hashes, *[secret] * 5).build(dev_key)


def _values(data: bytes) -> MessageValues | None:
    return message_values(parse_message(data).message)


@pytest.mark.parametrize("before", [b"", b"\x5a" * 4, bytes(100), b"\xc4\x02\x00\x03" * 5])
@pytest.mark.parametrize("purpose", [COMBINED, CM])
def test_values_of_tf_m_s_own_messages(
    template: bytes, purpose: tuple[int, int], before: bytes
) -> None:
    """The id behind the CCA properties, whatever is before and behind the areas."""
    for rse, policies in ((0, 0x11), (3, 0)):
        data = _tfm(template, rse, policies=policies, purpose=purpose, before=before)
        digest = hashlib.sha256(BL1_2).digest()
        assert _values(data) == MessageValues(rse, policies, digest + bytes(16))


def test_keys_and_digests_of_other_sizes(template: bytes) -> None:
    """SHA-384 for the keys makes the area larger, for BL1_2 it fills its field."""
    digest = hashlib.sha384(BL1_2).digest()
    values = _values(_tfm(template, 2, cm_size=964, digest=digest))
    assert values is not None
    assert (values.rse_id, values.bl1_2_digest) == (2, digest)


def test_a_build_for_one_rse_has_no_id(template: bytes) -> None:
    """RSE_OTP_HAS_RSE_ID is off: the policies are there, no word is taken for the id."""
    for size in (704, 960):
        values = _values(_tfm(template, 9, cm_size=size))
        assert values is not None
        assert values.rse_id is None
        assert values.vhuk_agreement


def test_other_layouts_tell_nothing(template: bytes) -> None:
    """An area of another size may have its words anywhere; so may an id that no system has."""
    assert _values(_tfm(template, 1, cm_size=712)) is None
    assert _values(_tfm(template, 4000)) is None
    assert _values(_tfm(template, 1, purpose=DM)) is None


def test_messages_of_this_project_are_read_as_before(template: bytes) -> None:
    """They have neither CCA properties nor parameters of the TRNG."""
    values = _values(template)
    assert values is not None
    assert (values.rse_id, values.policies, values.bl1_2_digest) == (
        1,
        1,
        hashlib.sha256(BL1_2).digest(),
    )


@pytest.fixture
def tree(tmp_path: Path, template: bytes) -> Path:
    """All messages that TF-M's build makes for two RSEs, and the BL1_2 that is in them."""
    folder = tmp_path / "bin" / "provisioning"
    folder.mkdir(parents=True)
    kinds = {"combined": COMBINED, "cm": CM, "dm": DM}
    for name, purpose in kinds.items():
        for rse in (0, 1):
            path = folder / f"{name}_provisioning_{rse}_message.bin"
            path.write_bytes(_tfm(template, rse, purpose=purpose))
    (tmp_path / "bin" / "bl1_2_padded.bin").write_bytes(BL1_2)
    (tmp_path / "bin" / "bl1_2_padded_hash.bin").write_bytes(hashlib.sha256(BL1_2).digest())
    return tmp_path


def test_a_correct_tree_of_two_rses_has_no_finding(
    tree: Path, template: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """A DM message holds neither id nor policies: that is no finding."""
    assert main(["image", "check", str(tree), "--rses", "2"]) == 0
    assert "!" not in capsys.readouterr().out
    assert main(["image", "ls", str(tree)]) == 0
    assert "none of those that are here" not in capsys.readouterr().out
    (tree / "bin" / "provisioning" / "combined_provisioning_1_message.bin").write_bytes(
        _tfm(template, 0, before=bytes(4))
    )
    assert main(["image", "check", str(tree), "--rses", "2"]) == 1
    assert "both give the id 0" in capsys.readouterr().out


def test_bl1_2_is_compared_by_the_digest_that_the_build_uses(
    tree: Path, template: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """MEASURED_BOOT_HASH_ALG: SHA-256 or SHA-384."""
    path = tree / "bin" / "provisioning" / "combined_provisioning_1_message.bin"
    for digest, is_right in (
        (hashlib.sha384(BL1_2).digest(), True),
        (hashlib.sha384(b"another").digest(), False),
        (hashlib.sha256(b"another").digest(), False),
    ):
        path.write_bytes(_tfm(template, 1, digest=digest))
        main(["image", "ls", str(tree)])
        assert ("none of those that are here" in capsys.readouterr().out) is not is_right


def test_the_plan_takes_the_messages_of_a_build(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each RSE the one with its id, which the plan has read from the right word."""
    board = tree / "lab.yaml"
    board.write_text(
        'release: "2.3.1"\nplatform: rdv3r1\nlauncher: {kind: fvp, binary: FVP}\n'
        "rses: [{id: 0}, {id: 1}]\nimages:\n"
        '  provisioning: {memory: ram, address: 0x310E0000, file: "${HIL_TFM_BIN}/provisioning/'
        'combined_provisioning_{id}_message.bin"}\n'
    )
    assert main(["image", "plan", str(board), str(tree)]) == 0, capsys.readouterr().err


def test_several_rses_need_messages_with_an_id(
    tmp_path: Path, template: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    """That of a build for one RSE is right for one only; `show` says that it gives none."""
    path = tmp_path / "combined_provisioning_message.bin"
    path.write_bytes(_tfm(template, 0, cm_size=704))
    assert main(["image", "check", str(path), "--rses", "1"]) == 0
    assert "no RSE id, policy bit 0 set" in capsys.readouterr().out
    assert main(["image", "check", str(path), "--rses", "2"]) == 1
    assert "it gives no RSE id: it is of a build for one RSE" in capsys.readouterr().out
    assert main(["image", "show", str(path)]) == 0
    assert "RSE id             none" in capsys.readouterr().out
