# SPDX-License-Identifier: Apache-2.0
"""A run as JSON values, for programs. The schema only grows; SCHEMA counts breaks.

One object:

    schema          1
    id, board, release, toolchain, started, finished, seconds
    verdict         as in run.json: "pass", "flaky", "fail", "error", "no tests", "interrupted",
                    "killed"; "running" while it goes on
    failure_class   "product", "infrastructure", "harness" or null
    sentence        the verdict in words
    reasons, warnings   texts
    trust           [{held, text}]: true, false, or null where it cannot be said
    counts          tests by status: PASS FLAKY FAIL ERROR MISS SKIP XFAIL
    images          {digest, seen_on_device, list: [{name, version, rses, address, sha256,
                    sha256_on_device, how}]}
    agreement       [{boot, source, fingerprints: {rse: text}, differs, silent: [rse]}]
    boots           [{number, how, session, outcome: "pass" | "fail" | "expected", text, rses: [{rse,
                    resets, stages: [{stage, status, seconds, budget, line}]}]}]
    failures        [{status, class, title, causes, defects, tests}]
    diagnosis       as in run.json, or null
    tests           [{id, status, class, rse, req, defects, causes, boots, on_target, seconds,
                    message, attempts: [{number, status, class, started, seconds, message}]}]
    torn            lines of the record that cannot be read
    files           names of the run's files

Times are seconds; a stage's count from the release of reset; null where unknown.
"""

from __future__ import annotations

from typing import Any

from hil.report.page.document import Document
from hil.report.page.timeline import BootView
from hil.report.recorded import RecordedTest

SCHEMA = 1
_OUTCOMES = {"pass": "pass", "fail": "fail", "skip": "expected"}


def render_plain(document: Document) -> dict[str, Any]:
    """Return the run as values that JSON can hold."""
    run = document.run
    return {
        "schema": SCHEMA,
        "id": run.id,
        "board": run.board,
        "release": run.release,
        "toolchain": run.toolchain,
        "started": run.started,
        "finished": run.finished,
        "seconds": run.seconds,
        "verdict": run.verdict,
        "failure_class": run.failure_class,
        "sentence": document.sentence,
        "reasons": list(run.reasons),
        "warnings": list(run.warnings),
        "trust": [{"held": point.held, "text": point.told} for point in document.trust],
        "counts": dict(document.counts),
        "images": {
            "digest": run.image_digest,
            "seen_on_device": run.seen_on_device,
            "list": [
                {
                    "name": row.image.name,
                    "version": row.image.version,
                    "rses": list(row.numbers),
                    "address": row.image.address,
                    "sha256": row.image.sha256,
                    "sha256_on_device": row.image.sha256_on_device,
                    "how": row.image.how,
                }
                for row in document.images
            ],
        },
        "agreement": [
            {
                "boot": column.boot,
                "source": column.source,
                "fingerprints": {
                    str(rse): cell.fingerprint for rse, cell in column.cells.items() if cell.letter
                },
                "differs": column.differs,
                "silent": column.silent,
            }
            for column in document.agreement.columns
        ],
        "boots": [_boot(document, boot) for boot in document.boots],
        "failures": [
            {
                "status": str(failure.status),
                "class": failure.failure_class,
                "title": failure.title,
                "causes": [cause.name for cause in failure.causes],
                "defects": list(failure.defects),
                "tests": [test.id for test in failure.tests],
            }
            for failure in document.failures
        ],
        "diagnosis": None if run.diagnosis is None else dict(run.diagnosis),
        "tests": [_test(test) for test in run.tests],
        "torn": run.torn,
        "files": document.files,
    }


def _boot(document: Document, boot: BootView) -> dict[str, Any]:
    stages = [stage for stage in document.run.stages if stage.boot == boot.number]
    return {
        "number": boot.number,
        "how": boot.how,
        "session": boot.session,
        "outcome": _OUTCOMES[boot.tone],
        "text": boot.told,
        "rses": [
            {
                "rse": lane.rse,
                "resets": lane.resets,
                "stages": [
                    {
                        "stage": stage.stage,
                        "status": stage.status,
                        "seconds": stage.seconds,
                        "budget": stage.budget,
                        "line": stage.line,
                    }
                    for stage in stages
                    if stage.rse == lane.rse
                ],
            }
            for lane in boot.lanes
        ],
    }


def _test(test: RecordedTest) -> dict[str, Any]:
    return {
        "id": test.id,
        "status": str(test.status),
        "class": test.failure_class,
        "rse": test.rse,
        "req": list(test.req),
        "defects": list(test.defects),
        "causes": list(test.causes),
        "boots": list(test.boots),
        "on_target": test.on_target,
        "seconds": round(test.seconds, 6),
        "message": test.last.message,
        "attempts": [
            {
                "number": attempt.number,
                "status": str(attempt.status),
                "class": attempt.failure_class,
                "started": attempt.started,
                "seconds": round(attempt.seconds, 6),
                "message": attempt.message,
            }
            for attempt in test.attempts
        ],
    }
