# SPDX-License-Identifier: Apache-2.0
"""A run as a comment on a pull request: GitHub's Markdown, never longer than such a comment may be.

What a run says is hostile here too: it could mention people, link, load pictures. It stands in code
spans and code blocks, which do none of that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hil.report.page.document import Document
from hil.report.page.failures import Failure
from hil.report.page.words import KINDS, many, moment, seconds
from hil.uart.log_text import shown

#: GitHub takes 65 536 characters; some are left for whoever adds a line of their own.
LIMIT = 60_000
_MAX_LINE = 600
_NAMED = 12


def render_markdown(document: Document) -> str:
    """Return the run as Markdown of at most LIMIT characters; says what it left out."""
    told: list[str] = []
    room = LIMIT - 200
    left_out = 0
    for part in _parts(document):
        if len(part) <= room:
            told.append(part)
            room -= len(part)
        else:
            left_out += 1
    if left_out:
        parts = many(left_out, "part has", "parts have")
        told.append(f"\n{parts} no room here: see `report.html` of the run.\n")
    return "".join(told)


def code(text: str, limit: int = _MAX_LINE) -> str:
    r"""Return text as a code span, for a line or a cell of a table.

    >>> code("a | `b` @c")
    '`` a \\| `b` @c ``'
    """
    line = shown(" ".join(text.split()), limit).replace("|", "\\|")
    if not line:
        return ""
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    blank = " " if line.startswith("`") or line.endswith("`") or "`" in line else ""
    return f"{fence}{blank}{line}{blank}{fence}"


def block(text: str, limit: int) -> str:
    """Return text as a code block that its contents cannot end."""
    lines = [shown(line, 300) for line in text.splitlines()]
    body = "\n".join(lines)[:limit]
    longest = max((len(run) for run in re.findall("`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}\n"


def _parts(doc: Document) -> Iterator[str]:
    """Yield what can stand or fall alone: no part opens what another one closes."""
    yield _head(doc)
    for failure in doc.failures:
        yield "".join(_failure(failure))
    for part in (_points, _agreement, _boots, _images):
        yield "".join(part(doc))


def _head(doc: Document) -> str:
    run = doc.run
    counts = [f"{number} {KINDS[status].told}" for status, number in doc.counts.items()]
    seen = "seen on the device" if run.seen_on_device else "**not all seen on the device**"
    images = f"images {code(run.image_digest[:12])} {seen}" if run.images else "no image loaded"
    kind = f"{code(run.failure_class)} · " if run.failure_class else ""
    return (
        f"## {doc.kind.shape} {code(doc.kind.word)} {code(run.board)}, TF-M {code(run.release)}\n\n"
        f"{', '.join(counts) or 'no test result'} · {moment(run.started)} · {seconds(run.seconds)} · "
        f"{code(run.id)}\n\n{kind}{images}\n\n"
    )


def _failure(failure: Failure) -> Iterator[str]:
    kind = KINDS[failure.status]
    yield f"### {kind.shape} {kind.word}: {code(failure.title)}\n\n"
    for cause in failure.causes:
        yield f"- cause {code(cause.name)} ({code(cause.confidence)}): {code(cause.claim)}\n"
        yield from (f"  - for: {code(text)}\n" for text, _ in cause.reasons)
        yield from (f"  - against: {code(text)}\n" for text, _ in cause.doubts)
        yield f"  - to do: {code(cause.todo)}\n" if cause.todo else ""
    if failure.defects:
        yield f"- known defect: {', '.join(code(defect) for defect in failure.defects)}\n"
    yield f"\n<details><summary>{many(len(failure.tests), 'test')}</summary>\n\n"
    yield "".join(f"- {code(test.id)}\n" for test in failure.tests[:_NAMED])
    if len(failure.tests) > _NAMED:
        yield f"- {len(failure.tests) - _NAMED} more\n"
    yield f"\n{block(failure.text, 3000)}\n</details>\n\n" if failure.text else "\n</details>\n\n"


def _points(doc: Document) -> Iterator[str]:
    mind = [point.told for point in doc.trust if point.held is False]
    for told in [*mind, *doc.run.warnings]:
        yield f"- mind: {code(told)}\n"
    yield "\n"


def _agreement(doc: Document) -> Iterator[str]:
    matrix = doc.agreement
    columns = matrix.columns[:6]
    if not columns:
        return
    yield f"<details><summary>vHUK: {matrix.told}</summary>\n\n"
    heads = [
        f"{'record' if c.boot is None else f'boot {c.boot}'} {code(c.source)}".strip()
        for c in columns
    ]
    yield f"| RSE | {' | '.join(heads)} |\n|{'---|' * (len(columns) + 1)}\n"
    for rse in matrix.rses:
        cells = [column.cells[rse] for column in columns]
        told = [
            f"{'≠ ' if cell.differs else ''}{cell.letter} {code(cell.fingerprint[:8])}"
            if cell.letter
            else "silent"
            for cell in cells
        ]
        yield f"| {rse} | {' | '.join(told)} |\n"
    yield "\n</details>\n\n"


def _boots(doc: Document) -> Iterator[str]:
    boots = [boot for boot in doc.boots if boot.open]
    if not boots:
        return
    yield "<details><summary>Boots and their stages</summary>\n\n"
    yield "| boot | RSE | ended with |\n|---|---|---|\n"
    for boot in boots:
        for lane in boot.lanes:
            yield f"| {boot.number} {code(boot.how)} | {lane.rse} | {code(lane.told)} |\n"
    yield "\n</details>\n\n"


def _images(doc: Document) -> Iterator[str]:
    if not doc.images:
        return
    yield "<details><summary>Images</summary>\n\n"
    yield "| image | version | on | SHA-256 | seen |\n|---|---|---|---|---|\n"
    for row in doc.images:
        image = row.image
        yield (
            f"| {code(image.name)} | {code(image.version or '-')} | {row.where} | "
            f"{code(image.sha256[:16])} | {code(row.seen)} |\n"
        )
    yield "\n</details>\n"
