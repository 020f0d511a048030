# SPDX-License-Identifier: Apache-2.0
"""A run as a screen of text, as a comment in Markdown, and as JSON."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_runs import KEY, RunFolder, failing_run, hostile_run, made_test

from hil.report.page.document import Document
from hil.report.page.markdown import LIMIT, block, code, render_markdown
from hil.report.page.plain import SCHEMA, render_plain
from hil.report.page.text import WIDTH, render_text
from hil.report.recorded import read_record
from hil.report.results import Status

GITHUB = 65_536


def document_of(folder: Path) -> Document:
    return Document(read_record(folder))


@pytest.fixture
def crowded(tmp_path: Path) -> Document:
    """A run with 3 000 failures for as many reasons, each told at length."""
    run = RunFolder(tmp_path / "crowded", verdict="fail", failure_class="product")
    run.boot()
    run.tests = [
        made_test(f"t.py::test_{n}", Status.FAIL, message=f"reason {n}", text=f"reason {n}\n" * 400)
        for n in range(3000)
    ]
    return document_of(run.write())


def test_the_text_is_one_screen(tmp_path: Path) -> None:
    """Verdict, class, reason, images, agreement, what went wrong and what to do, in 24 lines."""
    text = render_text(document_of(failing_run(tmp_path / "run")))
    lines = text.splitlines()
    assert len(lines) <= 24
    assert lines[0] == "FAIL     made-up  TF-M 2.3.1  2026-11-21 12:00:00 UTC, 1 min 13 s"
    assert lines[1].strip() == "2 failed, 1 passed after a retry, 1 skipped, 2 passed"
    assert "reason   RSE 1 differs" in lines
    assert "FAIL     2 x RSE 1 differs from RSE 0" in lines
    assert "         to do: provision RSE 1 again" in lines


def test_a_crowded_or_hostile_run_is_one_screen_too(tmp_path: Path, crowded: Document) -> None:
    """However much went wrong: few lines, none of them long, no control character, no key."""
    for document in (crowded, document_of(hostile_run(tmp_path / "run"))):
        text = render_text(document)
        assert len(text.splitlines()) <= 30
        assert all(len(line) <= WIDTH for line in text.splitlines())
        assert all(char.isprintable() or char == "\n" for char in text)
        assert KEY not in text


def test_the_comment_says_what_the_page_says(tmp_path: Path) -> None:
    """Verdict, failures with cause and remedy, who differs, and the images."""
    told = render_markdown(document_of(failing_run(tmp_path / "run")))
    assert told.startswith("## ✕ `FAIL` `made-up`, TF-M `2.3.1`\n")
    assert "### ✕ FAIL: `RSE 1 differs from RSE 0`" in told
    assert "  - to do: `provision RSE 1 again`" in told
    assert "| 1 | A `aaaaaaaa` | ≠ B `bbbbbbbb` |" in told
    assert told.count("<details>") == told.count("</details>") > 3


def test_a_comment_fits_into_github(crowded: Document) -> None:
    """What has no room is left out as a whole, counted, and nothing stays open."""
    told = render_markdown(crowded)
    assert len(told) <= LIMIT < GITHUB
    assert len(told.encode()) < GITHUB
    assert told.count("<details>") == told.count("</details>")
    assert re.search(r"\n[\d\u202f]+ parts have no room here: see `report.html`", told)


def test_a_hostile_comment_mentions_nobody(tmp_path: Path) -> None:
    """Outside code spans and blocks nothing of the run is left: no mention, link, tag or row."""
    told = render_markdown(document_of(hostile_run(tmp_path / "run")))
    outside = re.sub(r"^(`{3,})text\n.*?\n\1$", "", told, flags=re.MULTILINE | re.DOTALL)
    outside = re.sub(r"(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)", "", outside)
    for part in ("@", "window", "evil", "<img", "script", "#1"):
        assert part not in outside
    assert KEY not in told
    assert "\\|" in told


@given(st.text(max_size=80))
def test_no_text_leaves_its_code_span(text: str) -> None:
    """The fence is longer than any run of backticks inside, and a span is one line."""
    span = code(text)
    if not span:
        return
    fence = re.match("`+", span)
    assert fence is not None
    inner = span[len(fence[0]) : -len(fence[0])]
    assert span.endswith(fence[0])
    assert fence[0] not in re.findall("`+", inner)
    assert "\n" not in span
    assert not re.search(r"(?<!\\)\|", inner)


@given(st.text(alphabet="`~a \n", max_size=80))
def test_no_text_leaves_its_code_block(text: str) -> None:
    """No line inside is a fence that would end it."""
    fence, *inner, last, end = block(text, 1000).split("\n")
    assert (fence, end) == (f"{last}text", "")
    assert all(not line.lstrip().startswith(last) for line in inner)


def test_the_json_has_its_schema(tmp_path: Path) -> None:
    """The keys of the description stand there, with values that JSON holds."""
    plain = json.loads(json.dumps(render_plain(document_of(failing_run(tmp_path / "run")))))
    assert plain["schema"] == SCHEMA == 1
    assert plain["counts"] == {"FAIL": 2, "FLAKY": 1, "SKIP": 1, "PASS": 2}
    assert plain["failures"][0]["causes"] == ["other-guk"]
    assert plain["agreement"][1] == {
        "boot": 1,
        "source": "bl1_2",
        "fingerprints": {"0": "a" * 32, "1": "b" * 32},
        "differs": True,
        "silent": [],
    }
    assert plain["images"]["seen_on_device"] is True
    assert plain["images"]["list"][0]["rses"] == [0, 1]
    assert plain["boots"][0]["rses"][0]["resets"] == 1
    assert [s["stage"] for s in plain["boots"][0]["rses"][0]["stages"]][-1] == "runtime"
    [flaky] = [test for test in plain["tests"] if test["status"] == "FLAKY"]
    assert [attempt["status"] for attempt in flaky["attempts"]] == ["MISS", "PASS"]


def test_the_description_of_the_json_is_complete(tmp_path: Path) -> None:
    """Every key of the object is described where the schema says it is."""
    import hil.report.page.plain as module

    assert module.__doc__ is not None
    described = set(re.findall(r"\w+", module.__doc__))
    assert set(render_plain(document_of(failing_run(tmp_path / "run")))) <= described
