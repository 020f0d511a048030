# SPDX-License-Identifier: Apache-2.0
"""Everything that a sign-off leaves behind, in one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from hil.errors import UsageError
from hil.report.signoff.bundle import POLICY, STATEMENT, bundle_names, write_bundle
from hil.report.signoff.html import render_html
from hil.report.signoff.json_report import render_json
from hil.report.signoff.judgement import SignOff
from hil.report.signoff.junit_reports import write_merged_junit, write_verdict_junit
from hil.report.signoff.statement import statement
from hil.report.signoff.strictdoc import render_sdoc
from hil.report.signoff.text import render_text
from hil.whole_file import whole_file

if TYPE_CHECKING:
    from hil.report.signoff.signing import PrivateKey

BUNDLE = "evidence.zip"
VERDICT, MERGED = "signoff.junit.xml", "merged.junit.xml"
TEXT, JSON, HTML, SDOC = "signoff.txt", "signoff.json", "signoff.html", "requirements.sdoc"
#: All that a sign-off leaves behind.
_LEFT = (TEXT, JSON, HTML, SDOC, VERDICT, MERGED, BUNDLE, STATEMENT)


@dataclass(frozen=True)
class Written:
    """Where the report and the evidence are."""

    html: Path
    bundle: Path


def clear(folder: Path, given: Sequence[Path]) -> None:
    """Take away what an earlier sign-off left in a folder: its verdict is not that of this one.

    Call it before anything is read, so that nothing of it stands if this one is refused.

    Args:
        folder: Where this sign-off will be written.
        given: Runs, files and folders that will be judged.

    Raises:
        UsageError: it is one of these folders, or cannot be written.
    """
    real = folder.resolve()
    for path in given:
        if path.resolve() == real:
            raise UsageError(f"-o {folder}: holds the evidence; choose a folder beside or below it")
    kept = {path.resolve() for path in given}
    try:
        for name in _LEFT:
            if real / name not in kept:
                (folder / name).unlink(missing_ok=True)
    except NotADirectoryError:
        raise UsageError(f"-o {folder}: a file; expected a folder") from None
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from None


def write_signoff(
    signoff: SignOff, policy: Path, folder: Path, key: PrivateKey | None = None
) -> Written:
    """Write reports and evidence into a folder; nothing is written anywhere else.

    Raises:
        UsageError: it cannot be written, or the evidence holds what must not be handed around.
    """
    _refuse_input(folder, signoff.evidence.files)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        clear(folder, signoff.evidence.files)
        return _write(signoff, policy, folder, key)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written: {error.strerror}") from None


def _write(signoff: SignOff, policy: Path, folder: Path, key: PrivateKey | None) -> Written:
    places = bundle_names(signoff.evidence.files)
    text = policy.read_bytes()
    reports = {
        TEXT: render_text(signoff),
        JSON: render_json(signoff, places),
        HTML: render_html(signoff, folder, places),
        SDOC: render_sdoc(signoff),
    }
    for name, content in reports.items():
        _place(folder / name, content.encode("utf-8", "backslashreplace"))
    write_verdict_junit(folder / VERDICT, signoff)
    write_merged_junit(folder / MERGED, signoff.evidence.executions)
    contents: dict[str, bytes | Path] = {POLICY: text}
    names = (*reports, VERDICT, MERGED)
    contents |= {f"report/{name}": folder / name for name in names}

    def say(manifest_sha256: str) -> bytes:
        said = statement(signoff, sha256(text).hexdigest(), manifest_sha256)
        _place(folder / STATEMENT, said)
        return said

    partial = folder / f".{BUNDLE}.partial"
    try:
        write_bundle(partial, contents, signoff.evidence.files, say, key)
        partial.replace(folder / BUNDLE)
    finally:
        partial.unlink(missing_ok=True)
    return Written(folder / HTML, folder / BUNDLE)


def _place(path: Path, data: bytes) -> None:
    with whole_file(path) as stream:
        stream.write(data)


def _refuse_input(folder: Path, files: tuple[Path, ...]) -> None:
    """Refuse a folder in which the evidence itself lies: a run must stay as it is."""
    real = folder.resolve()
    for path in files:
        given = path.resolve()
        if path.is_dir() and real.is_relative_to(given):
            raise UsageError(f"-o {folder}: lies within the run {path}; choose a folder beside it")
        if given.parent == real and given.name in (VERDICT, MERGED):
            raise UsageError(f"-o {folder}: {path} is evidence, and would be written over")
