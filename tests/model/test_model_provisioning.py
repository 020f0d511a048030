# SPDX-License-Identifier: Apache-2.0
"""Provisioning as a state machine: boots, resets, what must be loaded, refusals and their codes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from provisioning_builders import KRTL, PARTS, POINT, PURPOSE, blob

from hil.model import provisioning as prov
from hil.model.boot_state import Lcs, TpMode
from hil.model.bundle_boot import bundle_key
from hil.model.keys import ZERO_KEY
from hil.model.lifecycle import Lifecycle
from hil.model.provisioning import Build, Chip, End, Trust, boot, provision, recover, reset
from hil.model.provisioning_bundle import BundleMagic, BundleParts, seal_bundle
from hil.model.provisioning_fields import (
    BlobType,
    Metadata,
    NonRomKey,
    Personalization,
    RequiredTp,
    Signature,
    ValidLcs,
    ValuesProtection,
)
from hil.model.provisioning_rules import Check
from hil.model.provisioning_state import Tampering
from hil.model.releases import RELEASES, Release, release_for
from hil.model.secret import Secret

V2_1, V2_2, V2_3 = (release_for(name) for name in ("2.1.0", "2.2.2", "2.3.1"))
MESSAGES = [row for row in RELEASES if row.name != "2.1.0"]
ECDSA = Build(signatures=frozenset({Signature.ROTPK_IN_ROM, Signature.ROTPK_NOT_IN_ROM}))
ROM = Trust(rom_key=POINT)
CM_ONLY, DM_ONLY = ValidLcs.CM, ValidLcs.DM
IN_SP = Chip(Lifecycle(Lcs.CM, TpMode.TCI, sp_mode=True))


def loaded(release: Release, message: bytes) -> dict[int, bytes]:
    """The message where the release looks for it."""
    return {release.provisioning.address: message}


def first(release: Release, message: bytes, chip: Chip = IN_SP, build: Build = ECDSA) -> prov.Boot:
    """One boot of a chip in SP mode with a message."""
    return boot(chip, loaded(release, message), release, build, ROM)


@pytest.mark.parametrize("release", MESSAGES, ids=lambda release: release.name)
def test_virgin_with_a_combined_message_needs_five_boots_before_bl1_2(release: Release) -> None:
    """TP mode, SP mode, CM, SP mode, DM; the message stays and nothing else is needed."""
    done = provision(Chip(), [loaded(release, blob())], release, ECDSA, ROM)
    ends = [End.TP_SET, End.ENTERS_SP, End.DONE, End.ENTERS_SP, End.DONE, End.BOOTS]
    assert [b.end for b in done.boots] == ends
    assert [b.ran for b in done.boots] == [None, None, "CM", None, "DM", None]
    assert done.starts_before_bl1_2 == 5
    assert done.needs is None
    assert done.chip.lifecycle == Lifecycle(Lcs.SE, TpMode.TCI)
    assert sum("Beginning RSE provisioning" in line for line in done.lines) == 5
    assert done.lines[-1] == "[INF] Jumping to BL1_2"


def test_the_default_build_of_2_2_takes_ccm_and_that_of_2_3_a_signature() -> None:
    """What the default build verifies is a column of the release."""
    for release, kind in ((V2_2, Signature.KRTL_DERIVATIVE), (V2_3, Signature.ROTPK_IN_ROM)):
        for signature in (Signature.KRTL_DERIVATIVE, Signature.ROTPK_IN_ROM, Signature.NONE):
            message = blob(Metadata(signature=signature))
            end = provision(Chip(), [loaded(release, message)], release, trust=ROM)
            if signature is kind:
                assert end.end is End.BOOTS, (release.name, signature)
                continue
            refusal = end.boots[-1].refusal
            assert refusal is not None
            assert refusal.code == "TFM_PLAT_ERR_PROVISIONING_SIGNATURE_TYPE_NOT_SUPPORTED"


@pytest.mark.parametrize("release", MESSAGES, ids=lambda release: release.name)
def test_separate_messages_must_be_replaced_after_the_cm_part(release: Release) -> None:
    """After CM the DM message is needed at the same address; with it the chip reaches SE."""
    cm = blob(purpose=replace(PURPOSE, type=BlobType.SINGLE_LCS, valid_lcs=CM_ONLY))
    dm = blob(purpose=replace(PURPOSE, type=BlobType.SINGLE_LCS, valid_lcs=DM_ONLY))
    both = provision(Chip(), [loaded(release, cm), loaded(release, dm)], release, ECDSA, ROM)
    assert both.end is End.BOOTS
    assert both.starts_before_bl1_2 == 5
    after_cm = next(b for b in both.boots if b.ran == "CM")
    assert after_cm.needs == prov.Required("DM", release.provisioning.dm_address)
    assert release.provisioning.dm_address == release.provisioning.address
    alone = provision(Chip(), [loaded(release, cm)], release, ECDSA, ROM)
    last = alone.boots[-1]
    assert last.end is End.HALTS
    assert last.refusal is not None
    assert last.refusal.why is Check.LCS
    assert last.wiped
    assert alone.needs == prov.Required("DM", release.provisioning.address)
    assert alone.chip.lifecycle.lcs is Lcs.DM


def test_a_chip_with_its_tp_mode_needs_one_boot_less() -> None:
    """The number of boots follows from the state, it is not a constant."""
    chip = Chip(Lifecycle(Lcs.CM, TpMode.TCI))
    assert provision(chip, [loaded(V2_3, blob())], V2_3, trust=ROM).starts_before_bl1_2 == 4
    chip = Chip(Lifecycle(Lcs.DM, TpMode.TCI))
    assert provision(chip, [loaded(V2_3, blob())], V2_3, trust=ROM).starts_before_bl1_2 == 2
    chip = Chip(Lifecycle(Lcs.SE, TpMode.TCI))
    assert provision(chip, [], V2_3).starts_before_bl1_2 == 0


def test_without_a_message_2_3_names_it_and_2_2_refuses_its_type() -> None:
    """2.3 has an error of its own for that and wipes nothing; 2.2 reads zeros as a message."""
    late, early = provision(Chip(), [], V2_3), provision(Chip(), [], V2_2)
    assert late.boots[0].refusal is not None
    assert early.boots[0].refusal is not None
    assert late.boots[0].refusal.number == 0x40000058
    assert late.boots[0].lines[-1] == "[ERR] Fatal boot error 0xe5a5a5fd (0x40000058)"
    assert not late.boots[0].wiped
    assert early.boots[0].refusal.number == 0x4000002F
    assert early.boots[0].lines[-1] == "[ERR] Fatal boot error -1431677611"
    for done, release in ((late, V2_3), (early, V2_2)):
        assert done.end is End.HALTS
        assert done.needs == prov.Required("CM", release.provisioning.address)


def test_a_message_that_2_3_remembers_is_not_looked_for_again() -> None:
    """Once found, a lost message is a wrong type, not a missing one."""
    chip = replace(IN_SP, staged=True)
    refusal = boot(chip, {}, V2_3, ECDSA, ROM).refusal
    assert refusal is not None
    assert refusal.number == 0x40000044


def _meta(**fields: object) -> bytes:
    return blob(Metadata(**fields))  # type: ignore[arg-type]


def _purpose(**fields: object) -> bytes:
    return blob(purpose=replace(PURPOSE, **fields))  # type: ignore[arg-type]


def _patched(offset: int, value: int) -> bytes:
    message = bytearray(blob())
    message[offset : offset + 4] = value.to_bytes(4, "little")
    return bytes(message)


PERSONAL = Personalization.PERSONALIZED
#: Message, low byte of its error in 2.2, and from 2.3 on.
REFUSED = {
    "type": (_patched(0, 0x12345678), 0x2F, 0x44),
    "certificate": (_patched(0, 0x2222CE57), 0x32, 0x48),
    "plain data": (_patched(0, 0x3333DA7A), 0x31, 0x46),
    "length": (_patched(4, 0x100000), 0x33, 0x49),
    "reserved TP": (_purpose(tp_mode=RequiredTp.RESERVED), 0x3B, 0x52),
    "other TP": (_purpose(tp_mode=RequiredTp.PCI), 0x1B, 0x28),
    "LCS": (_purpose(valid_lcs=ValidLcs.DM | ValidLcs.SE), 0x39, 0x50),
    "chained": (_purpose(chained=True), 0x1E, 0x2B),
    "personalised": (_meta(personalization=PERSONAL), 0x1F, 0x2C),
    "no code": (blob(parts=replace(PARTS, code=b"")), 0x2E, 0x3F),
    "sizes": (_patched(8 + 144, 77), 0x2D, 0x3E),
    "no signature": (_meta(signature=Signature.NONE), 0x37, 0x4E),
    "short tag": (_patched(8, 15), 0x27, 0x38),
    "decryption": (_patched(8 + 100, 1 | 2 << 28), 0x38, 0x4F),
    "too long": (blob(parts=replace(PARTS, data=bytes(0x81000))), 0x33, 0x49),
}


@pytest.mark.parametrize("release", MESSAGES, ids=lambda release: release.name)
@pytest.mark.parametrize("what", REFUSED)
def test_refusals_have_the_codes_of_their_release(release: Release, what: str) -> None:
    """Every refused message ends the boot with its code, wiped, and to be loaded again."""
    message, early, late = REFUSED[what]
    done = first(release, message, replace(IN_SP, staged=release.generation == "2.3"))
    assert done.end is End.HALTS
    assert done.refusal is not None
    assert done.refusal.number == 0x40000000 + (early if release is V2_2 else late)
    assert done.wiped
    assert not done.after.staged
    assert done.needs == prov.Required("CM", release.provisioning.address)
    assert done.lines[2:] == tuple(line for line in done.lines if line.startswith("[ERR] "))


@pytest.mark.parametrize(
    ("part", "size", "code"),
    [("code", 0x4004, 0x35), ("data", 0x5004, 0x36), ("secret_values", 0x1004, 0x37)],
)
def test_parts_larger_than_their_memory_are_refused(part: str, size: int, code: int) -> None:
    """From 2.3 on each part has its own limit; a part that just fits runs."""
    for length, expected in ((size, 0x40000000 + code), (size - 4, None)):
        content = bytes(length) if part != "secret_values" else Secret(length)
        done = first(V2_3, blob(parts=replace(PARTS, **{part: content})))  # type: ignore[arg-type]
        assert (done.refusal.number if done.refusal else None) == expected


def test_2_2_meets_the_end_of_the_cipher_first_where_a_part_is_encrypted() -> None:
    """Encrypted values that are too large fail in the driver, plain ones in the handler."""
    parts = replace(PARTS, secret_values=Secret(0x3D04))
    encrypted = first(V2_2, blob(parts=parts))
    plain = first(V2_2, blob(Metadata(values=ValuesProtection.BY_MESSAGE), parts=parts))
    assert encrypted.refusal is not None
    assert plain.refusal is not None
    assert encrypted.refusal.number == 0xB0000011
    assert plain.refusal.number == 0x40000026


def test_a_message_of_a_stranger_is_refused_with_the_code_of_the_signature() -> None:
    """The ECDSA path has the driver's code and no line of its own."""
    message = bytearray(blob())
    message[8 + 4] ^= 1
    done = first(V2_3, bytes(message))
    assert done.refusal is not None
    assert done.refusal.number == 0xB0000019
    assert done.lines[2:] == (
        "[ERR] BL1 provisioning failed",
        f"[ERR] Fatal boot error 0x{0xB0000019 ^ 0xA5A5A5A5:x} (0xb0000019)",
    )


