# SPDX-License-Identifier: Apache-2.0
"""BL2 of rdv3 variant 2: loads images 5, 4, 3, (2 on chip 0,) 0 with MCUboot, then the runtime.

MCUboot erases a slot whose image it refused; a virtual RSE cannot write its flash, so the image
stays and is refused again at the next boot.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.virtual import faults, mcuboot
from hil.virtual.console_text import POST_LOAD, POST_LOAD_START, PRE_LOAD, WAITS_FOR_SCP, rows
from hil.virtual.machine import BootContext, BootEnd, Machine, Stage

_AP_BL1 = 2
_LCP = 3
_SECURE = 0
_LCPS = 4
_FIRST_BL2_COUNTER = 1
#: CM key of the secure and host images.
_SECURE_KEY = 1


@dataclass(frozen=True)
class _Slots:
    """Where the two slots of an image are, and where it may be loaded to."""

    offsets: tuple[int, int]
    size: int
    ram: range


#: Of the images that this boot has loaded.
Versions = dict[int, tuple[int, int, int]]

_SRAM = range(0x31000000, 0x31100000)
_HOST_WINDOW = range(0x70000000, 0x70198000)

#: Image -> slots in the boot flash (neoverse_rd/common/flash_layout.h), in the order of loading.
_IMAGES = {
    5: _Slots((0x1C0000, 0x240000), 0x80000, _HOST_WINDOW),
    4: _Slots((0x2C0000, 0x340000), 0x80000, _HOST_WINDOW),
    _LCP: _Slots((0x3C0000, 0x3D0000), 0x10000, _HOST_WINDOW),
    _AP_BL1: _Slots((0x3E0000, 0x460000), 0x80000, _HOST_WINDOW),
    _SECURE: _Slots((0x040000, 0x100000), 0x60000, _SRAM),
}
_NAMES = ("Primary", "Secondary")


def bl2(machine: Machine, _context: BootContext) -> Stage:
    """Run the stage."""
    console, generation = machine.console, machine.release.generation
    yield machine.delay(0.02)
    console.info("Starting bootloader")
    if machine.has(faults.STOCK_2_2_2):
        # As tagged, the chip id cannot be read: OTP has no row for the RSE id.
        console.error("Platform post init failed")
        return BootEnd.HALT
    console.info(f"CHIP ID: {machine.otp.rse_id}")
    yield machine.delay(0.01)
    console.info("PSA Crypto init done, sig_type: EC-P256")
    loaded = None
    versions: Versions = {}
    for image in _IMAGES:
        if image == _AP_BL1 and machine.otp.rse_id > 0:
            continue
        for line in rows(PRE_LOAD, image, generation):
            console.info(line)
            if line.endswith(WAITS_FOR_SCP):
                yield machine.delay(0.01)
                if machine.has(faults.HANG_IN_BL2):
                    return BootEnd.HALT
        yield machine.delay(0.04)
        loaded = _load(machine, image, versions)
        if loaded is None:
            console.error("Unable to find bootable image")
            return BootEnd.HALT
        versions[image] = loaded[1].version
        if image in POST_LOAD_START:
            console.info(f"BL2: {POST_LOAD_START[image]}")
        for _ in range(1, _LCPS if image == _LCP else 1):
            yield machine.delay(0.002)
            if _load(machine, image, versions) is None:
                console.error("BL2: Unable to find bootable LCP image")
                return BootEnd.HALT
        for line in rows(POST_LOAD, image, generation):
            console.info(line)
    assert loaded is not None
    slot, header = loaded
    offset = _IMAGES[_SECURE].offsets[slot]
    console.info(f"Bootloader chainload address offset: 0x{offset:x}")
    console.info("Image version: v" + ".".join(map(str, header.version)))
    console.info("Jumping to the first image slot")
    return None


def _load(machine: Machine, image: int, versions: Versions) -> tuple[int, mcuboot.Header] | None:
    """Load the best valid image of the two slots; its slot and header, None if there is none."""
    console, slots = machine.console, _IMAGES[image]
    candidates: dict[int, mcuboot.Header] = {}
    for slot, offset in enumerate(slots.offsets):
        head = machine.flash.read(offset, mcuboot.HEADER_SIZE)
        header = mcuboot.parse_header(head, slots.size)
        if header is None:
            console.info(f"Image {image} {_NAMES[slot]} slot: Image not found")
            continue
        candidates[slot] = header
        version = ".".join(map(str, header.version))
        console.info(f"{_NAMES[slot]:<9} slot: version={version}+{header.build}")
    while candidates:
        slot = max(candidates, key=lambda number: (candidates[number].version, -number))
        header = candidates.pop(slot)
        if _load_slot(machine, image, slot, header, versions):
            console.info(f"Image {image} loaded from the {_NAMES[slot].lower()} slot")
            return slot, header
    console.info(f"No slot to load for image {image}")
    return None


def _load_slot(
    machine: Machine, image: int, slot: int, header: mcuboot.Header, versions: Versions
) -> bool:
    """Copy to RAM, then check there; says on the UART what was found."""
    console, slots = machine.console, _IMAGES[image]
    content = mcuboot.cut(header, machine.flash.read(slots.offsets[slot], slots.size))
    address = header.load_address
    fits = content is not None and bool(header.flags & mcuboot.FLAG_RAM_LOAD)
    if content is not None and fits and not _fits(slots.ram, address, len(content.data)):
        console.info(f"Image {image} RAM load address 0x{address:x} is invalid.")
        fits = False
    if content is None or not fits:
        console.info(f"Removing image {image} slot {slot} from flash")
        return False
    if slots.ram is _SRAM:
        machine.sram.write(address, content.data)
    console.info(f"Image {image} RAM loading to 0x{address:x} is succeeded.")
    removing = f"Removing image {image} from SRAM at address 0x{address:x}"
    if header.flags & mcuboot.FLAG_NON_BOOTABLE:
        console.info(removing)
        return False
    counter = _FIRST_BL2_COUNTER + image
    stored = machine.otp.security_counter(counter)
    verdict = mcuboot.check(content, machine.otp.cm_rotpk(_SECURE_KEY), stored)
    _say(machine, image, verdict, stored)
    if not verdict.valid or verdict.security_counter is None:
        console.error(f"Image in the {_NAMES[slot].lower()} slot is not valid!")
        console.info(removing)
        return False
    if not mcuboot.dependencies_met(content, versions):
        console.info(removing)
        return False
    if verdict.security_counter > stored:
        machine.otp.set_security_counter(counter, verdict.security_counter)
    return True


def _fits(ram: range, address: int, size: int) -> bool:
    return address in ram and address + size <= ram.stop


def _say(machine: Machine, image: int, verdict: mcuboot.Verdict, stored: int) -> None:
    """Lines that only the newer MCUboot has."""
    if machine.release.old:
        return
    if verdict.rolled_back:
        machine.console.error(
            f"Image security counter value {verdict.security_counter} lower than monotonic value "
            f"{stored}"
        )
    if verdict.key_found is True:
        machine.console.info(f"Key hash matched for image {image} at slot 0")
    elif verdict.key_found is False:
        machine.console.error(f"Key hash NOT found for image {image}!")
