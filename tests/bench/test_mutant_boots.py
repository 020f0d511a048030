# SPDX-License-Identifier: Apache-2.0
"""Damaged images share boots, are judged one by one, and are taken back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hil.bench.boots import SystemBoot
from hil.bench.mutant_boots import MutantBoots
from hil.bench.mutant_case import MutantBoot, MutantCase
from hil.images.bl2_image import build_bl2
from hil.images.fip_files import write_fip
from hil.images.image_spec import fip_kind
from hil.images.mutant_rules import Loader, Outcome, Place, Verdict, outcome
from hil.images.mutants import find_mutant
from hil.images.placement import PlacedImage
from hil.images.sign_profiles import sign_profile
from hil.images.signing import sign
from hil.images.signing_key import SigningKey
from hil.targets.load import LoadPlan
from hil.uart.console import Console
from hil.uart.guard import Guard

KEY = Path(__file__).resolve().parents[2] / "boards/keys/dev-EC-P256.pem"
BASE, HOST_FLASH, SECOND_PACKAGE = 0xB0000000, 0x70000000, 0x70800000
PLACES = {
    "bl2": BASE,
    "tfm_s": BASE + 0x40000,
    "tfm_s_secondary": BASE + 0x100000,
    "scp": BASE + 0x1C0000,
    "host_flash": HOST_FLASH,
}


class Devices:
    """Stands for the bench: keeps what is loaded, and says that everything boots."""

    def __init__(self, files: dict[str, Path], rses: int) -> None:
        self.board = SimpleNamespace(rse_ids=list(range(rses)), release="2.3.1")
        self.plan = LoadPlan(
            tuple(
                _placed(name, rse, path)
                for name, path in files.items()
                for rse in self.board.rse_ids
            )
        )
        self.launcher = self
        self.guard = Guard(["never"])
        self.consoles: dict[int, Console] = {}
        self.loads: list[LoadPlan] = []
        self.flash: dict[tuple[int, int], bytes] = {}
        self.boots = 0
        #: Boots of which the journal says that images are damaged.
        self.damaged: set[int] = set()
        self.load(self.plan)

    def load(self, plan: LoadPlan) -> None:
        self.loads.append(plan)
        for image in plan.images:
            data = image.path.read_bytes()
            assert hashlib.sha256(data).hexdigest() == image.sha256
            self.flash[image.rse, image.address] = data

    def tell(self, kind: str, *, cases: list[str]) -> None:
        assert kind == "damaged images"
        assert cases
        self.damaged.add(self.boots + 1)

    def reset(self) -> SystemBoot:
        self.boots += 1
        assert self.boots in self.damaged
        return SystemBoot(self.boots, {}, 0.0)


def _placed(name: str, rse: int, path: Path) -> PlacedImage:
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return PlacedImage(name, rse, path, PLACES[name], "flash", digest, len(data))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    payload = folder / "payload.bin"
    payload.write_bytes(bytes(range(256)) * 8)
    made = {}
    for name, profile in (("tfm_s", "rdv3-s"), ("scp", "rdv3-scp")):
        made[name] = sign(payload, sign_profile(profile).recipe(KEY), folder, name=name).path
    made["bl2"] = folder / "bl2.bin"
    made["bl2"].write_bytes(build_bl2(b"code", SigningKey.load(KEY), bytes(32), "2.3.1"))
    return made


def _cases(*names: str) -> list[MutantCase]:
    cases = []
    for name in names:
        plain, _, place = name.partition("+")
        mutant = find_mutant(plain)
        assert mutant is not None
        cases.append(MutantCase(mutant, Place(place) if place else Place.ALONE))
    return cases


def _boots(devices: Any, cases: list[MutantCase], folder: Path) -> MutantBoots:
    return MutantBoots(devices, cases, {"tfm_s": KEY}, folder)


def test_as_many_cases_as_rses_share_a_boot(files: dict[str, Path], tmp_path: Path) -> None:
    """Five cases on two RSEs: three boots, each RSE with its own damaged image."""
    devices = Devices(files, rses=2)
    cases = _cases("payload-bit", "bl2-payload-bit", "all-ff", "wrong-key", "other-image")
    boots = _boots(devices, cases, tmp_path)
    found = [boots.of(case) for case in cases]
    assert devices.boots == 3
    assert [f.rse for f in found if isinstance(f, MutantBoot)] == [0, 1, 0, 1, 0]
    assert [f.boot.number for f in found if isinstance(f, MutantBoot)] == [1, 1, 2, 2, 3]


def test_each_boot_mends_what_the_one_before_has_damaged(
    files: dict[str, Path], tmp_path: Path
) -> None:
    """While one image of an RSE is damaged, all its others are good."""
    devices = Devices(files, rses=1)
    good = dict(devices.flash)
    cases = _cases("payload-bit", "bl2-payload-bit+with-spare", "tlv-sha256-flip")
    boots = _boots(devices, cases, tmp_path)
    damaged = []
    for case in cases:
        boots.of(case)
        damaged.append(
            {a for (_r, a), d in devices.flash.items() if good.get((0, a)) not in (d, None)}
        )
    assert damaged == [{PLACES["tfm_s"]}, {PLACES["bl2"]}, {PLACES["tfm_s"]}]
    spare = devices.flash[0, BASE + 0x20000]
    assert set(spare) == {0xFF}


def test_restore_loads_the_good_images_again(files: dict[str, Path], tmp_path: Path) -> None:
    """After the last case every image is what it was, and the second slots are erased."""
    devices = Devices(files, rses=2)
    good = dict(devices.flash)
    cases = _cases("payload-bit+with-spare", "bl2-all-ff")
    boots = _boots(devices, cases, tmp_path)
    boots.of(cases[0])
    assert devices.flash[0, BASE + 0x100000] == good[0, PLACES["tfm_s"]]
    boots.restore()
    assert {where: devices.flash[where] for where in good} == good
    assert set(devices.flash[0, BASE + 0x100000]) == {0xFF}
    loads = len(devices.loads)
    boots.restore()
    assert len(devices.loads) == loads


def test_an_image_of_the_board_in_the_second_slot_is_kept(
    files: dict[str, Path], tmp_path: Path
) -> None:
    """A case without a spare erases the second slot and gives it its image back."""
    second = {**files, "tfm_s_secondary": files["tfm_s"]}
    devices = Devices(second, rses=1)
    good = dict(devices.flash)
    [case] = _cases("payload-bit")
    boots = _boots(devices, [case], tmp_path)
    boots.of(case)
    assert set(devices.flash[0, PLACES["tfm_s_secondary"]]) == {0xFF}
    boots.restore()
    assert devices.flash == good


def test_a_case_waits_for_the_rse_that_has_its_image(
    files: dict[str, Path], tmp_path: Path
) -> None:
    """Only RSE 1 has a BL2 of its own: two cases for it are two boots, and none is left out."""
    devices = Devices(files, rses=2)
    devices.plan = LoadPlan(
        tuple(i for i in devices.plan.images if i.name == "tfm_s" or i.rse == 1)
    )
    cases = _cases("bl2-iv", "bl2-all-ff", "payload-bit")
    boots = _boots(devices, cases, tmp_path)
    found = [boots.of(case) for case in cases]
    assert [f.rse for f in found if isinstance(f, MutantBoot)] == [1, 1, 0]
    assert devices.boots == 2


def test_what_cannot_be_done_has_a_reason(files: dict[str, Path], tmp_path: Path) -> None:
    """A missing TLV, key or image is no failure of the firmware."""
    devices = Devices({"tfm_s": files["tfm_s"]}, rses=1)
    cases = _cases(
        "tlv-boot-record-flip", "bl2-iv", "other-image", "lower-counter", "tlv-keyhash-flip"
    )
    boots = MutantBoots(devices, cases, {}, tmp_path)  # type: ignore[arg-type]
    reasons = [boots.of(case) for case in cases]
    assert devices.boots == 0
    for reason, part in zip(
        reasons,
        ("BOOT_RECORD", "no BL2 image", "no other image", "needs the key", "no row"),
        strict=True,
    ):
        assert isinstance(reason, str)
        assert part in reason


def _ended(*stages: str, ok: bool = False, halt: str | None = None) -> Any:
    reached = tuple(SimpleNamespace(stage=stage) for stage in stages)
    return SimpleNamespace(
        reached=reached, ok=ok, detail="late", halt_line=halt, last_line="the last line"
    )


def _refused(loader: Loader) -> Outcome:
    return outcome(Verdict.REFUSED, loader, Place.ALONE)


REFUSED_BY_BL2 = _refused(Loader.RSE_BL2)
UP_TO_BL2 = ("BL1_1", "BL1_2", "vhuk", "BL2")


@pytest.mark.parametrize(
    ("expected", "result", "finding"),
    [
        (REFUSED_BY_BL2, _ended(*UP_TO_BL2), None),
        (REFUSED_BY_BL2, _ended(*UP_TO_BL2, "runtime", ok=True), "it boots"),
        (REFUSED_BY_BL2, _ended("BL1_1", "BL1_2"), "as far as BL1_2"),
        (REFUSED_BY_BL2, _ended(), None),
        (_refused(Loader.BL1_2), _ended("BL1_1", "BL1_2", "vhuk"), None),
        (_refused(Loader.BL1_2), _ended("BL1_1", "BL1_2", halt="Fatal boot error 1"), None),
        (_refused(Loader.BL1_2), _ended("BL1_1", "BL1_2"), "in BL1_2 without a word"),
        (_refused(Loader.BL1_2), _ended(*UP_TO_BL2), "as far as BL2"),
        (_refused(Loader.PROVISIONING), _ended("BL1_1", "provisioning"), None),
        (_refused(Loader.PROVISIONING), _ended("BL1_1", "BL1_2"), "as far as BL1_2"),
        (_refused(Loader.FIP_BL1_2), _ended("BL1_1"), None),
        (_refused(Loader.FIP_BL1_2), _ended("BL1_1", "BL1_2"), "as far as BL1_2"),
        (_refused(Loader.GPT), _ended("BL1_1", "BL1_2", "vhuk"), "as far as BL1_2"),
        (Outcome(Verdict.ACCEPTED), _ended(*UP_TO_BL2, "runtime", ok=True), None),
        (Outcome(Verdict.ACCEPTED), _ended(*UP_TO_BL2), "no further than BL2"),
        (Outcome(Verdict.RECOVERED, "BL2"), _ended(*UP_TO_BL2), "no further than BL2"),
    ],
)
def test_a_boot_is_judged_by_how_far_it_came(
    expected: Outcome, result: Any, finding: str | None
) -> None:
    """Too far, not far enough, or right; a silent build shows only that nothing booted."""
    boot: Any = SimpleNamespace(of=lambda _rse: result)
    mismatch = MutantBoot(2, boot, expected).mismatch
    if finding is None:
        assert mismatch is None
    else:
        assert mismatch is not None
        assert finding in mismatch
        assert "RSE 2 ends with 'the last line'" in mismatch


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path]) -> Path:
    """A package with BL2, the secure image and another one."""
    path = tmp_path_factory.mktemp("package") / "fip.bin"
    names = {"rse-bl2": "bl2", "rse-s": "tfm_s", "rse-scp-bl1": "scp"}
    write_fip(path, {fip_kind(kind): files[name] for kind, name in names.items()}, 8192)
    return path


def test_what_is_refused_before_the_handshake_is_booted_by_itself(
    package: Path, tmp_path: Path
) -> None:
    """An RSE that finds no BL2 never joins: its siblings would wait, so all of them are silenced."""
    devices = Devices({"host_flash": package}, rses=4)
    names = ("fip-name", "fip-s-missing", "fip-bl2-missing", "fip-s-into-next")
    cases = _cases(*names)
    boots = MutantBoots(devices, cases, {}, tmp_path)  # type: ignore[arg-type]
    found = [boots.of(case) for case in cases]
    assert devices.boots == 2
    assert all(isinstance(each, MutantBoot) for each in found)
    first, second = devices.loads[1], devices.loads[2]
    assert [image.name for image in first.images] == [
        "host_flash (fip-name, damaged)", "host_flash (fip-bl2-missing, damaged)",
        "host_flash (fip-name, damaged)", "host_flash (fip-name, damaged)",
    ]  # fmt: skip
    assert [image.rse for image in first.images] == [0, 1, 2, 3]
    damaged = [image.rse for image in second.images if "damaged" in image.name]
    mended = [image.rse for image in second.images if image.name == "host_flash"]
    assert (damaged, mended) == ([0, 1], [2, 3])
    boots.restore()
    assert {devices.flash[rse, HOST_FLASH] for rse in range(4)} == {package.read_bytes()}


def test_the_second_package_is_where_the_platform_has_it(package: Path, tmp_path: Path) -> None:
    """With a spare the good package is put there; alone it is erased again before the boot."""
    devices = Devices({"host_flash": package}, rses=1)
    cases = _cases("fip-name+with-spare", "fip-s-missing")
    boots = MutantBoots(devices, cases, {}, tmp_path)  # type: ignore[arg-type]
    assert isinstance(boots.of(cases[0]), MutantBoot)
    assert devices.flash[0, SECOND_PACKAGE] == package.read_bytes()
    assert isinstance(boots.of(cases[1]), MutantBoot)
    assert set(devices.flash[0, SECOND_PACKAGE]) == {0xFF}


def test_of_a_release_without_verdicts_no_row_is_booted(tmp_path: Path) -> None:
    """TF-M 2.1 has none for partition tables: that is a reason, no failure."""
    image = Path(__file__).resolve().parents[2] / "boards/payloads/host_gpt.bin"
    devices = Devices({"host_flash": image}, rses=1)
    devices.board.release = "2.1.0"
    (case,) = _cases("gpt-signature")
    boots = MutantBoots(devices, [case], {}, tmp_path)  # type: ignore[arg-type]
    assert boots.of(case) == "it is no row for TF-M 2.1.0"
    assert devices.boots == 0
