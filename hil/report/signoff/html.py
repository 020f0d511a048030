# SPDX-License-Identifier: Apache-2.0
"""The verdict as one HTML file: nothing is fetched, so that it opens from any artefact store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from urllib.parse import quote

from hil.report.signoff.evidence import Execution
from hil.report.signoff.judgement import GOOD, Cell, Holds, JudgedColumn, SignOff, TestJudgement
from hil.report.signoff.text import headline, other_columns, proves

#: Tests of a cell that are listed; of a cell that holds only the first.
MAX_TESTS, MAX_HELD = 500, 50

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--pass:#1a7f37;--waived:#9a6700;--stale:#8250df;
--missing:#bc4c00;--fail:#cf222e}
@media(prefers-color-scheme:dark){:root{--pass:#3fb950;--waived:#d29922;--stale:#bc8cff;
--missing:#f0883e;--fail:#f85149}}
body{font:15px/1.5 system-ui,sans-serif;max-width:76rem;margin:1rem auto;padding:0 1rem}
h1{font-size:1.3rem}h2{font-size:1.1rem;margin-top:2rem}
.wide{overflow-x:auto}table{border-collapse:collapse}
th,td{border:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
td.v{text-align:center}.pass{color:var(--pass)}.waived{color:var(--waived)}.stale{color:var(--stale)}
.missing{color:var(--missing)}.fail{color:var(--fail)}.v a{color:inherit;font-weight:600}
.banner{border-left:.4rem solid;padding:.5rem 1rem;font-weight:600}
details{border:1px solid var(--line);border-radius:.4rem;margin:.5rem 0;padding:.3rem .8rem}
summary{cursor:pointer}li,p,summary,code,pre{overflow-wrap:anywhere}
code,pre{font:13px/1.4 ui-monospace,monospace;white-space:pre-wrap}
small{opacity:.75}:target{outline:2px solid var(--waived)}
"""


def render_html(signoff: SignOff, folder: Path, places: Mapping[Path, str]) -> str:
    """Return the page.

    Args:
        signoff: The verdict.
        folder: Where the page will stand: links to the evidence start there.
        places: Where in the archive each run and each JUnit file stands.
    """
    return "\n".join(_page(signoff, folder, places)) + "\n"


def _page(signoff: SignOff, folder: Path, places: Mapping[Path, str]) -> Iterator[str]:
    good = Holds.PASS if signoff.holds else Holds.FAIL
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width,initial-scale=1">'
    yield f"<title>{_text(headline(signoff))}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>Sign-off: {_text(signoff.policy.name)}</h1>"
    yield f'<p class="banner {good}">{_text(headline(signoff))}</p>'
    yield (
        f"<p><small>judged at {signoff.at:%Y-%m-%d %H:%M} UTC; several executions of a test count by "
        f"the rule <q>{signoff.policy.repeats.policy}</q></small></p>"
    )
    yield from _columns(signoff)
    yield from _table(signoff)
    yield from _details(signoff, folder)
    for title, lines in (
        ("Waivers", signoff.waivers),
        ("Remarks", signoff.remarks),
        ("Given, but not asked for", other_columns(signoff)),
    ):
        if lines:
            yield f"<h2>{title}</h2><ul>"
            yield from (f"<li>{_text(line)}</li>" for line in lines)
            yield "</ul>"
    yield '<h2>Evidence</h2><div class="wide"><table><tr><th>given</th><th>in the archive</th></tr>'
    for path, name in places.items():
        yield f"<tr><td>{_link(path, folder)}</td><td><code>{_text(name)}</code></td></tr>"
    yield "</table></div></body></html>"


