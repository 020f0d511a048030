# SPDX-License-Identifier: Apache-2.0
"""Build the flash algorithm of the virtual RSE and compare it with the words that are shipped.

    python ci/build_flash_algo.py            check; exit status 1 when they differ
    python ci/build_flash_algo.py --update   write the words into boards/pyocd/virtual_rse.py

Users need no compiler: the words are part of the project. Another compiler version may make other
words of the same source, so the check holds only for the version that made the shipped ones.
"""

from __future__ import annotations

import argparse
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "boards" / "pyocd"
SOURCE, SCRIPT = FOLDER / "flash_algo.c", FOLDER / "virtual_rse.py"
PREFIX = "arm-none-eabi-"
FLAGS = [
    "-mcpu=cortex-m0",
    "-mthumb",
    "-Os",
    "-std=c11",
    "-ffreestanding",
    "-nostdlib",
    "-fno-jump-tables",
    "-Wall",
    "-Wextra",
    "-Werror",
]
ENTRIES = ("Init", "UnInit", "EraseChip", "EraseSector", "ProgramPage")

#: Where every call returns to: BKPT, then a branch to itself.
RETURN = struct.pack("<I", 0xE7FDBE00)

_BLOCK = re.compile(r"(?<=# >>> algorithm\n).*?(?=# <<< algorithm)", re.DOTALL)


def run(*command: str) -> str:
    """Run a tool and return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def build() -> str:
    """Return the block of Python that describes the algorithm."""
    with tempfile.TemporaryDirectory() as scratch:
        elf, raw = Path(scratch) / "algo.elf", Path(scratch) / "algo.bin"
        run(
            f"{PREFIX}gcc",
            *FLAGS,
            str(SOURCE),
            "-o",
            str(elf),
            "-Wl,-Ttext=0,--build-id=none",
            "-Wl,--entry=Init",
        )
        run(f"{PREFIX}objcopy", "-O", "binary", "-j", ".text", str(elf), str(raw))
        sizes = run(f"{PREFIX}size", "-A", str(elf))
        if re.search(r"^\.(data|bss|rodata|got)\S*\s+[1-9]", sizes, re.MULTILINE):
            sys.exit(f"{SOURCE.name}: the algorithm must not have data:\n{sizes}")
        symbols = {
            name: int(value, 16)
            for value, _kind, name in (
                line.split() for line in run(f"{PREFIX}nm", str(elf)).splitlines()
            )
        }
        code = RETURN + raw.read_bytes()
    code += bytes(-len(code) % 4)
    words = struct.unpack(f"<{len(code) // 4}I", code)
    lines = [f'COMPILER = "{compiler()}"', "INSTRUCTIONS = ["]
    lines += [
        "    " + " ".join(f"0x{word:08X}," for word in words[start : start + 6])
        for start in range(0, len(words), 6)
    ]
    lines += ["]", "# Offsets of the functions, with the Thumb bit.", "ENTRIES = {"]
    lines += [f'    "{name}": 0x{symbols[name] + len(RETURN) | 1:X},' for name in ENTRIES]
    return "\n".join([*lines, "}"]) + "\n"


def compiler() -> str:
    """Return the version of the compiler."""
    return "gcc " + run(f"{PREFIX}gcc", "-dumpfullversion").strip()


def main() -> int:
    """Check or update; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write the words")
    update = parser.parse_args().update
    if shutil.which(f"{PREFIX}gcc") is None:
        print(f"skipped: no {PREFIX}gcc on PATH (Debian: apt-get install gcc-arm-none-eabi)")
        return 0
    text = SCRIPT.read_text(encoding="utf-8")
    shipped = _BLOCK.search(text)
    if shipped is None:
        sys.exit(f"{SCRIPT}: the marks '# >>> algorithm' and '# <<< algorithm' are missing")
    if update:
        SCRIPT.write_text(_BLOCK.sub(lambda _match: build(), text), encoding="utf-8")
        print(f"{SCRIPT}: written, {compiler()}")
        return 0
    if f'"{compiler()}"' not in shipped.group():
        made = re.search(r'COMPILER = "(.*)"', shipped.group())
        print(f"skipped: {compiler()} here, the shipped words are of {made and made.group(1)}")
        return 0
    if shipped.group() != build():
        print(f"{SCRIPT}: the words differ from what {SOURCE.name} gives; run with --update")
        return 1
    print(f"{SCRIPT.name}: the words are those of {SOURCE.name}, {compiler()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