@pytest.mark.parametrize(
    ("release", "number", "line"),
    [
        (V2_2, 0xB0000010, "[ERR] bundle decryption failed"),
        (V2_3, 0xFFFFFF6B, "[ERR] Tag verification failed!"),
    ],
    ids=["2.2.2", "2.3.1"],
)
def test_a_wrong_tag_is_refused_with_a_line_and_a_code(
    release: Release, number: int, line: str
) -> None:
    """The CCM path says so, in the words of the release."""
    message = bytearray(_meta(signature=Signature.KRTL_DERIVATIVE))
    message[-1] ^= 1
    build = Build(signatures=frozenset({Signature.KRTL_DERIVATIVE}))
    done = first(release, bytes(message), build=build)
    assert done.refusal is not None
    assert done.refusal.number == number
    assert done.lines[2] == line


def test_pci_needs_the_krtl_and_warns_of_its_use() -> None:
    """PCI messages verify under KRTL; its three reads are counted and glued to the next line."""
    message = blob(purpose=replace(PURPOSE, tp_mode=RequiredTp.PCI), krtl=KRTL)
    trust = Trust(rom_key=POINT, krtl=KRTL)
    done = provision(Chip(), [loaded(V2_3, message)], V2_3, trust=trust)
    assert done.end is End.BOOTS
    assert done.chip.lifecycle.tp is TpMode.PCI
    warning = "[WRN] KTRL Usage counter expected to be 0, but read as 3[INF] Provisioning GUK"
    assert warning in done.lines
    assert done.chip.krtl_uses == 6
    wrong = provision(
        Chip(), [loaded(V2_3, message)], V2_3, trust=replace(trust, krtl=Secret(b"K" * 32))
    )
    assert wrong.boots[-1].refusal is not None
    assert wrong.boots[-1].refusal.number == 0xB0000019


