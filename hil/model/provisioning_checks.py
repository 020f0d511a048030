# SPDX-License-Identifier: Apache-2.0
"""What BL1_1 looks at in a message before it runs it: one predicate a check.

The firmware reads its memory, not a file: a message may lie about its length and its sizes, and
what lies behind it are zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from hil.errors import ModelError
from hil.model.boot_state import Lcs, TpMode
from hil.model.keys import provisioning_key
from hil.model.provisioning_fields import (
    BlobType,
    CodeProtection,
    MessageType,
    NonRomKey,
    Personalization,
    RequiredTp,
    Signature,
    ValuesProtection,
)
from hil.model.provisioning_message import AUTH_HEADER, OUTER, SIGNATURE_SIZE, AuthHeader, Message
from hil.model.provisioning_message import parse_auth_header as parse_header
from hil.model.provisioning_rules import Check
from hil.model.provisioning_seal import TAG_SIZE, SealError, open_sealed
from hil.model.provisioning_state import Build, Chip, Memory, Part, Trust
from hil.model.releases import Release
from hil.model.secret import Secret

_P256_POINT = 64


@dataclass(frozen=True)
class View:
    """A message in the memory of a chip, as BL1_1 sees it."""

    chip: Chip
    memory: Memory
    release: Release
    build: Build
    trust: Trust = field(repr=False)
    #: Whether it comes behind another message that ran.
    chained: bool = False

    @cached_property
    def region(self) -> bytes:
        """The message region; zeros where nothing was loaded."""
        rules = self.release.provisioning
        return self.memory.get(rules.address, b"")[: rules.region].ljust(rules.region, b"\0")

    @property
    def type(self) -> int:
        """First word."""
        return int.from_bytes(self.region[:4], "little")

    @property
    def length(self) -> int:
        """Second word."""
        return int.from_bytes(self.region[4:8], "little")

    @cached_property
    def header(self) -> AuthHeader:
        """Authentication header; a signature size beyond the field counts as the field's."""
        raw = self.region[OUTER.size : OUTER.size + AUTH_HEADER.size]
        size = min(int.from_bytes(raw[:4], "little"), SIGNATURE_SIZE)
        return parse_header(size.to_bytes(4, "little") + raw[4:])

    @property
    def lcs(self) -> Lcs:
        """Life-cycle state of the chip."""
        return self.chip.lifecycle.lcs

    @property
    def part(self) -> Part:
        """Part whose key protects the message, and whose code a combined blob runs."""
        return "CM" if self.lcs is Lcs.CM else "DM"

    @property
    def needs_key(self) -> bool:
        """Whether the provisioning key is derived: for the tag, or to decrypt something."""
        metadata = self.header.metadata
        # 2.2 derives it in any case.
        return (
            not self.release.provisioning.remembers_message
            or metadata.signature is Signature.KRTL_DERIVATIVE
            or metadata.code is CodeProtection.AES
            or (metadata.values is ValuesProtection.AES and self.header.secret_values_size > 0)
        )

    @property
    def key(self) -> Secret | None:
        """The provisioning key, None where KRTL is not known."""
        header, tp = self.header, self.chip.lifecycle.tp
        if tp is TpMode.PCI and self.trust.krtl is None:
            return None
        combined = header.purpose.type == BlobType.COMBINED
        owner: Part = "CM" if combined else self.part
        number = header.batch_id if owner == "CM" else header.dm_number
        return provisioning_key(tp, self.trust.krtl, owner, number, self.release)

    def verifies(self) -> bool:
        """Return whether tag or signature verify; True where the key is not known."""
        header = self.header
        signature = header.metadata.signature
        point = self.trust.rom_key
        if signature is Signature.ROTPK_NOT_IN_ROM:
            point = header.public_key[:_P256_POINT]
        key = self.key if self.needs_key else None
        if (key is None and self.needs_key) or (signature.is_ecdsa and point is None):
            return True
        content = self.region[OUTER.size + AUTH_HEADER.size : OUTER.size + self.length]
        try:
            open_sealed(Message(MessageType.BLOB, header, content), key=key, point=point)
        except SealError:
            return False
        return True


def type_code(view: View) -> str | None:
    """Return the error of a type that BL1_1 does not handle, None for a blob."""
    if view.type == MessageType.BLOB:
        return None
    rules = view.release.provisioning
    return dict(rules.no_handler).get(view.type, rules.unknown_type)


def _found(view: View) -> bool:
    # Authenticated plain data is not looked for: the firmware has forgotten it there.
    known = (MessageType.BLOB, MessageType.CERTIFICATE, MessageType.PLAIN_DATA)
    return not view.chip.staged and view.type not in known


def _wrong_lcs(view: View) -> bool:
    return not view.header.purpose.valid_lcs.has(view.lcs)


