# SPDX-License-Identifier: Apache-2.0
"""Ports of the host that lead into the network of a model: `userNetPorts=2222=22,8080=80`.

A fixed number can be had by one model on the host at a time; a second one starts, but its network
is not reached. So a host port `*` is filled in for each start, and so is a model's own default that
nobody has set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hil.errors import UsageError
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_ports import Reservation

_END = ".userNetPorts"
_SWITCH = ".userNetworking"
_PAIR = re.compile(r"\s*(\*|\d{1,5})\s*=\s*(\d{1,5})\s*")


def fill(
    parameters: Mapping[str, str], model: ModelParameters, reservation: Reservation
) -> dict[str, str]:
    """The parameters that map user ports, with a free port of the host for each `*`.

    Args:
        parameters: Everything that the model is going to be given.
        model: What it has.
        reservation: Takes the ports that are filled in.

    Raises:
        UsageError: A mapping cannot be read, or a fixed port of the host is taken.
    """
    wanted = {name: text for name, text in parameters.items() if name.endswith(_END)}
    for name, value in model.values.items():
        switch = name.removesuffix(_END) + _SWITCH
        on = parameters.get(switch, model.values.get(switch, "0")).lower() in {"1", "true"}
        if name.endswith(_END) and name not in wanted and value and on:
            wanted[name] = re.sub(r"\d+\s*=", "*=", value)
    return {name: _filled(name, text, reservation) for name, text in wanted.items()}


def mapped(parameters: Mapping[str, str]) -> dict[str, str]:
    """What leads where, for the record: guest port -> port of the host, by instance."""
    return {
        f"{name.removesuffix(_END)}:{guest}": host
        for name, text in parameters.items()
        if name.endswith(_END)
        for host, guest in (match.groups() for match in _PAIR.finditer(text))
    }


def _filled(name: str, text: str, reservation: Reservation) -> str:
    pairs = []
    for part in filter(None, text.split(",")):
        match = _PAIR.fullmatch(part)
        if match is None:
            raise UsageError(
                f"launcher.parameters.{name}: {part!r}: expected HOST=GUEST such as 2222=22, or *=22 "
                "for a free port of the host"
            )
        host, guest = match.groups()
        if host == "*":
            host = str(reservation.take_one())
        elif not reservation.take([int(host)]):
            raise UsageError(
                f"launcher.parameters.{name}: port {host} of this host is taken, perhaps by another "
                f"run; write *={guest} for one that is free"
            )
        pairs.append(f"{host}={guest}")
    return ",".join(pairs)
