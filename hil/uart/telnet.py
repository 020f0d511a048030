# SPDX-License-Identifier: Apache-2.0
"""The telnet protocol, taken out of a stream of bytes.

An FVP's terminal in telnet mode greets each client with five 3-byte commands, checks the answers
and is transparent afterwards; ser2net speaks telnet all along. RFC 854 for the commands, RFC 1143
for when to answer: only when a state changes, so that two polite sides never answer for ever.
"""

from __future__ import annotations

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240
BINARY, ECHO, SUPPRESS_GO_AHEAD = 0, 1, 3

#: Options that we want from the other side, and those that we perform ourselves.
_WANTED = frozenset({BINARY, ECHO, SUPPRESS_GO_AHEAD})
_OFFERED = frozenset({BINARY, SUPPRESS_GO_AHEAD})

#: A sub-negotiation longer than this is no telnet; its bytes are dropped up to here.
_MAX_SUBNEGOTIATION = 4096


class TelnetStream:
    """Separates data from commands, also where a command is split over reads."""

    def __init__(self) -> None:
        self._rest = b""
        self._theirs: dict[int, bool] = {}
        self._ours: dict[int, bool] = {}

    def feed(self, raw: bytes) -> tuple[bytes, bytes]:
        """Take what was received; return the data in it and the answer to send."""
        if not self._rest and IAC not in raw:
            return raw, b""
        raw = self._rest + raw
        data, answer = bytearray(), bytearray()
        at = 0
        while at < len(raw):
            command = raw.find(IAC, at)
            if command < 0:
                data += raw[at:]
                at = len(raw)
                break
            data += raw[at:command]
            at = command
            length = self._command(raw, at, data, answer)
            if length == 0:
                break
            at += length
        self._rest = raw[at:]
        return bytes(data), bytes(answer)

    def _command(self, raw: bytes, at: int, data: bytearray, answer: bytearray) -> int:
        """Handle the command at `at`; return its length, 0 if its end has not come yet."""
        if len(raw) < at + 2:
            return 0
        verb = raw[at + 1]
        if verb == IAC:
            data.append(IAC)
            return 2
        if verb in (WILL, WONT, DO, DONT):
            if len(raw) < at + 3:
                return 0
            answer += self._negotiate(verb, raw[at + 2])
            return 3
        if verb == SB:
            end = raw.find(bytes([IAC, SE]), at + 2)
            if end >= 0:
                return end + 2 - at
            return len(raw) - at if len(raw) - at > _MAX_SUBNEGOTIATION else 0
        if verb >= SE:
            return 2
        # No command: the stream is transparent and carries a plain 0xFF.
        data += raw[at : at + 2]
        return 2

    def _negotiate(self, verb: int, option: int) -> bytes:
        offered = verb in (WILL, WONT)
        states = self._theirs if offered else self._ours
        yes, no = (DO, DONT) if offered else (WILL, WONT)
        asked = verb in (WILL, DO)
        if asked and option not in (_WANTED if offered else _OFFERED):
            return bytes([IAC, no, option])
        if asked == states.get(option, False):
            return b""
        states[option] = asked
        return bytes([IAC, yes if asked else no, option])


def escape(data: bytes) -> bytes:
    """Return data as it is sent: a plain 0xFF is doubled."""
    return data.replace(bytes([IAC]), bytes([IAC, IAC]))
