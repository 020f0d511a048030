# SPDX-License-Identifier: Apache-2.0
"""The JUnit file can always be read back, and says who has to act."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from junitparser import JUnitXml

from hil.report.junit import TestResult, write_junit, xml_text


@given(st.text())
def test_any_text_survives_xml(text: str) -> None:
    """Whatever a UART sends, the XML reader takes it back."""
    element = ET.Element("x")
    element.text = xml_text(text)
    read = ET.fromstring(ET.tostring(element, encoding="utf-8"))
    assert (read.text or "").replace("\r", "\n") == xml_text(text).replace("\r\n", "\n").replace(
        "\r", "\n"
    )


def test_classes_of_failure(tmp_path: Path) -> None:
    """The product's failures are failures; those of lab and harness are errors with their class."""
    path = tmp_path / "junit.xml"
    write_junit(
        path,
        "b",
        [
            TestResult("testcases/boot/test_a.py::test_x[rse0]", "passed", 0.5),
            TestResult(
                "testcases/boot/test_a.py::test_x[rse1]", "failed", 1, "product", "\x1b[31mno\0"
            ),
            TestResult(
                "testcases/boot/test_a.py::test_x[rse2]", "error", 1, "infrastructure", "gone"
            ),
            TestResult("testcases/boot/test_a.py::test_x[rse3]", "skipped", 0, None, "not here"),
        ],
        {"target.board": "b"},
    )
    [suite] = JUnitXml.fromfile(str(path))
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)
    cases = {case.name: case for case in suite}
    assert cases["test_x[rse0]"].classname == "testcases.boot.test_a"
    assert cases["test_x[rse1]"].result[0].message == "no\\x00"
    assert cases["test_x[rse1]"].result[0].type == "product"
    assert cases["test_x[rse2]"].result[0].type == "infrastructure"
    assert [(p.name, p.value) for p in suite.properties()] == [("target.board", "b")]
