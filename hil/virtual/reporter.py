# SPDX-License-Identifier: Apache-2.0
"""The fingerprint reporter patched into the firmware: [HIL1] lines, one-way values only."""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hil.virtual import faults
from hil.virtual.handshake import Seeds
from hil.virtual.machine import BootContext, Machine

#: Partition id of the reporter's secure partition.
_PARTITION_ID = 3000


def report_bl1_2(machine: Machine, context: BootContext, seeds: Seeds) -> None:
    """The three lines of BL1_2: what enters the boot state, the seeds, the vHUK."""
    if machine.has(faults.NO_REPORT):
        return
    otp, me = machine.otp, machine.otp.rse_id
    machine.console.report(
        f"state rse={me} lcs={machine.lcm.lcs.otp_enum:x} tp={machine.lcm.tp_mode.value:x} "
        f"reprov={otp.reprovisioning_bits:x} bl1_2={context.bl1_2_hash[:4].hex()} "
        f"policy={otp.policies:x}"
    )
    prints = ",".join(hashlib.sha256(b"HIL1-SEED" + seed).digest()[:4].hex() for seed in seeds)
    machine.console.report(f"seeds rse={me} fp={prints}")
    fingerprint = hashlib.sha256(b"HIL1-VHUK" + context.vhuk).digest()[:16].hex()
    machine.console.report(f"vhuk rse={me} of={machine.amount} src=bl1_2 fp={fingerprint}")


def report_runtime(machine: Machine, context: BootContext) -> None:
    """The line of the secure partition, from the built-in HUK key."""
    if machine.has(faults.NO_REPORT):
        return
    # The crypto service derives a sub-key per partition before the partition's own derivation.
    sub_key = _hkdf(context.vhuk, _PARTITION_ID.to_bytes(4, "little"))
    fingerprint = _hkdf(sub_key, b"HIL1-VHUK")[:16].hex()
    me = machine.otp.rse_id
    machine.console.report(f"vhuk rse={me} of={machine.amount} src=runtime fp={fingerprint}")


def _hkdf(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
