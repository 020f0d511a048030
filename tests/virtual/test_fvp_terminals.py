# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket
from pathlib import Path

import pytest
from fvp_driver import attach, free_port, read_some, running, until

RAW = tuple(
    word
    for chip in range(4)
    for word in (
        "-C", f"css{chip}.sysctrl.terminal_rse_uart.mode=raw",
        "-C", f"css{chip}.sysctrl.terminal_rse_uart.start_telnet=0",
        "-C", f"css{chip}.sysctrl.scp.terminal_uart_scp.start_telnet=0",
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("style", "line"),
    [
        ("a", "\nterminal_uart_scp: Listening for serial connection on port "),
        ("b", "\nInfo: RD_V3_Cfg2: terminal_uart_scp: Listening for serial connection on port "),
        ("c", "\nINFO: RD_V3_Cfg2: terminal_uart_scp: Listening for serial connection on port "),
    ],
    ids=["plain", "report", "capitals"],
)
def test_announcements_have_the_spelling_of_the_release(tmp_path: Path, style: str, line: str):
    """Leaf names only, so all chips print the same."""
    with running(tmp_path, "-C", f"virtual.port_format={style}") as model:
        leaves = [leaf for leaf, _ in model.ports()]
        assert leaves == ["terminal_rse_uart", "terminal_uart_scp"] * 4
        assert line in model.text


def test_construction_order_can_be_shuffled_and_glued(tmp_path: Path):
    """Neither the order nor the line ends say which terminal is which."""
    order = ("-C", "virtual.port_order=shuffled", "-C", "virtual.seed=3")
    starts = [("-C", f"css{n}.sysctrl.terminal_rse_uart.start_port={27000 + 50 * n}")
              for n in range(4)]  # fmt: skip
    words = [word for pair in starts for word in pair]
    with running(tmp_path, *order, "-C", "virtual.port_glue=1", *words) as model:
        ports = model.rse_ports()
        assert sorted(ports) != ports
        assert [(port - 27000) // 50 for port in sorted(ports)] == [0, 1, 2, 3]
        assert len([x for x in model.text.splitlines() if "Listening" in x]) == 1


def test_a_busy_port_makes_the_terminal_take_the_next(tmp_path: Path):
    """start_port is where the search begins; the socket is on this host only."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        key = "css0.sysctrl.terminal_rse_uart.start_port"
        with running(tmp_path, "-C", f"{key}={port}") as model:
            got = model.rse_ports()[0]
            assert port < got < port + 20
            addresses = Path("/proc/net/tcp").read_text()
            assert f"0100007F:{got:04X}" in addresses
            assert f"00000000:{got:04X}" not in addresses


def test_telnet_mode_greets_with_15_bytes_and_raw_mode_does_not(tmp_path: Path):
    """Five three-byte commands, then the bytes of the UART; answers are not input."""
    raw = ("-C", "css1.sysctrl.terminal_rse_uart.mode=raw")
    with running(tmp_path, *raw, "-C", "virtual.flood=256", "-C", "virtual.echo=1") as model:
        telnet, plain = model.rse_ports()[:2]
        with attach(telnet) as console:
            greeting = read_some(console, lambda data: b"BL1_1" in data)
            assert [greeting[i] for i in range(0, 15, 3)] == [0xFF] * 5
            assert greeting[15:].startswith(b"[VER] noise of chip 0 ")
            console.sendall(bytes.fromhex("fffd01 fffd03 fffd00 fffb00 fffb03") + b"ok")
            assert read_some(console, lambda data: data.endswith(b"k")).endswith(b"ok")
        with attach(plain) as console:
            assert read_some(console, lambda data: len(data) > 256).startswith(b"[VER] noise of c")


def test_output_waits_for_its_client_and_a_client_may_come_back(tmp_path: Path):
    """Buffered until the first attach, one client at a time, open again afterwards."""
    with running(tmp_path, *RAW, "-C", "virtual.echo=1", "-C", "virtual.flood=256") as model:
        port = model.rse_ports()[2]
        with attach(port) as first:
            read_some(first, lambda data: b"BL1_1" in data)
            with attach(port) as second:
                assert second.recv(1) == b""
        with attach(port) as again:
            again.sendall(b"x")
            assert read_some(again, lambda data: data.endswith(b"x")).endswith(b"x")


def test_the_buffer_without_a_client_is_bounded(tmp_path: Path):
    """The newest bytes stay."""
    limit = ("-C", "virtual.terminal_buffer=100", "-C", "virtual.flood=2560")
    with running(tmp_path, *RAW, *limit, "-C", "css0.sysctrl.rse_uart.out_file=-") as model:
        model.wait_for("BL1_1")
        with attach(model.rse_ports()[0]) as console:
            assert read_some(console, lambda data: b"BL1_1" in data).count(b"noise") <= 1


def test_fast_input_is_lost(tmp_path: Path):
    """The UART has a FIFO of 32 bytes and no flow control."""
    with (
        running(tmp_path, *RAW, "-C", "virtual.echo=1") as model,
        attach(model.rse_ports()[0]) as console,
    ):
        read_some(console, lambda data: b"BL1_1" in data)
        console.sendall(b"." * 200)
        echoed = read_some(console, lambda data: data.count(b".") >= 32)
        console.sendall(b"!")
        echoed += read_some(console, lambda data: b"!" in data)
    assert echoed.count(b".") < 100


def test_a_quiet_terminal_says_nothing_but_listens(tmp_path: Path):
    """`quiet` hides the announcement."""
    port = free_port()
    with running(
        tmp_path,
        "-C", "css0.sysctrl.terminal_rse_uart.quiet=1",
        "-C", f"css0.sysctrl.terminal_rse_uart.start_port={port}",
    ) as model:  # fmt: skip
        assert len(model.ports(7)) == 7
        model.wait_for("xterm")
        assert port not in dict(model.ports(7)).values()
        attach(port).close()


def test_terminal_command_gets_the_port(tmp_path: Path):
    """`%port` is the port that the terminal really has; run at the first output, by a shell."""
    with running(
        tmp_path,
        "-C", "css1.sysctrl.terminal_rse_uart.terminal_command=echo %port %title > port.txt",
    ) as model:  # fmt: skip
        port = model.rse_ports()[1]
        file = tmp_path / "port.txt"
        until(lambda: file.exists() and file.read_text().endswith("\n"), "port.txt")
        assert file.read_text() == f"{port} terminal_rse_uart\n"


def test_early_output_can_be_lost(tmp_path: Path):
    """What a model does with it is not known; a launcher must stand both."""
    lost = ("-C", "virtual.early_output=lost", "-C", "virtual.flood=256", "-C", "virtual.echo=1")
    with running(tmp_path, *RAW, *lost, "-C", "css2.sysctrl.rse_uart.out_file=-") as model:
        model.wait_for("BL1_1")
        with attach(model.rse_ports()[2]) as console:
            console.sendall(b"x")
            assert b"noise" not in read_some(console, lambda data: b"x" in data)


@pytest.mark.parametrize("moves", [False, True])
def test_clients_can_be_dropped(tmp_path: Path, moves: bool):
    """Once; the terminal opens again, and says so where it is another port."""
    drop = ("-C", "virtual.drop_clients_after=0.4", "-C", f"virtual.drop_moves_port={moves:d}")
    with running(tmp_path, *RAW, *drop, "-C", "virtual.echo=1") as model:
        port = model.rse_ports()[0]
        with attach(port) as console:
            console.settimeout(10)
            while console.recv(65536):
                pass
        if moves:
            leaf, port = model.ports(9)[-1]
            assert leaf == "terminal_rse_uart"
            assert port not in [other for _, other in model.ports()[:8]]
            with pytest.raises(ConnectionRefusedError):
                attach(model.rse_ports()[0])
        with attach(port) as console:
            console.sendall(b"again")
            read_some(console, lambda data: b"again" in data)


def test_a_terminal_that_nobody_attached_to_can_stall_the_model(tmp_path: Path):
    """Full of what it holds for its client; as soon as that reads, time goes on."""
    stall = ("-C", "virtual.stall_unattached=1", "-C", "virtual.terminal_buffer=100",
             "-C", "virtual.scp_flood=2560")  # fmt: skip
    with running(tmp_path, *RAW, *stall, "-C", "css3.sysctrl.rse_uart.out_file=-") as model:
        scps = [port for leaf, port in model.ports() if leaf == "terminal_uart_scp"]
        rses = model.rse_ports()
        clients = [attach(port) for port in (*scps[1:], *rses)]
        try:
            with pytest.raises(AssertionError, match="no 'BL1_1' on stdout"):
                model.wait_for("BL1_1", seconds=0.5)
            with attach(scps[0]) as console:
                read_some(console, lambda data: data.count(b"noise of chip 0") == 10)
                model.wait_for("BL1_1")
        finally:
            for client in clients:
                client.close()
