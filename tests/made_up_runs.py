# SPDX-License-Identifier: Apache-2.0
"""Records of runs that never were, as a run writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def digest(text: str) -> str:
    return (text.encode().hex() + 64 * "0")[:64]


def write_run(
    runs: Path,
    number: int,
    tests: Mapping[str, str | Sequence[str]],
    *,
    board: str = "bench1",
    image: str = "2.3.1",
    stages: Mapping[str, float] | None = None,
    uart: Mapping[int, str] | None = None,
    verdict: str | None = None,
    board_values: Mapping[str, object] | None = None,
    **values: object,
) -> Path:
    """Write the record of run `number`, a day after the one before it.

    Args:
        runs: Folder of runs.
        number: Its day.
        tests: Status by id; several statuses are attempts.
        board: Name of the board.
        image: Version of the only image, on RSE 0; its digest follows from it.
        stages: Seconds since reset by stage, of boot 0 of RSE 0; a negative one did not come.
        uart: Text of the console by RSE.
        verdict: Of the run; by default that of the tests.
        board_values: Further values of the board file.
        values: Further values of run.json.
    """
    began = BEGIN + timedelta(days=number)
    stamp = f"{began:%Y-%m-%dT%H:%M:%S.000Z}"
    folder = runs / f"{began:%Y%m%dT%H%M%SZ}-{board}"
    (folder / "uart").mkdir(parents=True, exist_ok=True)
    bad = {"FAIL", "ERROR", "MISS"} & {
        one if isinstance(one, str) else one[-1] for one in tests.values()
    }
    run = {
        "format": 2,
        "id": folder.name,
        "board": {"name": board, "values": {"release": "2.3.1"} | dict(board_values or {})},
        "release": "2.3.1",
        "host": "lab",
        "verdict": verdict or ("fail" if bad else "pass"),
        "started": stamp,
        "finished": None if verdict in {"killed", "running"} else stamp,
        "images": [
            {
                "name": "tfm_s",
                "rse": 0,
                "address": "0x0",
                "sha256": digest(image),
                "sha256_on_device": digest(image),
                "how": "read-back",
                "version": image,
            }
        ],
        "tools": {"pyocd": "0.46.0"},
    } | values
    (folder / "run.json").write_text(json.dumps(run))
    with (folder / "results.jsonl").open("w") as stream:
        for name, statuses in tests.items():
            for attempt, status in enumerate([statuses] if isinstance(statuses, str) else statuses):
                line = {
                    "id": name,
                    "attempt": attempt + 1,
                    "status": status,
                    "rse": 0,
                    "seconds": 0.1,
                }
                line["message"] = f"{name} said {status}" if status in {"FAIL", "MISS"} else ""
                stream.write(json.dumps(line) + "\n")
    timeline = [
        {
            "stage": stage,
            "status": "reached" if seconds >= 0 else "missed",
            "seconds": seconds if seconds >= 0 else None,
            "budget": 5.0,
            "line": "",
        }
        for stage, seconds in (stages or {}).items()
    ]
    booted = {"kind": "booted", "number": 0, "rse": 0, "timeline": timeline}
    (folder / "events.jsonl").write_text(json.dumps(booted) + "\n" if timeline else "")
    for rse, text in (uart or {}).items():
        (folder / f"uart/rse{rse}.log").write_text(text, newline="")
    return folder
