# SPDX-License-Identifier: Apache-2.0
"""Ids of tests, written in one way wherever they come from, and patterns that match them.

pytest writes `a/test_b.py::TestC::test_d[x]`, a JUnit file has the class name `a.test_b.TestC` and the
name `test_d[x]`. Both become `a.test_b.TestC::test_d[x]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=4096)
def _home(path: str) -> str:
    parts = [part.removesuffix(".py").strip("/").replace("/", ".") for part in path.split("::")]
    return ".".join(parts)


def key_of(test: str) -> str:
    """Return the one form of a test id; an id in that form stays as it is."""
    name, bracket, parameters = test.partition("[")
    home, separator, last = name.rpartition("::")
    if not separator:
        return test
    return f"{_home(home)}::{last}{bracket}{parameters}"


def key_of_case(classname: str, name: str) -> str:
    """Return the one form of the id of a testcase in a JUnit file."""
    return f"{_home(classname)}::{name}" if classname else f"::{name}"


def compiled(pattern: str) -> re.Pattern[str]:
    """Return what a pattern of a policy matches: `*` stands for anything, all else for itself."""
    first, *others = map(re.escape, pattern.split("*"))
    if not others:
        return re.compile(first)
    # Each part where it comes first and never elsewhere (?>): many * would take for ever otherwise.
    between = "".join(f"(?>.*?{part})" for part in others[:-1] if part)
    return re.compile(f"{first}{between}.*{others[-1]}", re.DOTALL)


def expanded(patterns: Iterable[str], rses: int) -> list[str]:
    """Return patterns of tests in the one form of ids, {rse} replaced by every RSE."""
    out = []
    for pattern in patterns:
        key = key_of(pattern)
        if "{rse}" in key:
            out += [key.replace("{rse}", str(rse)) for rse in range(rses)]
        else:
            out.append(key)
    return out


def fits(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of those of a policy."""
    return any(_pattern(pattern).fullmatch(name) for pattern in patterns)


@lru_cache(maxsize=4096)
def _pattern(pattern: str) -> re.Pattern[str]:
    return compiled(pattern)
