# SPDX-License-Identifier: Apache-2.0
"""What ties results to board, images, tools and requirements: properties of the JUnit file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from hil.report.recorded import RecordedRun
from hil.report.results import RecordedTest

#: What a property in an output begins with.
IN_OUTPUT = "[[PROPERTY|"
_IN_OUTPUT = re.compile(re.escape(IN_OUTPUT) + r"([^=\n]+)=([^\n]*)\]\]\r?\n?")
#: Property of a suite which says that outputs begin with properties of ours. In any other file an output
#: may begin with what a device printed, which must not speak for the test.
OUTPUT_MARK = ("testcase.properties", "system-out")


def suite_properties(run: RecordedRun) -> dict[str, str]:
    """Return the properties of a run, as flat dotted keys; what is not known is left out."""
    values = run.values
    board = _dict(values.get("board"))
    harness = _dict(values.get("harness"))
    launcher = _dict(_dict(board.get("values")).get("launcher"))
    flat = {
        "run.id": run.id,
        "run.host": values.get("host"),
        "run.started": run.started,
        "run.record": str(run.folder),
        "run.replay_of": values.get("replay_of"),
        "run.random_seed": values.get("random_seed"),
        "run.selected": values.get("selected"),
        "run.deselected": values.get("deselected"),
        "verdict": run.verdict,
        "failure_class": run.failure_class,
        "target.id": run.board,
        "target.board": run.board,
        "target.kind": launcher.get("kind"),
        "config.sha256": board.get("sha256"),
        "config.git": values.get("boards_git"),
        "tfm.release": run.release,
        "tfm.version": values.get("tfm_version"),
        "tfm.git": values.get("tfm_git"),
        "tfm.toolchain": run.toolchain,
        "harness.version": harness.get("version"),
        "harness.git": harness.get("git"),
        "image.digest": run.image_digest,
        "image.seen_on_device": "true" if run.seen_on_device else "false",
    }
    found = {key: str(value) for key, value in flat.items() if value not in (None, "")}
    for image in run.images:
        key = f"image.{image.name}" + ("" if image.rse is None else f".rse{image.rse}")
        found[f"{key}.sha256"] = image.sha256
        found[f"{key}.how"] = image.how
        if image.sha256_on_device:
            found[f"{key}.sha256_on_device"] = image.sha256_on_device
        if image.version:
            found[f"{key}.version"] = image.version
    for name in ("tools", "packages"):
        found |= {f"tool.{tool}": str(v) for tool, v in _dict(values.get(name)).items()}
    for number, probe in _dict(values.get("probes")).items():
        found[f"probe.rse{number}"] = str(probe)
    for rse, fingerprint in run.fingerprints.items():
        found[f"vhuk.fingerprint.rse{rse}"] = fingerprint
    for place, warning in enumerate(run.warnings):
        found[f"warning.{place}"] = warning
    return found


def case_properties(run: RecordedRun, test: RecordedTest) -> dict[str, str]:
    """Return the properties of a test: id, requirements, RSE, attempts, stages, diagnosis."""
    last = test.last
    found = {
        "id": test.id,
        "req": ",".join(test.req),
        "status": str(test.status),
        "class": test.failure_class or "",
        "rse": "" if test.rse is None else str(test.rse),
        "attempts": str(len(test.attempts)),
        "known_defect": ",".join(test.defects),
        "cause": ",".join(test.causes),
        "boots": ",".join(str(boot) for boot in test.boots),
        "worker": last.worker or "",
    }
    told = {key: value for key, value in found.items() if value}
    for rse, part in run.excerpts(last).items():
        if test.rse not in (None, rse):
            continue
        inside = part.path.is_relative_to(run.folder)
        place = part.path.relative_to(run.folder) if inside else part.path
        told[f"uart.rse{rse}"] = f"{place}:{part.start}-{part.end or ''}"
    return told | {key: value for key, value in last.properties.items() if key not in told}


def in_output(properties: Mapping[str, str]) -> str:
    """Return properties as the first lines of a testcase's output, with the blank line after them."""
    told = (
        IN_OUTPUT + re.sub(r"[=\s]+", "_", key) + f"={' '.join(value.split())}]]"
        for key, value in properties.items()
    )
    return "\n".join([*told, "", ""])


def from_output(text: str) -> dict[str, str]:
    """Return the properties that an output begins with; what a device says further on is none."""
    found: dict[str, str] = {}
    at = 0
    while match := _IN_OUTPUT.match(text, at):
        found.setdefault(match[1], match[2])
        at = match.end()
    return found


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
