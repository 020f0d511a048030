# SPDX-License-Identifier: Apache-2.0
"""What a chaos run can do to a board, and the words in which a run must tell of it, as a table.

A fault is an overlay of a board file, an act on a running device, or both. `NAME:N` of a virtual board
holds from its N-th occasion on; the number of the occasion is drawn anew for each round.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

#: Exit statuses of a run (docs/verdicts.md).
PASSED, PRODUCT, LAB, HARNESS = 0, 1, 8, 9

#: Number of virtual boards that a round starts.
BOARDS = 2

Overlay = dict[str, Any]
#: Makes the overlay of one round: from its dice and its folder.
Make = Callable[[random.Random, Path], Overlay]


@dataclass(frozen=True)
class Act:
    """What is done to a process of the run, from outside, while the devices boot.

    Attributes:
        signal: Name of the signal.
        words: What the command line of the process holds.
        after: What a UART or the journal of the run says before.
        within: Seconds after that, at most.
    """

    signal: str
    words: tuple[str, ...]
    after: str
    within: float = 0.1


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: As the table of results has it.
        status: Exit status of a run that meets it.
        told: Regular expression that the reasons of the run must match; where the run passes all the
            same, its journal. Empty: there is nothing to tell.
        make: What it changes in the board file.
        act: What is done while the devices boot.
    """

    name: str
    status: int
    told: str
    make: Make = lambda _dice, _folder: {}
    act: Act | None = None


