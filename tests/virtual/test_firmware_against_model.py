# SPDX-License-Identifier: Apache-2.0
"""The reference model's provisioning against the virtual RSE's, which shares no code with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from firmware_builders import Recipe, development_key, point, sign_raw
from firmware_builders import message as virtual_message
from firmware_lab import RELEASES, Chip, Lab

from hil.model.boot_state import Lcs, TpMode
from hil.model.development_message import DevelopmentValues, RotpkHashes
from hil.model.lifecycle import Lifecycle
from hil.model.provisioning import Build, End, Trust, provision
from hil.model.provisioning import Chip as ModelChip
from hil.model.provisioning_fields import (
    CodeProtection,
    Metadata,
    Personalization,
    Purpose,
    RequiredTp,
    Signature,
    ValidLcs,
    ValuesProtection,
)
from hil.model.provisioning_message import AuthHeader, parse
from hil.model.provisioning_seal import Parts, open_sealed, seal
from hil.model.releases import release_for
from hil.model.secret import Secret
from hil.virtual.firmware import BootEnd

#: The virtual chips of every release verify signatures, also that of 2.2.2.
BUILD = Build(signatures=frozenset({Signature.ROTPK_IN_ROM}))
TRUST = Trust(rom_key=point(), krtl=Secret(development_key("KRTL")))
IMAGE_HASH = hashlib.sha256(b"not looked at before BL2").digest()
_NOISE = ("[INF] Noise Source", "[INF] SP800-90B")
_BEHIND = "[INF] Starting TF-M BL1_2"
_IV = b"iv_of_8_"


def lone(folder: Path, release: str, data: bytes) -> Chip:
    """A virgin chip with that in its message region, run to its end."""
    recipe = lambda number: Recipe(number, policies=0)  # noqa: E731
    chip = Lab(folder, release, amount=1, recipe=recipe).chips[0]
    chip.load_message(bytes(len(virtual_message(Recipe(0, policies=0)))))
    chip.load_message(data)
    for _ in chip.life():
        pass
    return chip


def said(chip: Chip) -> list[str]:
    """What BL1_1 of a virtual chip printed in all its boots, without its noise source."""
    before = chip.text.split(_BEHIND)[0].split("\n")
    return [line for line in before if line.strip() and not line.startswith(_NOISE)]


def expected(release: str, data: bytes) -> tuple[list[str], End, int]:
    """What the model says: lines, how the last boot ends, number of boots."""
    row = release_for(release)
    done = provision(ModelChip(), [{row.provisioning.address: data}], row, BUILD, TRUST)
    return list(done.lines), done.end, len(done.boots)


def values(tp: TpMode = TpMode.TCI) -> DevelopmentValues:
    """Development values of a lone chip."""
    bl2 = hashlib.sha256(point()).digest()
    keys = {
        name.lower(): Secret(development_key(name))
        for name in ("GUK", "KP_CM", "KCE_CM", "KP_DM", "KCE_DM")
    }
    return DevelopmentValues(
        0,
        1,
        bytes(range(256)) * 32,
        RotpkHashes(bl2, *[IMAGE_HASH] * 4),
        tp=tp,
        vhuk_agreement=False,
        batch_id=7,
        krtl=Secret(development_key("KRTL")),
        **keys,
    )


@pytest.mark.parametrize("tp", [TpMode.TCI, TpMode.PCI])
@pytest.mark.parametrize("release", RELEASES)
def test_boots_and_lines_from_virgin_are_those_of_the_model(
    tmp_path: Path, release: str, tp: TpMode
) -> None:
    """The model's message is taken; both go through the same boots and print the same lines."""
    data = values(tp).message(sign_raw, _IV).build()
    chip = lone(tmp_path, release, data)
    lines, end, boots = expected(release, data)
    assert end is End.BOOTS
    assert _BEHIND in chip.text
    assert said(chip) == lines
    assert chip.boots == boots == 6


@pytest.mark.parametrize("tp", [1, 2], ids=["PCI", "TCI"])
def test_both_builders_make_the_same_message(tp: int) -> None:
    """Apart from the signature, whose number is random, and code and image hashes, byte by byte."""
    recipe = Recipe(0, policies=0, tp=tp)
    theirs = parse(virtual_message(recipe))
    made = values(TpMode.TCI if tp == 2 else TpMode.PCI)
    ours = made.message(sign_raw, _IV)
    assert theirs.header is not None
    assert ours.header is not None
    same = replace(theirs.header, signature=b"", code_size=0)
    assert same == replace(ours.header, signature=b"", code_size=0)
    assert theirs.secret_values == ours.secret_values
    assert len(theirs.data) == len(ours.data)
    opened = open_sealed(theirs, key=made.provisioning_key, point=point())
    assert opened.secret_values == made.parts().secret_values


