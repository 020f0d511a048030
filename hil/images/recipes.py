# SPDX-License-Identifier: Apache-2.0
"""From what a board file says of an image to the file that goes on one RSE."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path

from hil.errors import ImageError, UsageError
from hil.images.bl2_image import CODE_SIZE, build_bl2, verify_bl2
from hil.images.development_message import DevelopmentMessage, RotpkHashes
from hil.images.files import read_bounded, write_atomically
from hil.images.fip_files import write_fip
from hil.images.image_spec import (
    Bl2Recipe,
    FipRecipe,
    ImageSpec,
    McubootRecipe,
    PackedImage,
    ProvisioningRecipe,
    fip_kind,
)
from hil.images.mcuboot import HEADER_SIZE, peek_version
from hil.images.provisioning import MAX_MESSAGE
from hil.images.signing import SignRecipe, sign
from hil.images.signing_key import SigningKey
from hil.model.boot_state import BL1_2_CODE_SIZE, TpMode
from hil.model.secret import Secret


@dataclass(frozen=True)
class ProvisioningValues:
    """The keys that a board is provisioned with, as far as they are known; 32 bytes each."""

    guk: Secret | None = None
    kp_cm: Secret | None = None
    kce_cm: Secret | None = None
    kp_dm: Secret | None = None
    kce_dm: Secret | None = None
    krtl: Secret | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            key = getattr(self, each.name)
            if key is None:
                continue
            if len(key) != 32:
                raise UsageError(f"provisioning.{each.name}: expected 32 bytes, got {len(key)}")
            # Plain bytes would show themselves in the repr of this object.
            object.__setattr__(self, each.name, Secret(key))

    def need(self, name: str, image: str) -> Secret:
        """Return a key.

        Raises:
            UsageError: the board does not give it; names the image that needs it.
        """
        key: Secret | None = getattr(self, name)
        if key is None:
            raise UsageError(f"provisioning.{name} is missing, image {image!r} needs it")
        return key


@dataclass(frozen=True)
class BuiltFile:
    """One file, the same for all RSEs that share it."""

    path: Path
    version: str | None
    sha256: str
    size: int


@dataclass(frozen=True)
class Workshop:
    """Where images are built from and to, for which system."""

    base_dir: Path
    out_dir: Path
    rse_amount: int
    values: ProvisioningValues

    def build(self, spec: ImageSpec, rse: int) -> BuiltFile:
        """Make or find the file of an image for one RSE.

        Raises:
            ImageError: an input or the result is malformed; names the image and the file.
            UsageError: the board lacks a key that the image needs.
        """
        try:
            if spec.mcuboot is not None:
                return self._mcuboot(spec.name, spec.mcuboot)
            if spec.bl2 is not None:
                return self._bl2(spec.name, spec.bl2)
            if spec.provisioning is not None:
                return self._provisioning(spec.name, spec.provisioning, rse)
            if spec.fip is not None:
                return self._fip(spec.name, spec.fip)
            if spec.files is not None:
                return self._file(str(spec.files[rse]))
            return self._file(str(spec.file).replace("{id}", str(rse)))
        except ImageError as error:
            raise _named(error, spec.name) from error

    def _fip(self, name: str, recipe: FipRecipe) -> BuiltFile:
        """Write a package, or the GPT image with the package in its partitions."""
        gpt = self.base_dir / recipe.gpt if recipe.gpt else None
        files = {
            fip_kind(kind): self._packed(f"{name}-{kind}", image)
            for kind, image in recipe.images.items()
        }
        # Boards share the folder: by its inputs' places, for its content may take 64 MB each time.
        places = [f"{kind}={path}" for kind, path in files.items()]
        path = self.out_dir / f"{name}-{_identity(*places, gpt, recipe)}.bin"
        size, digest = write_fip(path, files, recipe.align, gpt, recipe.partitions)
        return BuiltFile(path, None, digest, size)

    def _packed(self, name: str, image: Path | PackedImage) -> Path:
        """Return the file of an image that goes into a package."""
        if isinstance(image, Path):
            return self.base_dir / image
        if image.mcuboot is not None:
            return self._mcuboot(name, image.mcuboot).path
        assert image.bl2 is not None
        return self._bl2(name, image.bl2).path

    def _file(self, name: str) -> BuiltFile:
        path = self.base_dir / name
        try:
            if not path.is_file():
                reason = "is no regular file" if path.exists() else "no such file"
                raise ImageError(reason, path=path)
            with path.open("rb") as stream:
                version = peek_version(stream.read(HEADER_SIZE))
                stream.seek(0)
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = path.stat().st_size
        except OSError as error:
            raise ImageError(error.strerror or str(error), path=path) from error
        if size == 0:
            raise ImageError("the file is empty", path=path)
        return BuiltFile(path, str(version) if version else None, digest, size)

    def _mcuboot(self, name: str, recipe: McubootRecipe) -> BuiltFile:
        sign_recipe = SignRecipe(
            key=self.base_dir / recipe.key,
            version=recipe.version,
            security_counter=recipe.security_counter,
            header_size=recipe.header_size,
            slot_size=recipe.slot_size,
            load_address=recipe.load_address,
        )
        signed = sign(self.base_dir / recipe.payload, sign_recipe, self.out_dir, name=name)
        return BuiltFile(signed.path, str(signed.image.version), signed.sha256, signed.size)

    def _bl2(self, name: str, recipe: Bl2Recipe) -> BuiltFile:
        code = read_bounded(self.base_dir / recipe.payload, CODE_SIZE, "payload")
        key = SigningKey.load(self.base_dir / recipe.key)
        kce_cm = self.values.need("kce_cm", name)
        inputs = (code, key.public.der, kce_cm, recipe.version, recipe.security_counter)
        path = self.out_dir / f"{name}-{_identity(*inputs)}.bin"
        data = _kept(path)
        if data is None or not _is_bl2(data, kce_cm, key, code):
            data = build_bl2(code, key, kce_cm, recipe.version, recipe.security_counter)
            write_atomically(path, data)
        image, _ = verify_bl2(data, kce_cm, key.public, path)
        return _built(path, data, str(image.version))

    def _provisioning(self, name: str, recipe: ProvisioningRecipe, rse: int) -> BuiltFile:
        bl1_2 = read_bounded(self.base_dir / recipe.bl1_2, BL1_2_CODE_SIZE, "BL1_2 code")
        key = SigningKey.load(self.base_dir / recipe.key)
        need = self.values.need
        tp = TpMode[recipe.tp_mode]
        message = DevelopmentMessage(
            rse_id=rse,
            rse_amount=self.rse_amount,
            bl1_2=bl1_2,
            rotpks=RotpkHashes.of_one_key(key.public),
            guk=need("guk", name),
            kp_cm=need("kp_cm", name),
            kce_cm=need("kce_cm", name),
            kp_dm=need("kp_dm", name),
            kce_dm=need("kce_dm", name),
            tp=tp,
            vhuk_agreement=recipe.policies.vhuk_agreement,
            krtl=need("krtl", name) if tp is TpMode.PCI else None,
        )
        inputs = (message.rse_id, message.rse_amount, bl1_2, key.public.der, recipe)
        secrets = (message.guk, message.kp_cm, message.kce_cm, message.kp_dm, message.kce_dm)
        path = self.out_dir / f"{name}-{rse}-{_identity(*inputs, *secrets, message.krtl)}.bin"
        data = _kept(path)
        if data is None or not message.is_in(data, key.public):
            data = message.build(key)
            # Nobody else may read it: in TCI everyone can derive the key that encrypts its secrets.
            write_atomically(path, data, mode=0o600)
        return _built(path, data, None)


def _identity(*inputs: object) -> str:
    """Return a name for everything that goes into a file."""
    parts = [
        hashlib.sha256(value).hexdigest() if isinstance(value, bytes) else str(value)
        for value in inputs
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _kept(path: Path) -> bytes | None:
    try:
        return read_bounded(path, MAX_MESSAGE)
    except ImageError:
        return None


def _is_bl2(data: bytes, kce_cm: bytes, key: SigningKey, code: bytes) -> bool:
    try:
        _, found = verify_bl2(data, kce_cm, key.public)
    except ImageError:
        return False
    return found == code.ljust(CODE_SIZE, b"\0")


def _built(path: Path, data: bytes, version: str | None) -> BuiltFile:
    return BuiltFile(path, version, hashlib.sha256(data).hexdigest(), len(data))


def _named(error: ImageError, name: str) -> ImageError:
    """Return the error with the name of the image in front of its message."""
    path, offset, field = error.path, error.offset, error.field
    place = str(ImageError("", path=path, offset=offset, field=field))
    message = f"image {name!r}: {str(error).removeprefix(place)}"
    return ImageError(message, path=path, offset=offset, field=field)
