# SPDX-License-Identifier: Apache-2.0
"""Images, fingerprints, tools and settings: what was run, and with what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hil.report.compare.sides import Side
from hil.report.recorded import RecordedRun

#: Parts of `run.json` that are compared elsewhere, or differ from run to run and mean nothing.
_NOT_ENVIRONMENT = frozenset(
    {
        "attempts",
        "command",
        "diagnosis",
        "failure_class",
        "fingerprints",
        "finished",
        "format",
        "host_time",
        "id",
        "images",
        "on_target_tests",
        "pid",
        "pid_started",
        "reasons",
        "record_incomplete",
        "release",
        "seconds",
        "seed",
        "sessions",
        "started",
        "tests",
        "under_way",
        "verdict",
        "warnings",
    }
)
#: Ports and terminals that the system gives to services, anew at each run.
_PLACES = re.compile(r"(?<=127\.0\.0\.1:)\d+|(?<=localhost:)\d+|(?<=/dev/pts/)\d+")
#: Values of one run that are looked at; a board file of this size is none that anybody wrote.
_MAX_VALUES = 20_000


@dataclass(frozen=True)
class ValueChange:
    """A value that differs.

    Attributes:
        name: Dotted, as in `run.json`.
        before: Values of side A, each once.
        after: Values of side B.
    """

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"name": self.name, "before": list(self.before), "after": list(self.after)}


@dataclass(frozen=True)
class ImageChange:
    """An image that differs, on the RSEs on which it differs in the same way.

    Attributes:
        before: Version and SHA-256 of each image of this name in the runs of side A.
        after: The same of side B.
    """

    name: str
    rses: tuple[int | None, ...]
    before: tuple[tuple[str | None, str], ...]
    after: tuple[tuple[str | None, str], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""

        def told(images: Iterable[tuple[str | None, str]]) -> list[dict[str, str | None]]:
            return [{"version": version, "sha256": digest} for version, digest in images]

        rses = list(self.rses)
        return {
            "name": self.name,
            "rses": rses,
            "before": told(self.before),
            "after": told(self.after),
        }


def compare_images(a: Side, b: Side) -> tuple[ImageChange, ...]:
    """Return the images that are not the same on both sides."""
    before, after = _images(a), _images(b)
    changes: dict[tuple[Any, ...], list[int | None]] = {}
    for name, rse in {**before, **after}:
        old = tuple(before.get((name, rse), ()))
        new = tuple(after.get((name, rse), ()))
        if set(old) != set(new):
            changes.setdefault((name, old, new), []).append(rse)
    return tuple(
        ImageChange(name, tuple(rses), old, new) for (name, old, new), rses in changes.items()
    )


def compare_fingerprints(a: Side, b: Side) -> tuple[ValueChange, ...]:
    """Return the RSEs that report another vHUK."""
    return _changes(
        *(
            [{f"RSE {rse}": value for rse, value in run.fingerprints.items()} for run in side.runs]
            for side in (a, b)
        )
    )


def compare_environment(a: Side, b: Side) -> tuple[ValueChange, ...]:
    """Return board settings, tools, host and harness that differ."""
    return _changes(*([_environment(run) for run in side.runs] for side in (a, b)))


def _images(side: Side) -> dict[tuple[str, int | None], dict[tuple[str | None, str], None]]:
    found: dict[tuple[str, int | None], dict[tuple[str | None, str], None]] = {}
    for run in side.runs:
        for image in run.images:
            images = found.setdefault((image.name, image.rse), {})
            images[image.version, image.sha256] = None
    return found


def _changes(
    a: Iterable[Mapping[str, str]], b: Iterable[Mapping[str, str]]
) -> tuple[ValueChange, ...]:
    before, after = _joined(a), _joined(b)
    found = []
    for name in {**before, **after}:
        old, new = before.get(name, ()), after.get(name, ())
        if set(old) != set(new):
            found.append(ValueChange(name, tuple(old), tuple(new)))
    return tuple(found)


def _joined(many: Iterable[Mapping[str, str]]) -> dict[str, dict[str, None]]:
    found: dict[str, dict[str, None]] = {}
    for values in many:
        for name, value in values.items():
            found.setdefault(name, {})[value] = None
    return found


def _environment(run: RecordedRun) -> dict[str, str]:
    found = {"release": run.release, "toolchain": run.toolchain or "not known"}
    for key, value in run.values.items():
        if key not in _NOT_ENVIRONMENT:
            # The folder of a run stands in paths of its services.
            for name, told in _flat(key, value):
                if len(found) >= _MAX_VALUES:
                    return found
                found[name] = _PLACES.sub("<any>", told.replace(run.id, "<run>"))
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    items: Iterable[tuple[Any, Any]]
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list) and any(isinstance(entry, dict | list) for entry in value):
        items = enumerate(value)
    else:
        yield name, str(value)
        return
    for key, entry in items:
        yield from _flat(f"{name}.{key}", entry)
