# SPDX-License-Identifier: Apache-2.0
"""`hil image verify`: whether an image is whole and signed by the key that it should be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hil.commands.options import Commands

if TYPE_CHECKING:
    from hil.images.found_image import FoundImage

_MAX_KEY = 64 * 1024


def add(actions: Commands) -> None:
    """Add the action."""
    verify = actions.add_parser(
        "verify",
        help="check hash and signature of images",
        description="Says of each image what was checked and what was not: without --key only that "
        "the image is whole, not who signed it. BL2 images of the RSE are encrypted; they are "
        "verified with --kce-cm and --key. Exit status 1: wrong, or not what was asked for.",
    )
    verify.add_argument("files", nargs="+", type=Path, metavar="FILE")
    verify.add_argument("--key", type=Path, metavar="PEM", help="the key that must have signed it")
    verify.add_argument(
        "--kce-cm",
        type=Path,
        metavar="FILE",
        help="code encryption key of the chip manufacturer, 32 bytes: for BL2 images",
    )
    verify.add_argument("--release", default="2.3.1", help="TF-M release: for BL2 images")
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from hil.errors import ImageError
    from hil.images.files import read_bounded
    from hil.images.recognise import recognise

    wrong = 0
    for path in options.files:
        data = read_bounded(path)
        image = recognise(path, data)
        if image is None:
            raise ImageError("is no image that is known here", path=path)
        good, text = _one(image, data, options)
        wrong += not good
        print(f"{'good' if good else 'WRONG':<5} {path}: {text}")
        for remark in image.remarks:
            print(f"      {remark}")
    return 1 if wrong else 0


def _one(image: FoundImage, data: bytes, options: argparse.Namespace) -> tuple[bool, str]:
    from hil.errors import ImageError
    from hil.images.files import read_bounded

    key = read_bounded(options.key, _MAX_KEY, "key") if options.key else None
    if image.mcuboot is not None:
        from hil.images.mcuboot_check import Check, check_image

        check = check_image(data, image.mcuboot, key)
        asked = check.signature is Check.GOOD or key is None
        text = f"hash {check.hash}, signature {check.signature} ({check.signature_by})"
        return check.ok and asked, text
    if image.bl2 is not None:
        try:
            return _bl2(data, image.path, options)
        except ImageError as error:
            return False, str(error)
    damaged = any(remark.startswith("DAMAGED") for remark in image.remarks)
    return not damaged and key is None, f"{image.role}: there is no signature to check here"


def _bl2(data: bytes, path: Path, options: argparse.Namespace) -> tuple[bool, str]:
    from hil.images.bl2_image import verify_bl2
    from hil.images.files import read_bounded
    from hil.images.signing_key import PublicKey
    from hil.model.releases import release_for

    if options.key is None or options.kce_cm is None:
        return options.key is None, "BL2 image: not checked; give --key and --kce-cm"
    kce_cm = read_bounded(options.kce_cm, 32, "KCE_CM")
    release = release_for(options.release)
    verify_bl2(data, kce_cm, PublicKey.load(options.key), path, release=release)
    return True, "decrypts, signature good (the key given)"
