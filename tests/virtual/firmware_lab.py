# SPDX-License-Identifier: Apache-2.0
"""Virtual RSEs in this process: memories, links, and a driver that never sleeps."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path

from firmware_builders import Recipe, good_flash, message

from hil.virtual.firmware import BootEnd, FirmwareConfig, VirtualRse
from hil.virtual.otp import Otp

RELEASES = ("2.2.2", "2.3.1", "fixed")
MESSAGE_ADDRESS = {"2.2.2": 0x31000400, "2.3.1": 0x310E0000, "fixed": 0x310E0000}
SRAM_BASE, SRAM_SIZE = 0x31000000, 0x100000
#: A chip that still waits for a peer when the test's time is over.
WAITING = None


class Memory:
    """Flash by offset and SRAM by address."""

    def __init__(self, flash: bytearray) -> None:
        self.flash = flash
        self.sram = bytearray(SRAM_SIZE)

    def read(self, address: int, size: int) -> bytes:
        if address >= SRAM_BASE:
            start = address - SRAM_BASE
            assert start + size <= SRAM_SIZE
            return bytes(self.sram[start : start + size])
        return bytes(self.flash[address : address + size])

    def write(self, address: int, data: bytes) -> None:
        start = address - SRAM_BASE
        assert start >= 0
        assert start + len(data) <= SRAM_SIZE
        self.sram[start : start + len(data)] = data


class Uart:
    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


class Links:
    """All chips' inboxes."""

    def __init__(self) -> None:
        self.inboxes: dict[int, deque[tuple[int, bytes]]] = {}
        self.log: list[tuple[int, int, bytes]] = []

    def end(self, chip: int) -> Link:
        self.inboxes[chip] = deque()
        return Link(self, chip)


@dataclass
class Link:
    links: Links
    chip: int

    def send(self, to: int, frame: bytes) -> None:
        self.links.log.append((self.chip, to, frame))
        if to in self.links.inboxes:
            self.links.inboxes[to].append((self.chip, frame))

    def receive(self, sender: int | None = None) -> tuple[int, bytes] | None:
        inbox = self.links.inboxes[self.chip]
        for entry in inbox:
            if sender in (None, entry[0]):
                inbox.remove(entry)
                return entry
        return None


class Chip:
    """One virtual RSE with its memories."""

    def __init__(self, lab: Lab, number: int, config: FirmwareConfig, otp: Path) -> None:
        self.number = number
        self.memory = Memory(good_flash())
        self.uart = Uart()
        self.config = config
        self.boots = 0
        self.end: BootEnd | None = None
        self._otp_path = otp
        self._link = lab.links.end(number)
        self.power_on()

    def power_on(self, **changes: object) -> None:
        """A new process on the same die: only OTP and flash survive."""
        self.config = replace(self.config, **changes)  # type: ignore[arg-type]
        self.otp = Otp(self._otp_path)
        self.memory.sram[:] = bytes(SRAM_SIZE)
        self.rse = VirtualRse(
            self.config,
            otp=self.otp,
            flash=self.memory,
            sram=self.memory,
            uart=self.uart,
            fabric=self._link,
        )

    def load_message(self, data: bytes) -> None:
        self.memory.write(MESSAGE_ADDRESS[self.config.release], data)

    def life(self) -> Generator[float, None, None]:
        """Boot until the firmware stops asking for resets."""
        while True:
            self.boots += 1
            self.end = None
            self.end = yield from self.rse.boot()
            if self.end is not BootEnd.RESET or self.boots >= 20:
                return
            yield 0.01 * self.config.time_scale

    @property
    def text(self) -> str:
        """The UART's lines without framing."""
        raw = re.sub(rb"\x1b\[[0-9;]*m|\0|\r", b"", self.uart.data)
        return raw.decode("ascii")

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.text.split("\n")]

    def fingerprint(self, source: str = "bl1_2") -> str | None:
        """The last reported fingerprint."""
        found = re.findall(rf"^\[HIL1\] vhuk .*src={source} fp=(\w+)$", self.text, re.MULTILINE)
        return found[-1] if found else None

    def seeds(self) -> list[str]:
        found = re.findall(r"^\[HIL1\] seeds .*fp=(\S+)$", self.text, re.MULTILINE)
        return found[-1].split(",")

    def clear(self) -> None:
        self.uart.data = b""
        self.boots = 0


class Lab:
    """Several chips on one set of links."""

    def __init__(
        self,
        folder: Path,
        release: str,
        *,
        amount: int = 4,
        faults: dict[int, str] | None = None,
        recipe: Callable[[int], Recipe] = Recipe,
        timeout: float = 3.0,
    ) -> None:
        self.links = Links()
        self.chips = []
        for number in range(amount):
            names = frozenset({(faults or {}).get(number)} - {None})
            config = FirmwareConfig(
                release,
                number,
                rse_amount=amount,
                time_scale=0.001,
                handshake_timeout=timeout,
                faults=names,  # type: ignore[arg-type]
            )
            chip = Chip(self, number, config, folder / f"otp{number}.bin")
            chip.load_message(message(recipe(number)))
            self.chips.append(chip)

    def run(self, *, limit: float = 30.0, released: dict[int, float] | None = None) -> None:
        """Interleave the chips' boots by their own time until all ended or `limit` seconds.

        Args:
            limit: Seconds of the chips' time.
            released: When nRESET of a chip is released; its inbox is empty then.
        """
        clocks = [
            [(released or {}).get(chip.number, 0.0), chip.number, self._life(chip, released)]
            for chip in self.chips
        ]
        while clocks:
            clock = min(clocks, key=lambda entry: (entry[0], entry[1]))
            if clock[0] > limit:
                return
            try:
                clock[0] += next(clock[2]) / 0.001
            except StopIteration:
                clocks.remove(clock)

    def _life(self, chip: Chip, released: dict[int, float] | None) -> Generator[float, None, None]:
        if chip.number in (released or {}):
            self.links.inboxes[chip.number].clear()
        yield from chip.life()

    def reboot(self) -> None:
        """Power-cycle everything."""
        for chip in self.chips:
            chip.clear()
            self.links.inboxes[chip.number].clear()
            chip.power_on()

    def ends(self) -> list[BootEnd | None]:
        return [chip.end for chip in self.chips]

    def agreement(self, source: str = "bl1_2") -> list[set[int]]:
        """Chips grouped by fingerprint."""
        groups: dict[str | None, set[int]] = {}
        for chip in self.chips:
            groups.setdefault(chip.fingerprint(source), set()).add(chip.number)
        return sorted(groups.values(), key=min)


def booted(folder: Path, release: str, **options: object) -> Lab:
    lab = Lab(folder, release, **options)  # type: ignore[arg-type]
    lab.run(limit=20.0)
    return lab


def single(folder: Path, release: str = "2.3.1", **options: object) -> Chip:
    """One chip that never talks to others, provisioned and booted."""
    lab = booted(
        folder, release, amount=1, recipe=lambda number: Recipe(number, policies=0), **options
    )
    return lab.chips[0]


def again(chip: Chip) -> Chip:
    """The next power-on."""
    chip.clear()
    chip.power_on()
    for _ in chip.life():
        pass
    return chip
