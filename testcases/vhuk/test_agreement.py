# SPDX-License-Identifier: Apache-2.0
"""All RSEs end with one vHUK, it is the one that the reference model computes, and it stays."""

from __future__ import annotations

import pytest
from hil_fixtures.verdicts import fail

from hil.bench.board import Board
from hil.bench.boots import SystemBoot
from hil.diagnosis.boot import diagnose_boot, summarise_boot
from hil.diagnosis.diagnose import ONLY_SEED_0, binding_warning
from hil.diagnosis.rendering import render
from hil.diagnosis.words import names
from hil.model.agreement import Agreement
from hil.model.system_inputs import SystemInputs
from hil.report.run_record import RunRecord


def check_agreement(
    boot: SystemBoot,
    board: Board,
    source: str,
    request: pytest.FixtureRequest,
    before: SystemBoot | None = None,
) -> None:
    """Fail with the cause unless every RSE reported one and the same fingerprint."""
    __tracebackhide__ = True
    diagnosis = diagnose_boot(boot, board, source=source, before=before)
    facts = diagnosis.facts
    missing = [rse for rse in boot.rses if rse not in facts.fingerprints]
    if missing:
        told = "\n".join(f"  {summarise_boot(boot.of(rse))}" for rse in missing)
        head = f"no {source} fingerprint from {names(missing)}; {diagnosis.headline}"
        message = f"{head}\n{told}\n{render(diagnosis)}"
        fail(message, boot=boot, diagnosis=diagnosis, request=request)
    # Dies with one HUK agree without a handshake, and nothing binds them to each other.
    by_chance = facts.agreed_without_handshake and facts.agreement_wanted
    if facts.disagreed or by_chance:
        fail(render(diagnosis), boot=boot, diagnosis=diagnosis, request=request)


@pytest.mark.req("RSE-VHUK-AGREE")
def test_every_rse_reports_a_fingerprint(
    first_boot: SystemBoot, board: Board, source: str, rse: int, request: pytest.FixtureRequest
) -> None:
    """The reporter of each RSE prints its fingerprint, under the id of that RSE."""
    if malformed := first_boot.malformed(rse):
        fail(f"RSE {rse}: {malformed[0].why}: {malformed[0].text!r}", boot=first_boot, rse=rse)
    if rse not in first_boot.fingerprints(source):
        told = summarise_boot(first_boot.of(rse))
        diagnosis = diagnose_boot(first_boot, board, source=source)
        fail(
            f"RSE {rse}: no [HIL1] vhuk line with src={source}; {told}\n{diagnosis.headline}",
            boot=first_boot,
            rse=rse,
            diagnosis=diagnosis,
            request=request,
        )
    told_id = first_boot.reported_ids()[rse]
    if told_id != rse:
        fail(
            f"the UART of RSE {rse} reports for RSE {told_id}: consoles exchanged in the board file, "
            f"or this die was provisioned with the message of RSE {told_id}",
            boot=first_boot,
            rse=rse,
            diagnosis=diagnose_boot(first_boot, board, source=source),
            request=request,
        )


@pytest.mark.req("RSE-VHUK-AGREE")
def test_all_rses_agree(
    first_boot: SystemBoot,
    inputs: SystemInputs,
    board: Board,
    source: str,
    record: RunRecord,
    request: pytest.FixtureRequest,
) -> None:
    """Every RSE reports the same fingerprint; if not, the message says who differs and why."""
    check_agreement(first_boot, board, source, request)
    # Not through record_property: with --junitxml that is a warning, which pytest makes an error.
    properties = request.node.user_properties
    properties.append(("fingerprint", first_boot.fingerprints(source)[0]))
    if (warning := binding_warning(inputs)) is not None:
        properties.append(("warning", warning))
        properties.append(("known_defect", ONLY_SEED_0))
        record.warn(warning)


