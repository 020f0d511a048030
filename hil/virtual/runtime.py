# SPDX-License-Identifier: Apache-2.0
"""The TF-M runtime up to its idle loop: SPM banner, crypto partition, fingerprint reporter.

A Debug build of either generation: the SPM of 2.2 has its own log with NUL bytes, that of 2.3 uses
tfm_log. rdv3 has no entropy seed to provision and loads no non-secure image.
"""

from __future__ import annotations

from hil.virtual import faults
from hil.virtual.console import Console
from hil.virtual.console_text import secure_fault
from hil.virtual.machine import BootContext, BootEnd, Machine, Stage
from hil.virtual.reporter import report_runtime
from hil.virtual.suite import run_suite

_BLUE, _GREEN, _PLAIN = "\033[1;34m", "\033[0;32m", "\033[0m"
_ISOLATION_LEVEL = 2
_CRYPTO_HEAP = 0x3000
_BUILT = "2026-08-19 12:00:00"


def runtime(machine: Machine, context: BootContext) -> Stage:
    """Run the stage until it idles."""
    yield machine.delay(0.03)
    if machine.release.old:
        _banner_2_2(machine)
    else:
        _banner_2_3(machine)
    yield machine.delay(0.02)
    if machine.has(faults.PANIC_IN_RUNTIME):
        _panic(machine)
        return BootEnd.RESET
    report_runtime(machine, context)
    if machine.suite and (end := (yield from run_suite(machine))) is not None:
        return end
    return BootEnd.RUNNING


def _banner_2_2(machine: Machine) -> None:
    console = machine.console
    console.spm_2_2(f"{_BLUE}Booting TF-M {machine.release.version}{_PLAIN}\r\n")
    console.spm_2_2(f"{_BLUE}[Sec Thread] Secure image initializing!{_PLAIN}\r\n")
    console.spm_2_2_value("TF-M isolation level is: ", _ISOLATION_LEVEL)
    library = f"{_GREEN}{machine.release.crypto_library}{_PLAIN}"
    complete = f"{_GREEN}complete{_PLAIN}."
    console.line(f"[DBG][Crypto] Init {library}...")
    console.line(f"[DBG][Crypto] Internal heap size is {_CRYPTO_HEAP} bytes")
    console.line(f"[DBG][Crypto] Init {library}... {complete}")


def _banner_2_3(machine: Machine) -> None:
    console = machine.console
    console.level("NOT", f"Booting TF-M {_BLUE}{machine.release.version}{_PLAIN}")
    console.level("NOT", f"Built {_BLUE}{_BUILT} UTC{_PLAIN}")
    console.level("VER", f"Isolation level is: {_ISOLATION_LEVEL}")
    library = f"{_GREEN}{machine.release.crypto_library}{_PLAIN}"
    complete = f"{_GREEN}complete{_PLAIN}."
    console.level("VER", f"[Crypto] Init {library}...")
    console.level("VER", f"[Crypto] Internal heap size is {_CRYPTO_HEAP} bytes")
    console.level("VER", f"[Crypto] Init {library}... {complete}")


def _panic(machine: Machine) -> None:
    write = _piece_2_2 if machine.release.old else _piece_2_3
    for text, value in secure_fault(machine.release.generation):
        write(machine.console, text.replace("\n", "\r\n"), value)


def _piece_2_2(console: Console, text: str, value: int | None) -> None:
    if value is None:
        console.spm_2_2(text)
    else:
        console.spm_2_2_value(text, value)


def _piece_2_3(console: Console, text: str, value: int | None) -> None:
    console.raw(text if value is None else f"{text}0x{value:08x}\r\n")
