# SPDX-License-Identifier: Apache-2.0
"""The requirements as a document that StrictDoc reads, each with its tests and its verdict."""

from __future__ import annotations

from collections.abc import Iterator

from hil.report.signoff.judgement import OTHER, SignOff
from hil.report.signoff.text import first_line

_GRAMMAR = """\
[GRAMMAR]
ELEMENTS:
- TAG: REQUIREMENT
  FIELDS:
  - TITLE: UID
    TYPE: String
    REQUIRED: True
  - TITLE: STATUS
    TYPE: String
    REQUIRED: False
  - TITLE: TITLE
    TYPE: String
    REQUIRED: False
  - TITLE: STATEMENT
    TYPE: String
    REQUIRED: False
  - TITLE: VERIFICATION
    TYPE: String
    REQUIRED: False
"""


def render_sdoc(signoff: SignOff) -> str:
    """Return the requirements of the policy in StrictDoc's own format."""
    return "\n".join(_lines(signoff)) + "\n"


def _lines(signoff: SignOff) -> Iterator[str]:
    yield "[DOCUMENT]"
    yield f"TITLE: {_line(signoff.policy.name)}"
    # Not reStructuredText: a * in the id of a test is no emphasis.
    yield "OPTIONS:"
    yield "  MARKUP: Text"
    yield ""
    yield _GRAMMAR.rstrip("\n")
    for name, title in signoff.rows:
        if name == OTHER:
            continue
        requirement = signoff.policy.requirement(name)
        cells = [(c, c.cells[name]) for c in signoff.columns if name in c.cells]
        status = "Verified" if all(c.holds == "pass" for _, c in cells) else "Open"
        yield ""
        yield "[REQUIREMENT]"
        yield f"UID: {name}"
        yield f"STATUS: {status}"
        yield f"TITLE: {_line(title)}"
        yield f"STATEMENT: {_line((requirement.statement if requirement else '') or title)}"
        yield "VERIFICATION: >>>"
        yield from (f"- {_line(column.label)}: {cell.holds}" for column, cell in cells)
        yield from (f"- test {_line(test)}" for test in (requirement.tests if requirement else ()))
        yield "<<<"


def _line(text: str) -> str:
    # The end mark of a long field must not stand in it.
    return first_line(" ".join(text.split())).replace("<<<", "< < <")
