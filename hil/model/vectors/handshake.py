# SPDX-License-Identifier: Apache-2.0
"""Recorded runs of the handshake: every array, message, return code, key and group.

What no rule determines (random numbers, memory that was never written) is taken from the record;
then the machine runs, and everything else must come out byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hil.model import keys
from hil.model.boot_state import ALL_FIELDS
from hil.model.error_codes import error_codes
from hil.model.handshake import messages
from hil.model.handshake.machine import Phase
from hil.model.handshake.messages import Message, Value
from hil.model.handshake.run import ChipEnd, Run, run
from hil.model.handshake.system import device_peer
from hil.model.handshake.values import Octets
from hil.model.releases import Bound, Release
from hil.model.system_inputs import SERVER
from hil.model.vectors.reading import Case, CaseResult, Comparison, mapping, number, octets, text
from hil.model.vectors.recorded import Recorded, Wire, read_recorded
from hil.model.vectors.recorded_draws import RecordedDraws


def check_handshake(file: Case, case: Case, release: Release) -> Iterator[CaseResult]:
    """Check one recorded run."""
    recorded = read_recorded(file, case, release)
    result = run(recorded.system, _Values(recorded), recorded.order)
    check = _Check(recorded, result, Comparison())
    for place in sorted(recorded.entries):
        check.rse(place)
        check.messages(place)
    check.groups(case)
    title = f"{text(case, 'case', 'case')} {','.join(map(str, recorded.order))}"
    yield check.comparison.result(title)


class _Values(Octets):
    """Real values; derived seeds are the recorded ones where the file does not say the HUKs."""

    def __init__(self, recorded: Recorded) -> None:
        super().__init__(recorded.inputs, RecordedDraws(recorded))
        self._recorded = recorded

    def own_seed(self, place: int) -> Value:
        """Return the seed that a chip derives from its HUK."""
        told = self._recorded.entries.get(place, {}).get("derived_seed_from_own_huk")
        if self._recorded.inputs.rses[place].huk is None and told is not None:
            return octets(told, f"RSE {place}: derived_seed_from_own_huk", messages.SLOT_SIZE)
        return super().own_seed(place)


@dataclass(frozen=True)
class _Check:
    """A recorded run, the machine's own, and what was compared of them so far."""

    recorded: Recorded
    result: Run
    comparison: Comparison

    def rse(self, place: int) -> None:
        """Compare what one RSE ended with."""
        end, release = self.result.ends[place], self.recorded.inputs.release
        rse = self.recorded.inputs.rses[place]
        if end.phase is Phase.OFF:
            return
        found: dict[str, object] = {
            "handshake_rc": self._return_code(place, end),
            "array": None if end.waits else [_hex(value) for value in end.array],
            "contribution": self._contribution(place, end),
            "boot_continues": end.phase is Phase.DONE,
            "vhuk_seed_len_real": release.bound_bytes(self.recorded.system.amount),
            "vhuk_real_len": self._vhuk(place, end, release.bound),
            "vhuk_len_32N": self._vhuk(place, end, Bound.ALL),
        }
        if rse.state is not None:
            preimage = rse.state.preimage(ALL_FIELDS, release.state_order)
            found["boot_state_preimage"] = preimage.hex()
            found["boot_state"] = rse.state.digest(ALL_FIELDS, release.state_order).hex()
        if rse.huk is not None:
            found["derived_seed_from_own_huk"] = keys.vhuk_seed(rse.huk, release).hex()
        entry = self.recorded.entries[place]
        if release.session_key_in_handshake and not end.waits:
            if RecordedDraws(self.recorded).ivs_known:
                found["session_key"] = _hex(end.session_key)
            # Everyone's first message carries its IV, in the first slot.
            found["session_key_iv_own"] = _hex(end.sent[0][1].slots[0]) if end.sent else None
        if place == SERVER:
            answered = [step.peer for step in self.result.steps if step[:2] == (SERVER, "answers")]
            found["received_from_in_order"] = answered
        if end.waits and entry.get("contribution") is None:
            # It was stopped from outside, before or after it said what it drew.
            del found["contribution"]
        self._equal(entry, found, f"RSE {place}: ")
        if "status" in entry:
            ended = str(entry["status"]).startswith("done")
            self.comparison.equal(f"RSE {place}: status: it ended", ended, not end.waits)

    def messages(self, place: int) -> None:
        """Compare what one RSE sent."""
        end, entry = self.result.ends[place], self.recorded.entries[place]
        raw = self.recorded.inputs.release.session_key_in_handshake
        pack = messages.pack_raw if raw else messages.pack_sfcp
        for wire in self.recorded.wires[place]:
            where = f"RSE {place}: {wire.name}"
            if wire.turn >= len(end.sent):
                self.comparison.equal(where, wire.data.hex(), None)
                continue
            peer, message = end.sent[wire.turn]
            self.comparison.equal(where, wire.data.hex(), pack(message).hex())
            self.comparison.equal(f"{where}: receiver", self._receiver(wire, place), peer)
        for name, slots in mapping(entry.get(_OPENED) or {}, _OPENED).items():
            sent = _reply_to(name, end)
            plain = messages.unseal(_octets(end.session_key), sent) if sent else None
            computed = [_hex(slot) for slot in plain.slots] if plain else None
            self.comparison.equal(f"RSE {place}: {_OPENED}: {name}", slots, computed)
        for name, told in mapping(entry.get(_CLEAR) or {}, _CLEAR).items():
            sent = _reply_to(name, end)
            clear = sent is not None and sent.slots == end.array
            self.comparison.equal(f"RSE {place}: {_CLEAR}: {name}", told, clear)

    def groups(self, case: Case) -> None:
        """Compare who agrees with whom."""
        done = {p: e for p, e in enumerate(self.result.ends) if e.phase is Phase.DONE}
        seeds = [self._contribution(place, end) for place, end in enumerate(self.result.ends)]
        found: dict[str, object] = {
            "seeds": seeds,
            "same_array_groups": _groups({p: end.array for p, end in done.items()}),
            "rses_with_complete_array": [
                p for p, end in done.items() if [_hex(v) for v in end.array] == seeds
            ],
        }
        told = case.get("seeds")
        if isinstance(told, list) and len(told) == len(seeds):
            unknown = [
                e.waits and seed is None for e, seed in zip(self.result.ends, told, strict=True)
            ]
            found["seeds"] = [None if u else s for u, s in zip(unknown, seeds, strict=True)]
        everyone = [list(range(self.recorded.system.amount))]
        real = self.recorded.inputs.release.bound
        for suffix, bound in (("real_len", real), ("len_32N", Bound.ALL)):
            groups = _groups({p: self._vhuk(p, end, bound) for p, end in done.items()})
            found[f"same_vhuk_groups_{suffix}"] = groups
            found[f"all_agree_{suffix}"] = groups == everyone
        self._equal(case, found, "")

    def _equal(self, told: Case, found: Mapping[str, object], where: str) -> None:
        for name, computed in found.items():
            if name in told:
                self.comparison.equal(where + name, told[name], computed)

    def _return_code(self, place: int, end: ChipEnd) -> str | None:
        if not self.recorded.system.chips[place].takes_part:
            return "skipped"
        if end.waits:
            return None
        if end.phase is Phase.DONE:
            return "0x0"
        return f"{error_codes(self.recorded.inputs.release.error_family).number(end.error):#x}"

    def _contribution(self, place: int, end: ChipEnd) -> str | None:
        """Return the seed that an RSE gave; the server's own counts without a handshake too."""
        if place == SERVER and end.array:
            return _hex(end.array[SERVER])
        return _hex(end.contribution)

    def _vhuk(self, place: int, end: ChipEnd, bound: Bound) -> str | None:
        rse, release = self.recorded.inputs.rses[place], self.recorded.inputs.release
        if end.phase is not Phase.DONE or rse.guk is None or rse.state is None:
            return None
        seeds = messages.split(messages.join(end.array))
        return keys.vhuk(rse.guk, seeds, rse.state, release, bound).hex()

    def _receiver(self, wire: Wire, place: int) -> int | None:
        if wire.device is None:
            return wire.peer
        return device_peer(place, wire.device, self.recorded.system.amount)


_OPENED, _CLEAR = "wire_reply_decrypts_to", "wire_reply_body_is_plaintext_seeds"


def _reply_to(name: str, end: ChipEnd) -> Message | None:
    """Return the last message that was sent to the RSE of a field "to_rse_K"."""
    peer = number(name.rpartition("_")[2], name)
    return next((message for to, message in reversed(end.sent) if to == peer), None)


def _groups(values: Mapping[int, object]) -> list[list[int]]:
    groups: dict[object, list[int]] = {}
    for place, value in values.items():
        groups.setdefault(value, []).append(place)
    return sorted(groups.values())


def _hex(value: Value) -> str | None:
    return value.hex() if isinstance(value, bytes) else None


def _octets(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return value
