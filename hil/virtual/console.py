# SPDX-License-Identifier: Apache-2.0
"""How each component of the firmware frames what it prints.

tfm_log turns a newline into CR LF, so a format string with its own CR LF goes out as CR CR LF;
BL2 of 2.2 prints the same bytes with printf. The SPM of 2.2 sends string literals with their NUL.
"""

from __future__ import annotations

from hil.virtual.ports import UartPort
from hil.virtual.releases import Release

_EOL = "\r\n"
_EOL_OF_CRLF_FORMAT = "\r\r\n"


class Console:
    """The RSE's UART as the firmware's log functions see it."""

    def __init__(self, uart: UartPort, release: Release) -> None:
        self._uart = uart
        self._old = release.old

    def info(self, text: str) -> None:
        """INFO line of BL1, BL2 or a 2.3 runtime."""
        self.raw(f"[INF] {text}{_EOL}")

    def info_crlf(self, text: str) -> None:
        """INFO line whose format string ends in its own CR LF."""
        self.raw(f"[INF] {text}{_EOL_OF_CRLF_FORMAT}")

    def error(self, text: str) -> None:
        """ERROR line."""
        self.raw(f"[ERR] {text}{_EOL}")

    def error_crlf(self, text: str) -> None:
        """ERROR line whose format string ends in its own CR LF."""
        self.raw(f"[ERR] {text}{_EOL_OF_CRLF_FORMAT}")

    def warn_unterminated(self, text: str) -> None:
        """WARN of BL1 whose format string lacks the newline; the next message is glued to it."""
        self.raw(f"[{'WAR' if self._old else 'WRN'}] {text}")

    def level(self, level: str, text: str) -> None:
        """Line of any tfm_log level."""
        self.raw(f"[{level}] {text}{_EOL}")

    def report(self, text: str) -> None:
        """Line of the fingerprint reporter."""
        self.raw(f"[HIL1] {text}{_EOL}")

    def line(self, text: str) -> None:
        """A line without prefix."""
        self.raw(text + _EOL)

    def spm_2_2(self, piece: str) -> None:
        """SPMLOG_xxxMSG of 2.2: the literal with its NUL."""
        self.raw(piece + "\0")

    def spm_2_2_value(self, piece: str, value: int) -> None:
        """SPMLOG_xxxMSGVAL of 2.2: the literal with its NUL, then the number."""
        self.raw(f"{piece}\0" + f"0x{value:08X}{_EOL}")

    def raw(self, text: str) -> None:
        """Exactly these characters."""
        self._uart.write(text.encode("ascii"))
