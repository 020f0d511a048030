# SPDX-License-Identifier: Apache-2.0
"""What the CMake build beside an image says of its making: version, compiler, sources.

TF-M's build leaves `CMakeCache.txt` in the build folder, above `bin/`, and what CMake found out of the
compiler in `CMakeFiles/<version>/CMakeCCompiler.cmake`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Folders above an image that may be its build folder.
_ABOVE = 4
_MAX_CACHE = 8 << 20
_ENTRY = re.compile(r"^(?P<name>[A-Za-z_][\w-]*):[A-Z]+=(?P<value>.*)$", re.MULTILINE)
_SET = re.compile(r'^set\((?P<name>CMAKE_C_COMPILER_(?:ID|VERSION)) "(?P<value>[^"]*)"\)', re.M)
_TOOLCHAIN = re.compile(r"toolchain_(?P<name>\w+)\.cmake$")


@dataclass(frozen=True)
class BuildFacts:
    """What is known of a build; None for what it does not say.

    Attributes:
        toolchain: "GNUARM 13.2.1": the name of TF-M's toolchain file, and the compiler's version.
        version: Of TF-M.
        source: Folder of the sources.
        platform: "arm/rse/neoverse_rd/rdv3".
    """

    toolchain: str | None = None
    version: str | None = None
    source: Path | None = None
    platform: str | None = None


def build_facts(images: Iterable[Path]) -> BuildFacts:
    """Return what the builds of some images say; where they differ, all of it, with " and "."""
    caches = dict.fromkeys(cache for path in images if (cache := _cache_of(path)) is not None)
    found = [_read(cache) for cache in caches]
    sources = [facts.source for facts in found if facts.source is not None]
    return BuildFacts(
        _all(facts.toolchain for facts in found),
        _all(facts.version for facts in found),
        sources[0] if sources else None,
        _all(facts.platform for facts in found),
    )


def _all(values: Iterable[str | None]) -> str | None:
    return " and ".join(dict.fromkeys(value for value in values if value)) or None


def _cache_of(image: Path) -> Path | None:
    for folder in list(image.absolute().parents)[:_ABOVE]:
        if (folder / "CMakeCache.txt").is_file():
            return folder / "CMakeCache.txt"
    return None


def _read(cache: Path) -> BuildFacts:
    entries = {found["name"]: found["value"].strip() for found in _ENTRY.finditer(_text(cache))}
    compiler: dict[str, str] = {}
    for path in sorted(cache.parent.glob("CMakeFiles/*/CMakeCCompiler.cmake")):
        compiler |= {found["name"]: found["value"] for found in _SET.finditer(_text(path))}
    name = _TOOLCHAIN.search(entries.get("TFM_TOOLCHAIN_FILE", ""))
    parts = [
        name["name"] if name else compiler.get("CMAKE_C_COMPILER_ID"),
        compiler.get("CMAKE_C_COMPILER_VERSION"),
    ]
    home = entries.get("CMAKE_HOME_DIRECTORY")
    return BuildFacts(
        " ".join(part for part in parts if part) or None,
        entries.get("CMAKE_PROJECT_VERSION") or None,
        Path(home) if home else None,
        entries.get("TFM_PLATFORM") or None,
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_CACHE).decode(errors="replace")
    except OSError:
        return ""