def _columns(signoff: SignOff) -> Iterator[str]:
    yield "<ol>"
    for column in signoff.columns:
        yield f'<li>{_text(column.label)}: <b class="{column.holds}">{column.holds}</b>'
        if not proves(column):
            yield " (not one requirement passes there, so nothing is shown)"
        if column.column and column.column.images:
            yield f"<details><summary>{len(column.column.images)} images</summary><pre>"
            yield _text("\n".join(f"{digest}  {name}" for name, digest in column.column.images))
            yield "</pre></details>"
        yield "</li>"
    yield "</ol>"


def _table(signoff: SignOff) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr><th scope="col">requirement</th>'
    yield from (
        f'<th scope="col" title="{_text(column.label)}">[{number}] {_text(column.want.board)}</th>'
        for number, column in enumerate(signoff.columns, 1)
    )
    yield "</tr></thead><tbody>"
    for name, title in signoff.rows:
        yield f'<tr><th scope="row">{_text(name)}<br><small>{_text(title)}</small></th>'
        for number, column in enumerate(signoff.columns, 1):
            cell = column.cells.get(name)
            if cell is None:
                yield '<td class="v" title="not asked of this board">&ndash;</td>'
            else:
                target = _anchor(name, number)
                yield f'<td class="v {cell.holds}"><a href="#{target}">{cell.holds}</a></td>'
        yield "</tr>"
    yield "</tbody></table></div>"


def _details(signoff: SignOff, folder: Path) -> Iterator[str]:
    for title, wanted in (
        ("Does not hold", frozenset({Holds.FAIL, Holds.MISSING, Holds.STALE})),
        ("Waived", frozenset({Holds.WAIVED})),
        ("Holds", frozenset({Holds.PASS})),
    ):
        found = [
            (number, column, cell)
            for name, _ in signoff.rows
            for number, column in enumerate(signoff.columns, 1)
            if (cell := column.cells.get(name)) is not None and cell.holds in wanted
        ]
        if found:
            yield f"<h2>{title}</h2>"
        for number, column, cell in found:
            yield from _cell(cell, number, column, folder)


def _cell(cell: Cell, number: int, column: JudgedColumn, folder: Path) -> Iterator[str]:
    shown = "" if cell.holds in GOOD else " open"
    yield f'<details id="{_anchor(cell.requirement, number)}"{shown}>'
    yield (
        f'<summary><b class="{cell.holds}">{cell.holds}</b> {_text(cell.requirement)} '
        f"[{number}] {_text(column.want.label)} <small>{len(cell.tests)} tests</small></summary>"
    )
    if cell.why:
        yield "<ul>" + "".join(f"<li>{_text(why)}</li>" for why in cell.why) + "</ul>"
    limit = MAX_HELD if cell.holds in GOOD else MAX_TESTS
    if cell.tests:
        yield '<div class="wide"><table><tr><th>test</th><th></th><th>evidence</th></tr>'
        yield from (_test(test, folder) for test in cell.tests[:limit])
        yield "</table></div>"
    if len(cell.tests) > limit:
        yield f"<p>and {len(cell.tests) - limit} more; signoff.json lists them</p>"
    yield "</details>"


def _test(test: TestJudgement, folder: Path) -> str:
    evidence = "<br>".join(
        f"{_when(one)}{one.status} {_link(one.source.path, folder)}" for one in test.executions[:5]
    )
    return (
        f"<tr><td><code>{_text(test.name)}</code></td>"
        f'<td class="{test.holds}">{test.holds}</td><td>{evidence}</td></tr>'
    )


def _when(one: Execution) -> str:
    return f"{one.when:%Y-%m-%d %H:%M} " if one.when else ""


def _link(path: Path, folder: Path) -> str:
    target = os.path.relpath(path, folder)
    for page in ("report.html", "run.json"):
        if (path / page).is_file():
            target = f"{target}/{page}"
            break
    return f'<a href="{_text(quote(os.fsencode(target)))}">{_text(str(path))}</a>'


def _anchor(name: str, number: int) -> str:
    return f"{_text(quote(name, safe=''))}-{number}"


def _text(text: str) -> str:
    plain = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
    return escape(plain)
