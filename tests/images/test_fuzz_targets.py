# SPDX-License-Identifier: Apache-2.0
"""Every parser on any bytes: a value or the project's own error, in bounded time and memory."""

from __future__ import annotations

import tracemalloc

import fuzz_parsers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

some = settings(max_examples=150, deadline=None)


@pytest.mark.parametrize("target", list(fuzz_parsers.TARGETS))
def test_a_parser_answers_any_bytes(target: str) -> None:
    """Random bytes, and a sound beginning with random bytes in it and behind it."""

    @some
    @given(st.sampled_from((b"", *fuzz_parsers.SEEDS.get(target, ()))), st.data())
    def search(seed: bytes, data: st.DataObject) -> None:
        changed = bytearray(seed)
        for _ in range(data.draw(st.integers(0, 6)) if seed else 0):
            changed[data.draw(st.integers(0, len(seed) - 1))] = data.draw(st.integers(0, 255))
        fuzz_parsers.check(target, bytes(changed) + data.draw(st.binary(max_size=600)))

    search()


@pytest.mark.parametrize("target", list(fuzz_parsers.TARGETS))
def test_no_length_field_makes_a_parser_take_memory(target: str) -> None:
    """Fields of all ones announce gigabytes; what is allocated follows from what is there."""
    seeds = fuzz_parsers.SEEDS.get(target, (b"",))
    for seed in seeds:
        for at in range(0, max(len(seed), 4), 4):
            data = bytearray(seed.ljust(64, b"\0"))
            data[at : at + 4] = b"\xff" * 4
            tracemalloc.start()
            fuzz_parsers.check(target, bytes(data))
            _now, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 8 << 20, (target, at, peak)


def test_the_check_lets_what_is_not_the_projects_own_error_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Otherwise the search could find nothing."""

    def broken(_data: bytes) -> None:
        raise IndexError

    monkeypatch.setitem(fuzz_parsers.TARGETS, "fip", broken)
    with pytest.raises(IndexError):
        fuzz_parsers.check("fip", b"")
