# SPDX-License-Identifier: Apache-2.0
"""The handshakes give what the real rse_handshake.c gives, down to the bytes on the wire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from firmware_lab import Link, Links

from hil.virtual import handshake_raw, handshake_sfcp, kdf
from hil.virtual.error_codes import PlatError
from hil.virtual.handshake import Party, Seeds
from hil.virtual.handshake_sfcp import Patience

STUCK = "stuck"
_ENCRYPTED_MSG = 0b00_1_00_010


def huk(rse: int) -> bytes:
    """HUK of the vectors."""
    return hashlib.sha256(f"HUK of RSE {rse}".encode()).digest()


def vectors(shared_dir: Path, tag: str) -> list[dict[str, Any]]:
    document = json.loads((shared_dir / "vectors" / f"handshake-{tag}.json").read_text())
    return list(document["vectors"])


def party(
    rse: int, vector: dict[str, Any], link: Link, draws: list[bytes], **changes: Any
) -> Party:
    """One RSE of a vector; its TRNG gives what the vector's gave."""
    amount = vector["rse_amount"]
    options = dict(option.split("=") for option in vector["options"])
    guk = "2a89d9a2ef6e3a84cebf62cf4c7417aa511be40fcfed61d12cff07cc75f54bb7"
    bl1_2 = "5043a0667599df500f428c08251b5080d872cce7ac1f01a871908202c9460a9e"
    state = kdf.boot_state(
        0x111155AA,
        int(options.get(f"lcs.{rse}", "3")),
        int(options.get(f"reprov.{rse}", "0")),
        bytes.fromhex(options.get(f"bl12.{rse}", bl1_2)),
    )
    stream: Iterator[bytes] = iter(draws)
    fields: dict[str, Any] = {
        "me": int(options.get(f"rseid.{rse}", rse)),
        "amount": amount,
        "generation": "2.2",
        "routes": bytes(range(8)),
        "guk": bytes.fromhex(options.get(f"guk.{rse}", guk)),
        "state": state,
        "own_seed": kdf.vhuk_seed(huk(rse)),
        "stale": bytes([0xE0 if rse == 0 else 0xC0 + rse]) * 32 * amount,
        "fabric": link,
        "random": lambda size: next(stream)[:size],
        "delay": lambda seconds: seconds,
    }
    return Party(**(fields | changes))


def run(exchanges: dict[int, Generator[float, None, Seeds]], rounds: int = 400) -> dict[int, Any]:
    """Interleave; per RSE its array, its error, or STUCK."""
    results: dict[int, Any] = {}
    for _ in range(rounds):
        for rse, exchange in exchanges.items():
            if rse in results:
                continue
            try:
                next(exchange)
            except StopIteration as stop:
                results[rse] = stop.value
            except PlatError as error:
                results[rse] = error
    return results | {rse: STUCK for rse in exchanges if rse not in results}


def raw_draws(row: dict[str, Any]) -> list[bytes]:
    """The random numbers that a 2.2.2 party drew, in the order of drawing."""
    wire = {name: bytes.fromhex(data) for name, data in row.get("wire", {}).items()}
    ivs = [wire[name][8:20] for name in sorted(wire)] or [bytes(12)] * 2
    own = wire[sorted(wire)[0]][20:52] if wire else bytes(32)
    if row["rse"] == 0:
        return [own, ivs[0], ivs[-1]]
    contribution = bytes.fromhex(row.get("contribution") or "00" * 32)
    return [own, ivs[0], contribution, ivs[-1]]