def test_a_worn_krtl_and_a_touched_chip_are_refused_by_the_cm_code() -> None:
    """What the CM code finds ends the boot behind "Running blob"."""
    worn = first(V2_3, blob(), replace(IN_SP, krtl_uses=7))
    assert worn.refusal is not None
    assert worn.refusal.number == 0x40000077
    assert "[ERR] KRTL Usage counter 7 above the limit of 6" in worn.lines
    assert first(V2_2, blob(), replace(IN_SP, krtl_uses=7)).end is End.DONE
    for tampering, number in ((Tampering.DEVICE_STATUS, 0x53), (Tampering.CM_AREA, 0x54)):
        touched = first(V2_3, blob(), replace(IN_SP, tampered=tampering))
        assert touched.refusal is not None
        assert touched.refusal.number == 0x40000000 + number
        assert "[INF] Running blob" in touched.lines


def test_a_message_for_sp_mode_on_a_chip_without_tp_mode_is_refused() -> None:
    """A message that wants a virgin chip in SP mode cannot get it: codes differ by release."""
    message = _purpose(tp_mode=RequiredTp.VIRGIN)
    for release, number in ((V2_2, 0x4000003E), (V2_3, 0x40000056)):
        refusal = first(release, message, Chip()).refusal
        assert refusal is not None
        assert refusal.number == number