@pytest.mark.req("RSE-VHUK-EXPECTED")
def test_fingerprint_is_the_models(
    first_boot: SystemBoot,
    expected: Agreement,
    board: Board,
    source: str,
    rse: int,
    request: pytest.FixtureRequest,
) -> None:
    """The fingerprint equals the model's value for the provisioning values of the board file."""
    assert board.fingerprint is not None
    outcome = expected.outcomes[rse]
    wanted = outcome.fingerprint(source, board.fingerprint.partition_id)
    if wanted is None:
        pytest.skip(f"the model cannot predict the vHUK of RSE {rse}: {outcome.reason}")
    seen = first_boot.fingerprints(source).get(rse)
    if seen is None:
        pytest.skip(f"RSE {rse} reported no {source} fingerprint to compare; that test failed")
    if seen != wanted:
        diagnosis = diagnose_boot(first_boot, board, source=source)
        explanation = diagnosis.facts.explanations[rse]
        fail(
            f"RSE {rse}: fingerprint {seen}, the model expects {wanted} ({outcome.reason}). "
            f"What it matches: {explanation.hypothesis}"
            + (f" ({explanation.detail})" if explanation.detail else "")
            + f"\n{render(diagnosis)}",
            boot=first_boot,
            rse=rse,
            diagnosis=diagnosis,
            request=request,
        )


@pytest.mark.req("RSE-VHUK-SEEDS")
def test_every_seed_is_bound(
    first_boot: SystemBoot,
    expected: Agreement,
    inputs: SystemInputs,
    board: Board,
    source: str,
    request: pytest.FixtureRequest,
) -> None:
    """The vHUK depends on the seed of every RSE, not on that of RSE 0 alone.

    The fingerprint says which formula the firmware computed: it equals the model's, and the model
    knows which seeds enter that. Upstream binds one seed only, which is an expected failure.
    """
    assert board.fingerprint is not None
    seen = first_boot.fingerprints(source)
    wanted = {
        rse: outcome.fingerprint(source, board.fingerprint.partition_id)
        for rse, outcome in enumerate(expected.outcomes)
    }
    if seen != wanted:
        pytest.skip("the vHUKs are not those of the model, so that their formula is not known here")
    if (warning := binding_warning(inputs)) is not None:
        request.node.user_properties.append(("known_defect", ONLY_SEED_0))
        pytest.xfail(warning)


@pytest.mark.req("RSE-VHUK-AGREE", "RSE-VHUK-PERSIST")
def test_all_rses_agree_after_reset(
    first_boot: SystemBoot,
    second_boot: SystemBoot,
    board: Board,
    source: str,
    request: pytest.FixtureRequest,
) -> None:
    """The agreement holds after a reset of the whole system."""
    check_agreement(second_boot, board, source, request, before=first_boot)


@pytest.mark.req("RSE-VHUK-PERSIST")
def test_fingerprint_survives_reset(
    first_boot: SystemBoot,
    second_boot: SystemBoot,
    board: Board,
    source: str,
    rse: int,
    request: pytest.FixtureRequest,
) -> None:
    """The vHUK of each RSE is the same as before the reset: what it sealed can still be opened."""
    before = first_boot.fingerprints(source).get(rse)
    after = second_boot.fingerprints(source).get(rse)
    if after is None:
        told = summarise_boot(second_boot.of(rse))
        diagnosis = diagnose_boot(second_boot, board, source=source, before=first_boot)
        fail(
            f"RSE {rse}: no fingerprint after the reset; {told}\n{diagnosis.headline}",
            boot=second_boot,
            rse=rse,
            diagnosis=diagnosis,
            request=request,
        )
    if before != after:
        fail(
            f"RSE {rse}: fingerprint {before} before the reset, {after} after it: its vHUK holds "
            "something that is new at each boot (random client seeds, or ciphertext), and what it "
            "sealed before cannot be opened again",
            boot=second_boot,
            rse=rse,
            diagnosis=diagnose_boot(second_boot, board, source=source, before=first_boot),
            request=request,
        )
