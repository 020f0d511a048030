# SPDX-License-Identifier: Apache-2.0
"""A command as it may be shown and recorded: keys and passwords are not in it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

_SECRET = re.compile(r"huk|guk|krtl|seed|secret|private|passw|token", re.IGNORECASE)
HIDDEN = "<hidden>"
#: Switches such as HAS_RSE_CPU_PRIVATE_REGION=1 hold no secret, whatever they are called.
_SWITCHED = {"0", "1", "false", "true"}


def shown(command: Iterable[str]) -> str:
    """The command as a line that a shell takes, without secret values.

    >>> shown(["FVP", "-C", "css0.rse.lcm.huk=0x1234", "-C", "ros.x=a b"])
    "FVP -C 'css0.rse.lcm.huk=<hidden>' -C 'ros.x=a b'"
    """
    return shlex.join(without_secrets(command))


def without_secrets(words: Iterable[str]) -> list[str]:
    """Words of a command, values of `NAME=VALUE` hidden where the name is that of a secret."""
    told = []
    for word in words:
        name, _, value = word.partition("=")
        keyed = "/" not in name and _SECRET.search(name.rpartition(".")[2])
        hide = keyed and value and value.lower() not in _SWITCHED
        told.append(f"{name}={HIDDEN}" if hide else word)
    return told