def merged(one: Overlay, other: Overlay) -> Overlay:
    """Return two overlays in one; lists are joined, else the second has the last word."""
    result = dict(one)
    for key, value in other.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = merged(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            result[key] = [*old, *value]
        else:
            result[key] = value
    return result


def board(*arguments: str, **more: Any) -> Make:
    """Return what gives one of the virtual boards arguments; `#` is a number that is drawn."""

    def make(dice: random.Random, _folder: Path) -> Overlay:
        words = [text.replace("#", str(dice.randint(100, 400))) for text in arguments]
        return merged(
            {"services": {"rse": {"arguments_of": {dice.randrange(BOARDS): words}}}}, more
        )

    return make


def service(text: str, *arguments: str) -> Make:
    """Return what gives the bench one more service, a script, and all boards arguments."""
    aux = {"command": ["/bin/sh", "-c", text], "announce": "^up$"}
    more = {"arguments_of": {rse: list(arguments) for rse in range(BOARDS)}}
    return lambda _dice, _folder: {"services": {"aux": aux, "rse": more}}


def launcher(**values: Any) -> Make:
    """Return what sets values of the launcher."""
    return lambda _dice, _folder: {"launcher": values}


def model(budgets: Overlay | None = None, **parameters: Any) -> Make:
    """Return what sets parameters of the virtual model itself."""
    named = {f"virtual.{name}": value for name, value in parameters.items()}

    def make(dice: random.Random, _folder: Path) -> Overlay:
        filled = {
            name: value.replace("#", str(dice.randrange(4))) if isinstance(value, str) else value
            for name, value in named.items()
        }
        return merged({"launcher": {"parameters": filled}}, {"budgets": budgets or {}})

    return make


def scenario(word: str, **more: Any) -> Make:
    """Return what makes QEMU's firmware begin with a command."""

    def make(_dice: random.Random, folder: Path) -> Overlay:
        (folder / "scenario.bin").write_bytes(word.encode() + b"\0")
        image = {"memory": "flash", "address": 0x10068000, "file": "scenario.bin"}
        return merged({"images": {"scenario": image}}, more)

    return make


def blank_image(_dice: random.Random, folder: Path) -> Overlay:
    """An image without vectors."""
    (folder / "blank.bin").write_bytes(bytes(64))
    return {"images": {"firmware": {"file": "blank.bin"}}}


def script(text: str, **values: Any) -> Make:
    """Return what puts a script in the place of the model or of QEMU."""

    def make(_dice: random.Random, folder: Path) -> Overlay:
        path = folder / "program"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return {"launcher": {"binary": str(path), **values}}

    return make


SHORT = {"BL1_1": 2, "provisioning": 2, "BL1_2": 3, "vhuk": 3, "BL2": 3, "runtime": 3}

PYOCD = (
    Fault("none", PASSED, ""),
    # The probe and its wire.
    Fault("probe-gone", LAB, "the probe has been unplugged", board("--fault=probe-gone:#")),
    Fault(
        "probe-gone for a moment",
        PASSED,
        "the probe has been unplugged",
        board("--fault=probe-gone:page2:1"),
    ),
    Fault(
        "probe-silent",
        LAB,
        r"did not answer within [\d.]+ s; pyOCD was ended",
        board("--fault=probe-silent:#"),
    ),
    Fault("wait-storm", LAB, "WAIT was answered", board("--fault=wait-storm:#")),
    Fault(
        "wait-storm that passes", PASSED, "WAIT was answered", board("--fault=wait-storm:page2:8")
    ),
    Fault("sticky-fault", LAB, "a sticky error is set", board("--fault=sticky-fault:#")),
    Fault(
        "sticky-fault that passes",
        PASSED,
        "a sticky error is set",
        board("--fault=sticky-fault:page2:12"),
    ),
    # Its flash.
    Fault(
        "flash-erase-error",
        LAB,
        "erase sector failure .address 0xb0",
        board("--fault=flash-erase-error"),
    ),
    Fault("flash-program-error", LAB, "program page failure", board("--fault=flash-program-error")),
    Fault("flash-hang", LAB, "program page timeout .address 0xb0", board("--fault=flash-hang")),
    Fault("flash-hang once", PASSED, "program page timeout", board("--fault=flash-hang:2:1")),
    Fault("flash-bad-bit", LAB, r"\d+ of \d+ bytes differ", board("--fault=flash-bad-bit")),
    Fault(
        "flash-protected",
        LAB,
        "erase sector failure .address 0xb0",
        board("--fault=flash-protected"),
    ),
    Fault("power-cut", PASSED, "no ACK: the chip does not answer", board("--fault=power-cut:2")),
    # Its debug access.
    Fault("debug-locked", LAB, "debug access is locked", board("--fault=debug-locked")),
    Fault(
        "debug-nonsecure", LAB, "only non-secure debug is allowed", board("--fault=debug-nonsecure")
    ),
    Fault(
        "wrong chip",
        LAB,
        "CPUID is 0x411fd221, expected 0x410fd210",
        launcher(expect_identity={"cpuid": 0x410FD210}),
    ),
    # What the bench needs.
    Fault(
        "board does not start",
        LAB,
        "service rse. ended with status 2: .*no such fault",
        board("--fault=no-such"),
    ),
    Fault(
        "board is killed",
        LAB,
        "service rse. ended with status -9|the probe server|is gone",
        board("--time-scale", "4"),
        Act("SIGKILL", ("hil-virtual-board", "--chip 1 "), "Starting TF-M BL1_2"),
    ),
    Fault(
        "worker is killed",
        PASSED,
        "pyOCD's process ended",
        act=Act("SIGKILL", ("hil.targets.pyocd_worker",), '"kind": "load"', 0.3),
    ),
    Fault(
        "service does not start",
        LAB,
        "service aux ended with status 1: no bridge",
        service("echo no bridge; exit 1"),
    ),
    Fault(
        "service leaves a daemon",
        PASSED,
        "",
        service("setsid sleep 1000 & echo up; exec sleep 1000"),
    ),
    Fault(
        "service ends",
        LAB,
        "service aux ended with status 3",
        service("echo up; sleep 1; exit 3", "--time-scale", "4"),
    ),
    Fault(
        "uart-silent", PRODUCT, "its UART was silent", board("--fault=uart-silent", budgets=SHORT)
    ),
    # Its firmware.
    Fault(
        "no-boot",
        PRODUCT,
        "stage BL1_1 not reached.*its UART was silent",
        board("--fault=no-boot", budgets=SHORT),
    ),
    Fault(
        "never-join",
        PRODUCT,
        "stage vhuk not reached.*one RSE does not take part",
        board("--fault=never-join", budgets=SHORT),
    ),
    Fault(
        "die-in-bl1_2",
        PRODUCT,
        "stage vhuk not reached",
        board("--fault=die-in-bl1_2", budgets=SHORT),
    ),
    Fault(
        "hang-in-bl2",
        PRODUCT,
        "stage runtime not reached",
        board("--fault=hang-in-bl2", budgets=SHORT),
    ),
    Fault("other-guk", PRODUCT, "DECRYPTION_FAILED", board("--fault=other-guk", budgets=SHORT)),
    Fault(
        "panic-in-runtime", PRODUCT, "SecureFault", board("--fault=panic-in-runtime", budgets=SHORT)
    ),
    Fault("slow-join", PASSED, "", board("--fault=slow-join")),
)

FVP = (
    Fault("none", PASSED, ""),
    # It does not start.
    Fault(
        "licence",
        LAB,
        "license checkout failed.*ARMLMD_LICENSE_FILE",
        model(start_failure="licence"),
    ),
    Fault(
        "execstack",
        LAB,
        "cannot enable executable stack.*clear-execstack",
        model(start_failure="execstack"),
    ),
    Fault("library", LAB, "cannot open shared object file", model(start_failure="library")),
    Fault("glibc", LAB, "GLIBC_2.38", model(start_failure="glibc")),
    Fault("display", LAB, "Can't open display", model(start_failure="display")),
    Fault("crash at the start", LAB, "was killed by signal 11", model(start_failure="crash")),
    Fault(
        "too slow a start",
        LAB,
        "no port of .*announced were: none; after 1 s",
        lambda _d, _f: {
            "launcher": {"parameters": {"virtual.slow_start": 30}, "timeouts": {"start": 1}}
        },
    ),
    Fault("slow start", PASSED, "", model(slow_start=1)),
    Fault(
        "query hangs",
        LAB,
        r"`program --version` did not end in 1 s",
        script("exec sleep 1000", timeouts={"query": 1}),
    ),
    Fault("no such parameter", HARNESS, "nearest: virtual.flood", model(floood=1)),
    # It ends, or stands still.
    Fault("crash", LAB, "was killed by signal 11", model(crash_after=0.3, time_scale=3)),
    Fault(
        "killed",
        LAB,
        "was killed by signal 9",
        model(time_scale=4),
        Act("SIGKILL", ("hil-virtual-fvp", "--data"), "Starting TF-M BL1_2"),
    ),
    Fault(
        "killed, and tried again",
        PASSED,
        "was killed by signal 9",
        lambda d, f: merged(model(time_scale=4)(d, f), {"retries": {"budget": 1, "pause": 0}}),
        Act("SIGKILL", ("hil-virtual-fvp", "--data"), "Starting TF-M BL1_2"),
    ),
    Fault(
        "ends without a reason",
        LAB,
        "ended with status 0 .stopped without a reason",
        model(exit_after=0.3, time_scale=3),
    ),
    Fault(
        "simulated time limit",
        LAB,
        "Simulated time has been exceeded.*launcher.timelimit",
        lambda _d, _f: {"launcher": {"simlimit": 0.2, "parameters": {"virtual.time_scale": 3}}},
    ),
    Fault("hang", PRODUCT, "not reached", model(SHORT, hang_after=0.1)),
    Fault(
        "hears no signal",
        PASSED,
        '"took": "SIGKILL"',
        lambda _d, _f: {
            "launcher": {
                "parameters": {"virtual.ignore_sigint": True, "virtual.ignore_sigterm": True},
                "timeouts": {"interrupt": 0.3, "terminate": 0.3},
            }
        },
    ),
    # Its manners, which are no fault.
    Fault("a child of its own", PASSED, "", model(child=True)),
    Fault("spelling b, shuffled", PASSED, "", model(port_format="b", port_order="shuffled")),
    Fault("spelling c, on one line", PASSED, "", model(port_format="c", port_glue=True)),
    Fault("early output lost", PASSED, "", model(early_output="lost", flood=20000)),
    Fault(
        "drops its clients",
        PASSED,
        "dropped its client; attached again",
        model(drop_clients_after=0.2, drop_moves_port=True, time_scale=2),
    ),
    Fault(
        "stalls when not drained",
        PASSED,
        "",
        model(stall_unattached=True, scp_flood=100000, terminal_buffer=1024),
    ),
    Fault(
        "OTP that is kept",
        PASSED,
        "",
        lambda _d, _f: {
            "launcher": {"nvm": {"keep": "{board}/kept"}},
            "provisioning": {"from_virgin": False},
        },
    ),
    Fault("packed flash", PASSED, "", model(write_back="gzip")),
    # Its firmware.
    Fault(
        "no-boot",
        PRODUCT,
        "stage BL1_1 not reached.*its UART was silent",
        model(SHORT, fault="#:no-boot"),
    ),
    Fault(
        "never-join",
        PRODUCT,
        "stage vhuk not reached.*one RSE does not take part",
        model(SHORT, fault="#:never-join"),
    ),
    Fault("die-in-bl1_2", PRODUCT, "stage vhuk not reached", model(SHORT, fault="#:die-in-bl1_2")),
    Fault("hang-in-bl2", PRODUCT, "stage runtime not reached", model(SHORT, fault="#:hang-in-bl2")),
    Fault("other-guk", PRODUCT, "DECRYPTION_FAILED", model(SHORT, fault="#:other-guk")),
    Fault("panic-in-runtime", PRODUCT, "SecureFault", model(SHORT, fault="#:panic-in-runtime")),
    Fault("slow-join", PASSED, "", model(fault="#:slow-join")),
)

#: The firmware's secure tests end before its non-secure side begins, or never do.
_SECURE = {"stages": ["BL2", "runtime"], "suite": {"silence": 1}}
QEMU = (
    Fault("none", PASSED, ""),
    # It does not start.
    Fault(
        "no program",
        LAB,
        "no program 'qemu-none-such' .install it",
        launcher(binary="qemu-none-such"),
    ),
    Fault("too old", LAB, "is QEMU 6.2.0, too old", script('echo "QEMU emulator version 6.2.0"')),
    Fault(
        "no machine",
        LAB,
        "this QEMU does not have the machine",
        script(
            '[ "$1" != --version ] || { echo "QEMU emulator version 7.2.9"; exit 0; }\n'
            'echo "qemu: unsupported machine type" >&2; exit 1'
        ),
    ),
    Fault(
        "makes no monitor",
        LAB,
        "QEMU made no socket",
        script(
            '[ "$1" != --version ] || { echo "QEMU emulator version 7.2.9"; exit 0; }\nsleep 1000',
            timeouts={"start": 1},
        ),
    ),
    Fault("no such option", LAB, "this QEMU has no option -nonsense", launcher(args=["-nonsense"])),
    Fault(
        "no such device",
        LAB,
        "this QEMU has no device warp-drive",
        launcher(args=["-device", "warp-drive"]),
    ),
    Fault(
        "no such file",
        LAB,
        "cannot load /none.bin",
        launcher(args=["-device", "loader,file=/none.bin,addr=0"]),
    ),
    # It ends, or stands still.
    Fault(
        "killed",
        LAB,
        "QEMU was killed by SIGKILL",
        scenario("hang_in_test", **{**_SECURE, "suite": {"silence": 20}}),
        Act("SIGKILL", ("qemu-system-arm", "-machine mps2-an521"), "HIL_TEST_1002"),
    ),
    Fault(
        "terminated",
        LAB,
        "QEMU ended with status 0|QEMU was killed by SIGTERM",
        scenario("hang_in_test", **{**_SECURE, "suite": {"silence": 20}}),
        Act("SIGTERM", ("qemu-system-arm", "-machine mps2-an521"), "HIL_TEST_1002"),
    ),
    # Its firmware.
    Fault("blank image", PRODUCT, "the firmware locked up", blank_image),
    Fault("lockup", PRODUCT, "the firmware locked up", scenario("lockup")),
    Fault(
        "hang",
        PRODUCT,
        "stage .* not reached",
        scenario("hang", budgets={"BL2": 2, "runtime": 2, "ns": 2}),
    ),
    Fault(
        "crash", PRODUCT, "HardFault", scenario("crash", budgets={"BL2": 2, "runtime": 2, "ns": 2})
    ),
    Fault("fail", PRODUCT, "TFM_S_HIL_TEST_1003 failed", scenario("fail", **_SECURE)),
    Fault(
        "hang in a test",
        PRODUCT,
        "nothing was printed for 1 s during test TFM_S_HIL_TEST_1002",
        scenario("hang_in_test", **_SECURE),
    ),
    Fault(
        "crash in a test",
        PRODUCT,
        "'FATAL ERROR: HardFault' ended test TFM_S_HIL_TEST_1002",
        scenario("crash_in_test", **_SECURE),
    ),
    Fault(
        "flood",
        PRODUCT,
        "not reached",
        scenario("flood", budgets={"BL2": 2, "runtime": 2, "ns": 2}),
    ),
)


@dataclass(frozen=True)
class LauncherChaos:
    """One launcher under chaos.

    Attributes:
        extends: Board file that each round is derived from.
        tests: Which testcases run (pytest's -k).
        faults: What can go wrong.
        common: What every round changes in the board file.
    """

    extends: str
    tests: str
    faults: tuple[Fault, ...]
    common: Overlay = field(default_factory=dict)


LAUNCHERS = {
    "pyocd": LauncherChaos(
        "virtual-rse4",
        "stages",
        PYOCD,
        {
            "launcher": {
                "timeouts": {
                    "appear": 0.5,
                    "open": 4,
                    "reset": 2,
                    "release": 4,
                    "probe": 2,
                    "load": 12,
                },
                "options": {"flash.timeout.program": 0.5},
            },
            "services": {
                "rse": {
                    "command": [
                        *("hil-virtual-board", "--chip", "{id}", "--rse-amount", str(BOARDS)),
                        *("--release", "{release}", "--state", "{state}/rse{id}"),
                        *("--fabric", "{state}/fabric"),
                    ]
                }
            },
        },
    ),
    "fvp": LauncherChaos("virtual-fvp-rdv3-cfg2", "stages", FVP),
    "qemu": LauncherChaos("qemu-firmware", "stages or on_target_tests", QEMU),
}


def launcher_overlay(name: str, ports: Sequence[int]) -> Overlay:
    """Return what every round of a launcher changes in its board file.

    Args:
        name: Key of LAUNCHERS.
        ports: Where virtual boards have their probes: fixed, as hardware has fixed names, so that
            they are locked.
    """
    always = {"retries": {"budget": 0}}
    if name != "pyocd":
        return merged(LAUNCHERS[name].common, always)
    rses = [
        {
            "id": rse,
            "probe": f"remote:127.0.0.1:{port}",
            "console": {"serial": f"{{rse{rse}.uart}}", "baud": 38400},
        }
        for rse, port in enumerate(ports)
    ]
    arguments = {rse: ["--probe-port", str(port)] for rse, port in enumerate(ports)}
    boards = {"rses": rses, "services": {"rse": {"arguments_of": arguments}}}
    return merged(merged(LAUNCHERS[name].common, always), boards)
