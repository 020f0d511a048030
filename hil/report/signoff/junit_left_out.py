# SPDX-License-Identifier: Apache-2.0
"""What a JUnit file says where no reader looks, put where one does.

A reader takes testcases in suites and the results in testcases; whatever else a harness writes is passed
over, so that a failure told elsewhere would look like a pass. Results in attributes become elements;
testcases outside of suites get one. What remains, elements nobody knows and results that are counted
and not there, becomes an error: of the testcase, or of a testcase for the whole file (`run::record`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement

from hil.report.signoff.evidence import RECORD
from hil.report.signoff.suite_facts import number_of

_BAD = frozenset({"failure", "error"})
#: Attempts before the last one.
_INTERIM = frozenset({"rerunFailure", "rerunError", "flakyFailure", "flakyError"})
#: What tells of a test, wherever it stands.
_TELLING = _BAD | _INTERIM | {"testcase"}
#: What may stand in a testcase.
_KNOWN = _BAD | _INTERIM | {"skipped", "properties", "system-out", "system-err"}
_COUNTERS = ("failures", "errors", "tests")
#: Attributes that hold a word for the result. GoogleTest has `status` run or notrun and `result`, CTest
#: `status` run, fail, notrun, disabled.
_ATTRIBUTES = ("status", "result")
_PASSED = ""
#: These words, and the element that means the same; a word that is not here is an error.
_WORDS = (
    dict.fromkeys(("run", "ran", "completed", "executed"), _PASSED)
    | dict.fromkeys(("ok", "pass", "passed", "success", "successful"), _PASSED)
    | dict.fromkeys(("notrun", "not run", "disabled", "suppressed"), "skipped")
    | dict.fromkeys(("skip", "skipped", "ignored", "pending"), "skipped")
    | dict.fromkeys(("fail", "failed", "failure"), "failure")
)
#: Catch2 writes this host, and counts assertions as tests.
_COUNTS_ASSERTIONS = "tbd"


@dataclass(frozen=True)
class _Held:
    """How many testcases, earlier attempts, and failures or errors there are in something."""

    cases: int = 0
    attempts: int = 0
    bad: int = 0

    def __add__(self, other: _Held) -> _Held:
        return _Held(self.cases + other.cases, self.attempts + other.attempts, self.bad + other.bad)


_ONE = _Held(1)


def put_in_place(root: Element) -> None:
    """Change a JUnit file so that whoever reads testcases in suites misses nothing that is in it.

    Args:
        root: `<testsuites>` or `<testsuite>`; changed in place.
    """
    stray = root.findall("testcase") if root.tag == "testsuites" else []
    if stray:
        if root.find("testsuite") is not None:  # on which of their boards these ran, nobody says
            _tell(root, f"{len(stray)} testcases stand outside of a suite")
        home = SubElement(root, "testsuite", {"name": root.get("name", "")})
        home.extend(stray)
        for case in stray:
            root.remove(case)
    _check(root)


def _check(element: Element) -> _Held:
    """Tell what an element holds that nobody reads, and what it counts and does not hold."""
    held, untold = _Held(), []
    for child in list(element):
        if child.tag == "testsuite":
            held += _check(child)
        elif child.tag == "testcase":
            held += _complete(child)
        elif any(inside.tag in _TELLING for inside in child.iter()):
            said = child.get("message") or ""
            untold.append(f"<{child.tag[:40]}> in <{element.tag}>: {said}".rstrip(": "))
    failures, errors, tests = (int(number_of(element.get(name)) or 0) for name in _COUNTERS)
    if failures + errors > held.bad + held.attempts:
        untold.append(f"counts {failures} failures and {errors} errors, holds {held.bad}")
    elif tests > held.cases + held.attempts and _counts_tests(element):
        untold.append(f"counts {tests} tests, holds {held.cases}")
    if untold:
        more = f" (and {len(untold) - 1} more)" if len(untold) > 1 else ""
        _tell(element, untold[0] + more)
    # What was told here need not be told of the suite around it.
    return _Held(max(held.cases, tests), held.attempts, max(held.bad, failures + errors))


def _complete(case: Element) -> _Held:
    """Give a testcase elements for what its attributes say, and for elements that nobody knows."""
    tags = [child.tag for child in case]
    for tag in [tag for tag in dict.fromkeys(tags) if tag not in _KNOWN]:
        SubElement(case, "error", {"message": f"<{tag[:40]}>: not known to be harmless"})
    if not _BAD.intersection(tags):
        for name in _ATTRIBUTES:
            word = (case.get(name) or "").strip().lower()
            tag = _WORDS.get(word, "error") if word else _PASSED
            if tag != _PASSED and tag not in tags:
                SubElement(case, tag, {"message": f"{name}={word[:40]!r}"})
    if not tags:
        return _ONE
    return _Held(1, sum(tag in _INTERIM for tag in tags), sum(tag in _BAD for tag in tags))


def _counts_tests(element: Element) -> bool:
    return all(one.get("hostname") != _COUNTS_ASSERTIONS for one in element.iter("testsuite"))


def _tell(element: Element, message: str) -> None:
    """Add a testcase that stands for the file to every suite of an element that holds testcases."""
    home, _, name = RECORD.rpartition("::")
    suites = [suite for suite in _suites(element) if suite.find("testcase") is not None]
    if not suites:
        suites = [element if element.tag == "testsuite" else SubElement(element, "testsuite")]
    for suite in suites:
        case = SubElement(suite, "testcase", {"classname": home, "name": name})
        SubElement(case, "error", {"message": message})


def _suites(element: Element) -> Iterator[Element]:
    """Yield the suites that a reader finds, from the outside to the inside."""
    if element.tag == "testsuite":
        yield element
    for child in element.findall("testsuite"):
        yield from _suites(child)
