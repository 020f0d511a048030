# SPDX-License-Identifier: Apache-2.0
"""No parameter of a board file lets a model write to a file that every run shares."""

from __future__ import annotations

from pathlib import Path

import pytest
from fvp_lab import Consoles, launcher

from hil.errors import UsageError
from hil.targets.fvp_originals import check_originals
from hil.targets.fvp_parameters import ModelParameters

STATE = Path("/runs/1/state")
OTP, DISK = "css0.rse.lcm_nvm", "ros.virtio_block0"
MODEL = ModelParameters({}, {f"{OTP}.update_raw_image": "0", f"{DISK}.read_only": "0"})
WRITES = ModelParameters({}, {f"{OTP}.update_raw_image": "1"})


@pytest.mark.parametrize(
    ("given", "model", "place"),
    [
        ({f"{OTP}.raw_image": "/lab/otp", f"{OTP}.update_raw_image": "1"}, MODEL, "nvm.images"),
        ({f"{OTP}.raw_image": "/lab/otp", f"{OTP}.update_raw_image": "True"}, MODEL, "nvm.images"),
        ({f"{OTP}.raw_image": "/lab/otp"}, WRITES, "nvm.images"),
        ({f"{DISK}.image_path": "/lab/disk.img"}, MODEL, "writable_images.*nvm.images"),
        ({"css0.flash.fnameWrite": "flash.img"}, MODEL, "writable_images"),
    ],
)
def test_an_original_is_refused(given: dict[str, str], model: ModelParameters, place: str):
    """With the key that gives each run a copy."""
    with pytest.raises(UsageError, match=f"the model writes .* itself.*launcher.{place}"):
        check_originals(given, model, state=STATE)


@pytest.mark.parametrize(
    ("given", "model"),
    [
        ({f"{OTP}.raw_image": "/lab/otp"}, MODEL),
        ({f"{OTP}.raw_image": "/lab/otp", f"{OTP}.update_raw_image": "0"}, WRITES),
        ({f"{OTP}.update_raw_image": "1"}, MODEL),
        ({f"{DISK}.image_path": "/lab/disk.img", f"{DISK}.read_only": "1"}, MODEL),
        ({f"{DISK}.image_path": ""}, MODEL),
        ({f"{DISK}.image_path": f"{STATE}/disk.img"}, MODEL),
    ],
)
def test_what_only_the_run_writes_is_taken(given: dict[str, str], model: ModelParameters):
    """Files that are read, switches without a file, and files of the run's own folder."""
    check_originals(given, model, state=STATE)


def test_an_otp_under_parameters_is_as_it_was(tmp_path: Path):
    """The start is refused before the model could write it."""
    otp = tmp_path / "otp.img"
    otp.write_bytes(b"as it was")
    given = {"{rse}.lcm_nvm.raw_image": str(otp), "{rse}.lcm_nvm.update_raw_image": True}
    refused = pytest.raises(UsageError, match=r"expected it in launcher\.nvm\.images")
    with Consoles() as consoles, launcher(tmp_path, parameters=given) as fvp, refused:
        fvp.start(consoles.open)
    assert otp.read_bytes() == b"as it was"
