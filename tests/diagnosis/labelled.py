# SPDX-License-Identifier: Apache-2.0
"""Cases whose cause is known: what N RSEs print when one certain thing is wrong.

Nothing here asks the diagnosis, the model's hypotheses or its agreement: keys come from the formulas
written out below, arrays from the rules of each release in a few lines, logs from what the releases
print. `truth` holds every cause that really is there; `label` the one that should be named first.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from hil.diagnosis.logs import case_of_logs
from hil.diagnosis.observation import Case
from hil.model.releases import release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs

AGREE = "agree"
LOST = "[ERR] Fatal boot error -1431677611"
DM, PCI, TCI, SE = 1, 0x2222AA55, 0x111155AA, 3
GUK = hashlib.sha256(b"group key").digest()
BL1_2 = hashlib.sha256(b"BL1_2").digest()


def kdf(key: bytes, label: bytes, context: bytes = b"", *, old: bool = False) -> bytes:
    """SP800-108 counter mode on CMAC with K(0), 32 bytes; `old` is the encoding of TF-M 2.1."""

    def cmac(message: bytes) -> bytes:
        mac = CMAC(algorithms.AES(key))
        mac.update(message)
        return mac.finalize()

    form, length = ("<I", 32) if old else (">I", 256)
    body = label + b"\0" + context + struct.pack(form, length)
    first = cmac(body)
    return b"".join(cmac(struct.pack(form, i) + body + first) for i in (1, 2))


def noise(*words: object) -> bytes:
    return hashlib.sha256(repr(words).encode()).digest()


@dataclass(frozen=True)
class Chip:
    """One RSE: what it is, and how its boot ends."""

    place: int
    rse: int
    huk: bytes
    guk: bytes = GUK
    lcs: int = SE
    tp: int = TCI
    reprov: int = 0
    bl1_2: bytes = BL1_2
    policy: int = 1
    array: tuple[bytes, ...] = ()
    bound: int = 1
    old: bool = False
    version: str = ""
    #: Its vHUK, where somebody else computed it.
    given: bytes = b""
    #: "up", "waits", "silent", or the last line of a halt in "BL1_1", "BL1_2" or "BL2".
    end: str = "up"
    halt: str = ""

    @property
    def seed(self) -> bytes:
        return kdf(self.huk, b"VHUK_SEED_DERIVATION\0", old=self.old)

    @property
    def vhuk(self) -> bytes:
        if self.given:
            return self.given
        words = (self.lcs, self.tp) if self.old else (self.tp, self.lcs)
        state = b"".join(struct.pack("<I", word) for word in (*words, self.reprov)) + self.bl1_2
        label = b"".join(self.array[: self.bound])
        return kdf(self.guk, label, hashlib.sha256(state).digest(), old=self.old)

    def reports(self, amount: int, shown: str) -> list[str]:
        state = (
            f"[HIL1] state rse={self.rse} lcs={self.lcs:x} tp={self.tp:x} reprov={self.reprov:x} "
            f"bl1_2={self.bl1_2[:4].hex()} policy={self.policy:x}"
        )
        prints = [hashlib.sha256(b"HIL1-SEED" + seed).hexdigest()[:8] for seed in self.array]
        seeds = f"[HIL1] seeds rse={self.rse} fp={','.join(prints)}"
        value = hashlib.sha256(b"HIL1-VHUK" + self.vhuk).hexdigest()[:32]
        vhuk = f"[HIL1] vhuk rse={self.rse} of={amount} src=bl1_2 fp={value}"
        lines = {"state": [state], "seeds": [seeds], "all": [state, seeds], "values": []}
        return [*lines[shown], vhuk]

    def log(self, amount: int, shown: str) -> bytes:
        if self.end == "silent":
            return b""
        lines = ["[INF] Starting TF-M BL1_1"]
        if self.end == "BL1_1":
            return _text([*lines, self.halt])
        lines += ["[INF] Jumping to BL1_2", "[INF] Starting TF-M BL1_2"]
        if self.end in {"waits", "BL1_2"}:
            return _text([*lines, self.halt] if self.halt else lines)
        lines += [*self.reports(amount, shown), "[INF] Attempting to boot image 0"]
        lines += ["[INF] Jumping to BL2", "[INF] Starting bootloader"]
        if self.end == "BL2":
            return _text([*lines, self.halt])
        lines += [f"[INF] CHIP ID: {self.rse}", "[INF] Jumping to the first image slot"]
        booting = f"Booting TF-M v{self.version}"
        return _text([*lines, booting if self.version < "2.3" else f"[NOT] {booting}"])


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()


@dataclass(frozen=True)
class Situation:
    """A system in which something is wrong."""

    name: str
    release: str
    label: str
    chips: tuple[Chip, ...]
    #: Every cause that is really there; the label is always one.
    truth: frozenset[str] = frozenset()
    #: The label without the keys, where they are needed to see it.
    blind_label: str = ""
    #: The RSEs that it is about, where the label says one of them.
    who: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Labelled:
    """A situation as a lab gets to see it."""

    name: str
    label: str
    truth: frozenset[str]
    release: str
    logs: dict[int, bytes] = field(repr=False)
    inputs: SystemInputs | None = field(repr=False, default=None)
    #: The RSEs that have to be named; empty where nothing tells them from others.
    who: frozenset[int] = frozenset()

    def case(self, folder: Path) -> Case:
        """Write the logs as files and read them as `hil explain` does."""
        paths = {}
        for rse, data in self.logs.items():
            paths[rse] = folder / f"rse{rse}.log"
            paths[rse].write_bytes(data)
        case = case_of_logs(paths, title=self.name, release=self.release)
        case = replace(case, reporter=True)
        if self.inputs is None:
            return case
        return replace(case, inputs=self.inputs, state_known=True)


def chips(amount: int, release: str) -> list[Chip]:
    version = {"fixed": "2.3.1+fixed"}.get(release, release)
    return [Chip(n, n, noise("HUK", n), version=version) for n in range(amount)]


def exchanged(system: list[Chip], release: str, order: list[int] | None = None) -> list[Chip]:
    """The arrays that the handshake of a release leaves behind; all with the policy bit set."""
    amount = len(system)
    derived = release == "fixed"
    seeds = [system[0].seed]
    seeds += [c.seed if derived else noise("client", c.place, amount) for c in system[1:]]
    arrays = {n: tuple(seeds) for n in range(amount)}
    if release.startswith(("2.1", "2.2")):
        for n in range(2, amount, 2):
            arrays[n] = tuple(
                seeds[n] if slot == n else noise("keystream", n, slot) for slot in range(amount)
            )
    elif not derived:
        stack = [noise("stack", slot) for slot in range(amount)]
        come = {0}
        for n in order or range(1, amount):
            come.add(n)
            arrays[n] = tuple(seeds[s] if s in come else stack[s] for s in range(amount))
    bound = amount if derived else 1
    return [replace(c, array=arrays[c.place], bound=bound) for c in system]


def alone(chip: Chip) -> Chip:
    """A chip that skips the handshake."""
    return replace(chip, array=(chip.seed,), bound=1, policy=0)


def waiting(system: list[Chip]) -> list[Chip]:
    return [replace(chip, end="waits") for chip in system]


OTHERS: dict[str, dict[str, object]] = {
    "other-guk": {"guk": noise("another group key")},
    "other-lcs": {"lcs": DM},
    "other-tp-mode": {"tp": PCI},
    "other-reprovisioning": {"reprov": 1},
    "other-bl1-2": {"bl1_2": noise("another BL1_2")},
}


def changed(system: list[Chip], place: int, **values: object) -> list[Chip]:
    return [replace(c, **values) if c.place == place else c for c in system]  # type: ignore[arg-type]


def situations(amount: int) -> Iterator[Situation]:
    """Every situation with that many RSEs."""
    for release in ("2.2.2", "2.3.1", "fixed"):
        yield from _common(amount, release)
    yield from _of_2_2(amount)
    yield from _of_2_3(amount)


def _situation(
    name: str,
    release: str,
    label: str,
    system: list[Chip],
    *more: str,
    blind: str = "",
    who: int | None = None,
) -> Situation:
    truth = frozenset({label, *more} - {AGREE})
    whom = frozenset() if who is None else frozenset({who})
    title = f"{release} N={len(system)} {name}"
    return Situation(title, release, label, tuple(system), truth, blind, whom)


def _common(amount: int, release: str) -> Iterator[Situation]:
    good = exchanged(chips(amount, release), release)
    garbled = ["reply-encrypted-in-place"] if release == "2.2.2" and amount > 2 else []
    yield _situation("nominal", release, garbled[0] if garbled else AGREE, good)
    skipped = [alone(chip) for chip in chips(amount, release)]
    yield _situation("policy clear on all", release, "handshake-skipped", skipped)
    for k in sorted({0, amount - 1}):
        mixed = waiting(good)
        mixed[k] = alone(chips(amount, release)[k])
        waits = "clients-wait-for-server" if k == 0 else "server-waits-for-rse"
        if release == "fixed":
            continue
        yield _situation(
            f"policy clear on RSE {k}", release, "handshake-skipped", mixed, waits, who=k
        )
    for k in sorted({0, 1, amount - 1}):
        yield from _missing(amount, release, k)


def _missing(amount: int, release: str, k: int) -> Iterator[Situation]:
    label = "clients-wait-for-server" if k == 0 else "server-waits-for-rse"
    rest = waiting(exchanged(chips(amount, release), release))
    if release == "fixed":
        code = "[ERR] Fatal boot error 0xe5a5a51e (0x400000bb)"
        missing = f"[ERR] RSE handshake: no seed from RSE {k} after 3000 ms\r\n{code}"
        reply = f"[ERR] RSE handshake: no reply from RSE 0 after 3000 ms\r\n{code}"
        rest = [replace(c, end="BL1_2", halt=reply if c.place else missing) for c in rest]
    for how, values in {
        "never boots": {"end": "silent", "halt": ""},
        "halts in BL1_1": {
            "end": "BL1_1",
            "halt": LOST if release == "2.2.2" else "[ERR] Fatal boot error 0xa5a5a5a4 (0x1)",
        },
        "never joins": {"end": "waits", "halt": ""},
    }.items():
        system = changed(rest, k, **values)
        yield _situation(
            f"RSE {k} {how}",
            release,
            label,
            system,
            "uart-silent",
            who=None if how == "never joins" else k,
        )


def _of_2_2(amount: int) -> Iterator[Situation]:
    release = "2.2.2"
    garbled = ["reply-encrypted-in-place"] if amount > 2 else []
    for k in sorted({0, 1, amount - 1}):
        for label, values in OTHERS.items():
            refused = waiting(chips(amount, release))
            refused[0] = replace(refused[0], end="BL1_2", halt=LOST)
            yield _situation(f"{label} on RSE {k}", release, label, changed(refused, k, **values))
    halted = [replace(c, end="BL1_2", halt=LOST) for c in chips(amount, release)]
    yield _situation("as tagged", release, "no-routing-tables", halted)
    stuck = [replace(alone(c), end="BL2", halt="[ERR] Platform post init failed")
             for c in chips(amount, release)]  # fmt: skip
    yield _situation(
        "as tagged, policy clear", release, "no-rse-id-mapping", stuck, "handshake-skipped"
    )
    if amount < 3:
        return
    good = exchanged(chips(amount, release), release)
    # The links tell who is who; the ids only say in which slot an RSE puts its own seed.
    one, two = good[1], good[2]
    own = one.array[2], two.array[2]
    doubled = (
        *tuple(own[1] if s == 1 else v for s, v in enumerate(two.array[:2])),
        noise("keystream", 2, 2),
        *two.array[3:],
    )
    yield _situation(
        "RSE 2 has the id of RSE 1",
        release,
        "same-id-twice",
        changed(good, 2, rse=1, array=doubled),
        *garbled,
    )
    seed_1, seed_2 = one.array[1], two.array[2]
    first = (one.array[0], one.array[1], seed_1, *one.array[3:])
    second = (two.array[0], seed_2, noise("keystream", 2, 2), *two.array[3:])
    swapped = changed(changed(good, 1, rse=2, array=first), 2, rse=1, array=second)
    yield _situation("ids of RSE 1 and 2 exchanged", release, "ids-exchanged", swapped, *garbled)
    crossed = []
    for chip in good:
        array = list(chip.array)
        if chip.place == 2:
            crossed.append(chip)
            continue
        array[1], array[2] = seed_2, seed_1
        if chip.place == 1:
            array[1] = seed_1
        crossed.append(replace(chip, array=tuple(array)))
    yield _situation(
        "routing of RSE 1 and 2 exchanged", release, "routing-exchanged", crossed, *garbled,
        blind="routing-exchanged",
    )  # fmt: skip


def _of_2_3(amount: int) -> Iterator[Situation]:
    release = "2.3.1"
    good = exchanged(chips(amount, release), release)
    for k in sorted({0, 1, amount - 1}):
        for label, values in OTHERS.items():
            who = k if amount > 2 else None
            odd = changed(good, k, **values)
            yield _situation(f"{label} on RSE {k}", release, label, odd, who=who)
        refused = waiting(good)
        refused[0] = replace(refused[0], end="BL1_2", halt=_fatal(12))
        refused[k or 1] = replace(refused[k or 1], end="BL1_2", halt=_fatal(51))
        refused = changed(refused, k, **OTHERS["other-guk"])
        yield _situation(f"other GUK on RSE {k}, encrypted", release, "other-guk", refused)
    for order in ([*range(1, amount)], [*range(amount - 1, 0, -1)]) if amount > 2 else ():
        whole = exchanged(chips(amount, release), release, order)
        whole = [replace(chip, bound=amount) for chip in whole]
        name = f"all bytes bound, order {order}"
        yield _situation(name, release, "partial-arrays-bound", whole)
    twice = waiting(changed(good, amount - 1, rse=max(0, amount - 2)))
    yield _situation("one id twice", release, "same-id-twice", twice)
    swapped = [replace(c, place={0: 1, 1: 0}.get(c.place, c.place)) for c in good]
    swapped.sort(key=lambda chip: chip.place)
    yield _situation("consoles of RSE 0 and 1 exchanged", release, "ids-exchanged", swapped)
    old = exchanged([replace(c, old=True, version="2.1.0") for c in chips(2, release)], release)
    if amount == 2:
        yield _situation(
            "TF-M 2.1.0 on all", release, "other-key-derivation", old, "release-not-as-told",
            blind="release-not-as-told",
        )  # fmt: skip
    other = changed(good, amount - 1, old=True, version="2.1.0", bl1_2=noise("BL1_2 of 2.1.0"))
    yield _situation(
        "TF-M 2.1.0 on the last", release, "other-firmware", other,
        "other-key-derivation", "other-bl1-2", "release-not-as-told",
    )  # fmt: skip
    derived = changed(good, amount - 1, old=True)
    yield _situation(
        "key derivation of 2.1.0 on the last", release, "other-key-derivation", derived
    )
    newer = changed(good, amount - 1, version="2.3.0")
    yield _situation("TF-M 2.3.0 on the last", release, "other-firmware", newer)
    for k in (0, amount - 1):
        replaced = changed(chips(amount, release), k, huk=noise("another die"))
        seen = "other-die" if k == 0 else AGREE
        told = _situation(f"another die as RSE {k}", release, seen, exchanged(replaced, release))
        yield replace(told, blind_label=AGREE)


def pairs(amount: int) -> Iterator[Situation]:
    """Systems in which two things are wrong; there is no label, only what may be called certain."""
    release = "2.3.1"
    good = exchanged(chips(amount, release), release)
    for first, values in OTHERS.items():
        skipped = changed([alone(chip) for chip in chips(amount, release)], 1, **values)
        yield _situation(f"policy clear and {first}", release, first, skipped, "handshake-skipped")
        whole = [replace(chip, bound=amount) for chip in changed(good, 1, **values)]
        yield _situation(
            f"all bytes bound and {first}", release, first, whole, "partial-arrays-bound"
        )
        die = changed(chips(amount, release), 0, huk=noise("another die"))
        replaced = changed(exchanged(die, release), 1, **values)
        yield _situation(f"another die and {first}", release, first, replaced, "other-die")
        for second, more in OTHERS.items():
            for k in (1, amount - 1):
                both = changed(changed(good, 1, **values), k, **more)
                yield _situation(f"{first} and {second} on RSE {k}", release, first, both, second)
        for gone in (1, amount - 1):
            mute = changed(waiting(changed(good, 1, **values)), gone, end="silent")
            yield _situation(
                f"{first} and no UART of RSE {gone}", release, first, mute, "uart-silent"
            )


def _fatal(code: int) -> str:
    return f"[ERR] Fatal boot error {(code ^ 0xA5A5A5A5):#x} ({code:#x})"


def inputs_of(amount: int, release: str) -> SystemInputs:
    """What a board file with all keys says: the nominal values."""
    return SystemInputs(
        release_for(release),
        tuple(
            RseInputs(n, Secret(noise("HUK", n)), Secret(GUK), bl1_2_hash=BL1_2)
            for n in range(amount)
        ),
    )


#: What of the report lines a firmware prints, and whether the keys are known.
VIEWS = [(shown, known) for shown in ("all", "state", "seeds", "values") for known in (True, False)]


def labelled(amounts: tuple[int, ...] = (2, 3, 4, 5, 6, 7, 8)) -> Iterator[Labelled]:
    """Every situation in every view."""
    for amount in amounts:
        for situation in situations(amount):
            for shown, known in VIEWS:
                yield seen_as(situation, shown, known=known)


def seen_as(situation: Situation, shown: str, *, known: bool) -> Labelled:
    amount = len(situation.chips)
    label = situation.label if known or not situation.blind_label else situation.blind_label
    if label == "routing-exchanged" and shown not in {"all", "seeds"}:
        label = "reply-encrypted-in-place"  # without the arrays nothing shows the wires
    if label == "other-die" and not known:
        label = AGREE
    return Labelled(
        f"{situation.name}, {shown} lines, keys {'known' if known else 'unknown'}",
        label,
        situation.truth,
        situation.release,
        {chip.place: chip.log(amount, shown) for chip in situation.chips},
        inputs_of(amount, situation.release) if known else None,
        situation.who,
    )
