# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import socket
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.errors import DeviceError
from hil.targets.fvp_ports import SPACING, Announcement, AnnouncementScanner, PortPlan

OUTPUT = """\

Fast Models [11.29.35 (Apr 24 2025)]
terminal_uart_scp: Listening for serial connection on port 5000
Info: RD_V3_R1: terminal2: Listening for serial connection on port 5001
INFO: RD_V3_Cfg2.css.cmn700: Using 'CFGM_PERIPHBASE_PARAM' for periphbase address.
INFO: FVP_TC: terminal_uart: Listening for serial connection on port 5002\r
a_0: Listening for serial connection on port 5003 a_0: Listening for serial connection on port 5004
a_1: Listening for serial connection on port 5005b_1: Listening for serial connection on port 5006
\x1b[1mterminal_x\x1b[0m: Listening for serial connection on port 5007
rse_terminal_uart: Listening for serial connection on port 5008
INFO: FVP: iomacro_terminal_0: listening for serial connection on port: 5009
Warning: RD_N2: vis_hdlcd:: Visualisation setup failed
"""
FOUND = [
    ("terminal_uart_scp", 5000),
    ("terminal2", 5001),
    ("terminal_uart", 5002),
    ("a_0", 5003),
    ("a_0", 5004),
    ("a_1", 5005),
    ("b_1", 5006),
    ("terminal_x", 5007),
    ("rse_terminal_uart", 5008),
    ("iomacro_terminal_0", 5009),
]


@given(st.lists(st.integers(0, len(OUTPUT)), max_size=30))
def test_every_announcement_is_found_however_the_output_is_cut(cuts: list[int]):
    """Three spellings, several on a line, glued, coloured; a port number may come in two pieces."""
    scanner = AnnouncementScanner()
    edges = [0, *sorted(cuts), len(OUTPUT)]
    for begin, end in itertools.pairwise(edges):
        scanner.feed(OUTPUT[begin:end])
    assert [(a.leaf, a.port) for a in scanner.seen] == FOUND


def test_a_port_number_that_may_go_on_is_not_taken():
    """`port 50` at the end of a read is not port 50."""
    scanner = AnnouncementScanner()
    scanner.feed("t: Listening for serial connection on port 50")
    assert scanner.seen == []
    scanner.feed("01\n")
    assert scanner.seen == [Announcement("t", 5001)]


def test_equal_names_are_told_apart_by_their_start_ports():
    """Order and names say nothing; a port that was taken moves up within its range."""
    plan = PortPlan([2, 0, 1], base=20000)
    seen = [
        Announcement("terminal_rse_uart", plan.start_ports[1] + 3),
        Announcement("terminal_uart_scp", 5000),
        Announcement("terminal_rse_uart", plan.start_ports[0]),
        Announcement("terminal_rse_uart", plan.start_ports[2] + SPACING - 1),
    ]
    assert plan.assign(seen) == {
        0: plan.start_ports[0],
        1: plan.start_ports[1] + 3,
        2: plan.start_ports[2] + SPACING - 1,
    }


def test_start_ports_are_free_spaced_and_below_the_ports_of_clients():
    """Linux hands out 32768 and up to clients."""
    with closing(PortPlan(range(4))) as plan:
        ports = list(plan.start_ports.values())
    assert [b - a for a, b in itertools.pairwise(ports)] == [SPACING] * 3
    assert ports[0] > 1024
    assert ports[-1] + SPACING < 32768


@pytest.mark.parametrize("host", ["127.0.0.1", ""], ids=["this host", "all addresses"])
def test_a_taken_range_is_not_chosen(monkeypatch: pytest.MonkeyPatch, host: str):
    """Whoever listens on a start port is left alone, on whatever address."""
    with socket.create_server((host, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr("hil.targets.fvp_ports._FIRST", port)
        monkeypatch.setattr("hil.targets.fvp_ports._LAST", port + 3 * SPACING)
        with closing(PortPlan([0])) as plan:
            assert plan.start_ports[0] != port


def test_two_runs_never_plan_the_same_ports(monkeypatch: pytest.MonkeyPatch):
    """Not even before the model of either listens; what a run gives back can be had again."""
    monkeypatch.setattr("hil.targets.fvp_ports._FIRST", 21000)
    monkeypatch.setattr("hil.targets.fvp_ports._LAST", 21000 + 3 * SPACING)
    with closing(PortPlan([0])) as one, closing(PortPlan([0])) as two:
        assert one.start_ports != two.start_ports
        with pytest.raises(DeviceError, match="no 1 free TCP ports"):
            PortPlan([0])
        one.close()
        with closing(PortPlan([0])) as three:
            assert three.start_ports == one.start_ports


def test_a_terminal_that_was_pushed_into_the_range_of_another_is_noticed():
    """Sixteen busy ports in a row; to guess would bring a console to the wrong chip."""
    plan = PortPlan([0, 1], base=20000)
    seen = [
        Announcement("terminal_rse_uart", 20000 + SPACING),
        Announcement("terminal_rse_uart", 20000 + SPACING + 1),
    ]
    with pytest.raises(DeviceError, match="both in the range of RSE 1"):
        plan.assign(seen)
    assert plan.assign([seen[0], seen[0]]) == {1: 20000 + SPACING}


def test_output_without_line_ends_is_not_kept_for_ever():
    """A model may print megabytes of dots."""
    scanner = AnnouncementScanner()
    for _ in range(64):
        scanner.feed("." * 65536)
    assert len(scanner._rest) <= 65536
    assert [a.port for a in scanner.feed("t: Listening for serial connection on port 5001\n")] == [
        5001
    ]
