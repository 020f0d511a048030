# SPDX-License-Identifier: Apache-2.0
"""Files of a run's folder, read within bounds and whatever a crash left of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hil.errors import UsageError
from hil.plain_files import open_plain

#: A `run.json` beyond this is none.
MAX_DOCUMENT = 32 << 20
#: A line beyond this is damaged: a result holds excerpts, never whole logs.
MAX_LINE = 8 << 20
#: Lines of one file that are read; a run of this size is none that anybody made.
MAX_LINES = 2_000_000
#: Half of a character beyond the first 65 536, which alone stands for nothing.
_HALF = re.compile("[\ud800-\udfff]")


def read_document(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file.

    Raises:
        UsageError: it is not there, too large, or no JSON object; names the file and the line.
    """
    try:
        with open_plain(path) as stream:
            data = stream.read(MAX_DOCUMENT + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; expected the folder of a run") from None
    if len(data) > MAX_DOCUMENT:
        raise UsageError(f"{path}: not the record of a run (more than {MAX_DOCUMENT >> 20} MiB)")
    try:
        value = _loads(data)
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}"
        raise UsageError(f"not the record of a run ({error.msg})", where=where) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not the record of a run ({error})") from None
    if not isinstance(value, dict):
        raise UsageError(f"{path}: not the record of a run (a {type(value).__name__})")
    return value


def whole_text(text: str) -> str:
    r"""Return text that can be written anywhere: half characters, of JSON and file names, in hex."""
    return _HALF.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def _loads(data: bytes) -> Any:
    value = json.loads(data)
    return _without_halves(value) if b"\\ud" in data.lower() else value


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, list):
        return [_without_halves(one) for one in value]
    if isinstance(value, dict):
        return {whole_text(key): _without_halves(one) for key, one in value.items()}
    return value


class Lines:
    """The JSON objects of an append-only file, one a line; those that are damaged are counted.

    A run that was killed leaves half a line at the end, a full disk half a line in the middle.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.torn = 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield every object that can be read, in order; nothing if there is no file.

        Raises:
            UsageError: the file is there and cannot be read.
        """
        try:
            with open_plain(self._path) as stream:
                for _ in range(MAX_LINES):
                    line = stream.readline(MAX_LINE + 1)
                    if not line:
                        return
                    if len(line) > MAX_LINE and not line.endswith(b"\n"):
                        self.torn += 1
                        while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                            pass
                        continue
                    entry = _object(line)
                    if entry is None:
                        self.torn += 1
                    else:
                        yield entry
                self.torn += 1
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(f"{self._path}: {error.strerror}") from None


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = _loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
