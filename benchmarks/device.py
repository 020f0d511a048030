# SPDX-License-Identifier: Apache-2.0
"""The device of the benchmarks: a process that talks, as fast as it is listened to.

Run as a program: `device.py pty FD BYTES CHUNK` or `device.py tcp PORT BYTES CHUNK`.
"""

from __future__ import annotations

import os
import socket
import sys

#: What is waited for; the log says it once, at its end.
FINAL = rb"END OF OUTPUT (\d+)"
HEAD = b"[INF] Starting TF-M BL1_1\r\n[INF] Starting TF-M BL1_2\r\n[INF] Starting bootloader\r\n"
TAIL = b"[NOT] Booting TF-M v2.3.1\r\nEND OF OUTPUT 4711\r\n"
LINES = b"".join(
    b"%08d the application says something that no row of the grammar knows: %x\r\n" % (n, n * 7919)
    for n in range(4000)
)


def pieces(total: int, chunk: int):
    """Give the log in pieces of at most `chunk` bytes."""
    yield HEAD
    left, at = total - len(HEAD) - len(TAIL), 0
    twice = LINES + LINES
    while left > 0:
        size = min(chunk, left)
        yield twice[at : at + size]
        at = (at + size) % len(LINES)
        left -= size
    yield b"\r\n" + TAIL


def main() -> None:
    kind, where, total, chunk = sys.argv[1], *map(int, sys.argv[2:5])
    if kind == "pty":
        fd = where
    else:
        sock = socket.create_connection(("127.0.0.1", where))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fd = sock.fileno()
    sys.stdin.readline()
    for piece in pieces(total, chunk):
        sent = 0
        while sent < len(piece):
            sent += os.write(fd, piece[sent:])
    sys.stdin.readline()  # stay until everything was read: a pty drops what is left


if __name__ == "__main__":
    main()
