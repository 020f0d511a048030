# SPDX-License-Identifier: Apache-2.0
"""Key material that does not show itself in logs, reprs and assertion messages."""

from __future__ import annotations

from typing import SupportsIndex, overload


class Secret(bytes):
    """Bytes of a key; prints as its length only.

    It is `bytes` in every other respect; whoever wants the value must ask with `bytes(...)` or
    `.hex()`.

    >>> Secret(32)
    Secret(32 bytes)
    >>> f"guk={Secret(32)}"
    'guk=Secret(32 bytes)'
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Secret({len(self)} bytes)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    @overload
    def __getitem__(self, key: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, key: slice) -> Secret: ...

    def __getitem__(self, key: SupportsIndex | slice) -> int | Secret:
        if isinstance(key, slice):
            return Secret(bytes(self).__getitem__(key))
        return super().__getitem__(key)

    def __add__(self, other: object) -> Secret:
        if not isinstance(other, bytes | bytearray):
            return NotImplemented
        return Secret(bytes.__add__(self, other))
