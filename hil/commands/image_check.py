# SPDX-License-Identifier: Apache-2.0
"""`hil image check`: whether provisioning messages fit a system."""

from __future__ import annotations

import argparse
from pathlib import Path

from hil.commands.options import Commands
from hil.commands.seal_options import add_keys, read_keys, seal_keys


def add(actions: Commands) -> None:
    """Add the action."""
    check = actions.add_parser(
        "check",
        help="do the provisioning messages fit the system: ids, policy, TP mode, life cycle",
        description="Looks at all provisioning messages among files and folders, one for each RSE, "
        "and checks their tags and signatures as far as the keys are there: that of TP mode TCI is "
        "known, PCI needs --krtl, a signature --key. Exit status 1: something keeps them from "
        "provisioning the system. What was not checked is said.",
    )
    check.add_argument("paths", nargs="+", type=Path, metavar="FILE-OR-DIR")
    check.add_argument("--release", default="2.3.1", help="TF-M release on the devices")
    check.add_argument("--rses", type=int, metavar="N", help="RSEs of the system")
    check.add_argument("--lcs", choices=("CM", "DM", "SE", "RMA"), help="of the devices now")
    check.add_argument("--tp", choices=("VIRGIN", "TCI", "PCI"), help="TP mode of the devices now")
    check.add_argument(
        "--address", type=lambda t: int(t, 0), help="where the message is going to be loaded"
    )
    add_keys(check)
    check.set_defaults(run=_check)


def _check(options: argparse.Namespace) -> int:
    from hil.images.build_tree import read_tree
    from hil.images.image_roles import Role
    from hil.images.mcuboot_check import Check
    from hil.images.message_check import System, check_messages
    from hil.images.message_seal import check_seal, seal_name
    from hil.model.boot_state import Lcs, TpMode
    from hil.model.releases import release_for

    roles = {
        Role.CM_MESSAGE,
        Role.DM_MESSAGE,
        Role.COMBINED_MESSAGE,
        Role.MESSAGE,
        Role.CM_BUNDLE,
        Role.DM_BUNDLE,
    }
    images = [i for path in options.paths for i in read_tree(path).images if i.role in roles]
    system = System(
        release_for(options.release),
        options.rses,
        Lcs[options.lcs] if options.lcs else None,
        TpMode[options.tp] if options.tp else None,
        options.address,
    )
    findings = check_messages(images, system)
    keys = seal_keys(read_keys(options.key), options.krtl)
    for image in images:
        rse = "-" if image.rse_id is None else image.rse_id
        remarks = list(image.remarks)
        findings += [f"{image.path}: {remark}" for remark in image.damage]
        if image.message is not None:
            message = image.message.message
            result, why = check_seal(message, keys, system.release)
            remarks.append(f"{seal_name(message)} {result} ({why})")
            findings += [f"{image.path}: {remarks[-1]}"] if result is Check.BAD else []
        elif not image.damage:
            remarks.append("tag not checked")
        print(f"{image.path}: {image.role}, RSE {rse}; {'; '.join(remarks)}")
    for finding in findings:
        print(f"! {finding}")
    if not images:
        print("no provisioning message")
    return 1 if findings or not images else 0