def _personal(view: View) -> bool:
    header = view.header
    if header.metadata.personalization is not Personalization.PERSONALIZED:
        return False
    return view.chip.soc_uid is None or view.chip.soc_uid != header.soc_uid


def _dm_rotpk(view: View) -> bool:
    metadata = view.header.metadata
    not_in_rom = metadata.signature is Signature.ROTPK_NOT_IN_ROM
    return not_in_rom and metadata.non_rom_key is NonRomKey.DM_ROTPK


def _signature_kind(view: View) -> bool:
    known = view.build.signatures
    if known is None:
        known = frozenset(Signature[name] for name in view.release.provisioning.signatures)
    return view.header.metadata.signature not in known


def _decryption(view: View) -> bool:
    metadata = view.header.metadata
    encrypted = metadata.code is CodeProtection.AES
    return encrypted and metadata.values is not ValuesProtection.AES


def _encrypted_size(view: View) -> bool:
    rules, header = view.release.provisioning, view.header
    code = header.code_size > rules.code_size or header.data_size > rules.data_size
    values = header.secret_values_size > rules.values_size
    return (header.metadata.code is CodeProtection.AES and code) or (
        header.metadata.values is ValuesProtection.AES and values
    )


def _empty_part(view: View) -> bool:
    header, metadata = view.header, view.header.metadata
    ccm = metadata.signature is Signature.KRTL_DERIVATIVE
    data = header.data_size == 0 and (ccm or metadata.code is CodeProtection.AES)
    values = header.secret_values_size == 0 and (ccm or metadata.values is ValuesProtection.AES)
    return view.build.assertions and (data or values)


def _rotpk(view: View, key: NonRomKey) -> bool:
    metadata = view.header.metadata
    return metadata.signature is Signature.ROTPK_NOT_IN_ROM and metadata.non_rom_key is key


def _rotpk_kind(view: View) -> bool:
    unknown = (NonRomKey.PREVIOUS_MESSAGE, NonRomKey.RESERVED)
    # A message that comes behind another one may be signed by the key that the other one brought.
    return not view.chained and any(_rotpk(view, key) for key in unknown)


def _sizes(view: View) -> bool:
    return view.length != AUTH_HEADER.size + view.header.content_size


def _is_ccm(view: View) -> bool:
    return view.header.metadata.signature is Signature.KRTL_DERIVATIVE


#: True where the message is refused. TP_MODE and SP_MODE lead to resets as well and are elsewhere.
REFUSES: dict[Check, Callable[[View], bool]] = {
    Check.FOUND: _found,
    Check.LENGTH: lambda view: view.length > view.release.provisioning.region - OUTER.size,
    Check.TYPE: lambda view: type_code(view) is not None,
    Check.TP_BITS: lambda view: view.header.purpose.tp_mode is RequiredTp.RESERVED,
    Check.LCS: _wrong_lcs,
    Check.SP_LEFT_ON: lambda view: (
        view.chip.lifecycle.sp_mode and not view.header.purpose.needs_sp_mode
    ),
    Check.SEQUENCE: lambda view: view.header.purpose.chained != view.chained,
    Check.PERSONAL: _personal,
    Check.CODE: lambda view: view.header.code_size == 0,
    Check.DM_ROTPK: _dm_rotpk,
    Check.SIZES: _sizes,
    Check.SIGNATURE_KIND: _signature_kind,
    Check.TAG: lambda view: len(view.header.signature) < TAG_SIZE,
    Check.CODE_SIZE: lambda view: view.header.code_size > view.release.provisioning.code_size,
    Check.DATA_SIZE: lambda view: view.header.data_size > view.release.provisioning.data_size,
    Check.VALUES_SIZE: lambda view: (
        view.header.secret_values_size > view.release.provisioning.values_size
    ),
    Check.DECRYPTION: _decryption,
    Check.KEY: lambda view: view.needs_key and not view.chip.lifecycle.sp_mode,
    Check.ENCRYPTED_SIZE: _encrypted_size,
    Check.EMPTY_PART: _empty_part,
    Check.ROTPK_LCS: lambda view: _rotpk(view, NonRomKey.CM_ROTPK) and view.lcs is Lcs.CM,
    Check.ROTPK_KIND: _rotpk_kind,
    Check.VALID_TAG: lambda view: _is_ccm(view) and not view.verifies(),
    Check.VALID_SIGNATURE: lambda view: not _is_ccm(view) and not view.verifies(),
}


def refuses(view: View, check: Check) -> bool:
    """Return whether a check refuses a message.

    Raises:
        ModelError: the check is more than a refusal.
    """
    if check not in REFUSES:
        raise ModelError(f"{check.name} is not a plain refusal")
    return REFUSES[check](view)
