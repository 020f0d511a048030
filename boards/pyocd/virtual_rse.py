# SPDX-License-Identifier: Apache-2.0
"""pyOCD user script: the target type `rse_virtual`, one RSE of a virtual board.

    pyocd load --script virtual_rse.py -t rse_virtual -u remote:127.0.0.1:PORT \
        --base-address 0xB0000000 bl2.bin

Imports nothing but pyOCD. A real board's script has the same shape, with its own memory map and
the flash algorithm of its vendor.
"""

from pyocd.core.memory_map import DeviceRegion, FlashRegion, MemoryMap, RamRegion, RomRegion
from pyocd.coresight.coresight_target import CoreSightTarget
from pyocd.target import TARGET

# Built from flash_algo.c by ci/build_flash_algo.py; do not edit between the marks.
# fmt: off
# >>> algorithm
COMPILER = "gcc 12.2.1"
INSTRUCTIONS = [
    0xE7FDBE00, 0x4A054B04, 0x20016819, 0xD1024291, 0x605A4A03, 0x47706998,
    0x58200000, 0x52534E46, 0x5EC0DE01, 0x4B012000, 0x47706058, 0x58200000,
    0x4B052200, 0x3203609A, 0x3A02615A, 0x42116999, 0x6998D1FC, 0x46C04770,
    0x58200000, 0x220223A0, 0x18C005DB, 0x60984B04, 0x3A01615A, 0x42116999,
    0x6998D1FC, 0x46C04770, 0x58200000, 0x60DA4B07, 0x05D222A0, 0x22041880,
    0x60986119, 0x3A03615A, 0x42116999, 0x6998D1FC, 0x46C04770, 0x58200000,
]
# Offsets of the functions, with the Thumb bit.
ENTRIES = {
    "Init": 0x5,
    "UnInit": 0x25,
    "EraseChip": 0x31,
    "EraseSector": 0x4D,
    "ProgramPage": 0x6D,
}
# <<< algorithm
# fmt: on

DTCM = 0x30000000
PAGE = 0x4000

FLASH_ALGO = {
    "load_address": DTCM,
    "instructions": INSTRUCTIONS,
    "pc_init": DTCM + ENTRIES["Init"],
    "pc_unInit": DTCM + ENTRIES["UnInit"],
    "pc_eraseAll": DTCM + ENTRIES["EraseChip"],
    "pc_erase_sector": DTCM + ENTRIES["EraseSector"],
    "pc_program_page": DTCM + ENTRIES["ProgramPage"],
    "static_base": DTCM + 0x1000,
    "begin_stack": DTCM + 0x2000,
    "end_stack": DTCM + 0x1800,
    # One page apart: pyOCD fills one while the other is being programmed.
    "page_buffers": [DTCM + 0x4000, DTCM + 0x4000 + PAGE],
    "min_program_length": 4,
    # The CRC analyzer packs the sector number into 16 bits, which 0xB0000000 does not fit.
    "analyzer_supported": False,
}


class RseVirtual(CoreSightTarget):
    """One RSE: Cortex-M55, boot ROM, TCMs, two SRAM banks, boot flash or the host's."""

    VENDOR = "rse-hil"

    MEMORY_MAP = MemoryMap(
        RamRegion(name="itcm", start=0x10000000, length=0x10000),
        RomRegion(name="rom", start=0x11000000, length=0x20000, is_boot_memory=True),
        RamRegion(name="dtcm", start=DTCM, length=0x10000),
        RamRegion(name="vm0", start=0x31000000, length=0x80000),
        RamRegion(name="vm1", start=0x31080000, length=0x80000),
        DeviceRegion(name="lcm", start=0x500A0000, length=0x5000),
        DeviceRegion(name="uart0", start=0x58101000, length=0x1000),
        DeviceRegion(name="flash_controller", start=0x58200000, length=0x1000),
        FlashRegion(
            name="boot_flash",
            start=0xB0000000,
            length=0x800000,
            sector_size=PAGE,
            page_size=PAGE,
            erased_byte_value=0xFF,
            algo=FLASH_ALGO,
        ),
        # Of boards that boot from it (--host-flash), which have no boot flash then.
        FlashRegion(
            name="host_flash",
            start=0x70000000,
            length=0x1000000,
            sector_size=PAGE,
            page_size=PAGE,
            erased_byte_value=0xFF,
            algo=FLASH_ALGO,
        ),
    )

    def __init__(self, session):
        super().__init__(session, self.MEMORY_MAP)


TARGET["rse_virtual"] = RseVirtual
