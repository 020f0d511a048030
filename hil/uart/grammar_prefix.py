# SPDX-License-Identifier: Apache-2.0
"""With which characters a text must begin if a regular expression is to match it.

A line is compared only with the rows that can begin as it does, and output in which no line begins
like any row is passed over. What this module does not understand of an expression ends a prefix
early, which costs time and changes no result.
"""

from __future__ import annotations

#: Characters of a prefix that are worth knowing.
LENGTH = 24
#: More prefixes than this make an expression one that can begin with anything.
_MAX = 64

#: Beginnings of a match; the second value says whether the next part of the expression adds to it.
_Heads = frozenset[tuple[str, bool]]

_ANYTHING: _Heads = frozenset({("", False)})
_NOTHING: _Heads = frozenset({("", True)})


def prefixes(pattern: str) -> frozenset[str]:
    r"""Return the beginnings of all texts that an expression matches; "" stands for any.

    >>> sorted(prefixes(r"^\[(?:ERR|WRN)\] x"))
    ['[ERR] x', '[WRN] x']
    >>> sorted(prefixes(r"^(?:\[ERR\] )?Bad \d+$"))
    ['Bad ', '[ERR] Bad ']
    """
    heads, _ = _alternatives(pattern.removeprefix("^"), 0)
    texts = {text for text, _ in heads}
    return frozenset({""}) if "" in texts or len(texts) > _MAX else frozenset(texts)


def _alternatives(pattern: str, at: int) -> tuple[_Heads, int]:
    """Read up to the end of a group; return its beginnings and the place of its end."""
    found: set[tuple[str, bool]] = set()
    heads = _NOTHING
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            found |= heads
            heads, at = _NOTHING, at + 1
        else:
            item, at = _item(pattern, at)
            item, at = _repeated(item, pattern, at)
            heads = _joined(heads, item)
    return frozenset(found | heads), at


def _item(pattern: str, at: int) -> tuple[_Heads, int]:
    """Read one character, class or group."""
    char = pattern[at]
    if char == "\\":
        escaped = pattern[at + 1]
        known = not escaped.isalnum() or escaped == "t"
        literal = "\t" if escaped == "t" else escaped
        return (frozenset({(literal, True)}) if known else _ANYTHING), at + 2
    if char == "[":
        end = pattern.index("]", at + 2)
        members = pattern[at + 1 : end]
        known = not any(c in members for c in "^-\\")
        return (frozenset((c, True) for c in members) if known else _ANYTHING), end + 1
    if char == "(":
        begin = at + 3 if pattern.startswith("?:", at + 1) else at + 1
        heads, end = _alternatives(pattern, begin)
        return (_ANYTHING if pattern[begin] == "?" else heads), end + 1
    if char in ".$^":
        return _ANYTHING, at + 1
    return frozenset({(char, True)}), at + 1


def _repeated(item: _Heads, pattern: str, at: int) -> tuple[_Heads, int]:
    """Take the quantifier behind an item into account."""
    follows = pattern[at] if at < len(pattern) else ""
    if follows == "?":
        return item | _NOTHING, at + 1
    if follows == "+":
        return frozenset((text, False) for text, _ in item), at + 1
    if follows in ("*", "{"):
        end = at + 1 if follows == "*" else pattern.index("}", at) + 1
        return _ANYTHING, end
    return item, at


def _joined(heads: _Heads, item: _Heads) -> _Heads:
    joined = set()
    for text, goes_on in heads:
        if not goes_on:
            joined.add((text, False))
            continue
        for more, more_goes_on in item:
            whole = (text + more)[:LENGTH]
            joined.add((whole, more_goes_on and len(whole) < LENGTH))
    return frozenset(joined)
