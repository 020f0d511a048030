# SPDX-License-Identifier: Apache-2.0
"""The lines that this project's reporter in the firmware prints, as values.

One line each, versioned by their prefix; a fingerprint is a one-way value of a key, never the key.
A line that is not as it should be becomes a `MalformedReport` that says what is wrong: it may be a
defect of the reporter, a newer version or bytes lost on the UART, and must not end a run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import zip_longest

VERSION = 1


@dataclass(frozen=True)
class VhukReport:
    """Fingerprint of the vHUK that an RSE derived.

    Attributes:
        rse: Id of the RSE.
        of: Number of RSEs in the system, as the firmware was built.
        src: "bl1_2" or "runtime": the two have different fingerprints of one vHUK.
        fp: 32 hexadecimal digits.
    """

    rse: int
    of: int
    src: str
    fp: str


@dataclass(frozen=True)
class SeedsReport:
    """Fingerprints of the seed array with which an RSE ended the handshake, one per slot."""

    rse: int
    fps: tuple[str, ...]


@dataclass(frozen=True)
class StateReport:
    """The values that enter the boot state of an RSE.

    Attributes:
        rse: Id of the RSE.
        lcs: Life cycle state as TF-M's OTP enumeration has it (SE is 3).
        tp: TP mode as the LCM's hardware word (TCI is 0x111155aa).
        reprov: CM reprovisioning word.
        bl1_2: First 4 bytes of the hash of BL1_2, in hexadecimal digits.
        policy: CM policy word; bit 0 asks for the vHUK agreement.
    """

    rse: int
    lcs: int
    tp: int
    reprov: int
    bl1_2: str
    policy: int


@dataclass(frozen=True)
class MalformedReport:
    """A line of the reporter that cannot be read, and why."""

    text: str
    why: str


Report = VhukReport | SeedsReport | StateReport | MalformedReport

_PREFIX = re.compile(r"\[HIL(\d+)\] (\w+)(?: (.*))?")
_HEX = re.compile(r"[0-9a-f]+")
_DIGITS = re.compile(r"[0-9]+")
#: Longest number that is believed; a 32-bit word has 8 hexadecimal digits.
_MAX_DIGITS = 8

_FIELDS = {
    "vhuk": ("rse", "of", "src", "fp"),
    "seeds": ("rse", "fp"),
    "state": ("rse", "lcs", "tp", "reprov", "bl1_2", "policy"),
}


def parse_report(text: str) -> Report:
    """Return the values of a line that begins with `[HIL`; never raises for what stands in it."""
    try:
        return _parse(text)
    except ValueError as error:
        return MalformedReport(text, str(error))


def _parse(text: str) -> Report:
    found = _PREFIX.fullmatch(text)
    if found is None:
        raise ValueError("expected `[HIL1] vhuk|seeds|state name=value ...`")
    version, kind, rest = found[1], found[2], found[3] or ""
    if version != str(VERSION):
        raise ValueError(f"version {version} of the report lines; this release reads {VERSION}")
    if kind not in _FIELDS:
        raise ValueError(f"report {kind!r} is unknown; expected one of {', '.join(_FIELDS)}")
    pairs = [word.partition("=") for word in rest.split(" ")]
    found_names = [name for name, _, _ in pairs]
    if tuple(found_names) != _FIELDS[kind]:
        wrong = [n for n, is_there in zip_longest(_FIELDS[kind], found_names) if n != is_there]
        what = f"no {wrong[0]}= in its place" if wrong[0] else "more than there should be"
        raise ValueError(f"{what}; expected the fields {', '.join(_FIELDS[kind])} in this order")
    values = {name: value for name, _, value in pairs}
    rse = _decimal(values, "rse")
    if kind == "vhuk":
        if values["src"] not in ("bl1_2", "runtime"):
            raise ValueError(f"src={values['src']}: expected bl1_2 or runtime")
        return VhukReport(rse, _decimal(values, "of"), values["src"], _hex(values, "fp", 32))
    if kind == "seeds":
        fps = values["fp"].split(",")
        return SeedsReport(rse, tuple(_hex({"fp": fp}, "fp", 8) for fp in fps))
    lcs, tp, reprov, policy = (int(_hex(values, n), 16) for n in ("lcs", "tp", "reprov", "policy"))
    return StateReport(rse, lcs, tp, reprov, _hex(values, "bl1_2", 8), policy)


def _decimal(values: dict[str, str], name: str) -> int:
    value = values[name]
    if not _DIGITS.fullmatch(value) or len(value) > _MAX_DIGITS:
        raise ValueError(f"{name}={value}: expected a decimal number")
    return int(value)


def _hex(values: dict[str, str], name: str, digits: int | None = None) -> str:
    """Return a value of exactly `digits` hexadecimal digits, of 1 to 8 if that is not given."""
    value = values[name]
    fits = len(value) == digits if digits else len(value) <= _MAX_DIGITS
    if not _HEX.fullmatch(value) or not fits:
        expected = f"{digits}" if digits else f"1 to {_MAX_DIGITS}"
        raise ValueError(f"{name}={value}: expected {expected} lower-case hexadecimal digits")
    return value
