# SPDX-License-Identifier: Apache-2.0
"""A run for its readers: one HTML page, a screen of text, a comment in Markdown, JSON."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hil.report.recorded import read_record
from hil.whole_file import whole_file

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
    with whole_file(path) as stream:
        stream.writelines(part.encode("utf-8", "replace") for part in parts)
