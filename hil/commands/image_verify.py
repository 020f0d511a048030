# SPDX-License-Identifier: Apache-2.0
"""`hil image verify`: whether an image is whole and signed by the key that it should be."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from hil.commands.options import Commands
from hil.commands.seal_options import add_keys, read_keys, seal_keys

if TYPE_CHECKING:
    from hil.images.found_image import FoundImage
    from hil.images.mcuboot import McubootImage
    from hil.images.mcuboot_check import Check


class _Word(StrEnum):
    """What is said of an image; of several the worst."""

    GOOD = "good"
    UNCHECKED = "unchecked"
    WRONG = "WRONG"


_Finding = tuple[_Word, str]


def add(actions: Commands) -> None:
    """Add the action."""
    verify = actions.add_parser(
        "verify",
        help="check hash and signature of images, tag or signature of provisioning messages",
        description="Says of each image what was checked and what was not: without --key only that "
        "the image is whole, not who signed it. BL2 images of the RSE are encrypted; they are "
        "verified with --kce-cm and --key. A provisioning message of TP mode PCI needs --krtl, one "
        "that is signed --key. Exit status 1: wrong, not what was asked for, or not checked.",
    )
    verify.add_argument("files", nargs="+", type=Path, metavar="FILE")
    add_keys(verify)
    verify.add_argument(
        "--kce-cm",
        type=Path,
        metavar="FILE",
        help="code encryption key of the chip manufacturer, 32 bytes: for BL2 images",
    )
    verify.add_argument(
        "--release", default="2.3.1", help="TF-M release: for BL2 images and messages"
    )
    verify.set_defaults(run=_verify)


def _verify(options: argparse.Namespace) -> int:
    from hil.errors import ImageError
    from hil.images.files import read_bounded
    from hil.images.recognise import recognise

    keys = read_keys(options.key)
    every = []
    for path in options.files:
        data = read_bounded(path)
        image = recognise(path, data)
        if image is None:
            raise ImageError("is no image that is known here", path=path)
        findings = list(_findings(image, data, keys, options))
        every += findings
        for word, text in findings:
            print(f"{word:<9} {path}: {text}")
        for remark in image.remarks:
            print(f"          {remark}")
    return 0 if all(word is _Word.GOOD for word, _text in every) else 1


def _findings(
    image: FoundImage, data: bytes, keys: list[bytes], options: argparse.Namespace
) -> Iterator[_Finding]:
    """Yield what is to be said of a file; of one with several images, of each."""
    from hil.errors import ImageError

    if image.mcuboot is not None:
        yield _mcuboot(data, image.mcuboot, keys)
        yield from _behind(data, image.mcuboot, keys)
    elif image.bl2 is not None:
        try:
            yield _bl2(data, image.path, options)
        except ImageError as error:
            yield _Word.WRONG, str(error)
    elif image.message is not None:
        yield _message(image, keys, options)
    elif image.damage:
        yield _Word.WRONG, f"{image.role}: it is damaged"
    else:
        yield _Word.UNCHECKED, f"{image.role}: there is no signature to check here"


def _mcuboot(data: bytes, image: McubootImage, keys: list[bytes]) -> _Finding:
    from hil.images.mcuboot_check import Check, check_image

    checks = [check_image(data, image, key) for key in keys] or [check_image(data, image)]
    check = next((each for each in checks if each.signature is Check.GOOD), checks[0])
    text = f"hash {check.hash}, signature {check.signature} ({check.signature_by})"
    # A good signature covers what the hash does.
    return _of(check.signature) if check.ok else _Word.WRONG, text


def _of(check: Check) -> _Word:
    return {"good": _Word.GOOD, "BAD": _Word.WRONG}.get(check, _Word.UNCHECKED)


def _behind(data: bytes, image: McubootImage, keys: list[bytes]) -> Iterator[_Finding]:
    from hil.errors import ImageError
    from hil.images.mcuboot import parse_image
    from hil.images.mcuboot_behind import behind

    for found in behind(data, image):
        where = f"at {found.offset:#x} behind it"
        if found.data is None:
            text = f"{where}: bytes that are neither an image nor padding, nothing covers them"
            yield _Word.UNCHECKED, text
            continue
        try:
            word, text = _mcuboot(found.data, parse_image(found.data), keys)
        except ImageError as error:
            word, text = _Word.WRONG, f"a damaged image: {error}"
        yield word, f"{where}: {text}"


def _bl2(data: bytes, path: Path, options: argparse.Namespace) -> _Finding:
    from hil.errors import ImageError
    from hil.images.bl2_image import verify_bl2
    from hil.images.files import read_bounded
    from hil.images.signing_key import PublicKey
    from hil.model.releases import release_for

    if not options.key or options.kce_cm is None:
        return _Word.UNCHECKED, "BL2 image: give --key and --kce-cm"
    kce_cm = read_bounded(options.kce_cm, 32, "KCE_CM")
    release = release_for(options.release)
    for number, key in enumerate(options.key, start=1):
        try:
            verify_bl2(data, kce_cm, PublicKey.load(key), path, release=release)
            break
        except ImageError:
            if number == len(options.key):
                raise
    return _Word.GOOD, "decrypts, signature good (the key given)"


def _message(image: FoundImage, keys: list[bytes], options: argparse.Namespace) -> _Finding:
    from hil.images.message_seal import check_seal, seal_name
    from hil.model.releases import release_for

    assert image.message is not None
    message = image.message.message
    seals = seal_keys(keys, options.krtl)
    check, why = check_seal(message, seals, release_for(options.release))
    return _of(check), f"{image.role}: {seal_name(message)} {check} ({why})"
