# SPDX-License-Identifier: Apache-2.0
"""Labelled cases from recorded runs of TF-M's own handshake code: its arrays, values and errors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from labelled import AGREE, LOST, VIEWS, Chip, Labelled

from hil.model.releases import release_for
from hil.model.secret import Secret
from hil.model.system_inputs import RseInputs, SystemInputs

GUK = bytes.fromhex("2a89d9a2ef6e3a84cebf62cf4c7417aa511be40fcfed61d12cff07cc75f54bb7")
BL1_2 = bytes.fromhex("5043a0667599df500f428c08251b5080d872cce7ac1f01a871908202c9460a9e")
LABELS = {
    "policy": "handshake-skipped",
    "guk": "other-guk",
    "lcs": "other-lcs",
    "tp": "other-tp-mode",
    "reprov": "other-reprovisioning",
    "bl12": "other-bl1-2",
    "rx": "routing-exchanged",
    "rseid": "ids-exchanged",
}


def from_vectors(path: Path) -> Iterator[Labelled]:
    """Every recorded run in every view; those of 2.3.1 also with all bytes of the array bound."""
    document = json.loads(path.read_text())
    release = document["tag"].removeprefix("TF-Mv")
    for vector in document["vectors"]:
        yield from _views(vector, release, "vhuk_real_len")
        # Another reason beside this one would be one too many.
        if release == "2.3.1" and vector["rse_amount"] > 2 and not vector["options"]:
            yield from _views(vector, release, "vhuk_len_32N")


def _views(vector: dict[str, Any], release: str, value: str) -> Iterator[Labelled]:
    amount, options = vector["rse_amount"], dict(o.split("=") for o in vector["options"])
    truth, label = _label(vector, release, options, value)
    system = [_chip(n, vector, release, options, value) for n in range(amount)]
    order = ".".join(map(str, vector["arrival_order"]))
    for shown, known in VIEWS:
        told = label
        if label == "routing-exchanged" and shown not in {"all", "seeds"}:
            told = "reply-encrypted-in-place"
        yield Labelled(
            f"vector {release} {vector['case']} {order}, {value}, {shown} lines, "
            f"keys {'known' if known else 'unknown'}",
            told,
            truth,
            release,
            {chip.place: chip.log(amount, shown) for chip in system},
            _inputs(amount, release) if known else None,
        )


def _label(
    vector: dict[str, Any], release: str, options: dict[str, str], value: str
) -> tuple[frozenset[str], str]:
    amount = vector["rse_amount"]
    if len(vector["per_rse"]) < amount:
        gone = set(range(amount)) - {row["rse"] for row in vector["per_rse"]}
        label = "clients-wait-for-server" if 0 in gone else "server-waits-for-rse"
        return frozenset({label, "uart-silent"}), label
    labels = {LABELS[name.partition(".")[0]] for name in options}
    truth = set(labels)
    if release == "2.2.2" and amount > 2 and "handshake-skipped" not in labels:
        truth.add("reply-encrypted-in-place")
    if value == "vhuk_len_32N" and not vector["all_agree_len_32N"]:
        truth.add("partial-arrays-bound")
    return frozenset(truth), min(labels or truth or {AGREE})


def _chip(
    n: int, vector: dict[str, Any], release: str, options: dict[str, str], value: str
) -> Chip:
    def number(name: str, usual: int) -> int:
        return int(options.get(f"{name}.{n}", options.get(name, str(usual))), 0)

    row = next((r for r in vector["per_rse"] if r["rse"] == n), None)
    chip = Chip(
        n,
        number("rseid", n),
        hashlib.sha256(f"HUK of RSE {n}".encode()).digest(),
        lcs=number("lcs", 3),
        reprov=number("reprov", 0),
        policy=number("policy", 1),
        bl1_2=bytes.fromhex(options.get(f"bl12.{n}", BL1_2.hex())),
        version=release,
    )
    if row is None:
        return replace(chip, end="silent")
    if row["status"] != "done":
        return replace(chip, end="waits")
    if row["handshake_rc"] not in {"0x0", "skipped"}:
        code = int(row["handshake_rc"], 16)
        fatal = f"[ERR] Fatal boot error {code ^ 0xA5A5A5A5:#x} ({code:#x})"
        return replace(chip, end="BL1_2", halt=LOST if release == "2.2.2" else fatal)
    skipped = row["handshake_rc"] == "skipped"
    array = tuple(bytes.fromhex(slot) for slot in row["array"] or ())
    return replace(chip, array=array[:1] if skipped else array, given=bytes.fromhex(row[value]))


def _inputs(amount: int, release: str) -> SystemInputs:
    huks = [hashlib.sha256(f"HUK of RSE {n}".encode()).digest() for n in range(amount)]
    rses = (RseInputs(n, Secret(h), Secret(GUK), bl1_2_hash=BL1_2) for n, h in enumerate(huks))
    return SystemInputs(release_for(release), tuple(rses))
