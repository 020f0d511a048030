# SPDX-License-Identifier: Apache-2.0
"""Whether provisioning messages fit a system: one for each RSE, its release and its devices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hil.images.found_image import FoundImage
from hil.images.image_roles import Role
from hil.model.boot_state import Lcs, TpMode
from hil.model.provisioning_rules import MessageFormat
from hil.model.releases import Release

#: A DM message holds neither the RSE's id nor the policies.
_WITH_ID = (Role.CM_MESSAGE, Role.COMBINED_MESSAGE)
_PER_RSE = (*_WITH_ID, Role.DM_MESSAGE)


@dataclass(frozen=True)
class System:
    """What the messages are for; None where it is not known."""

    release: Release
    rse_amount: int | None = None
    lcs: Lcs | None = None
    tp: TpMode | None = None
    #: Where they are going to be loaded.
    address: int | None = None


def check_messages(images: Sequence[FoundImage], system: System) -> list[str]:
    """Return what keeps messages from provisioning the system; one sentence each, file first."""
    findings = [f"{i.path}: {text}" for i in images for text in _one(i, system)]
    return findings + list(_ids(images, system)) + list(_address(system))


def _one(image: FoundImage, system: System) -> Iterator[str]:
    release, message = system.release, image.message
    bundles = release.provisioning.format is MessageFormat.BUNDLES
    if image.role in (Role.CM_BUNDLE, Role.DM_BUNDLE):
        if not bundles:
            yield f"a bundle of TF-M 2.1; {release.name} takes messages"
        return
    if message is None or message.header is None:
        return
    if bundles:
        yield f"a message of 2.2 or later; {release.name} takes bundles"
        return
    purpose = message.header.purpose
    if system.lcs is not None and not purpose.valid_lcs.has(system.lcs):
        allowed = ", ".join(message.lcs) or "none"
        yield f"it runs in the life-cycle states {allowed}, the device is in {system.lcs.name}"
    wanted = purpose.tp_mode.tp_mode
    if system.tp not in (None, TpMode.VIRGIN) and wanted is not system.tp:
        mode = system.tp.name if system.tp else ""
        yield f"it asks for TP mode {purpose.tp_mode.name}, the device is fixed to {mode}"
    if image.values is None:
        if image.role in _WITH_ID:
            yield "RSE id and policies cannot be read: its data is encrypted or laid out in another way"
        return
    many = system.rse_amount is not None and system.rse_amount > 1
    if many and release.policy_gated and not image.values.vhuk_agreement:
        word = release.policy_word or "policies"
        yield f"bit 0 of {word} is clear: the RSEs do not agree on one vHUK (TF-M's default)"
    amount, rse = system.rse_amount, image.values.rse_id
    if rse is None and many:
        yield "it gives no RSE id: it is of a build for one RSE (RSE_OTP_HAS_RSE_ID is off)"
    if amount is not None and rse is not None and rse >= amount:
        yield f"RSE id {rse}, the system has 0 to {amount - 1}"


def _ids(images: Sequence[FoundImage], system: System) -> Iterator[str]:
    for role in _PER_RSE:
        by_id = defaultdict(list)
        for image in images:
            if image.role is role and image.rse_id is not None:
                by_id[image.rse_id].append(str(image.path))
        for rse, paths in sorted(by_id.items()):
            if len(paths) > 1:
                yield (
                    f"{' and '.join(paths)}: both give the id {rse}; two RSEs with one id wait for "
                    "each other for ever"
                )
        missing = [n for n in range(system.rse_amount or 0) if by_id and n not in by_id]
        if missing and role is not Role.DM_MESSAGE:
            yield f"no {role} for RSE {', '.join(map(str, missing))}"


def _address(system: System) -> Iterator[str]:
    expected = system.release.provisioning_address
    if system.address is not None and system.address != expected:
        yield (
            f"load address {system.address:#x}; TF-M {system.release.name} with memory banks of "
            f"512 KiB looks at {expected:#x}"
        )
