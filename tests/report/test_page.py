# SPDX-License-Identifier: Apache-2.0
"""The page of a run as a file: what is in it, what can never be in it, and that it stands alone."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from page_runs import AGREED, HOSTILE, KEY, OTHER, RunFolder, failing_run, hostile_run, made_test

from hil.errors import UsageError
from hil.report.page import write_page, write_whole
from hil.report.page.document import MAX_BOOTS, Document
from hil.report.page.html import render_html
from hil.report.page.timeline import BootView
from hil.report.recorded import read_record
from hil.report.results import Status


class Page(HTMLParser):
    """What an HTML parser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.places: list[str] = []
        self.raw: dict[str, str] = {"script": "", "style": ""}
        self.text = ""
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self._open = tag
        for name, value in attrs:
            self.attributes.append((name, value or ""))
            if name == "id":
                self.ids.append(value or "")
            if name == "href":
                self.links.append(value or "")
            if name == "data-at":
                self.places.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in self.raw:
            self.raw[self._open] += data
        else:
            self.text += data


def page_of(folder: Path) -> Page:
    return Page(write_page(folder).read_text(encoding="utf-8"))


def boots_of(folder: Path) -> list[BootView]:
    return Document(read_record(folder)).boots


def test_the_page_says_the_verdict_and_what_went_wrong(tmp_path: Path) -> None:
    """Verdict, class, reason, cause with evidence for and against, and what to do stand on it."""
    page = page_of(failing_run(tmp_path / "run"))
    for told in (
        "The product failed: 2 failed, 1 passed after a retry, 1 skipped, 2 passed.",
        "product: the firmware has to be mended",
        "RSE 1 has another GUK",
        "only its own value differs",
        "both were given one file",
        "provision RSE 1 again",
        "probe of RSE 0 is gone",
        "testcases/vhuk/test_v.py::test_agree",
        "1 test tried again after the lab had failed",
        "1 skipped test: what they ask is not answered",
        "1" * 64,
        "bench-7",
    ):
        assert told in page.text


def test_tests_that_fail_for_one_cause_are_told_once(tmp_path: Path) -> None:
    """Two failures of one cause and one flaky test make two things that went wrong."""
    failures = Document(read_record(failing_run(tmp_path / "run"))).failures
    assert [(f.status, len(f.tests)) for f in failures] == [(Status.FAIL, 2), (Status.FLAKY, 1)]
    assert [cause.todo for cause in failures[0].causes] == ["provision RSE 1 again"]
    assert failures[1].title == "probe of RSE 0 is gone"


def test_a_failure_that_another_test_told_stands_with_it(tmp_path: Path) -> None:
    """A bench that broke fails every test: one thing went wrong, told by the first of them."""
    run = RunFolder(tmp_path / "run", verdict="error")
    run.tests = [
        made_test("t.py::test_a", Status.MISS, message="probe of RSE 1 is gone"),
        made_test("t.py::test_b", Status.MISS, message="as t.py::test_a", same_as="t.py::test_a"),
        made_test("t.py::test_c", Status.MISS, message="as t.py::test_a", same_as="t.py::test_a"),
    ]
    [failure] = Document(read_record(run.write())).failures
    assert failure.title == "probe of RSE 1 is gone"
    assert len(failure.tests) == 3


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    """No address of the network, no source, no import: only links into the page and the run."""
    folder = failing_run(tmp_path / "run")
    text = write_page(folder).read_text(encoding="utf-8")
    page = Page(text)
    assert not re.search(r"https?:|@import|url\((?!#)", text)
    assert not {name for name, _ in page.attributes} & {"src", "srcset", "style", "action"}
    for link in page.links:
        assert link.startswith("#") or (folder / link).is_file(), link
    named = [link[1:] for link in page.links if link.startswith("#")]
    assert set(named) <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_links_lead_to_the_run_from_wherever_the_page_lies(tmp_path: Path) -> None:
    """A page in another folder links back to the files of the run."""
    folder = failing_run(tmp_path / "runs" / "a run")
    out = tmp_path / "pages" / "x.html"
    out.parent.mkdir()
    links = Page(write_page(folder, out).read_text(encoding="utf-8")).links
    assert "../runs/a%20run/uart/rse0.log" in links or "../runs/a run/uart/rse0.log" in links


def test_hostile_values_make_no_element_and_no_attribute(tmp_path: Path) -> None:
    """The page of a hostile run has the elements of the page: not one more comes from a value."""
    benign = Page(write_page(failing_run(tmp_path / "a")).read_text(encoding="utf-8"))
    hostile = Page(write_page(hostile_run(tmp_path / "b")).read_text(encoding="utf-8"))
    assert set(hostile.tags) <= set(benign.tags) | {"br"}
    assert hostile.tags["script"] == hostile.tags["style"] == 1
    assert {name for name, _ in hostile.attributes} <= {name for name, _ in benign.attributes}
    assert hostile.raw == benign.raw
    assert "</script><script>window.hacked=1</script><img" in hostile.text


