# SPDX-License-Identifier: Apache-2.0
"""Release profiles and how they are found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hil.errors import ModelError
from hil.model.provisioning_rules import MessageFormat
from hil.model.releases import (
    RELEASES,
    Bound,
    ClientSeed,
    Transport,
    find_release,
    release_for,
)
from hil.uart.stages import STAGES


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
        ("main", "main"),
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


def test_main_is_a_row_of_its_own_that_differs_where_the_branch_does() -> None:
    """Behind 2.3.1 the branch handles empty parts of provisioning messages; all else is equal."""
    main, last = release_for("main"), release_for("2.3.1")
    assert main.provisioning != last.provisioning
    named = {"name": "", "tags": (), "announces": (), "source": "", "provisioning": None}
    assert replace(main, **named) == replace(last, **named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("firmware", "printed", "may"),
    [
        ("fixed", "2.3.1", True),
        ("fixed", "2.2.2", False),
        ("main", "2.3.1", True),
        ("main", "main", True),
        ("2.3.1", "main", False),
        ("2.3.1", "2.3.0", True),
        ("2.2.2", "2.3.1", False),
    ],
)
def test_whose_version_a_firmware_may_print(firmware: str, printed: str, may: bool) -> None:
    """What is no release, or not yet one, prints the version of the tree that it was built from."""
    assert release_for(firmware).may_print_version_of(release_for(printed)) is may


def test_only_the_repaired_firmware_is_unpublished() -> None:
    """Every other row can be fetched from TF-M."""
    assert [row.name for row in RELEASES if not row.is_published] == ["fixed"]


def test_addresses_and_formats_of_provisioning() -> None:
    """Where a message goes, with 512 KiB memory banks, and what it is."""
    addresses = {
        row.name: (row.provisioning.address, row.provisioning.dm_address) for row in RELEASES
    }
    assert addresses == {
        "2.1.0": (0x31000400, 0x31080000),
        "2.2.x": (0x31000400, 0x31000400),
        "2.3.x": (0x310E0000, 0x310E0000),
        "main": (0x310E0000, 0x310E0000),
        "fixed": (0x310E0000, 0x310E0000),
    }
    assert all(row.provisioning_address == row.provisioning.address for row in RELEASES)
    bundles = [row.name for row in RELEASES if row.provisioning.format is MessageFormat.BUNDLES]
    assert bundles == ["2.1.0"]


def test_transport_and_generation() -> None:
    """MHU up to 2.2, SFCP from 2.3 on; the generation of a row is that of its tags."""
    for row in RELEASES:
        assert (row.transport is Transport.SFCP) is (row.generation == "2.3")
        assert row.session_key_in_handshake is (row.transport is Transport.MHU)
        numbered = [tag for tag in row.tags if tag[0].isdecimal()]
        assert all(tag.startswith(row.generation + ".") for tag in numbered)


def test_stages_are_those_of_the_uart_in_their_order() -> None:
    """The model names the stages as the log reader does; only recovery provisions behind BL1_2."""
    for row in RELEASES:
        assert set(row.stages) | set(row.provisioning_stages) == set(STAGES)
        for stages in (row.stages, row.provisioning_stages):
            assert list(stages) == sorted(stages, key=STAGES.index)
        assert bool(row.recovery_stages) is (row.generation == "2.3")
        assert set(row.recovery_stages) <= set(STAGES)


def test_every_release_and_no_other_is_found() -> None:
    """Looking for a release without an error."""
    assert find_release("TF-Mv2.3.1") is release_for("2.3.x")
    assert find_release("2.4.0") is None