def _header(metadata: Metadata | None = None, **purpose: object) -> AuthHeader:
    made = Purpose(**purpose)  # type: ignore[arg-type]
    return AuthHeader(metadata=metadata or Metadata(), purpose=made, version=1, iv=_IV, batch_id=7)


def _message(header: AuthHeader, parts: Parts | None = None) -> bytes:
    key = values().provisioning_key
    return seal(header, parts or values().parts(), key=key, sign=sign_raw).build()


def _patched(offset: int, value: int) -> bytes:
    data = bytearray(_message(_header()))
    data[offset : offset + 4] = value.to_bytes(4, "little")
    return bytes(data)


def _part(name: str, size: int) -> bytes:
    content = bytes(size) if name != "secret_values" else Secret(bytes(size))
    return _message(_header(), replace(values().parts(), **{name: content}))  # type: ignore[arg-type]


def _flipped(at: int) -> bytes:
    data = bytearray(_message(_header()))
    data[at] ^= 1
    return bytes(data)


PLAIN_VALUES = Metadata(values=ValuesProtection.PLAIN)
REFUSED: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "type": lambda: _patched(0, 0x12345678),
    "certificate": lambda: _patched(0, 0x2222CE57),
    "plain data": lambda: _patched(0, 0x3333DA7A),
    "authenticated plain data": lambda: _patched(0, 0x4444DA7A),
    "too long": lambda: _patched(4, 0x200000),
    "shorter than its sizes": lambda: _patched(4, 4000),
    "reserved TP": lambda: _message(_header(tp_mode=RequiredTp.RESERVED)),
    "virgin TP in SP": lambda: _message(_header(tp_mode=RequiredTp.VIRGIN)),
    "virgin TP, plain": lambda: _message(
        _header(PLAIN_VALUES, tp_mode=RequiredTp.VIRGIN, needs_sp_mode=False)
    ),
    "encrypted outside SP": lambda: _message(_header(needs_sp_mode=False)),
    "plain outside SP": lambda: _message(_header(PLAIN_VALUES, needs_sp_mode=False)),
    "virgin TP outside SP": lambda: _message(
        _header(tp_mode=RequiredTp.VIRGIN, valid_lcs=ValidLcs.SE)
    ),
    "LCS": lambda: _message(_header(valid_lcs=ValidLcs.SE)),
    "CM only": lambda: _message(_header(valid_lcs=ValidLcs.CM)),
    "chained": lambda: _message(_header(chained=True)),
    "personalised": lambda: _message(
        _header(Metadata(personalization=Personalization.PERSONALIZED))
    ),
    "CCM": lambda: _message(_header(Metadata(signature=Signature.KRTL_DERIVATIVE))),
    "unsigned": lambda: _message(_header(Metadata(signature=Signature.NONE))),
    "no code": lambda: _message(_header(), replace(values().parts(), code=b"")),
    "decryption": lambda: _patched(8 + 100, CodeProtection.AES | Signature.ROTPK_IN_ROM << 28),
    "short signature": lambda: _patched(8, 15),
    "larger than any memory for code": lambda: _part("code", 0x8004),
    "large data": lambda: _message(_header(), replace(values().parts(), data=bytes(0x5004))),
    "flipped code": lambda: _flipped(8 + 248),
    "flipped value": lambda: _flipped(-1),
    "flipped signature": lambda: _flipped(8 + 4),
    "flipped version": lambda: _flipped(8 + 108),
}


@pytest.mark.parametrize("release", ["2.3.1", "fixed"])
@pytest.mark.parametrize("what", REFUSED)
def test_refusals_are_those_of_the_model(tmp_path: Path, release: str, what: str) -> None:
    """Same boots, same lines, same code in the last one."""
    data = REFUSED[what]()
    chip = lone(tmp_path, release, data)
    lines, end, boots = expected(release, data)
    assert end is End.HALTS
    assert chip.end is BootEnd.HALT
    assert said(chip) == lines
    assert chip.boots == boots


