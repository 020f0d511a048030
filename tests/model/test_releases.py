# SPDX-License-Identifier: Apache-2.0
"""Release profiles and how they are found."""

from __future__ import annotations

import pytest

from hil.errors import ModelError
from hil.model.releases import RELEASES, Bound, ClientSeed, release_for


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("2.1.0", "2.1.0"),
        ("2.1.4", "2.1.0"),
        ("2.2.0", "2.2.x"),
        ("2.2.2", "2.2.x"),
        ("TF-Mv2.2.1", "2.2.x"),
        ("v2.3.0", "2.3.x"),
        ("2.3.1", "2.3.x"),
        ("main", "2.3.x"),
        ("2.3.x", "2.3.x"),
        ("fixed", "fixed"),
    ],
)
def test_release_is_found_by_tag_and_by_row(name: str, row: str) -> None:
    """Every tag, with or without the project's prefix, leads to its code generation."""
    assert release_for(name).name == row


def test_unknown_release_names_the_nearest() -> None:
    """A release that is not in the table is refused with what comes nearest, and all others."""
    with pytest.raises(ModelError, match=r"no release profile '2\.3\.11'; did you mean '2\.3\.1'"):
        release_for("2.3.11")
    with pytest.raises(ModelError, match=r"known: 2\.1\.0.*fixed"):
        release_for("zephyr")


def test_names_are_unique() -> None:
    """No tag belongs to two rows."""
    tags = [tag for row in RELEASES for tag in row.tags]
    assert len(tags) == len(set(tags))


def test_bound_bytes_tell_real_releases_from_the_fixed_one() -> None:
    """Every real release binds 32 bytes whatever the number of RSEs."""
    assert {row.bound_bytes(4) for row in RELEASES if row.name != "fixed"} == {32}
    assert release_for("fixed").bound_bytes(4) == 128


def test_bound_random_seeds_would_break_persistence() -> None:
    """A release that binds all seeds must derive those of the clients."""
    for row in RELEASES:
        assert row.bound is not Bound.ALL or row.client_seed is ClientSeed.HUK


@pytest.mark.parametrize(
    ("release", "rse_amount", "policy", "runs"),
    [
        ("2.1.0", 4, False, True),
        ("2.2.2", 4, False, False),
        ("2.3.1", 4, True, True),
        ("2.3.1", 4, False, False),
        ("2.3.1", 1, True, False),
        ("2.1.0", 1, True, False),
    ],
)
def test_when_the_handshake_runs(release: str, rse_amount: int, policy: bool, runs: bool) -> None:
    """From 2.2 on the policy bit gates the handshake; one RSE alone never runs it."""
    assert release_for(release).handshake_runs(rse_amount=rse_amount, policy=policy) is runs
