# SPDX-License-Identifier: Apache-2.0
"""When something happened, as far as its source says.

A time without a zone is the wall clock of a host nobody names: it may be up to 14 hours earlier than UTC
shows it, or 12 later. Such times are compared as they stand among each other, which is right for hosts
of one zone; beside others, what is not known counts against the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

#: Zone of a time that does not say its own.
NO_ZONE = timezone(timedelta(0), "no zone")
NEVER = datetime.min.replace(tzinfo=UTC)
_ALWAYS = datetime.max.replace(tzinfo=UTC)
#: Wall clocks run from 12 h behind UTC to 14 h before it.
_BEHIND, _BEFORE = timedelta(hours=12), timedelta(hours=14)


def time_of(text: str | None, zone: tzinfo | None = None) -> datetime | None:
    """Return a time as the dialects write it, None for what is none.

    Args:
        text: ISO 8601, or as e-mails have it.
        zone: Of a time that does not say its own, if somebody knows.
    """
    if not text:
        return None
    for read in (_iso, parsedate_to_datetime):
        try:
            found = read(text.strip()[:64])
            if found.tzinfo:
                return found
            return (
                found.replace(tzinfo=zone).astimezone(UTC)
                if zone
                else found.replace(tzinfo=NO_ZONE)
            )
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def zone_of(name: str) -> tzinfo:
    """Return a zone by its name, or by what is written behind a time.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        found = datetime.fromisoformat(f"2000-01-01T00:00:00{name}").tzinfo
        if found is not None:
            return found
    except ValueError:
        pass
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError("expected a zone like UTC, +08:00 or Asia/Shanghai") from None


def earliest(when: datetime | None) -> datetime:
    """Return the first moment at which something can have happened."""
    if when is None:
        return NEVER
    return when - min(_BEFORE, when - NEVER) if when.tzinfo is NO_ZONE else when


def latest(when: datetime | None) -> datetime:
    """Return the last moment at which something can have happened."""
    if when is None:
        return _ALWAYS
    return when + min(_BEHIND, _ALWAYS - when) if when.tzinfo is NO_ZONE else when


def spans(times: Sequence[datetime | None]) -> list[tuple[datetime, datetime]]:
    """Return from when to when each of several things can have happened, to be compared."""
    if all(when is None or when.tzinfo is NO_ZONE for when in times):
        return [(when or NEVER, when or _ALWAYS) for when in times]
    return [(earliest(when), latest(when)) for when in times]


def written(when: datetime | None) -> str | None:
    """Return a time as ISO 8601, without a zone if its source does not say one."""
    if when is None:
        return None
    return (when.replace(tzinfo=None) if when.tzinfo is NO_ZONE else when).isoformat()
