# SPDX-License-Identifier: Apache-2.0
"""Values of the provisioning state machine: a chip, a build, a boot and how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from hil.model.boot_state import TpMode
from hil.model.lifecycle import Lifecycle
from hil.model.lifecycle_rules import LcmRefusal
from hil.model.provisioning_fields import Signature
from hil.model.provisioning_rules import Check
from hil.model.secret import Secret

#: What lies in memory: bytes by the address that they were loaded to.
Memory = Mapping[int, bytes]
Part = Literal["CM", "DM"]


class End(StrEnum):
    """How a boot ends."""

    BOOTS = "nothing to provision: goes on to BL1_2"
    TP_SET = "reset, the TP mode is set"
    ENTERS_SP = "reset into secure provisioning mode"
    LEAVES_SP = "reset out of secure provisioning mode"
    DONE = "reset, the message has run"
    HALTS = "fatal boot error"
    SILENT = "an assertion stops it without a line"
    WAITS = "waits for ever, for what is to be loaded or set"

    @property
    def is_reset(self) -> bool:
        """Whether another boot follows."""
        return self in (End.TP_SET, End.ENTERS_SP, End.LEAVES_SP, End.DONE)


class Tampering(StrEnum):
    """What CM provisioning finds wrong with a chip; the name of its error."""

    DEVICE_STATUS = "TFM_PLAT_ERR_PROVISIONING_DEVICE_STATUS_TAMPERING_DETECTED"
    CM_AREA = "TFM_PLAT_ERR_PROVISIONING_CM_TAMPERING_DETECTED"


@dataclass(frozen=True)
class Chip:
    """One RSE as far as provisioning sees it.

    Attributes:
        lifecycle: Its life-cycle manager; virgin by default.
        staged: Whether BL1_1 has found a message and remembers that over resets (from 2.3 on).
        soc_uid: Id in its SoC area, None without one.
        krtl_uses: How often KRTL was read.
        tampered: What was written before CM provisioning, or by a CM part that ran without getting
            the chip into DM.
    """

    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    staged: bool = False
    soc_uid: bytes | None = None
    krtl_uses: int = 0
    tampered: Tampering | None = None


@dataclass(frozen=True)
class Build:
    """Options of BL1_1.

    Attributes:
        signatures: Kinds of signature that it verifies; those of the release's default if None.
        self_reset: RSE_PROVISIONING_ISSUE_SELF_RESET, on by default.
        boot_in_dm: RSE_BOOT_IN_DM_LCS (from 2.3 on).
        comms: RSE_ENABLE_DCSU_PROVISIONING_COMMS (from 2.3 on): the message comes from the host.
        assertions: Whether assertions are compiled in.
        tp_mode: RSE_TP_MODE, which 2.1 writes with TFM_DUMMY_PROVISIONING; None waits for a
            debugger.
        rse_amount: RSEs of the system; one alone has no routing tables.
    """

    signatures: frozenset[Signature] | None = None
    self_reset: bool = True
    boot_in_dm: bool = False
    comms: bool = False
    assertions: bool = False
    tp_mode: TpMode | None = TpMode.TCI
    rse_amount: int = 2


@dataclass(frozen=True)
class Trust:
    """What a chip verifies messages with; what is not known is taken to verify.

    Attributes:
        rom_key: X and Y of the key in the ROM.
        krtl: Root key of the RTL, for PCI chips.
    """

    rom_key: bytes | None = None
    krtl: Secret | None = None


@dataclass(frozen=True)
class Refusal:
    """Why provisioning ended in an error.

    Attributes:
        why: The check, the driver's refusal, or what the blob's code found.
        code: Name of the error, None where there is none.
        number: Its number in the release.
    """

    why: Check | LcmRefusal | Tampering | str
    code: str | None
    number: int | None


@dataclass(frozen=True)
class Required:
    """What has to be loaded for provisioning to go on."""

    part: Part
    address: int


@dataclass(frozen=True)
class Boot:
    """One boot of a chip.

    Attributes:
        before: The chip at reset.
        lines: What BL1_1 prints, without the lines of its noise source.
        end: How it ends.
        after: The chip at the end, before the next reset.
        ran: Part that was provisioned in this boot.
        refusal: Set if it ended in an error.
        wiped: Whether the message was zeroed, so that it must be loaded again.
        needs: What must be loaded before the chip can go on.
    """

    before: Chip
    lines: tuple[str, ...]
    end: End
    after: Chip
    ran: Part | None = None
    refusal: Refusal | None = None
    wiped: bool = False
    needs: Required | None = None
