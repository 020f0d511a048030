# SPDX-License-Identifier: Apache-2.0
"""What a release must show: the models of a sign-off policy (`ci/signoff.yaml`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from hil.report.signoff.dating import zone_of

_AGE = re.compile(r"(\d{1,5})\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def _age(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = _AGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected an age like 36h, 14d or 4w")
    return int(match[1]) * _UNITS[match[2]]


def _day(value: Any) -> Any:
    # A number would be taken for seconds since 1970.
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("expected a day like 2027-12-31") from None


def _zone(value: str) -> str:
    zone_of(value)
    return value


Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=date)]
Age = Annotated[timedelta, BeforeValidator(_age, json_schema_input_type=str)]
Word = Annotated[str, Field(min_length=1, max_length=400, pattern=r"\S")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Zone = Annotated[str, AfterValidator(_zone)]
Share = Annotated[float, Field(ge=0, lt=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RepeatPolicy(StrEnum):
    """Which executions of a test count when there are several of one image set."""

    LATEST = "latest"
    ALL_MUST_PASS = "all-must-pass"  # noqa: S105 -- a policy
    BEST_OF_N = "best-of-n"


class Repeats(_Model):
    """How several executions of one test on one board with one image set are judged."""

    policy: RepeatPolicy = RepeatPolicy.LATEST
    n: int = Field(3, ge=1, le=1000, description="best-of-n: how many of the newest count")
    flake_limit: Share = Field(
        0.0, description="highest share of a test's attempts that may not be a clean pass"
    )


class Waiver(_Model):
    """Something that is known not to hold, and who says until when that is accepted."""

    requirements: tuple[Word, ...] = Field((), description="ids; * stands for anything")
    tests: tuple[Word, ...] = Field((), description="test ids; * stands for anything")
    boards: tuple[Word, ...] = Field((), description="only on these boards; * for anything")
    releases: tuple[Word, ...] = Field((), description="only with these TF-M releases")
    defect: Id | None = Field(None, description="only what this known defect explains")
    owner: Word
    reason: Word
    expires: Day = Field(description="the last day on which this holds")

    @model_validator(mode="after")
    def _is_about_something(self) -> Self:
        if not self.requirements and not self.tests:
            raise ValueError("expected `requirements` or `tests`: what this is about")
        return self


class Requirement(_Model):
    """One thing that must hold on every target that asks for it.

    Its evidence are the tests named here and those that are marked with its id
    (`@pytest.mark.req`, property `req` of a testcase).
    """

    id: Id
    title: Word
    statement: str = ""
    tests: tuple[Word, ...] = Field(
        (), description="test ids that must be there; * for anything, {rse} for each RSE"
    )
    refuted_by: tuple[Id, ...] = Field(
        (), description="known defects with which a passed test does not prove this"
    )
    stage_limits: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        {}, description="seconds since the release of reset in which a stage must be reached"
    )
    repetitions: int | None = Field(None, ge=1, le=10_000, description="executions per test")
    max_age: Age | None = None


class Target(_Model):
    """Boards x releases x toolchains that must be signed off."""

    boards: tuple[Word, ...] = Field(min_length=1)
    releases: tuple[Word, ...] = Field(min_length=1)
    toolchains: tuple[Word, ...] = Field((), description="empty: any")
    rses: int = Field(1, ge=1, le=64, description="how many RSEs the system has")
    requirements: tuple[Id, ...] = Field((), description="empty: all of the policy")
    images: dict[str, Sha256] = Field({}, description="SHA-256 that an image must have, by name")
    image_sets: Annotated[str, Field(pattern="^(all|newest)$")] = Field(
        "all", description="which of several image sets of a board must hold: all, or newest"
    )
    device: bool = Field(True, description="false: host tests, which need no image on a device")


class Foreign(_Model):
    """What JUnit files and runs do not say themselves, by their names."""

    files: Word = Field(description="name of a file or of a run's folder; * stands for anything")
    board: Word | None = None
    release: Word | None = None
    toolchain: Word | None = None
    zone: Zone | None = Field(
        None, description="of times that do not say theirs: UTC, +08:00, Asia/Shanghai"
    )


class Policy(_Model):
    """The whole policy."""

    name: Word
    targets: tuple[Target, ...] = Field(min_length=1)
    requirements: tuple[Requirement, ...] = Field(min_length=1)
    not_required: tuple[Id, ...] = Field(
        (), description="ids that tests may bear although nothing here requires them"
    )
    repeats: Repeats = Repeats()
    repetitions: int = Field(1, ge=1, le=10_000, description="executions that every test needs")
    max_age: Age | None = Field(None, description="36h, 14d, 4w: older evidence is stale")
    other_tests: Annotated[str, Field(pattern="^(must-pass|ignore)$")] = Field(
        "must-pass", description="tests of no requirement: must-pass, or ignore"
    )
    allowed_skips: tuple[Waiver, ...] = ()
    expected_failures: tuple[Waiver, ...] = ()
    foreign: tuple[Foreign, ...] = ()

    def requirement(self, name: str) -> Requirement | None:
        """Return a requirement by its id."""
        return next((r for r in self.requirements if r.id == name), None)

    def asked_of(self, target: Target) -> list[Requirement]:
        """Return the requirements of a target: those that it names, or all."""
        chosen = target.requirements
        return [r for r in self.requirements if not chosen or r.id in chosen]


@dataclass(frozen=True)
class Wanted:
    """One board with one release and, if the policy asks for that, one toolchain."""

    target: Target
    board: str
    release: str
    toolchain: str | None

    @property
    def label(self) -> str:
        """What a reader sees above a column."""
        parts = [self.board, f"TF-M {self.release}", self.toolchain or ""]
        return " ".join(part for part in parts if part)


def wanted(policy: Policy) -> Iterator[Wanted]:
    """Yield every combination that the policy requires, in its order."""
    for target in policy.targets:
        for board in target.boards:
            for release in target.releases:
                for toolchain in target.toolchains or (None,):
                    yield Wanted(target, board, release, toolchain)


def holds_until(waiver: Waiver, at: datetime) -> bool:
    """Whether a waiver has not expired; its last day counts whole, in UTC."""
    return at.astimezone(UTC).date() <= waiver.expires
