# SPDX-License-Identifier: Apache-2.0
"""What a recorded run of the handshake describes: its system, and what each RSE sent.

Options of a case: `guk.R=HEX`, `lcs.R=N`, `tp.R=WORD`, `reprov.R=N`, `bl12.R=HEX`, `policy=N`,
`rseid.R=N` and the routing tables `rx.R=...`, `tx.R=...` of RSE R, `stock`. An RSE that neither ended
nor was found waiting was absent, whatever the word for it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from hil.errors import ModelError
from hil.model.boot_state import Lcs, TpMode
from hil.model.handshake.system import Chip, Sfcp, System
from hil.model.releases import Release
from hil.model.secret import Secret
from hil.model.system_inputs import SERVER, RseInputs, SystemInputs
from hil.model.vectors.reading import Case, field, mapping, number, octets, sequence, text

#: How the files say that HUKs are made.
_HUK_RULE = 'SHA256("HUK of RSE <r>")'
_MOST_RSES = 64
_OPTION = re.compile(r"(?P<name>[a-z_0-9]+?)(?:\.(?P<rse>\d{1,4}))?(?:=(?P<value>.*))?")
_RAW_NAME = re.compile(r"wire_tx(?P<turn>\d{1,4})_dev(?P<device>\d{1,4})")
_SFCP_NAME = re.compile(r"reply_tx(?P<turn>\d{1,4})_to(?P<peer>\d{1,4})|msg_tx(?P<own>\d{1,4})")


@dataclass(frozen=True)
class Wire:
    """A recorded message.

    Attributes:
        name: As the file names it.
        turn: Its place among those that its sender sent.
        device: MHU device that it was sent with (up to 2.2), else None.
        peer: RSE that it was sent to (from 2.3 on), else None.
        data: The bytes.
    """

    name: str
    turn: int
    device: int | None
    peer: int | None
    data: bytes


@dataclass(frozen=True)
class Recorded:
    """One recorded run, as the machine needs it.

    Attributes:
        inputs: What the RSEs were provisioned with.
        system: Their ids and wiring.
        order: Order in which the clients came.
        entries: What is recorded of each RSE, by place; absent ones may be missing.
        wires: What each RSE sent, by place.
    """

    inputs: SystemInputs
    system: System
    order: tuple[int, ...]
    entries: Mapping[int, Case]
    wires: Mapping[int, tuple[Wire, ...]]


def read_recorded(file: Case, case: Case, release: Release) -> Recorded:
    """Return what a case describes.

    Raises:
        ModelError: a field is missing or makes no sense.
    """
    amount = number(field(case, "rse_amount", "case"), "rse_amount")
    if not 1 <= amount <= _MOST_RSES:
        raise ModelError(f"rse_amount: expected 1 to {_MOST_RSES}, got {amount}")
    entries = {}
    for entry in sequence(case, "per_rse", "case"):
        told = mapping(entry, "per_rse")
        entries[_place(told, amount)] = told
    absent = {place for place in range(amount) if not _started(entries.get(place, {}))}
    chips = [Chip(place, present=place not in absent) for place in range(amount)]
    draft = _Draft(_common_inputs(file, amount), chips)
    draft.routing_tables = not text(case, "case", "case").startswith("stock")
    for option in sequence(case, "options", "case"):
        draft.apply(str(option))
    order = tuple(number(rse, "arrival_order") for rse in sequence(case, "arrival_order", "case"))
    if any(not 0 <= place < amount for place in order):
        raise ModelError(f"arrival_order: expected RSEs 0 to {amount - 1}, got {list(order)}")
    inputs = SystemInputs(release, tuple(draft.rses))
    system = System(release, draft.chips_of(inputs), Sfcp.PLAIN, draft.routing_tables)
    wires = {place: _wires(entry) for place, entry in entries.items()}
    return Recorded(inputs, system, order, entries, wires)


def _started(entry: Case) -> bool:
    """Return whether an RSE ran at all: it ended, or it was found waiting."""
    return str(entry.get("status", "")).startswith(("done", "blocked"))


def _place(entry: Case, amount: int) -> int:
    place = number(field(entry, "rse", "per_rse"), "per_rse: rse")
    if not 0 <= place < amount:
        raise ModelError(f"per_rse: rse: expected 0 to {amount - 1}, got {place}")
    return place


def _common_inputs(file: Case, amount: int) -> list[RseInputs]:
    common = mapping(field(file, "inputs", "file"), "inputs")

    def value(name: str) -> object:
        return field(common, name, "inputs")

    tp = TpMode.from_hardware(number(value("tp_mode"), "inputs: tp_mode"))
    lcs = Lcs.from_otp(number(value("lcs"), "inputs: lcs"))
    reprov = number(value("reprovisioning_bits"), "inputs: reprovisioning_bits")
    code = octets(value("computed_bl1_2_hash"), "inputs: computed_bl1_2_hash", 32)
    guk = Secret(octets(value("GUK"), "inputs: GUK", 32))
    return [
        RseInputs(place, _huk(common, place), guk, lcs, tp, reprov, code) for place in range(amount)
    ]


def _huk(common: Case, place: int) -> Secret | None:
    """Return the HUK of an RSE; None where the file does not say it."""
    told = common.get("HUK")
    if told == _HUK_RULE:
        return Secret(hashlib.sha256(b"HUK of RSE %d" % place).digest())
    if isinstance(told, list) and place < len(told):
        return Secret(octets(told[place], f"inputs: HUK[{place}]", 32))
    return None


def _wires(entry: Case) -> tuple[Wire, ...]:
    wires = []
    for name, data in mapping(entry.get("wire") or {}, "wire").items():
        raw, sfcp = _RAW_NAME.fullmatch(name), _SFCP_NAME.fullmatch(name)
        content = octets(data, f"wire: {name}")
        if raw is not None:
            wires.append(Wire(name, int(raw["turn"]), int(raw["device"]), None, content))
        elif sfcp is not None:
            peer = int(sfcp["peer"]) if sfcp["peer"] else SERVER
            wires.append(Wire(name, int(sfcp["turn"] or sfcp["own"]), None, peer, content))
        else:
            raise ModelError(f"wire: {name!r}: expected wire_txI_devD, reply_txI_toK or msg_txI")
    return tuple(wires)


_TABLES = {"rx": "receivers", "tx": "senders"}
#: Options that change what an RSE was provisioned with.
_PROVISIONED: dict[str, tuple[str, Callable[[str, str], object]]] = {
    "guk": ("guk", lambda value, where: Secret(octets(value, where, 32))),
    "lcs": ("lcs", lambda value, where: Lcs.from_otp(number(value, where))),
    "tp": ("tp", lambda value, where: TpMode.from_hardware(number(value, where))),
    "reprov": ("reprov", number),
    "bl12": ("bl1_2_hash", lambda value, where: octets(value, where, 32)),
    "policy": ("vhuk_agreement", lambda value, where: bool(number(value, where) & 1)),
}


_KNOWN = {*_PROVISIONED, *_TABLES, "rseid"}


@dataclass
class _Draft:
    """A system while options are applied to it."""

    rses: list[RseInputs]
    chips: list[Chip]
    routing_tables: bool = True

    def apply(self, option: str) -> None:
        found = _OPTION.fullmatch(option)
        if found is None:
            raise ModelError(f"options: {option!r} is not understood")
        name, value, where = found["name"], found["value"] or "", f"options: {option}"
        if name == "stock":
            self.routing_tables = False
            return
        places: Sequence[int] = range(len(self.chips))
        if found["rse"] is not None:
            places = [int(found["rse"])]
        elif name not in _KNOWN and value.isdecimal():
            # One word for an RSE that never came, as in absent=2.
            places = [int(value)]
        if any(not 0 <= place < len(self.chips) for place in places):
            raise ModelError(f"{where}: there is no such RSE")
        for place in places:
            self._apply_to(place, name, value, where)

    def _apply_to(self, place: int, name: str, value: str, where: str) -> None:
        if name in _PROVISIONED:
            attribute, read = _PROVISIONED[name]
            change = {attribute: read(value, where)}
            self.rses[place] = replace(self.rses[place], **change)  # type: ignore[arg-type]
        elif name == "rseid":
            self.chips[place] = replace(self.chips[place], rse_id=number(value, where))
        elif name in _TABLES:
            table = tuple(number(entry, where) for entry in value.split(","))
            change = {_TABLES[name]: table}
            self.chips[place] = replace(self.chips[place], **change)  # type: ignore[arg-type]
        elif self.chips[place].present:
            raise ModelError(f"{where}: is not understood")

    def chips_of(self, inputs: SystemInputs) -> tuple[Chip, ...]:
        """Return the chips with what they were provisioned with."""
        return tuple(
            replace(
                chip,
                takes_part=inputs.release.handshake_runs(
                    rse_amount=len(self.chips), policy=rse.vhuk_agreement
                ),
                guk=rse.guk,
                state=rse.state_fields,
            )
            for chip, rse in zip(self.chips, inputs.rses, strict=True)
        )
