# SPDX-License-Identifier: Apache-2.0
"""The evidence archive: records, JUnit files, report, policy, a manifest of SHA-256, a statement.

policy/signoff.yaml   report/...   runs/<run>/...   junit/<number>-<name>
manifest.json   statement.intoto.json   statement.dsse.json (if it is signed)
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hil.errors import UsageError
from hil.report.signoff.secret_files import without_keys
from hil.report.signoff.signing import sign
from hil.report.signoff.zip_layout import (
    CHUNK,
    Packed,
    central_header,
    end_records,
    unsafe,
    write_entry,
)

if TYPE_CHECKING:
    from hil.report.signoff.signing import PrivateKey

FORMAT = 1
POLICY, MANIFEST = "policy/signoff.yaml", "manifest.json"
STATEMENT, ENVELOPE = "statement.intoto.json", "statement.dsse.json"
#: What stands behind the files of the manifest, in this order.
LAST = (MANIFEST, STATEMENT, ENVELOPE)
_NONE = "-" * 64


def comment(digests: Mapping[str, str], everything: str) -> bytes:
    """Return the archive's comment: digests of what no manifest can list, and of all before it."""
    lines = [f"{digests.get(name, _NONE)}  {name}" for name in LAST]
    return ("\n".join([*lines, f"{everything}  all before the end records"]) + "\n").encode()


COMMENT_SIZE = len(comment({}, _NONE))


def bundle_names(files: Sequence[Path]) -> dict[Path, str]:
    """Return where in the archive each run and each JUnit file stands."""
    names: dict[Path, str] = {}
    for number, path in enumerate(files, 1):
        stem = re.sub(r"[^A-Za-z0-9_.-]", "_", path.resolve().name).lstrip(".") or "_"
        name = f"runs/{stem}" if path.is_dir() else f"junit/{number:05d}-{stem}"
        if name in names.values():
            name += f"-{number}"
        names[path] = name
    return names


def write_bundle(
    path: Path,
    contents: Mapping[str, bytes | Path],
    files: Sequence[Path],
    make_statement: Callable[[str], bytes],
    key: PrivateKey | None,
) -> None:
    """Write the archive; the same evidence gives the same bytes (a signature aside).

    Args:
        path: The archive.
        contents: Name in the archive and bytes, or the file, of policy and reports.
        files: Runs and JUnit files.
        make_statement: Gets the SHA-256 of the manifest and returns the statement.
        key: Signs, if there is one.

    Raises:
        UsageError: something in the evidence must not or cannot be kept.
        OSError: it cannot be written.
    """
    todo = dict(contents)
    for source, name in bundle_names(files).items():
        todo |= dict(_of_run(source, name)) if source.is_dir() else {name: source}
    with path.open("wb+") as out:
        packed = [
            write_entry(out, name, without_keys(*_chunks(name, todo[name])))
            for name in sorted(todo)
        ]
        manifest = _manifest(packed)
        said = make_statement(sha256(manifest).hexdigest())
        last = {MANIFEST: manifest, STATEMENT: said}
        if key is not None:
            last[ENVELOPE] = sign(said, key)
        packed += [write_entry(out, name, [data], stored=True) for name, data in last.items()]
        start = out.tell()
        for one in packed:
            out.write(central_header(one.entry))
        size = out.tell() - start
        told = {name: sha256(data).hexdigest() for name, data in last.items()}
        out.write(
            end_records(len(packed), size, start, comment(told, digest_of(out, start + size)))
        )


def digest_of(stream: BinaryIO, size: int) -> str:
    """Return the SHA-256 of the first bytes of a file; the file then stands behind them."""
    stream.seek(0)
    digest = sha256()
    while size > 0 and (data := stream.read(min(CHUNK, size))):
        digest.update(data)
        size -= len(data)
    return digest.hexdigest()


def _manifest(packed: Sequence[Packed]) -> bytes:
    files = [
        {
            "name": one.entry.name,
            "size": one.entry.size,
            "sha256": one.sha256,
            "packed_sha256": one.packed_sha256,
        }
        for one in packed
    ]
    return manifest_of(files)


def manifest_of(files: Sequence[Mapping[str, object]]) -> bytes:
    """Return the bytes of the manifest with these rows: there is one way to write it."""
    return (json.dumps({"format": FORMAT, "files": files}, indent=1) + "\n").encode()


def _of_run(folder: Path, name: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise UsageError(f"{path}: not a plain file (a link or a device); a run holds none")
        inside = f"{name}/{path.relative_to(folder).as_posix()}"
        if unsafe(inside) or not _is_text(inside):
            raise UsageError(f"{str(path)!r}: a name that cannot be kept in an archive")
        yield inside, path


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _chunks(name: str, content: bytes | Path) -> tuple[str, Iterator[bytes]]:
    if isinstance(content, bytes):
        return name, iter([content])
    return str(content), _read(content)


def _read(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            while data := stream.read(CHUNK):
                yield data
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
