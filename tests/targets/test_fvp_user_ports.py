# SPDX-License-Identifier: Apache-2.0
"""Ports of the host that lead into a model's network."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fvp_lab import Consoles, launcher

from hil.errors import UsageError
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_ports import Reservation, is_free
from hil.targets.fvp_user_ports import fill, mapped

NET = "board.hostbridge.userNetPorts"
ON = "board.hostbridge.userNetworking"
MODEL = ModelParameters({NET: "string", ON: "bool"}, {NET: "5555=5555,8080=80", ON: "0"})


@pytest.fixture
def reservation() -> Iterator[Reservation]:
    with closing(Reservation()) as made:
        yield made


def test_a_star_becomes_a_port_that_is_free(reservation: Reservation):
    """Another for each; fixed ones stay, and the record knows what leads where."""
    got = fill({NET: "*=22,*=80,2=443"}, MODEL, reservation)
    first, second, third = got[NET].split(",")
    assert re.fullmatch(r"\d{5}=22", first)
    assert re.fullmatch(r"\d{5}=80", second)
    assert third == "2=443"
    assert first[:5] != second[:5]
    assert is_free(int(first[:5]))
    assert mapped(got) == {
        "board.hostbridge:22": first[:5],
        "board.hostbridge:80": second[:5],
        "board.hostbridge:443": "2",
    }


def test_the_models_own_ports_are_replaced_where_its_network_is_on(reservation: Reservation):
    """Two models with the default would have one network between them."""
    assert fill({}, MODEL, reservation) == {}
    got = fill({ON: "true"}, MODEL, reservation)
    assert re.fullmatch(r"\d{5}=5555,\d{5}=80", got[NET])
    assert "5555=5555" not in got[NET]
    assert fill({ON: "1", NET: ""}, MODEL, reservation) == {NET: ""}


def test_a_fixed_port_that_is_taken_is_refused(reservation: Reservation):
    """The model would start, and its network would be another model's."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port} of this host is taken.*\*=22"):
            fill({NET: f"{port}=22"}, MODEL, reservation)


def test_a_fixed_port_belongs_to_one_run(reservation: Reservation):
    """A second run is refused although the first one's model does not listen there yet."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert fill({NET: f"{port}=22"}, MODEL, reservation)[NET] == f"{port}=22"
    other = Reservation()
    with pytest.raises(UsageError, match=rf"port {port} of this host is taken"):
        fill({NET: f"{port}=22"}, MODEL, other)
    reservation.close()
    fill({NET: f"{port}=22"}, MODEL, other)
    other.close()


@pytest.mark.parametrize("text", ["22", "a=22", "1=2=3", "-1=22", "=22"])
def test_what_is_no_mapping_is_refused(reservation: Reservation, text: str):
    """With an example of one."""
    with pytest.raises(UsageError, match="expected HOST=GUEST such as 2222=22"):
        fill({NET: text}, MODEL, reservation)


def test_two_models_side_by_side_get_networks_of_their_own(tmp_path: Path):
    """On the virtual model; the record has the numbers."""
    bridge = "ros.board.virtio_net.hostbridge"
    events: list[dict[str, object]] = []
    on = {"parameters": {f"{bridge}.userNetworking": True, f"{bridge}.userNetPorts": "*=22"}}
    first, second = tmp_path / "a", tmp_path / "b"
    with Consoles() as consoles, launcher(first, **on) as one, launcher(second, **on) as two:
        for fvp in (one, two):
            fvp._log.tell = lambda kind, **values: events.append(values) if kind == "fvp" else None
            fvp.start(consoles.open)
    ports = [event["user_ports"][f"{bridge}:22"] for event in events]  # type: ignore[index]
    assert len(set(ports)) == 2
    assert f"{bridge}.userNetPorts={ports[0]}=22" in one.command_line()
