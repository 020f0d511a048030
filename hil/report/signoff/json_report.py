# SPDX-License-Identifier: Apache-2.0
"""The verdict as JSON, and which test with which evidence stands for which requirement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.report.signoff.dating import written
from hil.report.signoff.evidence import Column, Execution
from hil.report.signoff.judgement import Cell, JudgedColumn, SignOff

FORMAT = 1
#: Tests of a cell that are listed by name, the worst first; of more the number is enough.
MAX_LISTED = 1000


def render_json(signoff: SignOff, places: Mapping[Path, str]) -> str:
    """Return the report as JSON.

    Args:
        signoff: The verdict.
        places: Where in the archive each run and each JUnit file stands.
    """
    value = {
        "format": FORMAT,
        "name": signoff.policy.name,
        "holds": signoff.holds,
        "at": signoff.at.isoformat(),
        "requirements": [{"id": name, "title": title} for name, title in signoff.rows],
        "columns": [_column(column, places) for column in signoff.columns],
        "inputs": [{"path": str(path), "in_bundle": name} for path, name in places.items()],
        "not_asked_for": [_firmware(column) for column in signoff.others],
        "waivers": list(signoff.waivers),
        "remarks": list(signoff.remarks),
    }
    # Not indented: Python does that 20 times slower, and `jq .` does it for who wants to read it.
    return json.dumps(value) + "\n"


def _column(column: JudgedColumn, places: Mapping[Path, str]) -> dict[str, Any]:
    return {
        "label": column.label,
        "board": column.want.board,
        "release": column.want.release,
        "toolchain": column.want.toolchain,
        "holds": column.holds,
        "firmware": _firmware(column.column) if column.column else None,
        "runs": list(dict.fromkeys(source.run or source.name for source in column.sources)),
        "cells": {name: _cell(cell, places) for name, cell in column.cells.items()},
    }


def _firmware(column: Column) -> dict[str, Any]:
    return {
        "board": column.board,
        "release": column.release,
        "toolchain": column.toolchain,
        "image_digest": column.digest,
        "images": {name: list(found) for name, found in column.digests().items()},
    }


def _cell(cell: Cell, places: Mapping[Path, str]) -> dict[str, Any]:
    return {
        "holds": cell.holds,
        "why": list(cell.why),
        "tests_in_all": len(cell.tests),
        "tests": [
            {
                "id": test.name,
                "holds": test.holds,
                "why": test.why,
                "executions": [_execution(one, places) for one in test.executions],
            }
            for test in cell.tests[:MAX_LISTED]
        ],
    }


def _execution(one: Execution, places: Mapping[Path, str]) -> dict[str, Any]:
    return {
        "status": one.status,
        "when": written(one.when),
        "attempts": one.attempts,
        "run": one.source.run or None,
        "evidence": places.get(one.source.path, one.source.name),
    }
