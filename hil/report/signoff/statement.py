# SPDX-License-Identifier: Apache-2.0
"""The verdict as an in-toto Statement (test-result predicate), for policy engines."""

from __future__ import annotations

import json
from typing import Any

from hil.report.signoff.judgement import GOOD, Holds, SignOff

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"


def statement(signoff: SignOff, policy_sha256: str, manifest_sha256: str) -> bytes:
    """Return the statement: its subjects are the images that ran, by their digests.

    The manifest of the evidence is part of the configuration, so that a signature over the statement
    covers every byte of the evidence.
    """
    cells = [
        (f"{cell.requirement} on {column.label}", cell.holds)
        for column in signoff.columns
        for cell in column.cells.values()
    ]
    value: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(signoff, manifest_sha256),
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": _result(signoff),
            "configuration": [
                {"name": "policy/signoff.yaml", "digest": {"sha256": policy_sha256}},
                {"name": "manifest.json", "digest": {"sha256": manifest_sha256}},
            ],
            "passedTests": [name for name, holds in cells if holds is Holds.PASS],
            "warnedTests": [name for name, holds in cells if holds is Holds.WAIVED],
            "failedTests": [name for name, holds in cells if holds not in GOOD],
        },
    }
    return (json.dumps(value, indent=2) + "\n").encode()


def _result(signoff: SignOff) -> str:
    if not signoff.holds:
        return "FAILED"
    warned = any(column.holds is Holds.WAIVED for column in signoff.columns)
    return "WARNED" if warned else "PASSED"


def _subjects(signoff: SignOff, manifest_sha256: str) -> list[dict[str, Any]]:
    images = {pair for column in signoff.columns if column.column for pair in column.column.images}
    named = [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(images)]
    # A statement needs a subject; without any image it is about the evidence alone.
    return named or [{"name": "manifest.json", "digest": {"sha256": manifest_sha256}}]