def test_nothing_on_the_page_is_unseen(tmp_path: Path) -> None:
    """Control characters, turned direction, and half pairs stand there in digits."""
    text = write_page(hostile_run(tmp_path / "run")).read_text(encoding="utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "\\u202e" in text
    assert "half a pair: \\xd800" in text


def test_the_page_allows_only_its_own_script_and_style(tmp_path: Path) -> None:
    """Its Content-Security-Policy names exactly the digests of what it brings, and no network."""
    page = page_of(hostile_run(tmp_path / "run"))
    [policy] = [value for name, value in page.attributes if value.startswith("default-src")]
    assert policy.startswith("default-src 'none';")
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_no_key_stands_on_the_page(tmp_path: Path) -> None:
    """Neither a key of the board file nor one that a UART printed."""
    folder = hostile_run(tmp_path / "run")
    assert KEY.encode() in (folder / "uart" / "rse0.log").read_bytes()
    text = write_page(folder).read_text(encoding="utf-8")
    assert KEY not in text
    assert "HUK &lt;64 digits hidden&gt;" in text
    assert "(not shown)" in text


def test_every_line_of_a_uart_is_on_the_page_with_its_time(tmp_path: Path) -> None:
    """Seconds since the first boot in ten columns, two blanks, and the line."""
    page = page_of(failing_run(tmp_path / "run"))
    assert "\n    0.2000  [INF] Starting TF-M BL1_2\n" in page.text
    assert "\n   51.0000  [INF] heart beat 39" in page.text


def test_a_uart_that_is_too_large_is_cut_and_the_page_says_so(tmp_path: Path) -> None:
    """Beginning and end are there; what is left out is counted and its file named."""
    run = RunFolder(tmp_path / "run", rses=2)
    run.boot()
    for number in range(3000):
        run.say(0, f"[INF] line {number:04}", 2 + number / 100)
    run.say(1, "[INF] short", 2)
    folder = run.write()
    document = Document(read_record(folder), room=20_000)
    page = Page("".join(render_html(document)))
    long, short = document.transcripts
    assert long.gap is not None
    assert short.gap is None
    assert sum(map(len, long.texts)) < 20_000
    assert "Starting TF-M BL1_1" in page.text
    assert "line 2999" in page.text
    assert "line 1000" not in page.text
    whole = (folder / "uart" / "rse0.log").read_bytes()
    missing = whole[long.gap.start : long.gap.end]
    assert b"line 1000" in missing
    kept = [text.encode() for text in long.texts]
    assert kept[long.gap.place - 1] + b"\r\n" == whole[: long.gap.start].splitlines(True)[-1]
    assert whole[long.gap.end :].startswith(kept[long.gap.place] + b"\r\n")
    assert f"Bytes {long.gap.start} to {long.gap.end}" in page.text
    assert long.place(long.gap.start + 5000) == long.gap.place


def test_stages_resets_and_handshake_are_drawn(tmp_path: Path) -> None:
    """Each RSE has a lane with its segments in order, the reset within it, and its end."""
    [boot, again] = boots_of(failing_run(tmp_path / "run"))
    assert boot.tone == again.tone == "pass"
    assert [lane.rse for lane in boot.lanes] == [0, 1]
    for lane in boot.lanes:
        assert [segment.stage for segment in lane.segments] == ["BL1_1", "BL1_2", "vhuk", "BL2"]
        assert [segment.waiting for segment in lane.segments] == [False, True, False, False]
        edges = [edge for s in lane.segments for edge in (s.x, s.x + s.width)]
        assert edges == pytest.approx(sorted(edges))
        assert all(0 <= edge <= 100 for edge in edges)
        assert lane.segments[1].used == pytest.approx(0.12)
        assert [mark.kind for mark in lane.marks] == ["reached", "reset"]
        assert lane.told == "runtime 1.20 s"


@pytest.mark.parametrize(
    ("reason", "waited"),
    [("not within 5 s after BL1_2", True), ("[ERR] Fatal boot error -1", False)],
)
def test_a_stage_that_did_not_come_is_marked(tmp_path: Path, reason: str, waited: bool) -> None:
    """A wait that ran out is drawn up to its end; an RSE that halted ends with its last word."""
    run = RunFolder(tmp_path / "run", verdict="fail")
    run.boot(missed={1: ("vhuk", reason)})
    if not waited:
        run.say(1, reason, 0.4)
    run.tests = [made_test("t.py::test_a[rse1]", Status.FAIL, rse=1, message=reason)]
    folder = run.write()
    [boot] = boots_of(folder)
    good, bad = boot.lanes
    assert boot.tone == "fail"
    assert boot.told == "RSE 1: vhuk missed"
    assert [mark.kind for mark in good.marks] == ["reached", "reset"]
    assert [mark.text for mark in bad.marks if mark.kind == "missed"] == ["no vhuk"]
    last = bad.segments[-1]
    assert last.waiting is waited
    assert ("waited 5.00 s" in last.label) is waited
    [step] = [step for step in bad.steps if step.status == "missed"]
    assert bool(step.place) is not waited
    assert "vhuk missed" in page_of(folder).text


def test_a_boot_that_stops_where_its_tests_want_it_is_no_failure(tmp_path: Path) -> None:
    """A refused image ends a boot early: with every test of it passing that is no finding."""
    run = RunFolder(tmp_path / "run")
    run.boot(missed={0: ("runtime", "[ERR] Unable to find bootable image")})
    run.tests = [made_test("t.py::test_refuses")]
    [boot] = boots_of(run.write())
    assert boot.tone == "skip"
    assert boot.told == "RSE 0: runtime missed, as its tests expect"


def test_stages_link_to_their_uart_lines(tmp_path: Path) -> None:
    """Each reached stage of each boot names the line that says so, and the block that holds it."""
    folder = failing_run(tmp_path / "run")
    document = Document(read_record(folder))
    [uart] = [uart for uart in document.transcripts if uart.rse == 1]
    steps = [step for boot in document.boots for step in boot.lanes[1].steps]
    assert [uart.texts[int(step.place.partition("-")[2])] for step in steps] == [
        step.line for step in steps
    ]
    assert int(steps[5].place.partition("-")[2]) == 6  # the second boot's, not the first one's
    assert "u1-6" in page_of(folder).places


def test_who_differs_is_said_by_letter_and_sign(tmp_path: Path) -> None:
    """Equal values of a boot have one letter; a silent RSE is no disagreement."""
    agreement = Document(read_record(failing_run(tmp_path / "run"))).agreement
    first, second = agreement.columns
    assert [cell.letter for cell in first.cells.values()] == ["A", "A"]
    assert [(c.letter, c.differs) for c in second.cells.values()] == [("A", False), ("B", True)]
    assert second.cells[1].fingerprint == OTHER
    assert agreement.told == "RSEs differ in 1 of 2 columns."
    run = RunFolder(tmp_path / "silent")
    run.boot(missed={0: ("vhuk", "not within 5 s after BL1_2")})
    [column] = Document(read_record(run.write())).agreement.columns
    assert (column.differs, column.silent) == (False, [0])


def test_a_test_names_its_boots_uart_lines_stages_and_images(tmp_path: Path) -> None:
    """What belongs to a test is one step away from it."""
    document = Document(read_record(failing_run(tmp_path / "run")))
    views = {v.name: v for group in document.groups for block in group.blocks for v in block}
    view = views["test_survives[rse1]"]
    assert [(e.rse, e.key, e.first) for e in view.excerpts] == [(1, "u1", 0)]
    assert view.stages[0].startswith("RSE 1: BL1_1 10 ms · BL1_2 200 ms")
    assert len(view.images) == 12
    assert [e.key for e in views["test_agree"].excerpts] == ["u0", "u1"]


def test_a_test_has_one_address_on_every_page(tmp_path: Path) -> None:
    """A link to a test of one run finds the same test on the page of another one."""
    other = RunFolder(tmp_path / "other")
    other.tests = [made_test("testcases/vhuk/test_v.py::test_survives[rse1]")]
    found = {name for name in page_of(other.write()).ids if re.fullmatch("t[0-9a-f]{12}", name)}
    assert len(found) == 1
    assert found < set(page_of(failing_run(tmp_path / "run")).ids)


def test_a_killed_run_has_a_page_that_says_so(tmp_path: Path) -> None:
    """It names the test in which the run ended, and how many lines of the record are torn."""
    run = RunFolder(tmp_path / "run", verdict="killed", finished=None, pid=2**22 + 1)
    run.boot()
    run.tests = [made_test("t.py::test_a")]
    run.values["selected"] = 3
    run.events.append({"kind": "test begins", "id": "t.py::test_b"})
    folder = run.write()
    with (folder / "results.jsonl").open("a") as stream:
        stream.write('{"id": "t.py::test_c", "stat')
    text = page_of(folder).text
    assert "Ended without a verdict of its own, during t.py::test_b: 1 passed." in text
    assert "1 of 3 selected tests have a result" in text
    assert "1 line of the record cannot be read" in text


def test_numbers_that_cannot_be_do_not_stop_the_page(tmp_path: Path) -> None:
    """A damaged record with endless times and more benches than there are still has its page."""
    run = RunFolder(tmp_path / "run")
    run.boot()
    run.tests = [made_test("t.py::test_a")]
    for event in run.events:
        event["session"] = 10**30
        for entry in event.get("timeline", ())[:2]:
            entry |= {"seconds": float("inf"), "budget": float("nan")}
    folder = run.write()
    path = folder / "results.jsonl"
    path.write_text(path.read_text().replace("0.25", "Infinity"))
    assert "1 passed" in page_of(folder).text


def test_an_empty_run_has_a_page(tmp_path: Path) -> None:
    """No boot, no test, no image, no UART: every section says that there is nothing."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"board": {"name": "b"}, "verdict": "no tests"}))
    text = page_of(folder).text
    for told in (
        "No test ran: no test result.",
        "No boot is recorded.",
        "No RSE reported a fingerprint.",
        "No UART was recorded.",
        "No test has a result.",
        "No image was loaded in this run.",
    ):
        assert told in text


def test_another_image_on_the_device_is_shown(tmp_path: Path) -> None:
    """A digest that was read back and is another one stands beside the one that was meant."""
    run = RunFolder(tmp_path / "run")
    run.values["images"][1]["sha256_on_device"] = "2" * 64
    text = page_of(run.write()).text
    assert "ANOTHER IMAGE is on the device" in text
    assert "2" * 64 in text
    assert "only 1 of 2 images seen on the device" in text


def test_a_soak_of_many_boots_is_bounded(tmp_path: Path) -> None:
    """The first boots are drawn, the others counted."""
    run = RunFolder(tmp_path / "run", rses=1)
    for number in range(MAX_BOOTS + 5):
        run.boot(number, 2.0 * number)
    page = page_of(run.write())
    assert sum(name.startswith("boot-") for name in page.ids) == MAX_BOOTS
    assert "5 later boots not drawn" in page.text


def test_a_link_out_of_the_run_is_not_followed(tmp_path: Path) -> None:
    """A UART log that is a link to another place does not put that file on the page."""
    folder = failing_run(tmp_path / "run")
    secret = tmp_path / "secret.txt"
    secret.write_text("top secret\n")
    (folder / "uart" / "rse1.log").unlink()
    (folder / "uart" / "rse1.log").symlink_to(secret)
    assert "top secret" not in page_of(folder).text


def test_earlier_benches_of_a_run_are_on_the_page(tmp_path: Path) -> None:
    """What a bench said that was built anew after a lab failure is kept under its number."""
    run = RunFolder(tmp_path / "run", rses=1)
    run.boot()
    for event in run.events:
        event["session"] = 2
    folder = run.write()
    old = folder / "attempts" / "1" / "uart"
    old.mkdir(parents=True)
    (old / "rse0.log").write_bytes(b"[INF] from the first bench\r\n")
    page = page_of(folder)
    assert "         -  [INF] from the first bench" in page.text
    assert {"u0", "u0s1"} <= set(page.ids)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A run that cannot be read leaves the page of before, and no other file."""
    folder = failing_run(tmp_path / "run")
    before = write_page(folder).read_bytes()
    (folder / "run.json").write_text("{")
    names = sorted(path.name for path in folder.iterdir())
    with pytest.raises(UsageError, match=r"run\.json:1"):
        write_page(folder)
    assert (folder / "report.html").read_bytes() == before
    assert sorted(path.name for path in folder.iterdir()) == names


def test_a_page_that_breaks_off_is_none(tmp_path: Path) -> None:
    """What fails in the middle of being written leaves the file of before, and nothing beside it."""
    path = tmp_path / "x.html"
    path.write_text("before")

    def parts() -> Iterator[str]:
        yield "half of it"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        write_whole(path, parts())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_fingerprints_come_from_the_record_where_no_uart_has_them(tmp_path: Path) -> None:
    """A record without transcripts still says who agreed."""
    run = RunFolder(tmp_path / "run")
    folder = run.write()
    [column] = Document(read_record(folder)).agreement.columns
    assert column.boot is None
    assert {cell.fingerprint for cell in column.cells.values()} == {AGREED}


def test_an_installed_package_has_the_templates() -> None:
    """Every file that the page is made of is covered by the patterns of pyproject.toml."""
    root = Path(__file__).resolve().parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["*"]
    package = root / "hil" / "report" / "page"
    found = {path for pattern in patterns for path in package.glob(pattern)}
    needed = {path for path in package.rglob("*.*") if path.suffix in (".j2", ".css", ".js")}
    assert len(needed) > 8
    assert needed <= found


def test_the_hostile_text_is_hostile() -> None:
    """The text of these tests has what would break out of each place."""
    for part in ("</pre>", "</script>", "<img", '"', "'", "\x1b", "\x00", "`", "|", "@"):
        assert part in HOSTILE
