# SPDX-License-Identifier: Apache-2.0
"""Makes what a sign-off reads: policies, JUnit files and records of runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from hil.report.signoff.gathering import gather
from hil.report.signoff.judgement import SignOff
from hil.report.signoff.judging import judge
from hil.report.signoff.policy_file import load_policy

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = "2026-11-21T10:00:00Z"
IMAGES = {"tfm_s": "a" * 64}

POLICY = """\
name: a release
targets:
  - boards: [lab]
    releases: ["2.3.1"]
    rses: 2
requirements:
  - {id: REQ-A, title: the first, tests: ["tests/test_a.py::test_a[rse{rse}]"]}
"""


@dataclass(frozen=True)
class Case:
    """One test and what became of it."""

    id: str
    status: str = "PASS"
    req: str = ""
    defects: str = ""
    message: str = ""
    earlier: int = 0


BOTH = (Case("tests/test_a.py::test_a[rse0]"), Case("tests/test_a.py::test_a[rse1]"))

_RESULT = {
    "FAIL": '<failure message={m} type="product"/>',
    "ERROR": '<error message={m} type="harness"/>',
    "MISS": '<error message={m} type="infrastructure"/>',
    "SKIP": "<skipped message={m}/>",
    "XFAIL": '<skipped message={m} type="pytest.xfail"/>',
}


def junit(
    path: Path,
    cases: Iterable[Case] = BOTH,
    *,
    board: str = "lab",
    release: str = "2.3.1",
    run: str = "",
    started: str = TODAY,
    images: Mapping[str, str] = IMAGES,
    seen: bool = True,
    more: Mapping[str, str] | None = None,
) -> Path:
    """Write a JUnit file as a run of ours leaves it."""
    told = {"target.board": board, "tfm.release": release, "run.id": run, **(more or {})}
    for name, digest in images.items():
        told[f"image.{name}.rse0.sha256"] = digest
        told[f"image.{name}.rse0.sha256_on_device"] = digest if seen else ""
    lines = [f"<testsuites><testsuite name='s' timestamp={quoteattr(started)}><properties>"]
    lines += [f"<property name={quoteattr(k)} value={quoteattr(v)}/>" for k, v in told.items()]
    lines.append("</properties>")
    for case in cases:
        file, _, name = case.id.partition("::")
        home = file.removesuffix(".py").replace("/", ".")
        lines.append(f"<testcase classname={quoteattr(home)} name={quoteattr(name)}><properties>")
        lines.append(f"<property name='req' value={quoteattr(case.req)}/>")
        lines.append(
            f"<property name='known_defect' value={quoteattr(case.defects)}/></properties>"
        )
        lines += ["<flakyFailure message='first try'/>"] * case.earlier
        lines.append(_RESULT.get(case.status, "").format(m=quoteattr(case.message)))
        lines.append("</testcase>")
    lines.append("</testsuite></testsuites>")
    path.write_text("\n".join(lines))
    return path


def run_folder(
    folder: Path,
    cases: Iterable[Case] = BOTH,
    *,
    board: str = "lab",
    images: Mapping[str, str] = IMAGES,
    stages: Mapping[str, float] | None = None,
    rses: Iterable[int] = (1, 0),
    **values: object,
) -> Path:
    """Write the record of a run."""
    (folder / "uart").mkdir(parents=True)
    told = {
        "format": 2,
        "id": folder.name,
        "board": {"name": board},
        "release": "2.3.1",
        "verdict": "pass",
        "started": TODAY,
        "finished": TODAY,
        "images": [
            {"name": n, "rse": 0, "address": "0x0", "sha256": d, "sha256_on_device": d, "how": "r"}
            for n, d in images.items()
        ],
    }
    (folder / "run.json").write_text(json.dumps(told | values))
    lines = [
        {
            "id": case.id,
            "attempt": 1,
            "status": case.status,
            "req": case.req.split(),
            "defects": case.defects.split(),
            "started": TODAY,
            "seconds": 0.1,
            "message": case.message,
        }
        for case in cases
    ]
    (folder / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    timeline = [
        {"stage": stage, "status": "reached", "seconds": seconds, "budget": 9.0, "line": ""}
        for stage, seconds in (stages or {}).items()
    ]
    boots = [{"kind": "booted", "number": 0, "rse": rse, "timeline": timeline} for rse in rses]
    (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in boots))
    (folder / "uart" / "rse0.log").write_bytes(b"[INF] Starting bootloader\r\n\x00\xff")
    return folder


def judged(folder: Path, policy: str, *paths: Path) -> SignOff:
    """Return the verdict on some files by a policy."""
    file = folder / "policy.yaml"
    file.write_text(policy)
    loaded = load_policy(file)
    return judge(loaded, gather(paths, loaded), AT)


def holds(signoff: SignOff, requirement: str = "REQ-A", column: int = 0) -> str:
    """Return what became of a requirement in a column."""
    return str(signoff.columns[column].cells[requirement].holds)


def why(signoff: SignOff, requirement: str = "REQ-A", column: int = 0) -> str:
    """Return all reasons of a cell."""
    return escape("\n".join(signoff.columns[column].cells[requirement].why))
