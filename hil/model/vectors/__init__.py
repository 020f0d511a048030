# SPDX-License-Identifier: Apache-2.0
"""Recorded results of the firmware's own C code, checked case by case against the model.

Such a file is a JSON object with the release in `tag` and the cases in `vectors`; what a case holds
tells which code was recorded: the handshake, calls of rse_kmu_keys.c, or the provisioning scripts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hil.errors import ModelError
from hil.model.releases import Release, release_for
from hil.model.vectors.handshake import check_handshake
from hil.model.vectors.kdf import check_call_group, check_provisioning
from hil.model.vectors.reading import Case, CaseResult, mapping, sequence, text

_Check = Callable[[Case, Case, Release], Iterator[CaseResult]]
#: The field that tells a kind of case from the others, and its check.
_KINDS: tuple[tuple[str, _Check], ...] = (
    ("per_rse", check_handshake),
    ("calls", check_call_group),
    ("kmaster", check_provisioning),
)


def check_vectors(data: object) -> Iterator[CaseResult]:
    """Check every case of a file, in its order.

    Args:
        data: The parsed JSON.

    A case that cannot be checked (a field is missing, an option is not known) counts as different.

    Raises:
        ModelError: it is not such a file.
    """
    file = mapping(data, "file")
    release = release_for(text(file, "tag", "file"))
    cases = sequence(file, "vectors", "file")
    if not cases:
        raise ModelError("file: vectors: expected at least one case, got none")
    for number, entry in enumerate(cases):
        where = f"vectors[{number}]"
        try:
            yield from _check_of(entry, where)(file, mapping(entry, where), release)
        except ModelError as error:
            told = entry.get("case") if isinstance(entry, dict) else None
            yield CaseResult(str(told or where), 0, f"cannot be checked: {error}")


def _check_of(entry: object, where: str) -> _Check:
    """Return the check for a kind of case."""
    case = mapping(entry, where)
    for key, check in _KINDS:
        if key in case:
            return check
    raise ModelError(
        f"{where}: expected a field {', '.join(key for key, _ in _KINDS)}; "
        f"it has {', '.join(list(case)[:8]) or 'none'}"
    )
