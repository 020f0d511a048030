# SPDX-License-Identifier: Apache-2.0
"""XML from anywhere, read within bounds: no document type, no entities, no depth, no flood.

A document type is all that entity bombs and external entities need, and no writer of JUnit files
makes one; so it is refused as such. What the device printed is left out while reading: a verdict
does not need it, and it is most of a file. Only the lines that an output of ours begins with stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from hil.errors import UsageError
from hil.report.junit_properties import IN_OUTPUT
from hil.report.signoff.evidence import MAX_TEXT

MAX_BYTES = 128 << 20
MAX_DEPTH = 32
MAX_ELEMENTS = 4_000_000
#: Characters of all attributes of one element.
MAX_ATTRIBUTES = 1 << 20
#: Their text is not kept, but for properties at the beginning of the first.
_OUTPUT = frozenset({"system-out", "system-err"})
#: Characters of properties in one output.
MAX_PROPERTIES = 1 << 15


class _RefusedError(Exception):
    """What this file holds is not read."""


class _Reader:
    def __init__(self) -> None:
        self.builder = TreeBuilder()
        self.depth = 0
        self.count = 0
        self.muted = 0
        self.room = MAX_TEXT
        self.output: list[str] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.depth += 1
        self.count += 1
        if self.depth > MAX_DEPTH:
            raise _RefusedError(f"elements within elements, more than {MAX_DEPTH} deep")
        if self.count > MAX_ELEMENTS:
            raise _RefusedError(f"more than {MAX_ELEMENTS} elements")
        if sum(map(len, attributes.values())) > MAX_ATTRIBUTES:
            raise _RefusedError(
                f"<{tag[:40]}> has attributes of more than {MAX_ATTRIBUTES} characters"
            )
        if self.muted or tag in _OUTPUT:
            self.muted += 1
            self.output, self.room = [], MAX_PROPERTIES if tag == "system-out" else 0
            return
        self.room = MAX_TEXT
        self.builder.start(tag, dict(attributes))

    def data(self, text: str) -> None:
        if self.room > 0:
            keep = self.output.append if self.muted else self.builder.data
            keep(text[: self.room])
            self.room -= len(text)

    def end(self, tag: str) -> None:
        self.depth -= 1
        if self.muted:
            self.muted -= 1
            head = "".join(self.output).partition("\n\n")[0]
            if not self.muted and head.startswith(IN_OUTPUT):
                self.builder.start(tag, {})
                self.builder.data(f"{head}\n")
                self.builder.end(tag)
        else:
            self.builder.end(tag)

    def doctype(self, *_: object) -> None:
        raise _RefusedError("it has a document type (<!DOCTYPE>), which can hold entity bombs")


def read_xml(path: Path) -> Element:
    """Return the root of an XML file, output of tests left out and long texts cut.

    Raises:
        UsageError: not readable, not XML, or beyond the bounds; names file and line.
    """
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.EntityDeclHandler = reader.doctype
    try:
        if not path.is_file():
            raise UsageError("not a file", where=str(path))
        with path.open("rb") as stream:
            _feed(parser, stream)
        return reader.builder.close()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except expat.ExpatError as error:
        said = expat.ErrorString(error.code)
        raise UsageError(f"not XML: {said}", where=f"{path}:{error.lineno}") from None
    except _RefusedError as refusal:
        where = f"{path}:{parser.CurrentLineNumber}"
        raise UsageError(f"not read: {refusal}", where=where) from None
    except (ValueError, LookupError, UnicodeError, AssertionError) as error:
        raise UsageError(f"not XML: {error}", where=str(path)) from None


def _feed(parser: expat.XMLParserType, stream: BinaryIO) -> None:
    left = MAX_BYTES
    while chunk := stream.read(1 << 20):
        left -= len(chunk)
        if left < 0:
            raise _RefusedError(f"larger than {MAX_BYTES >> 20} MiB")
        parser.Parse(chunk, False)
    parser.Parse(b"", True)
