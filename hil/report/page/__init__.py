# SPDX-License-Identifier: Apache-2.0
"""A run for its readers: one HTML page, a screen of text, a comment in Markdown, JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from hil.report.recorded import read_record

#: Name of the page in a run's folder.
PAGE = "report.html"


def write_page(folder: Path, output: Path | None = None) -> Path:
    """Write the page of a run and return where it is: `report.html` in its folder by default.

    Raises:
        UsageError: the folder holds no run.
        OSError: it cannot be written.
    """
    # Only who writes a page pays for the template engine.
    from hil.report.page.document import Document
    from hil.report.page.html import base_of, render_html

    path = folder / PAGE if output is None else output
    document = Document(read_record(folder))
    write_whole(path, render_html(document, base_of(folder, path)))
    return path


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Write a text file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
            stream.writelines(parts)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
