# SPDX-License-Identifier: Apache-2.0
"""`hil report`: a run for its readers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from hil.commands.options import Commands
from hil.errors import UsageError

_EPILOG = """\
The page is one HTML file that needs no network and can be read without JavaScript, from any
artefact store (docs/report.md says what Jenkins needs). `markdown` fits into a comment on a pull
request; the JSON schema stands in hil/report/page/plain.py. The exit status is 0 whatever the
verdict: `hil runs RUN` turns a verdict into one."""

_STDOUT = "-"


def add(commands: Commands) -> None:
    """Add `hil report`."""
    report = commands.add_parser(
        "report",
        help="a run as a page (HTML), a screen of text, a comment (Markdown) or JSON",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("run_folder", type=Path, metavar="RUN", help="the folder of a run")
    report.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="where to write; - is standard output. Default: report.html in the run's folder, "
        "standard output for other formats",
    )
    report.add_argument("--format", choices=["html", "text", "markdown", "json"], default="html")
    report.set_defaults(run=_report)


def _report(options: argparse.Namespace) -> int:
    from hil.report.page import write_page, write_whole

    folder: Path = options.run_folder
    output = options.output
    try:
        if options.format == "html" and output != _STDOUT:
            print(write_page(folder, None if output is None else Path(output)))
            return 0
        parts = _parts(folder, options.format)
        if output in (None, _STDOUT):
            _print(parts)
        else:
            write_whole(Path(output), parts)
    except BrokenPipeError:
        raise
    except OSError as error:
        where = (error.filename or "standard output") if output is None else output
        raise UsageError(f"{where} cannot be written: {error.strerror}") from None
    return 0


def _parts(folder: Path, form: str) -> Iterable[str]:
    from hil.report.page.document import Document
    from hil.report.recorded import read_record

    document = Document(read_record(folder))
    if form == "html":
        from hil.report.page.html import render_html

        return render_html(document)
    if form == "markdown":
        from hil.report.page.markdown import render_markdown

        return [render_markdown(document)]
    if form == "json":
        from hil.report.page.plain import render_plain

        return _lines(json.dumps(render_plain(document), indent=1))
    from hil.report.page.text import render_text

    return [render_text(document)]


def _lines(text: str) -> Iterator[str]:
    yield text
    yield "\n"


def _print(parts: Iterable[str]) -> None:
    # Whatever the terminal's encoding: a shape or a letter of a log must not end the command.
    sys.stdout.flush()
    for part in parts:
        sys.stdout.buffer.write(part.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
