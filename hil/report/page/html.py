# SPDX-License-Identifier: Apache-2.0
"""A run as one HTML file that needs nothing else: no network, no script that it did not bring.

Everything that comes from a run is hostile. It is made safe in one place: each value that a
template prints passes `_clean`, which leaves nothing but text, and is then escaped by Jinja2's
autoescape. Script and style hold no value of a run, so that their digests stand in the page's own
Content-Security-Policy, and a browser runs nothing else even if a value should get through.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import hil
from hil.report.page import words
from hil.report.page.document import Document
from hil.report.page.test_list import anchor_of
from hil.report.page.transcripts import BLOCK
from hil.report.xml_text import xml_text

#: Characters that turn the direction of text, or control what shows it.
_UNSEEN = re.compile("[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TEMPLATES = "templates"
#: Colours of the pictures where the page's style is not allowed; the style has its own.
_FILLS = {
    "pass": "#18794a",
    "fail": "#b3261e",
    "error": "#7d3c98",
    "miss": "#8a5a00",
    "flaky": "#8a5a00",
    "skip": "#9aa1a9",
}
_GROUNDS = {"provisioning": "#f0e0bd", "BL2": "#bcd3ea", "runtime": "#c4e4d1", "ns": "#c4e4d1"}


def render_html(document: Document, base: str = "") -> Iterator[str]:
    """Yield the parts of the page.

    Args:
        document: The run.
        base: Where the run's folder is as seen from the page: "" beside it, or "../runs/x/".
    """
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    values: dict[str, Any] = {
        "doc": document,
        "run": document.run,
        "base": base,
        # Made of digests, or written by us: the only values that are not escaped.
        "policy": Markup(policy),  # noqa: S704
        "style": Markup(style),  # noqa: S704
        "script": Markup(script),  # noqa: S704
        "version": hil.__version__,
    }
    yield from _environment().get_template("report.html.j2").generate(values)


def base_of(folder: Path, output: Path) -> str:
    """Return where a run's folder is, as links of a page say it."""
    relative = os.path.relpath(folder.resolve(), output.resolve().parent)
    return "" if relative == "." else Path(relative).as_posix() + "/"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hil.report.page", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    environment.globals.update(words=words, kinds=words.KINDS, classes=words.CLASSES)
    environment.globals.update(fills=_FILLS, grounds=_GROUNDS)
    environment.filters.update(
        anchor=anchor_of,
        block=_block,
        url=lambda path: quote(path, safe="/"),
        seconds=words.seconds,
        size=words.size,
        moment=words.moment,
    )
    return environment


def _clean(value: Any) -> Any:
    """Return a value as nothing but text; what was marked as safe is ours."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    return _UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", xml_text(value))


def _block(place: str) -> str:
    """Return the name of the block that holds a line: u2-4711 stands in u2-b2."""
    key, _, number = place.partition("-")
    return f"{key}-b{int(number) // BLOCK}"


@cache
def _asset(name: str) -> str:
    text = files("hil.report.page").joinpath(_TEMPLATES, name).read_text(encoding="utf-8")
    assert "</" not in text, f"{name} would end its element"
    return text


def _digest(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
