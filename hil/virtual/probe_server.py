# SPDX-License-Identifier: Apache-2.0
"""The debug probe of a virtual board: pyOCD's remote protocol, version 1, over TCP.

One JSON object a line, strictly request and response. The probe offers raw DP and AP accesses and
the reset line, no memory accelerator, so that pyOCD's own access port code is in use. Only one
client may have the probe open at a time, as with a USB probe.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from hil.virtual.board_loop import Connection, Loop, listen
from hil.virtual.board_reset_line import ResetLine
from hil.virtual.debug_port import DebugPort
from hil.virtual.fault_counts import FaultCounts
from hil.virtual.probe_errors import (
    NoAckError,
    ProbeGoneError,
    ProbeUseError,
    WaitError,
    WireError,
)

_PROTOCOL_VERSION = 1
_CAPABILITIES = ["SWJ_SEQUENCE", "BANKED_DP_REGISTERS", "APv2_ADDRESSES"]
_LINE_RESET_BITS = 50

#: A request line of a whole 64 KiB block is below 1 MiB; more is not pyOCD.
_LINE_LIMIT = 4 << 20


class Probe:
    """The state of the probe hardware: its wire, who has it open.

    Args:
        port: The debug port on the wire.
        line: The reset line that it drives.
        faults: What goes wrong on the wire, counted in requests.
        dark: Whether the chip has no supply.
    """

    def __init__(
        self, port: DebugPort, line: ResetLine, faults: FaultCounts, dark: Callable[[], bool]
    ) -> None:
        self._port = port
        self._line = line
        self.faults = faults
        self._dark = dark
        #: Requests so far, of all clients.
        self.requests = 0
        self._wire: str | None = None
        self.owner: object | None = None

    def handlers(self, client: object) -> Mapping[str, Callable[..., Any]]:
        """Return what each request of one client does."""
        return {
            "hello": self._hello,
            "open": lambda: self._open(client),
            "close": lambda: self.release(client),
            "lock": _nothing,
            "unlock": _nothing,
            "flush": _nothing,
            "set_clock": _nothing,
            "readprop": self._property,
            "connect": self._connect,
            "disconnect": self._disconnect,
            "swj_sequence": self._sequence,
            "reset": lambda: None if self._dark() else self._line.pulse(),
            "assert_reset": lambda level: None if self._dark() else self._line.drive(level),
            "is_reset_asserted": lambda: self._line.asserted,
            "read_dp": self._wired(self._port.read_dp),
            "write_dp": self._wired(self._port.write_dp),
            "read_ap": self._through_ap(lambda address: self._port.read_ap(address)[0]),
            "write_ap": self._through_ap(lambda at, value: self._port.write_ap(at, [value])),
            "read_ap_multiple": self._through_ap(self._port.read_ap),
            "write_ap_multiple": self._through_ap(self._port.write_ap),
            "get_memory_interface_for_ap": _nothing,
        }

    def release(self, client: object) -> None:
        """Give the probe back, if `client` has it."""
        if self.owner is client:
            self.owner = None
            self._wire = None

    def _wired(self, action: Callable[..., Any]) -> Callable[..., Any]:
        """Return an access to the chip as it fares on the wire."""

        def access(*arguments: Any) -> Any:
            if self._dark():
                raise NoAckError("no ACK: the chip does not answer")
            return action(*arguments)

        return access

    def _through_ap(self, action: Callable[..., Any]) -> Callable[..., Any]:
        """Return an access to an access port as it fares on the bus behind it."""

        def access(*arguments: Any) -> Any:
            if self.faults.holds("wait-storm", self.requests):
                raise WaitError("WAIT was answered 100 times in a row")
            if self.faults.holds("sticky-fault", self.requests):
                self._port.upset()
            return action(*arguments)

        return self._wired(access)

    def _open(self, client: object) -> None:
        if self.owner not in (None, client):
            raise ProbeUseError("the probe is in use by another client")
        self.owner = client

    def _hello(self, version: int) -> None:
        if version != _PROTOCOL_VERSION:
            message = f"protocol version {version} is not spoken here, only {_PROTOCOL_VERSION}"
            raise WireError(message)

    def _property(self, name: str) -> Any:
        properties = {
            "vendor_name": "rse-hil",
            "product_name": "virtual board",
            "supported_wire_protocols": ["DEFAULT", "SWD"],
            "wire_protocol": self._wire,
            "capabilities": _CAPABILITIES,
        }
        if name not in properties:
            raise WireError(f"unknown property {name!r}")
        return properties[name]

    def _connect(self, protocol: str) -> None:
        if protocol not in ("DEFAULT", "SWD"):
            raise ProbeUseError(f"wire protocol {protocol} is not supported")
        self._wire = "SWD"

    def _disconnect(self) -> None:
        self._wire = None

    def _sequence(self, length: int, bits: int) -> None:
        if length >= _LINE_RESET_BITS and bits & (1 << length) - 1 == (1 << length) - 1:
            self._port.line_reset()


def _nothing(*_arguments: Any) -> None:
    """Answer a request that means nothing to a probe without hardware."""


def _unknown(*_arguments: Any) -> None:
    raise WireError("unknown request")


def _unplugged(*_arguments: Any) -> None:
    raise ProbeGoneError("the probe has been unplugged")


class ProbeServer:
    """Serves the probe to clients.

    Args:
        loop: The board's event loop.
        port: TCP port on 127.0.0.1, 0 for a free one.
        probe: The probe.
        delay: Seconds between a request and its answer.
    """

    def __init__(self, loop: Loop, port: int, probe: Probe, delay: float = 0.0) -> None:
        self._loop = loop
        self._probe = probe
        self._delay = delay
        #: Answers on their way, in order, with the time when they arrive.
        self._late: deque[tuple[float, Connection, bytes]] = deque()
        self._socket = listen(loop, port, self._accept)
        self.port: int = self._socket.getsockname()[1]

    def tick(self) -> float | None:
        """Deliver the answers that are due; return the seconds until the next is."""
        while self._late and (left := self._late[0][0] - time.monotonic()) <= 0:
            _, connection, data = self._late.popleft()
            connection.send(data)
        return left if self._late else None

    def _accept(self, connection: Connection) -> None:
        handlers = self._probe.handlers(connection)
        connection.start(
            on_data=lambda: self._serve(connection, handlers),
            on_end=lambda: self._probe.release(connection),
        )

    def _serve(self, connection: Connection, handlers: Mapping[str, Callable[..., Any]]) -> None:
        while (end := connection.received.find(b"\n")) >= 0:
            line = bytes(connection.received[:end])
            del connection.received[: end + 1]
            reply = self._answer(line, handlers)
            if reply is None:
                continue
            data = json.dumps(reply, separators=(",", ":")).encode() + b"\n"
            if self._delay:
                self._late.append((time.monotonic() + self._delay, connection, data))
            else:
                connection.send(data)
        if len(connection.received) > _LINE_LIMIT:
            connection.close()

    def _answer(
        self, line: bytes, handlers: Mapping[str, Callable[..., Any]]
    ) -> dict[str, Any] | None:
        """Carry out one request; None is silence."""
        probe = self._probe
        probe.requests += 1
        if probe.faults.holds("probe-silent", probe.requests):
            return None
        gone = probe.faults.holds("probe-gone", probe.requests)
        number: Any = -1
        try:
            request = json.loads(line)
            number = request.get("id", -1)
            handler: Callable[..., Any] = handlers.get(request.get("request"), _unknown)
            result = (_unplugged if gone else handler)(*request.get("arguments", []))
        except WireError as error:
            return {"id": number, "status": error.status, "error": str(error)}
        except (TypeError, ValueError, AttributeError) as error:
            return {"id": number, "status": 1, "error": f"malformed request: {error}"}
        reply: dict[str, Any] = {"id": number, "status": 0}
        if result is not None:
            reply["result"] = result
        return reply
