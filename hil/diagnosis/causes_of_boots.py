# SPDX-License-Identifier: Apache-2.0
"""Causes of a boot that does not end well, which concern one RSE alone."""

from __future__ import annotations

from collections.abc import Iterator

from hil.diagnosis.evidence import Clues, Suspicion
from hil.diagnosis.facts import Facts
from hil.diagnosis.words import names

Found = Iterator[Suspicion]

_REFUSED = "Unable to find bootable"
_DOORBELL = "Wait for doorbell"
_UNREPORTED = {"BL2", "runtime"}


def device_gone(f: Facts) -> Found:
    """The device or its console went away."""
    for rse, seen in f.seen.items():
        if seen.gone:
            clues = Clues()
            clues.proof(seen.gone)
            yield clues.suspicion(
                f"the device of RSE {rse} or its console is gone ({seen.gone}); look at the board, not "
                "at the firmware",
                [rse],
            )


def not_virgin(f: Facts) -> Found:
    """The board file says virgin, the device was provisioned."""
    if not f.case.from_virgin:
        return
    booted = [
        r
        for r, o in f.seen.items()
        if "provisioning" not in o.ever and o.ever & {"BL1_2", "BL2", "runtime"}
    ]
    if booted:
        clues = Clues()
        clues.proof(f"{names(booted)} booted without being provisioned")
        yield clues.suspicion(f"the OTP of {names(booted)} is not virgin", booted)


def no_reporter(f: Facts) -> Found:
    """The firmware prints no fingerprint."""
    if not f.case.reporter:
        return
    mute = [
        r
        for r, o in f.seen.items()
        if not o.fingerprints and set(o.reached) & _UNREPORTED and not o.notes and o.crash is None
    ]
    if mute:
        clues = Clues()
        clues.proof(f"{names(mute)} went on without a [HIL1] vhuk line")
        yield clues.suspicion(f"the firmware of {names(mute)} has no reporter", mute)


def uart_silent(f: Facts) -> Found:
    """Nothing came over a UART, or nothing that TF-M prints."""
    garbled = [rse for rse in f.mute if not f.seen[rse].silent and not f.seen[rse].gone]
    if garbled:
        clues = Clues()
        clues.strong(f"{names(garbled)}: last line {f.seen[garbled[0]].last_line!r}, and no stage")
        yield clues.suspicion(
            f"what comes from {names(garbled)} is no output of TF-M: wrong console or baud rate",
            garbled,
        )
    silent = [rse for rse, seen in f.seen.items() if seen.silent and not seen.gone]
    if not silent:
        return
    clues = Clues()
    if len(silent) == len(f.seen):
        clues.proof("nothing on any UART")
        yield clues.suspicion(
            "nothing came over any UART: a Release or MinSizeRel build prints nothing in BL1 and BL2; "
            "otherwise consoles, baud rate or power",
            silent,
        )
        return
    clues.proof(f"nothing on the UART of {names(silent)} while others talk")
    yield clues.suspicion(
        f"nothing comes from {names(silent)} while others talk: wrong console or baud rate in the "
        "board file, no power, or a core that does not run",
        silent,
    )


def crashed(f: Facts) -> Found:
    """The firmware ended in an exception."""
    for rse in f.crashed:
        seen = f.seen[rse]
        assert seen.crash is not None
        stage = "the runtime" if "runtime" in seen.ever else seen.stage or "its boot"
        clues = Clues()
        clues.proof(f"it printed {seen.crash.text!r}")
        if seen.boots > 1:
            clues.weak(f"it was reset behind it: {seen.boots} boots")
        yield clues.suspicion(f"RSE {rse} crashed in {stage}: {seen.crash.text}", [rse])


def image_refused(f: Facts) -> Found:
    """A boot loader found no image that it could accept."""
    for rse, seen in f.seen.items():
        if seen.halt is not None and _REFUSED in seen.halt.text:
            clues = Clues()
            clues.proof(f"its last line: {seen.halt.text!r}")
            for line in seen.errors[-3:]:
                if line.text != seen.halt.text:
                    clues.weak(f"before it: {line.text!r}")
            yield clues.suspicion(f"RSE {rse} refused an image: {seen.halt.text}", [rse])


def halted(f: Facts) -> Found:
    """A boot stage stopped with an error of its own."""
    for rse, seen in f.seen.items():
        if seen.halt is None or _REFUSED in seen.halt.text:
            continue
        clues = Clues()
        clues.proof(f"its last line: {seen.halt.text!r}")
        for line in seen.errors[-2:]:
            if line.text != seen.halt.text:
                clues.weak(f"before it: {line.text!r}")
        yield clues.suspicion(
            f"RSE {rse} halted in {seen.stage or 'its boot'}: {seen.halt.text}", [rse]
        )


def bl2_waits_for_host(f: Facts) -> Found:
    """BL2 waits for another processor of the system."""
    for rse, seen in f.seen.items():
        if seen.stage == "BL2" and _DOORBELL in seen.last_line:
            clues = Clues()
            clues.proof(f"its last line: {seen.last_line!r}")
            yield clues.suspicion(f"RSE {rse} waits in BL2 for the doorbell of the SCP", [rse])
