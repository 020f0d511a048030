# SPDX-License-Identifier: Apache-2.0
"""The debug port (ADIv6, DPv3) of a virtual board and the small APB bus behind it.

SELECT is decoded as in silicon; a fault sets the sticky error, and every access port access then
faults until the debugger clears it through ABORT.
"""

from __future__ import annotations

from collections.abc import Sequence

from hil.virtual.bus import BusFaultError
from hil.virtual.mem_ap import MemAp
from hil.virtual.ppb_table import component_ids
from hil.virtual.probe_errors import FaultError

DPIDR = 0x4C013477
#: Designer Arm (0x23B), a part number of no real chip, revision 0.
TARGETID = 0x07E5E477
_TARGETID_BANK = 2
_AP_BASE = 0x2000
_COMPONENT = 0x1000

_POWER_REQUESTS = 1 << 28 | 1 << 30
_STICKY_ERROR = 1 << 5
_STICKY_CLEAR = 1 << 2
_CONTROL_WRITABLE = 0x54000F00 & ~(1 << 26)

#: The class 9 ROM table at APB address 0: one entry, the memory access port.
_ROM_TABLE = {0: _AP_BASE | 3, **dict(component_ids(0, part=0x4D3, devarch=0x47700AF7))}


class DebugPort:
    """DP registers, SELECT, sticky error; forwards to the access port.

    Args:
        ap: The one access port.
    """

    def __init__(self, ap: MemAp) -> None:
        self._ap = ap
        self._select = 0
        self._control = 0

    def power_off(self) -> None:
        """Forget everything, as when the chip loses its supply."""
        self._select = self._control = 0

    def upset(self) -> None:
        """Set the sticky error, as a disturbance on the bus does."""
        self._control |= _STICKY_ERROR

    def line_reset(self) -> None:
        """Return to the first register bank, as after 50 clocks with the data line high."""
        self._select &= ~0xF

    def read_dp(self, address: int) -> int:
        """Return the DP register at 0, 4, 8 or 0xC of the selected bank."""
        bank = self._select & 0xF
        if address == 0:
            return {0: DPIDR, 1: 0x20, 2: 1}.get(bank, 0)
        if address == 4 and bank == 0:
            powered = (self._control & _POWER_REQUESTS) << 1
            return self._control | powered
        if address == 4 and bank == _TARGETID_BANK:
            return TARGETID
        return 0

    def write_dp(self, address: int, value: int) -> None:
        """Write the DP register at 0, 4, 8 or 0xC of the selected bank."""
        if address == 0 and value & _STICKY_CLEAR:
            self._control &= ~_STICKY_ERROR
        elif address == 4 and self._select & 0xF == 0:
            self._control = self._control & _STICKY_ERROR | value & _CONTROL_WRITABLE
        elif address == 8:
            self._select = value

    def read_ap(self, address: int, count: int | None = None) -> list[int]:
        """Read an AP register `count` times (None: once, never the block way)."""
        base, offset = self._place(address)
        if base != _AP_BASE:
            value = _ROM_TABLE.get(offset, 0) if base == 0 else 0
            return [value] * (count or 1)
        try:
            if count is None:
                return [self._ap.read(offset)]
            return self._ap.read_many(offset, count)
        except (BusFaultError, FaultError) as error:
            raise self._fault(error) from error

    def write_ap(self, address: int, values: Sequence[int]) -> None:
        """Write values to an AP register, one after the other."""
        base, offset = self._place(address)
        if base != _AP_BASE:
            return
        try:
            self._ap.write_many(offset, values)
        except (BusFaultError, FaultError) as error:
            raise self._fault(error) from error

    def _place(self, address: int) -> tuple[int, int]:
        if self._control & _POWER_REQUESTS != _POWER_REQUESTS:
            raise self._fault(FaultError("the debug domain has no power"))
        if self._control & _STICKY_ERROR:
            raise FaultError("a sticky error is set")
        place = self._select & ~0xF | address & 0xC
        return place & -_COMPONENT, place & (_COMPONENT - 1)

    def _fault(self, error: Exception) -> FaultError:
        self._control |= _STICKY_ERROR
        return FaultError(str(error))
