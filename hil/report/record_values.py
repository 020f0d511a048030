# SPDX-License-Identifier: Apache-2.0
"""Single values of `run.json`, taken as far as they are what they should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hil.bench.board import DEFAULT_BUDGETS

#: How an image that a model was given, and that nobody can read back, is recorded.
GIVEN = "given to the model"


@dataclass(frozen=True)
class RecordedImage:
    """One image on one RSE.

    Attributes:
        address: Hexadecimal digits with 0x.
        sha256: Of the file.
        sha256_on_device: What was read back, None where nothing can be.
        how: "read-back", "given to the model", ...
    """

    name: str
    rse: int | None
    address: str
    sha256: str
    sha256_on_device: str | None
    how: str
    version: str | None

    @property
    def seen(self) -> bool:
        """Whether these bytes were on the device: read back, or given to a model as this file."""
        return self.how == GIVEN or (bool(self.sha256) and self.sha256_on_device == self.sha256)


def budgets_of(board: Mapping[str, Any]) -> dict[str, float]:
    """Return the seconds per awaited stage of a record's board.

    Journals of the first format do not repeat them.
    """
    values = board.get("values")
    values = values if isinstance(values, dict) else {}
    given = values.get("budgets")
    given = given if isinstance(given, dict) else {}
    stages = values.get("stages")
    wanted = stages if isinstance(stages, list) else [str(stage) for stage in DEFAULT_BUDGETS]
    defaults = {str(stage): seconds for stage, seconds in DEFAULT_BUDGETS.items()}
    found = {str(stage): given.get(stage, defaults.get(str(stage))) for stage in wanted}
    return {s: float(v) for s, v in found.items() if isinstance(v, int | float)}


def images_of(value: Any) -> tuple[RecordedImage, ...]:
    """Return the images of a record."""
    return tuple(
        RecordedImage(
            name=str(image.get("name") or ""),
            rse=image["rse"] if isinstance(image.get("rse"), int) else None,
            address=str(image.get("address") or ""),
            sha256=str(image.get("sha256") or ""),
            sha256_on_device=text_of(image.get("sha256_on_device")),
            how=str(image.get("how") or ""),
            version=text_of(image.get("version")),
        )
        for image in (value if isinstance(value, list) else ())
        if isinstance(image, dict)
    )


def by_rse(value: Any) -> dict[int, str]:
    """Return texts by the number of an RSE."""
    items = value.items() if isinstance(value, dict) else ()
    return {int(rse): str(text) for rse, text in items if str(rse).isdecimal()}


def consoles_of(folder: Path) -> dict[int, Path]:
    """Return the transcripts of a run, by RSE."""
    found = {}
    for path in folder.glob("uart/rse*.log"):
        number = path.stem.removeprefix("rse")
        # A pipe in place of a file would have every reader wait.
        if number.isdecimal() and number.isascii() and path.is_file():
            found[int(number)] = path
    return dict(sorted(found.items()))


def text_of(value: Any) -> str | None:
    """Return a value as text, None if there is none."""
    return None if value is None else str(value)


def texts_of(value: Any) -> tuple[str, ...]:
    """Return a list of texts."""
    return tuple(str(text) for text in value) if isinstance(value, list) else ()


def seconds_of(values: Mapping[str, Any]) -> float | None:
    """Return how long a run took, None while it goes on and if it was killed."""
    try:
        begun, ended = (datetime.fromisoformat(values[key]) for key in ("started", "finished"))
        return (ended - begun).total_seconds()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