def test_sp_mode_that_a_message_must_not_have_is_left_by_a_reset_from_2_3_on() -> None:
    """2.2 refuses such a message instead."""
    message = blob(
        Metadata(values=ValuesProtection.BY_MESSAGE), replace(PURPOSE, needs_sp_mode=False)
    )
    late, early = first(V2_3, message), first(V2_2, message)
    assert late.end is End.LEAVES_SP
    assert not reset(late.after).lifecycle.sp_mode
    assert early.refusal is not None
    assert early.refusal.number == 0x4000001C


def test_outside_sp_mode_there_is_no_provisioning_key() -> None:
    """An encrypted message that does not ask for SP mode fails when the key is set up."""
    chip = Chip(Lifecycle(Lcs.CM, TpMode.TCI), staged=True)
    done = first(V2_3, _purpose(needs_sp_mode=False), chip)
    assert done.refusal is not None
    assert done.refusal.code == "TFM_PLAT_ERR_SYSTEM_ERR"
    assert done.lines[2] == "[ERR] Provisioning key setup failed"


@pytest.mark.parametrize("tp", [TpMode.TCI, TpMode.PCI])
@pytest.mark.parametrize("release", ["2.3.1", "main"])
def test_where_nothing_is_encrypted_no_key_is_set_up(release: str, tp: TpMode) -> None:
    """Secret values of no bytes need neither SP mode nor KRTL; one byte of them does."""
    row = release_for(release)
    wanted = RequiredTp.TCI if tp is TpMode.TCI else RequiredTp.PCI
    purpose = replace(PURPOSE, needs_sp_mode=False, tp_mode=wanted)
    chip = Chip(Lifecycle(Lcs.CM, tp), staged=True)
    trust = replace(ROM, krtl=KRTL)
    empty = blob(purpose=purpose, parts=replace(PARTS, secret_values=Secret(b"")))
    done = boot(chip, loaded(row, empty), row, ECDSA, trust)
    assert done.refusal is None
    assert done.after.krtl_uses == 0
    full = blob(purpose=purpose, parts=replace(PARTS, secret_values=Secret(b"1")))
    refusal = boot(chip, loaded(row, full), row, ECDSA, trust).refusal
    assert refusal is not None
    assert refusal.code == "TFM_PLAT_ERR_SYSTEM_ERR"