#: What 2.2 has room for.
@pytest.mark.parametrize("what", [what for what in REFUSED if what != "large data"])
def test_refusals_of_2_2_are_those_of_the_model(tmp_path: Path, what: str) -> None:
    """2.2 prints no code; boots and lines are the same."""
    data = REFUSED[what]()
    chip = lone(tmp_path, "2.2.2", data)
    lines, end, boots = expected("2.2.2", data)
    assert end is End.HALTS
    assert said(chip) == lines
    assert chip.boots == boots


@pytest.mark.parametrize(
    ("release", "part", "room", "code"),
    [
        ("2.3.1", "code", 0x4000, 0x40000035),
        ("2.3.1", "data", 0x5000, 0x40000036),
        ("2.3.1", "secret_values", 0x1000, 0x40000037),
        ("2.2.2", "code", 0x8000, None),
        ("2.2.2", "secret_values", 0x3D00, None),
    ],
)
def test_a_part_that_does_not_fit_is_refused(
    tmp_path: Path, release: str, part: str, room: int, code: int | None
) -> None:
    """Each release has its own room for each part; one word more is refused before the blob runs."""
    chip = lone(tmp_path, release, _part(part, room + 4))
    lines, end, boots = expected(release, _part(part, room + 4))
    assert end is End.HALTS
    assert chip.end is BootEnd.HALT
    assert said(chip) == lines
    assert chip.boots == boots
    assert "Running blob" not in chip.text
    assert code is None or f"({code:#x})" in chip.text


@pytest.mark.parametrize("release", RELEASES)
def test_code_that_just_fits_runs(tmp_path: Path, release: str) -> None:
    """The last word of the room may be used."""
    data = _part("code", 0x8000 if release == "2.2.2" else 0x4000)
    chip = lone(tmp_path, release, data)
    lines, end, boots = expected(release, data)
    assert end is End.BOOTS
    assert said(chip) == lines
    assert chip.boots == boots


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("virgin TP in SP", 0x40000056),
        ("virgin TP, plain", 0x3000000D),
        ("encrypted outside SP", 0x400000B5),
        ("plain outside SP", 0x40000054),
    ],
)
def test_codes_of_what_cannot_be_provisioned(tmp_path: Path, what: str, code: int) -> None:
    """No chip without a TP mode, no key outside SP mode, no CM part that runs a second time."""
    chip = lone(tmp_path, "2.3.1", REFUSED[what]())
    assert f"({code:#x})" in said(chip)[-1]
    assert ("Provisioning key setup failed" in chip.text) == (code == 0x400000B5)


@pytest.mark.parametrize("release", ["2.2.2", "2.3.1"])
def test_a_chip_left_in_sp_mode_by_another_message(tmp_path: Path, release: str) -> None:
    """2.3 resets out of SP mode for a message that must not run in it; 2.2 refuses the message."""
    before, after = REFUSED["CM only"](), REFUSED["plain outside SP"]()
    recipe = lambda number: Recipe(number, policies=0)  # noqa: E731
    chip = Lab(tmp_path, release, amount=1, recipe=recipe).chips[0]
    chip.load_message(bytes(len(virtual_message(Recipe(0, policies=0)))))
    chip.load_message(before)
    for _ in range(2):  # sets the TP mode, asks for SP mode
        for _ in chip.rse.boot():
            pass
    chip.load_message(after)
    chip.clear()
    for _ in chip.life():
        pass
    row = release_for(release)
    start = ModelChip(Lifecycle(Lcs.CM, TpMode.TCI, sp_mode=True), staged=release != "2.2.2")
    done = provision(start, [{row.provisioning.address: after}], row, BUILD, TRUST)
    assert said(chip) == list(done.lines)
    assert chip.boots == len(done.boots) == (1 if release == "2.2.2" else 4)
    assert "Running blob" in chip.text or release == "2.2.2"


@pytest.mark.parametrize("release", RELEASES)
def test_a_chip_goes_on_where_its_fuses_say(tmp_path: Path, release: str) -> None:
    """A chip that lost its power in DM needs two boots more, in both opinions."""
    data = values().message(sign_raw, _IV).build()
    chip = lone(tmp_path, release, _message(_header(valid_lcs=ValidLcs.CM)))
    assert chip.end is BootEnd.HALT
    chip.clear()
    chip.power_on()
    chip.load_message(data)
    for _ in chip.life():
        pass
    row = release_for(release)
    start = ModelChip(Lifecycle(Lcs.DM, TpMode.TCI))
    done = provision(start, [{row.provisioning.address: data}], row, BUILD, TRUST)
    assert said(chip) == list(done.lines)
    assert chip.boots == len(done.boots) == 3
