# SPDX-License-Identifier: Apache-2.0
"""Defects of TF-M releases that a bench runs into, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownDefect:
    """One defect: how it shows itself, where it comes from, what helps.

    Attributes:
        id: Short name that messages carry.
        releases: Names of the model's release rows that have it.
        symptom: What an engineer sees on the bench.
        cause: What the code does.
        todo: What to do about it.
        source: Files of TF-M that it was read in, and the commit that mends it where there is one.
    """

    id: str
    releases: tuple[str, ...]
    symptom: str
    cause: str
    todo: str
    source: str


REENCRYPTION = KnownDefect(
    id="reply-encrypted-in-place",
    releases=("2.1.0", "2.2.x"),
    symptom="from three RSEs on, every RSE with an even id from 2 on has a vHUK of its own, another "
    "one at each boot; no error line",
    cause="the server encrypts its one reply buffer again, in place and with the same nonce, for each "
    "client: the second pass cancels the first, the tag still verifies, and RSE 2 (then 4, 6, ...) "
    "takes ciphertext for the seeds. The seeds also cross the link to it in clear",
    todo="use TF-M 2.3.0 or later, whose handshake leaves the encryption to SFCP, or encrypt a fresh "
    "copy with a fresh nonce for each client",
    source="rse_handshake.c exchange_vhuk_seeds_server; gone with commit 7c71973e1 (2.3.0)",
)

NO_AGREEMENT_POLICY = KnownDefect(
    id="handshake-not-provisioned",
    releases=("2.2.x", "2.3.x", "fixed"),
    symptom="every RSE has another vHUK, stable over boots; no error line",
    cause="the handshake never ran: policy bit 0 (VHUK_AGREEMENT_REQUIRED) of the CM area is clear, so "
    "each RSE derives its vHUK from its own seed, KDF(GUK, seed_i, state). No provisioning bundle of "
    "the TF-M tree sets that bit",
    todo="provision the CM area with bit 0 of cm_policies set (2.2.x: config_flags), on every RSE",
    source="boot_hal_bl1_2.c, rse_otp_layout.h; bundle arguments in provisioning/bundle/CMakeLists.txt",
)

SERVER_WAITS_FOR_EVER = KnownDefect(
    id="no-handshake-timeout",
    releases=("2.1.0", "2.2.x", "2.3.x"),
    symptom="silence after `Starting TF-M BL1_2`, for ever",
    cause="the handshake has no time limit: RSE 0 waits until every other RSE has sent its seed, and "
    "prints nothing meanwhile",
    todo="find the RSE that does not take part: the one that never prints `Starting TF-M BL1_2`, or "
    "whose bundle gave it the id of another",
    source="rse_handshake.c, rse_handshake_server",
)