def test_keys_outside_the_rom() -> None:
    """A CM ROTPK signs in DM only, a DM ROTPK no blob, and a previous message must be there."""
    cases = {NonRomKey.CM_ROTPK: 0x31, NonRomKey.PREVIOUS_MESSAGE: 0x34, NonRomKey.DM_ROTPK: 0x40}
    for key, number in cases.items():
        message = _meta(signature=Signature.ROTPK_NOT_IN_ROM, non_rom_key=key)
        refusal = first(V2_3, message).refusal
        assert refusal is not None
        assert refusal.number == 0x40000000 + number


def test_a_personalised_message_runs_on_its_own_soc_alone() -> None:
    """The SoC id of the message is compared with that of the chip's SoC area."""
    message = blob(Metadata(personalization=PERSONAL), soc_uid=b"UID of a SoC")
    assert first(V2_3, message, replace(IN_SP, soc_uid=b"UID of a SoC")).end is End.DONE
    assert first(V2_3, message, replace(IN_SP, soc_uid=b"UID of other")).refusal is not None


def test_a_message_for_the_next_one_runs_and_finds_itself() -> None:
    """Without another message behind it, the chained handler refuses the one that is there."""
    done = first(V2_3, _purpose(type=BlobType.NEXT_PUBLIC_KEY))
    assert "[INF] Provisioning next blob" in done.lines
    assert done.refusal is not None
    assert done.refusal.why is Check.SEQUENCE


def test_without_self_reset_the_tp_mode_is_written_and_the_boot_still_fails() -> None:
    """The build option decides whether the chip comes back by itself; by hand it goes on."""
    build = replace(ECDSA, self_reset=False)
    done = first(V2_3, blob(), Chip(), build)
    assert done.refusal is not None
    assert done.refusal.number == 0x40000028
    assert done.after.lifecycle.written_tp is TpMode.TCI
    assert reset(done.after).lifecycle.tp is TpMode.TCI


def test_builds_that_boot_in_dm_or_get_their_message_from_the_host() -> None:
    """RSE_BOOT_IN_DM_LCS skips the DM part from 2.3 on; with DCSU the chip signals and waits."""
    chip = Chip(Lifecycle(Lcs.DM, TpMode.TCI))
    assert boot(chip, {}, V2_3, Build(boot_in_dm=True)).end is End.BOOTS
    assert boot(chip, {}, V2_2, Build(boot_in_dm=True)).end is End.HALTS
    waiting = boot(Chip(), {}, V2_3, Build(comms=True))
    assert waiting.end is End.WAITS
    assert waiting.lines[-1] == "[INF] Signal DCSU ready"


def test_an_empty_part_stops_2_3_with_assertions_but_not_main() -> None:
    """What main mends: data or values of no bytes go through the cipher in 2.3."""
    build = Build(signatures=frozenset({Signature.KRTL_DERIVATIVE}), assertions=True)
    message = blob(Metadata(signature=Signature.KRTL_DERIVATIVE), parts=replace(PARTS, data=b""))
    stuck = first(V2_3, message, build=build)
    assert stuck.end is End.SILENT
    assert stuck.lines[-1] == "[INF] Beginning RSE provisioning"
    assert first(release_for("main"), message, build=build).end is End.DONE
    assert first(V2_3, message, build=replace(build, assertions=False)).end is End.DONE


def test_recovery_in_bl1_2_ends_in_an_error_from_2_3_on() -> None:
    """Without a good BL2 image 2.3 begins to provision and finds that nothing is required."""
    chip = Chip(Lifecycle(Lcs.SE, TpMode.TCI))
    done = recover(chip, V2_3)
    assert done is not None
    assert done.refusal is not None
    assert done.refusal.number == 0x40000064
    assert recover(chip, V2_2) is None


