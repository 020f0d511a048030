# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

import pytest
from firmware_lab import MESSAGE_ADDRESS, Recipe, good_flash, message
from fvp_driver import running, until

FINGERPRINT = re.compile(r"\[HIL1\] vhuk rse=(\d) of=\d src=bl1_2 fp=([0-9a-f]{32})")


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with everything that an RSE loads."""
    path = tmp_path_factory.mktemp("images") / "flash.bin"
    path.write_bytes(bytes(good_flash()).rstrip(b"\xff"))
    return path


class System:
    """Command line, OTP images and UART files of one system that may be started again."""

    def __init__(self, folder: Path, css: list[str]) -> None:
        self.folder = folder
        self.css = css
        self.logs = [folder / f"uart{n}.log" for n in range(len(css))]

    def arguments(self, flash: Path, release: str = "2.3.1", *, messages: bool) -> list[str]:
        words = [f"--data={flash}@0xB0000000"]
        parameters = {"virtual.release": release, "virtual.time_scale": "0.05"}
        for n, css in enumerate(self.css):
            nvm = f"{css}.sysctrl.rse.lcm_nvm"
            parameters[f"{nvm}.raw_image"] = str(self.folder / f"otp{n}.img")
            for flag in ("read_from_file", "update_raw_image", "use_image_file"):
                parameters[f"{nvm}.{flag}"] = "1"
            parameters[f"{css}.sysctrl.rse_uart.out_file"] = str(self.logs[n])
            parameters[f"{css}.sysctrl.rse_uart.unbuffered_output"] = "1"
            if messages:
                file = self.folder / f"message{n}.bin"
                file.write_bytes(message(Recipe(n)))
                address = MESSAGE_ADDRESS[release]
                words.append(f"--data={css}.sysctrl.rse.cpu={file}@{address:#x}")
        return words + [word for item in parameters.items() for word in ("-C", "=".join(item))]

    def text(self, n: int) -> str:
        log = self.logs[n]
        return log.read_bytes().replace(b"\0", b"").decode() if log.exists() else ""

    def fingerprints(self) -> dict[int, str]:
        """By the RSE id that each chip printed, once all have."""
        until(lambda: all(FINGERPRINT.search(self.text(n)) for n in range(len(self.css))), "vHUKs")
        found = [FINGERPRINT.findall(self.text(n))[-1] for n in range(len(self.css))]
        return {int(rse): print_ for rse, print_ in found}


CFG2 = [f"css{n}" for n in range(4)]


@pytest.mark.parametrize("release", ["2.3.1", "fixed"])
def test_virgin_chips_provision_and_agree_and_stay_provisioned(
    tmp_path: Path, flash: Path, release: str
):
    """--data reaches every RSE, self resets go on in place, the OTP outlives the process."""
    system = System(tmp_path, CFG2)
    with running(tmp_path, *system.arguments(flash, release, messages=True)) as model:
        first = system.fingerprints()
        assert model.stop() == 0
    assert sorted(first) == [0, 1, 2, 3]
    assert len(set(first.values())) == 1
    assert system.text(0).count("Starting TF-M BL1_1") > 1

    for log in system.logs:
        log.unlink()
    with running(tmp_path, *system.arguments(flash, release, messages=False)):
        assert system.fingerprints() == first
        assert system.text(0).count("Starting TF-M BL1_1") == 1


def test_two_chips_of_the_other_topology_agree(tmp_path: Path, flash: Path):
    """The number of RSEs follows the model."""
    system = System(tmp_path, ["socket0.css0", "socket0.css1"])
    other = ("-C", "virtual.topology=rdv3r1")
    with running(tmp_path, *other, *system.arguments(flash, messages=True)):
        found = system.fingerprints()
    assert sorted(found) == [0, 1]
    assert len(set(found.values())) == 1


def test_one_missing_chip_keeps_all_from_agreeing(tmp_path: Path, flash: Path):
    """A fault belongs to the chip that is named."""
    system = System(tmp_path, CFG2)
    fault = ("-C", "virtual.fault=2:never-join")
    with running(tmp_path, *fault, *system.arguments(flash, messages=True)):
        until(lambda: system.text(2).count("Starting TF-M BL1_2") > 0, "BL1_2 of chip 2")
        until(lambda: system.text(0).count("Starting TF-M BL1_2") > 0, "BL1_2 of chip 0")
        with pytest.raises(AssertionError, match="no vHUKs"):
            until(lambda: any("[HIL1] vhuk" in system.text(n) for n in range(4)), "vHUKs", 0.7)
