# SPDX-License-Identifier: Apache-2.0
"""`{name}` in the texts of a board file: values that are known only when the bench is live."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping

from hil.errors import UnsetVariableError, UsageError

_PLACEHOLDER = re.compile(r"\{([A-Za-z_][\w.-]*)\}")
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


def variables(text: str) -> list[str]:
    """Return the names of the environment variables that a text asks for."""
    return _VARIABLE.findall(text)


def placeholders(text: str) -> list[str]:
    """Return the names in braces of a text."""
    return _PLACEHOLDER.findall(_VARIABLE.sub("", text))


def is_announced(text: str) -> bool:
    """Return whether a text is filled in by a service of the run (`{SERVICE.VALUE}`)."""
    return any("." in name for name in placeholders(text))


def expand(text: str, values: Mapping[str, str], *, where: str) -> str:
    """Replace `{name}` by its value and `${NAME}` by the environment variable.

    Args:
        text: Text of the board file.
        values: What is known, by name.
        where: What the text is, for the message ("services.rse0.command").

    Raises:
        UsageError: a name that nobody gave a value.
    """

    def variable(match: re.Match[str]) -> str:
        if (value := os.environ.get(match[1])) is None:
            raise UnsetVariableError(match[1], what=where)
        return value

    def placeholder(match: re.Match[str]) -> str:
        if match[1] in values:
            return values[match[1]]
        near = difflib.get_close_matches(match[1], values, n=1)
        known = f"did you mean {{{near[0]}}}?" if near else f"known: {', '.join(sorted(values))}"
        raise UsageError(f"{where}: nothing gives a value for {{{match[1]}}} ({known})")

    return _PLACEHOLDER.sub(placeholder, _VARIABLE.sub(variable, text))