def _bundles(tp: TpMode = TpMode.TCI, root: bytes = ZERO_KEY) -> list[bytes]:
    parts = BundleParts(b"code", Secret(b"values"))
    return [
        seal_bundle(owner, parts, bundle_key(owner.name, tp, root, V2_1), b"iv of 12 by.").build()
        for owner in BundleMagic
    ]


def test_2_1_takes_two_bundles_at_two_addresses() -> None:
    """Five boots here too; the chip polls, so that a late bundle is found without a reset."""
    cm, dm = _bundles()
    rules = V2_1.provisioning
    assert (rules.address, rules.dm_address) == (0x31000400, 0x31080000)
    together = provision(Chip(), [{rules.address: cm, rules.dm_address: dm}], V2_1)
    ends = [End.TP_SET, End.ENTERS_SP, End.DONE, End.ENTERS_SP, End.DONE, End.BOOTS]
    assert [b.end for b in together.boots] == ends
    assert "[INF] CM provisioning succeeded" in together.boots[2].lines
    assert "[INF] Transitioning to SE LCS" in together.boots[4].lines
    late = provision(Chip(), [{}, {rules.address: cm}, {rules.dm_address: dm}], V2_1)
    assert [b.end for b in late.boots] == ends
    alone = provision(Chip(), [{rules.address: cm}], V2_1)
    assert alone.end is End.WAITS
    assert alone.needs == prov.Required("DM", 0x31080000)
    assert alone.boots[-1].lines[-1] == "[INF] Waiting for DM provisioning bundle"


def test_2_1_refuses_a_bundle_of_another_key_and_waits_for_a_tp_mode() -> None:
    """A wrong tag is the only error; without dummy provisioning a debugger must set the mode."""
    cm, _ = _bundles(TpMode.PCI, b"K" * 32)
    done = provision(Chip(), [{V2_1.provisioning.address: cm}], V2_1)
    assert done.end is End.HALTS
    assert done.boots[-1].lines[-3:] == (
        "[ERR] CM bundle decryption failed",
        "[ERR] CM provisioning failed",
        "[ERR] BL1 provisioning failed",
    )
    pci = Build(tp_mode=TpMode.PCI)
    trust = Trust(krtl=Secret(b"K" * 32))
    done = provision(Chip(), [{V2_1.provisioning.address: cm}], V2_1, pci, trust)
    assert done.end is End.WAITS
    assert done.chip.lifecycle.lcs is Lcs.DM
    assert provision(Chip(), [], V2_1, Build(tp_mode=None)).end is End.WAITS


def test_2_1_has_no_routing_tables_on_one_rse() -> None:
    """A single RSE prints no routing tables."""
    cm, dm = _bundles()
    rules = V2_1.provisioning
    memory = {rules.address: cm, rules.dm_address: dm}
    one = provision(Chip(), [memory], V2_1, Build(rse_amount=1))
    two = provision(Chip(), [memory], V2_1)
    assert set(two.lines) - set(one.lines) == {
        "[INF] Provisioning sender routing table",
        "[INF] Provisioning receiver routing table",
    }


@given(
    junk=st.binary(max_size=700),
    kind=st.sampled_from([0, 0x1111B10B, 0x2222CE57, 0x3333DA7A, 0x4444DA7A]),
    release=st.sampled_from(MESSAGES),
    lcs=st.sampled_from([Lcs.CM, Lcs.DM]),
    tp=st.sampled_from(list(TpMode)),
    sp=st.booleans(),
)
def test_any_memory_leads_to_an_end(
    junk: bytes, kind: int, release: Release, lcs: Lcs, tp: TpMode, sp: bool
) -> None:
    """Whatever lies at the address, the machine answers, and an error has a code of the release."""
    message = kind.to_bytes(4, "little") + len(junk).to_bytes(4, "little") + junk
    done = boot(Chip(Lifecycle(lcs, tp, sp)), loaded(release, message), release, ECDSA, ROM)
    assert done.end in End
    assert (done.refusal is None) == (done.end is not End.HALTS)
    if done.refusal:
        assert done.refusal.number is not None


def test_nothing_shows_a_key() -> None:
    """Neither keys nor what they protect are in the repr of anything."""
    trust = Trust(rom_key=POINT, krtl=Secret(b"KRTL" * 8))
    done = provision(Chip(), [loaded(V2_3, blob())], V2_3, trust=trust)
    assert "KRTL" not in repr(trust)
    assert "guk" not in repr(done).lower().replace("provisioning guk", "")


