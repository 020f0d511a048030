# SPDX-License-Identifier: Apache-2.0
"""BL2: loads the images of its platform with MCUboot, the secure one last, then the runtime.

Raw slots are those of rdv3 variant 2, packages those of kronos (`bl2_platforms`).

MCUboot erases a slot whose image it refused; a virtual RSE cannot write its flash, so the image
stays and is refused again at the next boot.
"""

from __future__ import annotations

from hil.virtual import faults, mcuboot
from hil.virtual.bl2_platforms import KRONOS, RDV3, SECURE, Slots
from hil.virtual.console_text import WAITS_FOR_SCP
from hil.virtual.error_codes import PlatError
from hil.virtual.host_flash import read_flash
from hil.virtual.machine import BootContext, BootEnd, Machine, Stage

_FIRST_BL2_COUNTER = 1
#: CM key of the secure and host images.
_SECURE_KEY = 1

#: Of the images that this boot has loaded.
Versions = dict[int, tuple[int, int, int]]

_NAMES = ("Primary", "Secondary")


def bl2(machine: Machine, _context: BootContext) -> Stage:
    """Run the stage."""
    console, generation = machine.console, machine.release.generation
    platform = RDV3 if machine.host_flash is None else KRONOS
    yield machine.delay(0.02)
    console.info("Starting bootloader")
    if machine.has(faults.STOCK_2_2_2):
        # As tagged, the chip id cannot be read: OTP has no row for the RSE id.
        console.error("Platform post init failed")
        return BootEnd.HALT
    if platform.names_chip:
        console.info(f"CHIP ID: {machine.otp.rse_id}")
    for line in platform.first:
        console.info(line)
    yield machine.delay(0.01)
    console.info("PSA Crypto init done, sig_type: EC-P256")
    versions: Versions = {}
    jump = 0
    for image, slots in platform.images.items():
        if slots.rses is not None and machine.otp.rse_id not in slots.rses:
            continue
        for line in platform.before.get((image, generation), ()):
            console.info(line)
            if line.endswith(WAITS_FOR_SCP):
                yield machine.delay(0.01)
                if machine.has(faults.HANG_IN_BL2):
                    return BootEnd.HALT
        yield machine.delay(0.04)
        try:
            offsets = _offsets(machine, slots)
        except PlatError:
            console.error(f"Pre-load step for image {image} failed")
            return BootEnd.HALT
        loader = _Loader(machine, image, slots, offsets, versions)
        loaded = loader.load()
        if loaded is None:
            console.error("Unable to find bootable image")
            return BootEnd.HALT
        slot, header = loaded
        versions[image] = header.version
        jump = platform.chain_offset(slot, offsets[slot])
        if image in platform.loaded:
            console.info(platform.loaded[image])
        for _ in range(1, slots.copies):
            yield machine.delay(0.002)
            if loader.load() is None:
                console.error("BL2: Unable to find bootable LCP image")
                return BootEnd.HALT
        for line in platform.after.get((image, generation), ()):
            console.info(line)
    console.info(f"Bootloader chainload address offset: 0x{jump:x}")
    console.info("Image version: v" + ".".join(map(str, versions[SECURE])))
    console.info("Jumping to the first image slot")
    return None


def _offsets(machine: Machine, slots: Slots) -> tuple[int, int]:
    """Where the two slots of an image are.

    Raises:
        PlatError: No package in the host's flash has it.
    """
    if machine.host_flash is None:
        return slots.offsets
    return machine.host_flash.find(slots.uuid)


class _Loader:
    """Loads one image.

    Args:
        machine: What it runs on.
        image: Number of the image.
        slots: Its slots.
        offsets: Where they are in the flash.
        versions: Of the images that this boot has loaded.
    """

    def __init__(
        self,
        machine: Machine,
        image: int,
        slots: Slots,
        offsets: tuple[int, int],
        versions: Versions,
    ) -> None:
        self._machine = machine
        self._image = image
        self._slots = slots
        self._offsets = offsets
        self._versions = versions

    def load(self) -> tuple[int, mcuboot.Header] | None:
        """Load the best valid image of the two slots; its slot and header, None if there is none."""
        console, image = self._machine.console, self._image
        candidates: dict[int, mcuboot.Header] = {}
        for slot, offset in enumerate(self._offsets):
            head = read_flash(self._machine.flash, offset, mcuboot.HEADER_SIZE)
            header = mcuboot.parse_header(head, self._slots.size)
            if header is None:
                console.info(f"Image {image} {_NAMES[slot]} slot: Image not found")
                continue
            candidates[slot] = header
            version = ".".join(map(str, header.version))
            console.info(f"{_NAMES[slot]:<9} slot: version={version}+{header.build}")
        while candidates:
            slot = max(candidates, key=lambda number: (candidates[number].version, -number))
            header = candidates.pop(slot)
            if self._load_slot(slot, header):
                console.info(f"Image {image} loaded from the {_NAMES[slot].lower()} slot")
                return slot, header
        console.info(f"No slot to load for image {image}")
        return None

    def _load_slot(self, slot: int, header: mcuboot.Header) -> bool:
        """Copy to RAM, then check there; says on the UART what was found."""
        machine, image, slots = self._machine, self._image, self._slots
        console = machine.console
        content = mcuboot.cut(header, read_flash(machine.flash, self._offsets[slot], slots.size))
        address = header.load_address
        fits = content is not None and bool(header.flags & mcuboot.FLAG_RAM_LOAD)
        if content is not None and fits and not _fits(slots.ram, address, len(content.data)):
            console.info(f"Image {image} RAM load address 0x{address:x} is invalid.")
            fits = False
        if content is None or not fits:
            console.info(f"Removing image {image} slot {slot} from flash")
            return False
        if slots.in_sram:
            machine.sram.write(address, content.data)
        console.info(f"Image {image} RAM loading to 0x{address:x} is succeeded.")
        removing = f"Removing image {image} from SRAM at address 0x{address:x}"
        if header.flags & mcuboot.FLAG_NON_BOOTABLE:
            console.info(removing)
            return False
        counter = _FIRST_BL2_COUNTER + image
        stored = machine.otp.security_counter(counter)
        key_hash = machine.otp.cm_rotpk(_SECURE_KEY)
        verdict = mcuboot.check(content, key_hash, stored, allow_list=machine.release.old)
        _say(machine, image, verdict, stored)
        if not verdict.valid or verdict.security_counter is None:
            console.error(f"Image in the {_NAMES[slot].lower()} slot is not valid!")
            console.info(removing)
            return False
        if not mcuboot.dependencies_met(content, self._versions):
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
