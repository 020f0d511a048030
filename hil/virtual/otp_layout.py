# SPDX-License-Identifier: Apache-2.0
"""Where things stand in a virtual RSE's OTP, and typed access to them.

The hardware words and the header follow TF-M's lcm_otp_layout.h and rse_otp_layout.h; areas stand
where the provisioning message put them (the area-info words) and have the layout of the
development message: the one of 2.3 without TRNG and entropy items, in every release.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hil.virtual.error_codes import PlatError, plat_code
from hil.virtual.otp import OTP_SIZE, Otp
from hil.virtual.releases import Release

KEY_SIZE = 32
HUK, GUK, KP_CM, KCE_CM, KP_DM, KCE_DM, ROTPK = range(0x00, 0xE0, KEY_SIZE)
TP_MODE_CONFIG = 0xE0
CM_CONFIG_1 = 0xE4
CM_CONFIG_2 = 0xE8
DM_CONFIG = 0xEC
CM_RMA_FLAG = 0xF0
DM_RMA_FLAG = 0xF4

#: Area -> offset of its info word {offset u16, size u16}; the info's zero count follows.
AREA_INFO = {"cm": 0xF8, "bl1_2": 0x100, "dm": 0x108, "dynamic": 0x110, "soc": 0x118}

DMA_ICS_SIZE = 0x108
BL1_2_CODE_SIZE = 0x2000

_CM_HEAD = struct.Struct("<IIII")  # zero count, blob version, policies, rse_id
_CM_ROTPK_AREAS = _CM_HEAD.size + 16 + 96 + 4
_ROTPK_HEAD = 8  # zero count, policies
CM_ROTPKS, CM_ROTPK_SETS = 4, 4
DM_ROTPKS, DM_ROTPK_SETS = 3, 8
_CM_ROTPK_AREA = _ROTPK_HEAD + 32 * CM_ROTPKS
_DM_ROTPK_AREA = _ROTPK_HEAD + 32 * DM_ROTPKS
ROUTING_TABLE_SIZE = 8
_DM_ROUTING = 12
_DM_ROTPK_AREAS = _DM_ROUTING + ROUTING_TABLE_SIZE + 4
_BL1_2_HASH = 12
_BL1_2_CODE = _BL1_2_HASH + 48

CM_AREA_SIZE = _CM_ROTPK_AREAS + CM_ROTPK_SETS * _CM_ROTPK_AREA
BL1_2_AREA_SIZE = _BL1_2_CODE + BL1_2_CODE_SIZE
DM_AREA_SIZE = _DM_ROTPK_AREAS + DM_ROTPK_SETS * _DM_ROTPK_AREA

_SECURITY_COUNTER_SIZE = 32


@dataclass(frozen=True)
class Region:
    """Bytes of the OTP that a zero count watches over."""

    start: int
    size: int
    count_at: int


@dataclass(frozen=True)
class Area:
    """One area as its info word describes it."""

    offset: int
    size: int


def zero_bits(data: bytes) -> int:
    """Number of bits that are 0."""
    return 8 * len(data) - int.from_bytes(data, "little").bit_count()


class OtpMap:
    """Typed view of one die's fuses for one release."""

    def __init__(self, otp: Otp, release: Release) -> None:
        self.otp = otp
        self.release = release

    def code(self, name: str) -> int:
        """Number of TFM_PLAT_ERR_`name` in this release."""
        return plat_code(name, self.release.generation)

    def key(self, offset: int) -> bytes:
        """One of the 256-bit hardware keys."""
        return self.otp.read(offset, KEY_SIZE)

    def area(self, name: str) -> Area:
        """An area; a virgin or nonsensical info word gives an empty one."""
        word = self.otp.word(AREA_INFO[name])
        area = Area(word & 0xFFFF, word >> 16)
        return area if area.offset + area.size <= OTP_SIZE else Area(0, 0)

    @property
    def policies(self) -> int:
        """The CM area's policy word (`config_flags` at 2.2)."""
        return self.otp.word(self.area("cm").offset + 8)

    @property
    def vhuk_agreement_required(self) -> bool:
        """Bit 0 of the policy word."""
        return bool(self.policies & 1)

    @property
    def rse_id(self) -> int:
        """The id that the CM blob gave to this RSE."""
        return self.otp.word(self.area("cm").offset + 12)

    @property
    def routes(self) -> bytes:
        """Next hop for each node."""
        return self.otp.read(self.area("dm").offset + _DM_ROUTING, ROUTING_TABLE_SIZE)

    @property
    def bl1_2_hash(self) -> bytes:
        """The provisioned hash of BL1_2 (SHA-256 and zeros)."""
        return self.otp.read(self.area("bl1_2").offset + _BL1_2_HASH, 48)

    @property
    def bl1_2_code(self) -> bytes:
        """BL1_2 as BL1_1 copies it: as many bytes as provisioned, padded to the whole 8 KiB."""
        base = self.area("bl1_2").offset
        size = min(self.otp.word(base + 4), BL1_2_CODE_SIZE)
        return self.otp.read(base + _BL1_2_CODE, size).ljust(BL1_2_CODE_SIZE, b"\0")

    @property
    def reprovisioning_bits(self) -> int:
        """First word of the CM reprovisioning counter, as it enters the boot state."""
        return self.otp.word(self.area("dynamic").offset)

    def cm_rotpk(self, index: int) -> bytes:
        """Hash of a CM root-of-trust key of the set in force."""
        used = self.rotpk_set("cm")
        return self._rotpk("cm", _CM_ROTPK_AREAS + used * _CM_ROTPK_AREA, index)

    def _rotpk(self, area: str, base: int, index: int) -> bytes:
        return self.otp.read(self.area(area).offset + base + _ROTPK_HEAD + 32 * index, 32)

    def rotpk_set(self, owner: str) -> int:
        """How often "cm" or "dm" revoked its keys = which set is in force.

        Raises:
            PlatError: If there is no such set any more.
        """
        align = self.release.counter_align
        at = self.area("dynamic").offset + align * (1 if owner == "cm" else 2)
        used = self.otp.read(at, align)
        count = int.from_bytes(used, "little").bit_count()
        if count >= (CM_ROTPK_SETS if owner == "cm" else DM_ROTPK_SETS):
            name = f"OTP_INIT_{owner.upper()}_ROTPK_REPROVISIONING_COUNTER_EXCEEDED"
            raise PlatError(self.code(name), f"{owner} keys revoked {count} times")
        return count

    def region(self, name: str) -> Region:
        """The watched bytes of an area, or of a ROTPK set in force ("cm_rotpk", "dm_rotpk")."""
        if name.endswith("_rotpk"):
            owner = name.removesuffix("_rotpk")
            base, size = {
                "cm": (_CM_ROTPK_AREAS, _CM_ROTPK_AREA),
                "dm": (_DM_ROTPK_AREAS, _DM_ROTPK_AREA),
            }[owner]
            start = self.area(owner).offset + base + self.rotpk_set(owner) * size
            return Region(start + 4, size - 4, start)
        area = self.area(name)
        keys = {
            "cm": CM_ROTPK_SETS * _CM_ROTPK_AREA,
            "dm": DM_ROTPK_SETS * _DM_ROTPK_AREA,
        }.get(name, 0)
        return Region(area.offset + 4, max(0, area.size - 4 - keys), area.offset)

    def info_region(self, name: str) -> Region:
        """The info word of an area with its zero count."""
        at = AREA_INFO[name]
        return Region(at, 4, at + 4)

    def seal(self, region: Region) -> None:
        """Write the zero count of a region."""
        self.otp.write_word(region.count_at, zero_bits(self.otp.read(region.start, region.size)))

    def intact(self, region: Region) -> bool:
        """Whether a region has as many zeros as its zero count says."""
        return zero_bits(self.otp.read(region.start, region.size)) == self.otp.word(region.count_at)

    def security_counter(self, index: int) -> int:
        """Unary counter `index` of bank 0: 0 is BL1's (BL2 image), 1 + n that of image n."""
        at = self._security_counter_at(index)
        return int.from_bytes(self.otp.read(at, _SECURITY_COUNTER_SIZE), "little").bit_count()

    def set_security_counter(self, index: int, value: int) -> None:
        """Raise a counter.

        Raises:
            PlatError: If the counter cannot hold the value.
        """
        if value > 8 * _SECURITY_COUNTER_SIZE:
            raise PlatError(
                self.code("SET_OTP_COUNTER_MAX_VALUE"), f"security counter {value} is over 256"
            )
        bits = ((1 << value) - 1).to_bytes(_SECURITY_COUNTER_SIZE, "little")
        self.otp.write(self._security_counter_at(index), bits)

    def _security_counter_at(self, index: int) -> int:
        first = self.area("dynamic").offset + 3 * self.release.counter_align
        return first + _SECURITY_COUNTER_SIZE * index

    @property
    def krtl_usage(self) -> int:
        """How often KRTL was loaded."""
        return int.from_bytes(self.otp.read(self.release.krtl_counter, 8), "little").bit_count()

    def count_krtl_usage(self, loads: int) -> None:
        """Advance the KRTL usage counter."""
        bits = (1 << min(64, self.krtl_usage + loads)) - 1
        self.otp.write(self.release.krtl_counter, bits.to_bytes(8, "little"))
