# SPDX-License-Identifier: Apache-2.0
"""The structure of junit-10.xsd (Jenkins' xUnit plug-in), as a table: what may stand in what."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Element:
    """What an element may have."""

    attributes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    text: bool = False
    ordered: bool = False
    times: tuple[str, ...] = field(default=())


_RESULT = Element(("type", "message"), text=True)
_RERUN = Element(
    ("type", "message"), ("type",), ("stackTrace", "system-out", "system-err"), True, True
)
_CASE = (
    "skipped", "error", "failure", "rerunFailure", "rerunError", "flakyFailure", "flakyError",
    "system-out", "system-err",
)  # fmt: skip
SCHEMA = {
    "testsuites": Element(
        ("name", "time", "tests", "failures", "errors"), (), ("testsuite",), times=("time",)
    ),
    "testsuite": Element(
        ("name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname",
         "id", "package", "file", "log", "url", "version"),
        ("name", "tests", "failures", "errors"),
        ("testsuite", "properties", "testcase", "system-out", "system-err"),
        times=("time",),
    ),
    "properties": Element(children=("property",)),
    "property": Element(("name", "value"), ("name", "value")),
    "testcase": Element(("name", "time", "classname", "group"), ("name",), _CASE),
    "skipped": _RESULT,
    "error": _RESULT,
    "failure": _RESULT,
    "rerunFailure": _RERUN,
    "rerunError": _RERUN,
    "flakyFailure": _RERUN,
    "flakyError": _RERUN,
    "stackTrace": Element(text=True),
    "system-out": Element(text=True),
    "system-err": Element(text=True),
}  # fmt: skip
_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?")


def violations(root: ET.Element, *, properties_in_cases: bool = False) -> list[str]:
    """Return what the schema does not allow."""
    found = []
    rule = SCHEMA.get(root.tag)
    if rule is None:
        return [f"<{root.tag}> is unknown"]
    allowed = rule.children + (
        ("properties",) if properties_in_cases and root.tag == "testcase" else ()
    )
    found += [
        f"{root.tag}: attribute {name}" for name in root.attrib if name not in rule.attributes
    ]
    found += [f"{root.tag}: no {name}" for name in rule.required if name not in root.attrib]
    found += [
        f"{root.tag}: {name}={root.attrib[name]}"
        for name in rule.times
        if name in root.attrib and not _TIME.fullmatch(root.attrib[name])
    ]
    if not rule.text and (root.text or "").strip():
        found.append(f"{root.tag}: text")
    tags = [child.tag for child in root]
    found += [f"{root.tag}: child {tag}" for tag in tags if tag not in allowed]
    if rule.ordered and tags != [tag for tag in rule.children if tag in tags]:
        found.append(f"{root.tag}: order {tags}")
    for child in root:
        found += violations(child, properties_in_cases=properties_in_cases)
    return found
