# SPDX-License-Identifier: Apache-2.0
"""Signing MCUboot images with the imgtool of the running Python, and keeping what was signed.

ECDSA signatures differ from one run of imgtool to the next, so a signed file is kept by the content
of everything that went into it and used again: the same inputs give the same bytes, and no time is
spent. What imgtool writes is verified here before anyone gets it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import IO

from hil.errors import ImageError
from hil.images.files import MAX_IMAGE, read_bounded, write_atomically
from hil.images.mcuboot import McubootImage, Version, verify_image
from hil.images.signing_key import PublicKey

#: Seconds; a run takes 0.1 to 0.7.
TIME_LIMIT = 60.0
_ELF = b"\x7fELF"
#: First record: length, address, type and at least the check sum.
_HEX = re.compile(rb"\s*:[0-9A-Fa-f]{10,}\s*(?:[\r\n]|$)")


@dataclass(frozen=True)
class SignRecipe:
    """How an image is signed: what TF-M's build passes to imgtool for RSE images."""

    #: Private key, PEM.
    key: Path
    version: str
    security_counter: int = 1
    header_size: int = 0x400
    slot_size: int = 0x60000
    #: Where it is copied to before it runs; None for an image that runs in place.
    load_address: int | None = None
    align: int = 1
    max_align: int = 8
    #: What it asks of other images, as imgtool wants it: "(1, 0.0.0+0)".
    dependency: str | None = None
    #: Software type of the boot record ("SPE", "NSPE"), None for no record.
    boot_record: str | None = None
    #: Whether the file is padded to the slot.
    pad: bool = False

    def arguments(self) -> list[str]:
        """Return the options of `imgtool sign`."""
        options = [
            *("--key", str(self.key)),
            *("--public-key-format", "full"),
            *("--align", str(self.align)),
            *("--max-align", str(self.max_align)),
            *("--version", self.version),
            *("--security-counter", str(self.security_counter)),
            *("--header-size", hex(self.header_size)),
            "--pad-header",
            *("--slot-size", hex(self.slot_size)),
        ]
        if self.load_address is not None:
            options += ["--load-addr", hex(self.load_address)]
        if self.dependency is not None:
            options += ["--dependencies", self.dependency]
        if self.boot_record is not None:
            options += ["--boot-record", self.boot_record]
        if self.pad:
            options.append("--pad")
        return options


@dataclass(frozen=True)
class SignedImage:
    """A signed file, verified."""

    path: Path
    image: McubootImage
    sha256: str
    size: int


def sign(
    payload: Path,
    recipe: SignRecipe,
    cache_dir: Path,
    *,
    name: str | None = None,
    timeout: float = TIME_LIMIT,
) -> SignedImage:
    """Sign a payload, or return the file that was signed with the same inputs before.

    Args:
        payload: Raw binary without header.
        recipe: How to sign.
        cache_dir: Where signed files are kept; may be shared by processes.
        name: Beginning of the file name; the payload's by default.
        timeout: Seconds that imgtool may take.

    Raises:
        ImageError: payload or key cannot be read, the payload is an ELF file or Intel HEX text,
            imgtool refuses or takes too long, or its result does not verify.
    """
    content = read_bounded(payload, what="payload")
    _require_binary(content, payload)
    key_file = read_bounded(recipe.key, what="key")
    key = PublicKey.load(recipe.key)
    Version.parse(recipe.version)
    path = cache_dir / f"{name or payload.stem}-{_identity(content, key_file, recipe)}.bin"
    if (kept := _kept(path, recipe, content, key)) is not None:
        return kept
    signed = _run_imgtool(payload, content, recipe, timeout)
    image = _checked(signed, payload, recipe, content, key)
    write_atomically(path, signed)
    return SignedImage(path, image, hashlib.sha256(signed).hexdigest(), len(signed))


def _require_binary(content: bytes, payload: Path) -> None:
    """Refuse files that would have to be made raw binaries first."""
    kinds = {
        "an ELF file": ("arm-none-eabi-objcopy", content.startswith(_ELF)),
        "Intel HEX text": ("objcopy -I ihex", _HEX.match(content) is not None),
    }
    for what, (tool, is_so) in kinds.items():
        if is_so:
            raise ImageError(
                f"{what}, expected a raw binary; make one: {tool} -O binary {payload.name} "
                f"{payload.stem}_raw.bin",
                path=payload,
                field="payload",
            )


def _identity(content: bytes, key_file: bytes, recipe: SignRecipe) -> str:
    """Return a name for everything that goes into the signed file."""
    parts = {
        "payload": hashlib.sha256(content).hexdigest(),
        "key": hashlib.sha256(key_file).hexdigest(),
        "arguments": recipe.arguments()[2:],
        "imgtool": installed_version("imgtool"),
    }
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _kept(path: Path, recipe: SignRecipe, content: bytes, key: PublicKey) -> SignedImage | None:
    """Return the file signed before, None if there is none or someone has damaged it."""
    if not path.is_file():
        return None
    try:
        data = read_bounded(path)
        image = _checked(data, path, recipe, content, key)
    except ImageError:
        return None
    return SignedImage(path, image, hashlib.sha256(data).hexdigest(), len(data))


def _run_imgtool(payload: Path, content: bytes, recipe: SignRecipe, timeout: float) -> bytes:
    """Return what imgtool makes of the payload."""
    # What is signed is what was read, in memory: nothing is left of it, whoever is killed, and its name
    # cannot be taken for an Intel hex file.
    with _memory("payload", content) as source, _memory("signed") as target:
        command = [sys.executable, "-P", "-m", "imgtool.main", "sign", *recipe.arguments()]
        try:
            done = subprocess.run(
                [*command, f"/proc/self/fd/{source.fileno()}", f"/proc/self/fd/{target.fileno()}"],
                pass_fds=(source.fileno(), target.fileno()),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ImageError(f"imgtool sign took more than {timeout:g} s", path=payload) from None
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines()
            reason = lines[-1] if lines else f"exit code {done.returncode}, no message"
            raise ImageError(f"imgtool sign: {reason}", path=payload)
        target.seek(0)
        return target.read(MAX_IMAGE)


def _memory(name: str, content: bytes = b"") -> IO[bytes]:
    """Return a file without a name on any disk."""
    stream = os.fdopen(os.memfd_create(name), "w+b")
    stream.write(content)
    stream.flush()
    return stream


def _checked(
    signed: bytes, path: Path, recipe: SignRecipe, content: bytes, key: PublicKey
) -> McubootImage:
    """Verify a signed file, and that it says what the recipe says."""
    image = verify_image(signed, key, path)
    expected = {
        "ih_load_addr": (image.load_address, recipe.load_address or 0),
        "ih_flags RAM_LOAD": (image.ram_load, recipe.load_address is not None),
        "ih_hdr_size": (image.header_size, recipe.header_size),
        "ih_ver": (image.version, Version.parse(recipe.version)),
        "TLV SEC_CNT": (image.security_counter, recipe.security_counter),
        "ih_img_size": (image.image_size, len(content)),
    }
    for field, (got, wanted) in expected.items():
        if got != wanted:
            raise ImageError(
                f"the signed image has {got}, the recipe {wanted}", path=path, field=field
            )
    if len(signed) > recipe.slot_size:
        raise ImageError(
            f"{len(signed):#x} bytes do not fit the slot of {recipe.slot_size:#x}", path=path
        )
    if signed[image.header_size :][: image.image_size] != content:
        raise ImageError("the signed image holds another payload", path=path, field="payload")
    return image
