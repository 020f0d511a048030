# SPDX-License-Identifier: Apache-2.0
"""BL1_2: keys, the handshake between the RSEs, vHUK; then BL2 from flash.

Only seed 0 is bound into vHUK, whatever the handshake exchanged: the caller never updates the
length. `fixed` binds all of them. Without the policy bit there is no handshake and no word of it.
"""

from __future__ import annotations

from collections.abc import Generator

from hil.virtual import bl2_image, faults, handshake, handshake_raw, handshake_sfcp, kdf
from hil.virtual.error_codes import PlatError
from hil.virtual.fatal import fatal
from hil.virtual.handshake import SERVER, Exchange, Party, Seeds
from hil.virtual.handshake_sfcp import Patience
from hil.virtual.machine import BootContext, BootEnd, Machine, Stage
from hil.virtual.otp_checks import check_all
from hil.virtual.otp_layout import HUK
from hil.virtual.reporter import report_bl1_2

_SLOW_JOIN_SECONDS = 0.5


def bl1_2(machine: Machine, context: BootContext) -> Stage:
    """Run the stage."""
    yield machine.delay(0.01)
    if not machine.release.old:
        try:
            check_all(machine.otp, machine.lcm.lcs)
        except PlatError:
            # The UART of this stage is not up yet: the error line goes nowhere.
            return BootEnd.HALT
    if machine.host_flash is not None:
        try:
            context.bl2_slots = machine.host_flash.find(bl2_image.UUID)
        except PlatError as error:
            return _no_slots(machine, error)
    machine.console.info("Starting TF-M BL1_2")
    yield machine.delay(0.02)
    if machine.has(faults.NEVER_JOIN):
        return BootEnd.HALT
    try:
        seeds = yield from _setup_vhuk(machine, context)
    except PlatError as error:
        return fatal(machine, error.code)
    if machine.has(faults.DIE_IN_BL1_2):
        return BootEnd.HALT
    report_bl1_2(machine, context, seeds)
    for slot, offset in enumerate(context.bl2_slots):
        machine.console.info(f"Attempting to boot image {slot}")
        yield machine.delay(0.02)
        if bl2_image.boots(machine, offset):
            machine.console.info("Jumping to BL2")
            return None
    return _recover(machine)


def _setup_vhuk(machine: Machine, context: BootContext) -> Generator[float, None, Seeds]:
    """Seeds, handshake if it is asked for, vHUK into its slot; the seed array.

    Raises:
        PlatError: If the handshake fails.
    """
    otp, lcm = machine.otp, machine.lcm
    guk = machine.guk()
    seed = kdf.vhuk_seed(otp.key(HUK))
    state = kdf.boot_state(
        lcm.tp_mode.value, lcm.lcs.otp_enum, otp.reprovisioning_bits, context.bl1_2_hash
    )
    seeds = [seed]
    bound = 1
    if machine.amount > 1 and otp.vhuk_agreement_required:
        if machine.has(faults.SLOW_JOIN):
            yield machine.delay(_SLOW_JOIN_SECONDS)
        party = Party(
            me=otp.rse_id,
            amount=machine.amount,
            generation=machine.release.generation,
            routes=otp.routes,
            guk=guk,
            state=state,
            own_seed=seed,
            stale=handshake.stale_stack(machine.chip, machine.amount),
            fabric=machine.fabric,
            random=machine.random,
            delay=machine.delay,
        )
        seeds = yield from _exchange(machine, party)
        if machine.release.name == "fixed":
            bound = machine.amount
    context.vhuk = kdf.vhuk(guk, b"".join(seeds[:bound]), state)
    return seeds


def _exchange(machine: Machine, party: Party) -> Exchange:
    """The handshake of this release."""
    serving = party.me == SERVER
    if machine.release.old:
        if machine.has(faults.STOCK_2_2_2):
            raise PlatError(machine.otp.code("UNSUPPORTED"), "no routing tables in this build")
        return handshake_raw.server(party) if serving else handshake_raw.client(party)
    fixed = machine.release.name == "fixed"
    patience = Patience(machine.console, machine.handshake_timeout if fixed else None)
    if serving:
        return handshake_sfcp.server(party, patience, reply_at_once=not fixed)
    return handshake_sfcp.client(party, patience, own_seed=fixed)


def _no_slots(machine: Machine, error: PlatError) -> BootEnd:
    """No BL2 in the host's flash: this stage ends before it has said its name."""
    if not machine.release.old:
        # Provisioning is tried, which a chip in SE refuses; then the first error is the one told.
        machine.console.info("Beginning RSE provisioning")
    return fatal(machine, error.code)


def _recover(machine: Machine) -> BootEnd:
    """Neither image boots: 2.3 tries provisioning, which a chip in SE refuses."""
    if machine.release.old:
        return fatal(machine, 1)
    machine.console.info("Beginning RSE provisioning")
    return fatal(machine, machine.otp.code("BL1_2_PROVISIONING_NOT_REQUIRED"))
