# SPDX-License-Identifier: Apache-2.0
"""Flash loader of an RSE: reads its boot flash from one file and writes it back to another.

As public logs of RD-N2 and Zena CSS show it: `FlashLoader: Loaded 64 MB from file '...'` when the
model is built, `FlashLoader: Saved 64MB to file '...'` when it starts and when it ends, and then the
file has the size of the whole flash. Some models write it with gzip.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from hil.errors import UsageError
from hil.virtual.fvp_memory import FLASH_BASE, FLASH_SIZE, Memory
from hil.virtual.fvp_output import Output


class FlashLoader:
    """The files behind one RSE's flash.

    Args:
        name: Instance name, for messages.
        memory: Memories of the RSE.
        source: `fname`, empty for none.
        target: `fnameWrite`, empty for none.
        packed: Whether the target is written with gzip.

    Raises:
        UsageError: The source is missing, or larger than the flash.
    """

    def __init__(
        self, name: str, memory: Memory, *, source: str, target: str, packed: bool
    ) -> None:
        self._name = name
        self._memory = memory
        self._target = Path(target) if target else None
        self._packed = packed
        self._loaded: tuple[int, str] | None = None
        if source:
            try:
                data = Path(source).read_bytes()
            except OSError as error:
                raise UsageError(f"{name}.fname: '{source}': {error.strerror}") from None
            if len(data) > FLASH_SIZE:
                raise UsageError(f"{name}.fname: '{source}': {len(data)} bytes, too large")
            memory.write(FLASH_BASE, data)
            self._loaded = len(data), source

    def report(self, output: Output) -> None:
        """Say what was loaded."""
        if self._loaded:
            size, source = self._loaded
            kilobytes = -(-size // 1024)
            text = f"{kilobytes // 1024} MB" if kilobytes >= 1024 else f"{kilobytes} kB"
            self._say(output, f"Loaded {text} from file '{source}'")

    def save(self, output: Output) -> None:
        """Write the whole flash back."""
        if self._target is None:
            return
        data = self._memory.read(FLASH_BASE, FLASH_SIZE)
        self._target.write_bytes(gzip.compress(data, 1, mtime=0) if self._packed else data)
        self._say(output, f"Saved {FLASH_SIZE >> 20}MB to file '{self._target}'")

    def _say(self, output: Output, text: str) -> None:
        output.report("Info", f"{output.top}.{self._name}: FlashLoader: {text}")
