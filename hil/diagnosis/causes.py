# SPDX-License-Identifier: Apache-2.0
"""The causes that are known, one row each; where several are as likely, the earlier is named first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hil.diagnosis import causes_of_boots as boots
from hil.diagnosis import causes_of_firmware as firmware
from hil.diagnosis import causes_of_ids as ids
from hil.diagnosis import causes_of_inputs as inputs
from hil.diagnosis import causes_of_policy as policy
from hil.diagnosis import causes_of_seeds as seeds
from hil.diagnosis import causes_of_waiting as waiting
from hil.diagnosis.evidence import Suspicion
from hil.diagnosis.facts import Facts


@dataclass(frozen=True)
class Cause:
    """A cause that the diagnosis knows.

    Attributes:
        id: What JUnit properties and reports carry.
        look: Yields what the facts say about it, nothing where it is out of the question.
        confirm: What would make it certain.
        todo: What to do about it; "" where the known defect says that.
        defects: Known defects behind it.
    """

    id: str
    look: Callable[[Facts], Iterable[Suspicion]]
    confirm: str
    todo: str = ""
    defects: tuple[str, ...] = ()


_STATE_CONFIRM = (
    "compare the [HIL1] state lines of all RSEs, or read LCS, TP mode and reprovisioning word with a "
    "debugger"
)
_ALIKE = (
    "provision all dies alike: GUK, life-cycle state, TP mode, reprovisioning count and BL1_2 enter the "
    "vHUK, and a difference in any of them raises no error"
)

CAUSES: tuple[Cause, ...] = (
    Cause(
        "device-gone",
        boots.device_gone,
        "look whether the probe, the port or the model is still there",
        "mend the lab and run again",
    ),
    Cause(
        "ids-exchanged",
        ids.ids_exchanged,
        "disconnect one UART and see which RSE falls silent",
        "exchange the consoles in the board file, or provision each die with its own message",
        ("sender-id-unchecked",),
    ),
    Cause(
        "handshake-skipped",
        policy.handshake_skipped,
        "policy= in the [HIL1] state lines, or the third word of the CM area in OTP",
        "",
        ("handshake-not-provisioned",),
    ),
    Cause(
        "reply-encrypted-in-place",
        seeds.reply_encrypted_in_place,
        "[HIL1] seeds of the even ids: every slot but the own differs from what was given; and their "
        "values change with each boot",
        "",
        ("reply-encrypted-in-place",),
    ),
    Cause(
        "partial-arrays-bound",
        seeds.partial_arrays_bound,
        "reset and compare: every vHUK is another one, and who agrees follows the order of arrival",
        "bind 32 bytes, or answer when all seeds are in and derive the clients' seeds from their HUKs",
        ("partial-seed-arrays",),
    ),
    Cause(
        "no-routing-tables",
        waiting.no_routing_tables,
        "build with TFM_LOG_FATAL_ERRORS, or stop in rse_handshake() with a debugger",
        "",
        ("no-routing-tables", "error-code-lost"),
    ),
    Cause(
        "sfcp-key-setup-collides",
        waiting.sfcp_busy,
        "the same build with SFCP_ENABLE_ENCRYPTION=OFF comes through",
        "",
        ("sfcp-key-setup-collides",),
    ),
    Cause(
        "no-rse-id-mapping",
        waiting.no_rse_id_mapping,
        "otp_lcm.c of the tree: whether otp_mapping[] has a row for PLAT_OTP_ID_RSE_ID",
        "",
        ("no-rse-id-mapping",),
    ),
    Cause(
        "server-waits-for-rse",
        waiting.server_waits_for_rse,
        "a debugger: the one that does not take part is not in the handshake's polling loop",
        "",
        ("no-handshake-timeout",),
    ),
    Cause(
        "clients-wait-for-server",
        waiting.clients_wait_for_server,
        "a debugger: where RSE 0 and the silent clients stand",
        "",
        ("no-handshake-timeout",),
    ),
    Cause(
        "same-id-twice",
        ids.same_id_twice,
        "CHIP ID on each UART, or cm.rse_id of each OTP",
        "load on each die the message with its own id (combined_provisioning_<id>_message.bin), and "
        "give each a console of its own in the board file",
        ("sender-id-unchecked",),
    ),
    Cause("other-lcs", inputs.other_lcs, _STATE_CONFIRM, _ALIKE),
    Cause("other-tp-mode", inputs.other_tp_mode, _STATE_CONFIRM, _ALIKE),
    Cause("other-reprovisioning", inputs.other_reprovisioning, _STATE_CONFIRM, _ALIKE),
    Cause(
        "other-bl1-2",
        inputs.other_bl1_2,
        "compare bl1_2= of the [HIL1] state lines with the head of bl1_2_padded_hash.bin",
        _ALIKE,
    ),
    Cause(
        "other-guk",
        inputs.other_guk,
        "equal [HIL1] state lines and an equal slot 0 leave only the GUK; compare the bundles that the "
        "dies were given",
        _ALIKE,
    ),
    Cause(
        "other-key-derivation",
        firmware.other_key_derivation,
        "the version that the firmware prints, and bl1_2= of its [HIL1] state line",
        "provision and flash the release that the board file names",
    ),
    Cause(
        "other-firmware",
        firmware.other_firmware,
        "the digests of the images read back from each RSE, and the versions on the UARTs",
        "load the same build on every RSE",
    ),
    Cause(
        "release-not-as-told",
        firmware.release_not_as_told,
        "`Booting TF-M v...` on the UARTs",
        "name the release that really runs (`release` in the board file, --release)",
    ),
    Cause(
        "other-die",
        seeds.other_die,
        "slot of that RSE in the [HIL1] seeds lines against `hil model vhuk BOARD`",
        "put its HUK into the board file, or leave it out where it is not known",
        ("only-seed-0-bound",),
    ),
    Cause(
        "routing-exchanged",
        seeds.routing_exchanged,
        "the routing tables in the OTP of RSE 0 and the links in the topology file",
        "provision the routing table of each RSE anew",
        ("sender-id-unchecked",),
    ),
    Cause(
        "crashed",
        boots.crashed,
        "the registers of the dump, or a debugger that stops at the fault",
        "find the PC of the dump in the map file of the image that ran",
    ),
    Cause(
        "image-refused",
        boots.image_refused,
        "read the slot back and verify it with imgtool",
        "flash a good image, signed with the key that the device was provisioned for",
    ),
    Cause(
        "bl2-waits-for-host",
        boots.bl2_waits_for_host,
        "whether the SCP was released and what its own UART says",
        "load an SCP image that rings the doorbell",
    ),
    Cause(
        "uart-silent",
        boots.uart_silent,
        "connect a console of your own to that UART",
        "check console, baud rate and power of that RSE",
    ),
    Cause(
        "not-virgin",
        boots.not_virgin,
        "read the OTP, or look for `Beginning RSE provisioning` in the log of an earlier run",
        "erase the OTP, or set `from_virgin: false` in the board file",
    ),
    Cause(
        "no-reporter",
        boots.no_reporter,
        "strings of the image: it holds no [HIL1]",
        "build the reporter in, or take `vhuk` and `fingerprint` out of the board file",
        ("no-fingerprint-upstream",),
    ),
    Cause(
        "halted",
        boots.halted,
        "the code in its last line, together with the release that printed it",
        "look the code up with its release; in 2.2 build with TFM_LOG_FATAL_ERRORS to see it",
        ("error-code-lost",),
    ),
)