def test_the_found_message_is_forgotten_once_its_last_part_has_run() -> None:
    """A combined message is remembered from CM to DM, a single one only while it runs."""
    combined = provision(Chip(), [loaded(V2_3, blob())], V2_3, trust=ROM)
    assert [b.after.staged for b in combined.boots] == [True, True, True, True, False, False]
    single = first(V2_3, _purpose(type=BlobType.SINGLE_LCS, valid_lcs=CM_ONLY))
    assert (single.ran, single.after.staged) == ("CM", False)
    old = provision(Chip(), [loaded(V2_2, blob())], V2_2, ECDSA, ROM)
    assert not any(b.after.staged for b in old.boots)


def test_a_single_message_is_protected_by_the_key_of_its_part() -> None:
    """Single DM messages are under the DM key and number, combined ones under those of CM."""
    ccm = Metadata(signature=Signature.KRTL_DERIVATIVE)
    build = Build(signatures=frozenset({Signature.KRTL_DERIVATIVE}))
    dm = Chip(Lifecycle(Lcs.DM, TpMode.TCI, sp_mode=True))
    single = replace(PURPOSE, type=BlobType.SINGLE_LCS, valid_lcs=DM_ONLY)
    assert first(V2_3, blob(ccm, single), dm, build).ran == "DM"
    assert first(V2_3, blob(ccm), dm, build).ran == "DM"
    under_cm = replace(single, valid_lcs=CM_ONLY | DM_ONLY)
    assert first(V2_3, blob(ccm, under_cm), dm, build).refusal is not None


@pytest.mark.parametrize("kind", [BlobType.DEBUG_ENABLING, BlobType.TEST, 0x77])
def test_other_blobs_run_and_reset(kind: int) -> None:
    """The firmware runs whatever verifies; what it does is the blob's own affair."""
    done = first(V2_3, _purpose(type=kind))
    assert done.end is End.DONE
    assert done.ran is None
    assert done.lines[-1] == "[INF] Running blob"
    assert done.after.lifecycle == IN_SP.lifecycle


def test_a_chip_that_can_never_get_there_does_not_loop_for_ever() -> None:
    """A message that enters SP mode and then provisions nothing goes round in circles."""
    done = provision(
        Chip(), [loaded(V2_3, _purpose(type=BlobType.DEBUG_ENABLING))], V2_3, trust=ROM
    )
    assert done.end.is_reset
    assert len(done.boots) == prov.MOST_BOOTS


def test_a_cm_part_that_runs_twice_finds_its_own_writing() -> None:
    """Outside SP mode the change to DM resets first; the second run takes the chip for tampered."""
    message = blob(
        Metadata(values=ValuesProtection.BY_MESSAGE), replace(PURPOSE, needs_sp_mode=False)
    )
    done = provision(Chip(), [loaded(V2_3, message)], V2_3, trust=ROM)
    ends = [End.TP_SET, End.ENTERS_SP, End.LEAVES_SP, End.HALTS]
    assert [b.end for b in done.boots] == ends
    refusal = done.boots[-1].refusal
    assert refusal is not None
    assert (refusal.why, refusal.number) == (Tampering.CM_AREA, 0x40000054)
    assert done.boots[1].lines[-1] == "[INF] Transitioning to DM LCS"
    assert done.boots[-1].lines[-3] == "[INF] Running blob"


def test_a_cm_part_whose_change_to_dm_is_refused_leaves_its_writing() -> None:
    """Without a TP mode the driver refuses; loaded again, the message finds the CM area written."""
    purpose = replace(PURPOSE, needs_sp_mode=False, tp_mode=RequiredTp.VIRGIN)
    message = blob(Metadata(values=ValuesProtection.BY_MESSAGE), purpose)
    once = first(V2_3, message, Chip())
    assert once.refusal is not None
    assert once.refusal.code == "LCM_ERROR_SET_LCS_INVALID_TP_MODE"
    again = first(V2_3, message, reset(once.after))
    assert again.refusal is not None
    assert again.refusal.why is Tampering.CM_AREA
