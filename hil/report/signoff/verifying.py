# SPDX-License-Identifier: Apache-2.0
"""Checks an evidence archive offline; nothing is unpacked and nothing is written.

Every byte is accounted for: those of a file by the manifest, those between the files by the layout,
those of manifest and statement by the comment, and all of them, if it is signed, by the signature.
Whoever rewrites a whole archive rewrites its digests too: only a signature shows that.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hil.errors import UsageError
from hil.plain_files import open_plain
from hil.report.signoff import foreign_zip
from hil.report.signoff.bundle import (
    COMMENT_SIZE,
    ENVELOPE,
    LAST,
    MANIFEST,
    STATEMENT,
    comment,
    digest_of,
    manifest_of,
)
from hil.report.signoff.checked import Checked
from hil.report.signoff.signing import check, key_id, opened
from hil.report.signoff.unpacking import digests_of_entry, read_entry
from hil.report.signoff.zip_layout import (
    END_SIZE,
    Entry,
    central_header,
    local_header,
    read_central,
    read_end,
    unsafe,
)

if TYPE_CHECKING:
    from hil.report.signoff.signing import PublicKey

MAX_ENTRIES = 500_000
MAX_DIRECTORY = 256 << 20
MAX_TOTAL = 1 << 40


def verify_bundle(path: Path, key: PublicKey | None = None) -> Checked:
    """Return what is wrong with an archive, if anything.

    Args:
        path: The archive.
        key: It must have been signed with the private half of this, if given.

    Raises:
        UsageError: the file cannot be read.
    """
    checked = Checked(path)
    try:
        with open_plain(path) as stream:
            _verify(stream, path.stat().st_size, checked, key)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return checked


def _verify(stream: BinaryIO, size: int, checked: Checked, key: PublicKey | None) -> None:
    stream.seek(max(0, size - END_SIZE - COMMENT_SIZE))
    tail = stream.read(END_SIZE + COMMENT_SIZE)
    try:
        count, length, start = read_end(tail, COMMENT_SIZE)
        entries = _directory(stream, start, length, count)
    except ValueError as error:
        checked.findings.append(f"no evidence archive as it was written: {error}")
        checked.findings += foreign_zip.told(stream, size)
        checked.signature = "not checked"
        return
    checked.findings += _names(entries)
    checked.findings += _layout(stream, entries, start)
    by_name = {entry.name: entry for entry in entries}
    last = {name: read_entry(stream, by_name[name]) for name in LAST if name in by_name}
    checked.findings += [f"damaged: {name}" for name, data in last.items() if data is None]
    kept = {name: data for name, data in last.items() if data is not None}
    checked.findings += _files(stream, by_name, kept.get(MANIFEST), checked)
    told = {name: sha256(data).hexdigest() for name, data in kept.items()}
    checked.findings += _statement(kept, told, checked, key)
    checked.findings += _ends(stream, start + length, tail, told, known=bool(checked.findings))


def _directory(stream: BinaryIO, start: int, length: int, count: int) -> list[Entry]:
    size = stream.seek(0, os.SEEK_END)
    if start + length + END_SIZE + COMMENT_SIZE != size:
        raise ValueError("its end is not as it was written (cut, or something was added)")
    if count > MAX_ENTRIES or length > MAX_DIRECTORY:
        raise ValueError(f"it has {count} files; at most {MAX_ENTRIES}")
    stream.seek(start)
    data = stream.read(length)
    entries, position = [], 0
    while position < len(data):
        entry, following = read_central(data, position)
        if data[position:following] != central_header(entry):
            raise ValueError(f"the directory is damaged at {entry.name!r:.200}")
        entries.append(entry)
        position = following
    if any(entry.offset + entry.packed > start for entry in entries):
        raise ValueError("the directory is damaged: a file would end behind it")
    if sum(entry.size for entry in entries) > MAX_TOTAL:
        raise ValueError(f"its files have more than {MAX_TOTAL >> 30} GiB together")
    if len(entries) != count or position != length:
        raise ValueError("the directory is damaged: its number of files is wrong")
    return entries


def _names(entries: list[Entry]) -> list[str]:
    found = [f"unsafe name: {entry.name!r:.200}" for entry in entries if unsafe(entry.name)]
    names = Counter(entry.name for entry in entries)
    found += [f"stands {n} times: {name!r:.200}" for name, n in names.items() if n > 1]
    return found


def _layout(stream: BinaryIO, entries: list[Entry], start: int) -> list[str]:
    """Return what stands between the files other than their headers."""
    found, position = [], 0
    for entry in entries:
        wanted = local_header(entry)
        if entry.offset != position:
            found.append(f"bytes that belong to no file before {entry.name!r:.200}")
            return found
        stream.seek(position)
        if stream.read(len(wanted)) != wanted:
            found.append(f"changed: the header of {entry.name}")
        position += len(wanted) + entry.packed
    if position != start:
        found.append("bytes that belong to no file before the directory")
    return found


def _files(
    stream: BinaryIO, by_name: dict[str, Entry], manifest: bytes | None, checked: Checked
) -> list[str]:
    if manifest is None:
        return [f"missing: {MANIFEST}"] if MANIFEST not in by_name else []
    try:
        rows = list(json.loads(manifest)["files"])
        listed = {one["name"]: one for one in rows}
    except (ValueError, TypeError, KeyError, RecursionError):
        return [f"changed: {MANIFEST}: no manifest any more"]
    checked.files = len(listed)
    found = [f"missing: {name}" for name in listed if name not in by_name]
    if len(listed) != len(rows) or manifest_of(rows) != manifest:
        found.append(f"changed: {MANIFEST}: it is not as it was written")
    in_order = [*listed, *(name for name in LAST if name in by_name)]
    if not found and [name for name in by_name if name in listed or name in LAST] != in_order:
        found.append("changed: the order of the files")
    for name, entry in by_name.items():
        if name in LAST:
            continue
        if name not in listed:
            found.append(f"added: {name}")
            continue
        plain, dense = digests_of_entry(stream, entry)
        told = listed[name]
        if plain != told.get("sha256") or entry.size != told.get("size"):
            found.append(f"changed: {name}")
        elif dense != told.get("packed_sha256"):
            found.append(f"changed: {name} (its packed bytes; what it unpacks to is the same)")
    return found


def _statement(
    kept: dict[str, bytes], told: dict[str, str], checked: Checked, key: PublicKey | None
) -> list[str]:
    said = kept.get(STATEMENT)
    if said is None:
        return [f"missing: {STATEMENT}"]
    found = []
    try:
        predicate = json.loads(said)["predicate"]
        checked.result = str(predicate["result"])
        covered = {one["name"]: one["digest"]["sha256"] for one in predicate["configuration"]}
    except (ValueError, TypeError, KeyError, RecursionError):
        return [f"changed: {STATEMENT}: no statement any more"]
    if covered.get(MANIFEST) != told.get(MANIFEST):
        found.append(f"{STATEMENT} is about another manifest: one of the two was changed")
    envelope = kept.get(ENVELOPE)
    if envelope is None:
        return [*found, "not signed, and --key asks for a signature"] if key else found
    try:
        payload, signers = opened(envelope)
        if payload != said:
            found.append(f"{ENVELOPE} signs another statement than {STATEMENT}")
        names = ", ".join(name[:16] for name in signers)
        if key is None:
            checked.signature = f"signed by key {names}; not checked (give --key)"
        elif check(envelope, key):
            checked.signature = f"signature is good: key {key_id(key)[:16]}"
        else:
            checked.signature = "signature is not good"
            found.append(f"not signed with the key given ({key_id(key)[:16]}), but with {names}")
    except ValueError as error:
        found.append(f"changed: {ENVELOPE}: {error}")
    return found


def _ends(
    stream: BinaryIO, size: int, tail: bytes, told: dict[str, str], *, known: bool
) -> list[str]:
    """Return which of the last entries, or what else, differs from the comment's digests."""
    said = tail[len(tail) - COMMENT_SIZE :]
    wanted = comment(told, digest_of(stream, size))
    if said == wanted:
        return []
    names = [*LAST, "archive as a whole"]
    pairs = zip(names, said.split(b"\n"), wanted.split(b"\n"), strict=False)
    # What was named before makes the digest of the whole wrong, which says nothing new.
    found = [f"changed: {n}" for n, a, b in pairs if a != b and not (known and n == names[-1])]
    return found or ([] if known else ["changed: the archive's comment"])
