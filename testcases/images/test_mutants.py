# SPDX-License-Identifier: Apache-2.0
"""Damaged images: what must not boot does not boot, and what may boot boots."""

from __future__ import annotations

import pytest
from hil_fixtures.verdicts import fail, look_at

from hil.bench.message_boots import MessageBoots
from hil.bench.mutant_boots import MutantBoots
from hil.bench.mutant_case import MutantCase


@pytest.mark.req("RSE-IMG-REFUSAL")
def test_a_damaged_image_ends_as_the_catalogue_says(
    mutant_case: MutantCase, mutant_boots: MutantBoots, request: pytest.FixtureRequest
) -> None:
    """Refused by the right stage, recovered from the other slot, or accepted by design."""
    found = mutant_boots.of(mutant_case)
    if isinstance(found, str):
        pytest.skip(found)
    look_at(request, found.boot)
    if (wrong := found.mismatch) is not None:
        fail(f"{mutant_case} ({mutant_case.mutant.what}): {wrong}", boot=found.boot, rse=found.rse)


@pytest.mark.req("RSE-IMG-REFUSAL")
def test_a_damaged_message_does_not_provision(
    message_case: MutantCase, message_boots: MessageBoots
) -> None:
    """A new device that finds a damaged provisioning message never comes to BL1_2."""
    found = message_boots.of(message_case)
    if isinstance(found, str):
        pytest.skip(found)
    if (wrong := found.mismatch) is not None:
        fail(
            f"{message_case} ({message_case.mutant.what}): {wrong}", boot=found.boot, rse=found.rse
        )
