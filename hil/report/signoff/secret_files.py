# SPDX-License-Identifier: Apache-2.0
"""Keeps private keys out of an archive that is handed around."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hil.errors import UsageError

_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY( BLOCK)?-----")
#: Longest text that the pattern matches.
_OVERLAP = 80
#: Private keys in DER are smaller than this.
_MAX_DER = 16 << 10


def without_keys(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass on the bytes of a file.

    Raises:
        UsageError: there is a private key in them.
    """
    before, total, small = b"", 0, b""
    for chunk in chunks:
        if _PEM.search(before + chunk):
            raise UsageError(f"{name}: holds a private key; evidence is handed around, take it out")
        before = chunk[-_OVERLAP:] if len(chunk) >= _OVERLAP else (before + chunk)[-_OVERLAP:]
        total += len(chunk)
        if total <= _MAX_DER:
            small += chunk
        yield chunk
    if 0 < total <= _MAX_DER and small.startswith(b"\x30") and _is_der_key(small):
        raise UsageError(f"{name}: is a private key; evidence is handed around, take it out")


def _is_der_key(data: bytes) -> bool:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        load_der_private_key(data, None)
    except TypeError:
        return True  # it has a pass phrase
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True
