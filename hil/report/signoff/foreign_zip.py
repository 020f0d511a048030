# SPDX-License-Identifier: Apache-2.0
"""Says what is in an archive that somebody else's tool wrote over; names only, nothing is unpacked."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from hashlib import sha256
from typing import BinaryIO

from hil.report.signoff.bundle import LAST, MANIFEST
from hil.report.signoff.zip_layout import CHUNK, unsafe

#: A file larger than this is not read as a whole by Python's directory reader.
MAX_SIZE = 2 << 30
MAX_MANIFEST = 64 << 20
MAX_NAMES = 100_000


def told(stream: BinaryIO, size: int) -> list[str]:
    """Return what differs from the manifest, as far as the archive can be read at all."""
    if size > MAX_SIZE:
        return []
    try:
        stream.seek(0)
        with zipfile.ZipFile(stream) as archive:
            return _compared(archive)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, KeyError, TypeError) as error:
        return [f"and no other ZIP file either: {error!s:.200}"]
    except (OSError, EOFError, RuntimeError, zlib.error, RecursionError) as error:
        return [f"and it cannot be read further: {error!s:.200}"]


def _compared(archive: zipfile.ZipFile) -> list[str]:
    entries = archive.infolist()[:MAX_NAMES]
    found = [f"unsafe name: {one.filename!r:.200}" for one in entries if unsafe(one.filename)]
    names = Counter(one.filename for one in entries)
    found += [f"stands {n} times: {name!r:.200}" for name, n in names.items() if n > 1]
    if MANIFEST not in names:
        return [*found, f"missing: {MANIFEST}"]
    with archive.open(MANIFEST) as stream:
        data = stream.read(MAX_MANIFEST + 1)
    listed = {one["name"]: one for one in json.loads(data)["files"]}
    found += [f"missing: {name}" for name in listed if name not in names]
    for one in entries:
        if one.filename in LAST or names[one.filename] > 1:
            continue
        if one.filename not in listed:
            found.append(f"added: {one.filename!r:.200}")
        elif not _same(archive, one, listed[one.filename]):
            found.append(f"changed: {one.filename}")
    return found


def _same(archive: zipfile.ZipFile, one: zipfile.ZipInfo, wanted: dict[str, object]) -> bool:
    if one.file_size != wanted.get("size"):
        return False
    digest, left = sha256(), one.file_size
    try:
        with archive.open(one) as stream:
            while left >= 0 and (data := stream.read(CHUNK)):
                digest.update(data)
                left -= len(data)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        return False
    return digest.hexdigest() == wanted.get("sha256")
