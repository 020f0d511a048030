# SPDX-License-Identifier: Apache-2.0
"""Loading one chip: which sectors are written, writing them, and reading every byte back.

Runs in a worker process. What is on the device is read from the device each time; pyOCD's own
shortcuts (CRC analyzer, page comparison) are off.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyocd.core import exceptions
from pyocd.flash.loader import MemoryLoader

from hil.targets import pyocd_guards as guards
from hil.targets.image_chunks import Chunk, chunks_of
from hil.targets.load_pieces import Counter, EraseThenProgram, Item, Tell, Unit, within
from hil.targets.pyocd_errors import Refusal

_RAM_LOST = (
    "it was right before the reset with which the core takes its vectors, so this reset destroys "
    "it; try the other launcher.reset_type"
)
_LOST_IN_RESET = "it was right before the reset that followed the load; what changes it in between?"


@dataclass
class Loading:
    """One load of one chip.

    Args:
        session: pyOCD's session; the core is halted.
        settings: The launcher's settings as JSON.
        reset: Resets the core and halts it at its reset vector.
        tell: Told how far it is.
    """

    session: Any
    settings: Mapping[str, Any]
    reset: Callable[[], None]
    tell: Tell
    erased: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def _target(self) -> Any:
        return self.session.target

    def load(self, images: Sequence[Mapping[str, Any]], policy: str) -> dict[str, Any]:
        """Write flash, read back, reset, write RAM, read back; the core stays at its reset vector.

        Flash is read before the reset: afterwards it may not be mapped until the ROM has run.
        RAM is written after it: the flash algorithm has used RAM too. A core that starts from this
        RAM has taken the vectors that stood there before, and is reset once more.
        """
        started = time.monotonic()
        items = [_item(image) for image in images]
        guards.check_images(
            self._target.memory_map,
            [(image, item.chunks) for image, item in zip(images, items, strict=True)],
        )
        self.notes += guards.tame_flash(self._target.memory_map)
        flash = [item for item in items if item.memory == "flash"]
        ram = [item for item in items if item.memory == "ram"]
        if flash:
            self._write_flash(flash, policy)
        self.reset()
        if flash and self.settings["verify_after_reset"]:
            self._verify(flash, _LOST_IN_RESET)
            self.reset()  # the flash algorithm, with which flash was read, has moved PC and SP
        guards.check_at_reset_vector(self._target)
        if ram:
            self._write_ram(ram)
        return {
            "images": [
                {"digest": item.found, "written": item.written, "skipped": item.skipped}
                for item in items
            ],
            "size": sum(item.size for item in items),
            "erased": self.erased,
            "notes": self.notes,
            "seconds": time.monotonic() - started,
        }

    def _write_flash(self, items: Sequence[Item], policy: str) -> None:
        units = self._units(items)
        if policy != "always":
            units = self._different(items, units, only_look=policy == "never")
        if units:
            self._program(items, units)
            self._verify(items)
        for item in items:
            inside = sum(len(part.data) for part in within(item.chunks, units))
            item.written, item.skipped = inside, item.size - inside
            item.found = item.sha256  # all of it was compared, before or after
        self.erased = sum(unit.size for unit in units)

    def _write_ram(self, items: Sequence[Item]) -> None:
        total, done = sum(item.size for item in items), 0
        for item in items:
            for chunk in item.chunks:
                self.tell("write RAM", done, total)
                self._target.write_memory_block8(chunk.address, list(chunk.data))
                done += len(chunk.data)
            item.written = item.size
        self._verify(items)
        if guards.vectors_not_taken(self._target) is not None:
            self.reset()
            self._verify(items, _RAM_LOST)
            guards.check_at_reset_vector(self._target)

    def _verify(self, items: Sequence[Item], hint: str = guards.UNTRUSTED) -> None:
        counter = Counter(self.tell, "verify", sum(item.size for item in items))
        for item in items:
            with self._mapped(item.chunks):
                guards.read_back(self._target, item.name, item.chunks, hint, counter)
            item.found = item.sha256

    def _units(self, items: Sequence[Item]) -> set[Unit]:
        """Return every unit that holds a byte of an image."""
        units: set[Unit] = set()
        for item in items:
            for chunk in item.chunks:
                address = chunk.address
                while address < chunk.end:
                    unit = self._unit_at(address)
                    units.add(unit)
                    address = unit.start + unit.size
        return units

    def _unit_at(self, address: int) -> Unit:
        flash = self._target.memory_map.get_region_for_address(address).flash
        sector, page = flash.get_sector_info(address), flash.get_page_info(address)
        larger = max((sector, page), key=lambda info: info.size)
        return Unit(larger.base_addr, larger.size)

    def _different(self, items: Sequence[Item], units: set[Unit], *, only_look: bool) -> set[Unit]:
        """Return the units in which the device differs from the images in any byte."""
        counter = Counter(self.tell, "compare", sum(item.size for item in items))
        different: set[Unit] = set()
        for item in items:
            with self._mapped(item.chunks):
                own = [a for chunk in item.chunks for a in self._differences(chunk, counter)]
            different |= {self._unit_at(address) for address in own}
            if only_look and own:
                raise Refusal(
                    f"image {item.name}: the device does not hold it: {len(own)} of its "
                    f"{len(self._units([item]))} sectors differ, the first at {min(own):#010x}",
                    "flash=never only looks; load it with --flash=changed",
                )
        return different & units

    def _differences(self, chunk: Chunk, told: Callable[[int], None]) -> list[int]:
        """Return the first address of a chunk in each unit that differs."""
        found = []
        address = chunk.address
        while address < chunk.end:
            # As many units as fit in one piece: a request for each sector would be slow.
            end = address
            ends = []
            while end < chunk.end and end - address < guards.CHUNK:
                unit = self._unit_at(end)
                end = min(chunk.end, unit.start + unit.size)
                ends.append(end)
            there = self._read(address, end - address, told)
            start = address
            for stop in ends:
                wanted = chunk.data[start - chunk.address : stop - chunk.address]
                if there is None or there[start - address : stop - address] != wanted:
                    found.append(start)
                start = stop
            address = end
        return found

    def _read(self, address: int, size: int, told: Callable[[int], None]) -> bytes | None:
        """Return what stands there; None where an erased sector cannot be read."""
        try:
            return guards.read_memory(self._target, address, size, told)
        except exceptions.TransferFaultError:
            region = self._target.memory_map.get_region_for_address(address)
            if region.are_erased_sectors_readable:
                raise
            return None

    def _program(self, items: Sequence[Item], units: set[Unit]) -> None:
        parts = [part for item in items for part in within(item.chunks, units)]
        parts += self._page_starts(parts, units)
        total = sum(len(part.data) for part in parts)
        loader = MemoryLoader(
            self.session,
            progress=EraseThenProgram(self.tell, total),
            chip_erase="sector",
            smart_flash=False,
            trust_crc=False,
            keep_unwritten=self.settings["keep_unwritten"],
        )
        for part in parts:
            loader.add_data(part.address, list(part.data))
        loader.commit()

    def _page_starts(self, parts: Sequence[Chunk], units: set[Unit]) -> list[Chunk]:
        """Return what stands before the first part of each page that spans several sectors.

        pyOCD erases the sectors of such a page from that of its first byte on: for data that begin in
        the middle it would erase as much behind the page, and report success.
        """
        found = []
        for start in sorted(unit.start for unit in units):
            region = self._target.memory_map.get_region_for_address(start)
            end = start + region.flash.get_page_info(start).size
            if end - start <= region.flash.get_sector_info(start).size:
                continue
            first = min(part.address for part in parts if start < part.end and part.address < end)
            size = first - start
            if size > 0 and self.settings["keep_unwritten"]:
                with self._mapped([Chunk(start, b"")]):
                    found.append(Chunk(start, guards.read_memory(self._target, start, size)))
            elif size > 0:
                found.append(Chunk(start, bytes([region.erased_byte_value]) * size))
        return found

    @contextlib.contextmanager
    def _mapped(self, chunks: Sequence[Chunk]) -> Iterator[None]:
        """Have flash readable: that outside the chip is so only once its algorithm was started."""
        for chunk in chunks:
            region = self._target.memory_map.get_region_for_address(chunk.address)
            if region.is_flash:
                flash = region.flash
                try:
                    flash.init(flash.Operation.VERIFY)
                except exceptions.FlashFailure:
                    flash.init(flash.Operation.ERASE)
        try:
            yield
        finally:
            current = getattr(self.session.context_state, "current_flash_algo", None)
            if current is not None:
                with contextlib.suppress(exceptions.Error, OSError):
                    current.cleanup()


def _item(image: Mapping[str, Any]) -> Item:
    data = guards.read_image(image)
    chunks = chunks_of(image["name"], image["path"], image["address"], data)
    return Item(image["name"], image["memory"], image["sha256"], chunks)
