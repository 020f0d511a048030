# SPDX-License-Identifier: Apache-2.0
"""What the platform code of rdv3 variant 2 and the SPM print, as tables in the order of printing.

From TF-M neoverse_rd/rdv3/bl2/boot_hal_bl2.c and platform/ext/common/exception_info.c of 2.2.2 and
2.3.1. A row is (generations, text); both generations print a row without one.
"""

from __future__ import annotations

_BOTH = ("2.2", "2.3")
_OLD = ("2.2",)

_Rows = tuple[tuple[tuple[str, ...], str], ...]

PRE_LOAD: dict[int, _Rows] = {
    5: (
        (_BOTH, "SCP pre load start"),
        (_BOTH, "RSE to SCP and SCP to RSE MHUs initialized"),
        (_BOTH, "SCP pre load complete"),
    ),
    4: ((_OLD, "MCP pre load start"), (_BOTH, "MCP pre load complete")),
    3: (
        (_BOTH, "LCP pre load start"),
        (_BOTH, "Wait for doorbell from SCP before loading LCP..."),
        (_BOTH, "Doorbell received from SCP!"),
        (_BOTH, "LCP pre load complete"),
    ),
    2: ((_OLD, "AP BL1 pre load start"), (_BOTH, "AP BL1 pre load complete")),
    0: (),
}
#: The row after which BL2 waits for the SCP.
WAITS_FOR_SCP = "Wait for doorbell from SCP before loading LCP..."

POST_LOAD_START: dict[int, str] = {
    5: "SCP post load start",
    4: "MCP post load start",
    3: "LCP post load start",
    2: "AP BL1 post load start",
}
POST_LOAD: dict[int, _Rows] = {
    5: ((_OLD, "SCP is released out of reset"), (_BOTH, "SCP post load complete")),
    4: ((_BOTH, "MCP is released out of reset"), (_BOTH, "MCP post load complete")),
    3: ((_BOTH, "LCP post load complete"),),
    2: ((_BOTH, "AP BL1 post load complete"),),
    0: ((_BOTH, "RSE to SCP doorbell set!"),),
}


def rows(table: dict[int, _Rows], image: int, generation: str) -> list[str]:
    """The lines of one image in that generation."""
    return [f"BL2: {text}" for generations, text in table[image] if generation in generations]


#: Registers of an exception dump: name as printed, value.
_CONTEXT = (
    ("    xPSR:    ", 0x01000007),
    ("    MSP:     ", 0x30001F80),
    ("    PSP:     ", 0x31002A58),
    ("    MSP_NS:  ", 0x00000000),
    ("    PSP_NS:  ", 0x00000000),
)
_FRAME = (
    ("        R0:   ", 0x00000000),
    ("        R1:   ", 0x10000000),
    ("        R2:   ", 0x00000004),
    ("        R3:   ", 0xE000ED00),
    ("        R12:  ", 0x00000000),
    ("        LR:   ", 0x310A1D4F),
    ("        PC:   ", 0x310A1D54),
    ("        xPSR: ", 0x21000000),
)
_CALLEE_SAVED = tuple((f"        {f'R{n}:':<6}", 0) for n in range(4, 12))
_SFSR = 0x00000048
_SFAR = 0x10000000

#: A piece of the dump: text, or text and the number that follows it.
Piece = tuple[str, int | None]


def secure_fault(generation: str) -> list[Piece]:
    """A SecureFault's dump in pieces; text alone carries its own line end where it has one."""
    old = generation == "2.2"
    pieces: list[Piece] = [
        ("FATAL ERROR: ", None),
        ("SecureFault\n", None),
        ("Here is some context for the exception:\n", None),
        ("    EXC_RETURN (LR): ", 0xFFFFFFFD),
        ("    Exception came from", None),
        (" secure FW in", None),
        (" thread mode.\n", None),
        *_CONTEXT,
    ]
    if not old:
        pieces.append(("    BASEPRI: ", 0))
    pieces += [
        ("    Exception frame at: " if old else "    Exception frame at:   ", 0x31002A58),
        *_FRAME,
        ("    Callee saved register state:\n", None),
        *_CALLEE_SAVED,
        ("    CFSR:  ", 0),
    ]
    if old:
        pieces += [("    BFSR:  ", 0), ("    BFAR:  Not Valid\n", None)]
        pieces += [("    MMFSR: ", 0), ("    MMFAR: Not Valid\n", None)]
    else:
        # These two have no line end of their own in 2.3.
        pieces += [("    BFSR:  0x00", None), ("    BFAR:  Not Valid\n", None)]
        pieces += [("    MMFSR: 0x00", None), ("    MMFAR: Not Valid\n", None)]
    pieces += [
        ("    UFSR:  ", 0),
        ("    HFSR:  ", 0),
        ("    SFSR:  ", _SFSR),
        ("    SFAR: ", _SFAR),
    ]
    return pieces