def cases(document: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Vectors of complete systems with the policy bit, up to 4 RSEs (those have the wire)."""
    return [
        v
        for v in document
        if v["rse_amount"] <= 4
        and len(v["per_rse"]) == v["rse_amount"]
        and "policy=0" not in v["options"]
    ]


def test_2_2_2_gives_the_arrays_keys_and_wire_of_the_real_code(shared_dir: Path) -> None:
    """Every case: who ends with which array, which vHUK, which error, and what was sent."""
    checked = 0
    for vector in cases(vectors(shared_dir, "TF-Mv2.2.2")):
        if any(option.startswith("rx.") for option in vector["options"]):
            continue  # a receiver table of its own: the development message has one table
        links = Links()
        rows = {row["rse"]: row for row in vector["per_rse"]}
        parties = {rse: party(rse, vector, links.end(rse), raw_draws(rows[rse])) for rse in rows}
        results = run(
            {
                rse: handshake_raw.client(p) if p.me else handshake_raw.server(p)
                for rse, p in parties.items()
            }
        )
        for rse, row in rows.items():
            result, where = results[rse], (vector["case"], rse)
            if row["status"] != "done":
                assert result == STUCK, where
            elif row["handshake_rc"] != "0x0":
                assert isinstance(result, PlatError), where
                assert hex(result.code) == row["handshake_rc"], where
            else:
                assert [seed.hex() for seed in result] == row["array"], where
                vhuk = kdf.vhuk(parties[rse].guk, result[0], parties[rse].state)
                assert vhuk.hex() == row["vhuk_real_len"], where
                checked += 1
        sent = {rse: [f for source, _, f in links.log if source == rse] for rse in rows}
        for rse, row in rows.items():
            for name, wire in row.get("wire", {}).items():
                frame = sent[rse][int(name.split("_")[1].removeprefix("tx"))].hex()
                assert len(frame) == len(wire)
                # Behind the first 32 bytes of its body a client sends its stack.
                compared = len(wire) if rse == 0 else 2 * (20 + 32)
                if "contribution" in row:
                    assert frame[:compared] == wire[:compared], (vector["case"], name)
    assert checked > 20


class OrderedLink(Link):
    """The server's link, on which encrypted messages come in a given order of clients."""

    order: list[int]

    def receive(self, sender: int | None = None) -> tuple[int, bytes] | None:
        waiting = [e for e in self.links.inboxes[self.chip] if sender in (None, e[0])]
        if not waiting:
            return None
        if waiting[0][1][0] == _ENCRYPTED_MSG:
            if sender != self.order[0]:
                return None
            self.order.pop(0)
        return super().receive(sender)


def sfcp_system(vector: dict[str, Any], links: Links, **changes: Any) -> dict[int, Party]:
    seeds = [bytes.fromhex(seed) for seed in vector["seeds"]]
    parties = {}
    for rse in range(vector["rse_amount"]):
        link = links.end(rse)
        if rse == 0:
            link = OrderedLink(links, 0)
            link.order = list(vector["arrival_order"])
        iv = bytes([0x10 + rse]) * 32
        draws = [iv] if rse == 0 else [seeds[rse], iv]
        parties[rse] = party(rse, vector, link, draws, generation="2.3", **changes)
    return parties


def test_2_3_1_gives_the_partial_arrays_of_the_real_code(shared_dir: Path) -> None:
    """Every arrival order: each client holds what had come by then, all agree on the vHUK."""
    checked = 0
    for vector in cases(vectors(shared_dir, "TF-Mv2.3.1")):
        if any(option.startswith("guk.") for option in vector["options"]):
            continue  # the vectors' SFCP is a stub without encryption
        links = Links()
        parties = sfcp_system(vector, links)
        patience = Patience(None, None)  # type: ignore[arg-type]
        results = run(
            {
                rse: handshake_sfcp.client(p, patience, own_seed=False)
                if rse
                else handshake_sfcp.server(p, patience, reply_at_once=True)
                for rse, p in parties.items()
            }
        )
        for row in vector["per_rse"]:
            result = results[row["rse"]]
            assert [seed.hex() for seed in result] == row["array"], (vector["case"], row["rse"])
            p = parties[row["rse"]]
            assert kdf.vhuk(p.guk, result[0], p.state).hex() == row["vhuk_real_len"]
            checked += 1
    assert checked > 20


def test_sfcp_carries_messages_of_the_documented_size_and_no_seed_in_clear(
    shared_dir: Path,
) -> None:
    """28 bytes less of framing than 8 + 32 N, and no seed can be read on a link."""
    vector = next(v for v in vectors(shared_dir, "TF-Mv2.3.1") if v["rse_amount"] == 4)
    links = Links()
    patience = Patience(None, None)  # type: ignore[arg-type]
    parties = sfcp_system(vector, links)
    run(
        {
            rse: handshake_sfcp.client(p, patience, own_seed=False)
            if rse
            else handshake_sfcp.server(p, patience, reply_at_once=True)
            for rse, p in parties.items()
        }
    )
    encrypted = [frame for _, _, frame in links.log if frame[0] & 1 << 5]
    assert {len(frame) for frame in encrypted} == {4 + 20 + 8 + 32 * 4}
    assert len(encrypted) == 6
    for seed in [bytes.fromhex(text) for text in vector["seeds"]]:
        assert not any(seed[:8] in frame for _, _, frame in links.log)


@pytest.mark.parametrize("release", ["2.2", "2.3"])
def test_a_message_of_the_wrong_type_ends_the_handshake(release: str) -> None:
    """The server returns the release's own code for a message that is none of its business."""
    links = Links()
    ends = [links.end(rse) for rse in range(2)]
    vector = {"rse_amount": 2, "options": []}
    server = party(0, vector, ends[0], [bytes(32)] * 4, generation=release)
    if release == "2.2":
        ends[1].send(0, (9).to_bytes(4, "little") + bytes(96))
        results = run({0: handshake_raw.server(server)})
        assert results[0].code == 0x40000065
    else:
        ends[1].send(0, b"\xff\xff")
        patience = Patience(None, None)  # type: ignore[arg-type]
        results = run({0: handshake_sfcp.server(server, patience, reply_at_once=True)})
        assert results[0].code == 32
