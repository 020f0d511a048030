# SPDX-License-Identifier: Apache-2.0
"""From the launcher part of a board file to the launcher that drives the devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hil.bench.board import Board, Console
from hil.bench.board_file import BoardFile
from hil.bench.resources import one_name
from hil.errors import UsageError
from hil.targets.endpoint import Endpoint
from hil.targets.fvp import FvpLauncher
from hil.targets.fvp_preflight import Finding
from hil.targets.fvp_preflight import preflight as preflight_fvp
from hil.targets.fvp_settings import FvpSettings
from hil.targets.launcher import Launcher
from hil.targets.mps_launcher import MpsLauncher
from hil.targets.mps_launcher import preflight as preflight_mps
from hil.targets.mps_settings import MpsSettings
from hil.targets.pyocd_launcher import PyocdLauncher
from hil.targets.pyocd_preflight import preflight as preflight_pyocd
from hil.targets.pyocd_settings import PyocdRse
from hil.targets.qemu import QemuLauncher
from hil.targets.qemu_preflight import preflight as preflight_qemu
from hil.targets.qemu_settings import QemuSettings
from hil.targets.recovery import Lab

Expand = Callable[[str, str], str]


def make_launcher(file: BoardFile, state: Path, expand: Expand, lab: Lab | None = None) -> Launcher:
    """Return the launcher of a board; nothing is touched yet.

    Args:
        file: The board.
        state: Folder of this run for what the launcher and its devices write.
        expand: Replaces the placeholders of a text; takes the text and its place in the file.
        lab: What the launcher may use of the lab, and whom it tells what happens.
    """
    settings = file.board.launcher
    if isinstance(settings, FvpSettings):
        ids = file.board.rse_ids
        tell = lab.tell if lab else None
        return FvpLauncher(settings, ids, state=state, base=file.path.parent, tell=tell)
    if isinstance(settings, MpsSettings):
        drive = Path(expand(settings.drive, "launcher.drive"))
        return MpsLauncher(settings, drive, _consoles(file.board, expand), lab)
    if isinstance(settings, QemuSettings):
        ids = file.board.rse_ids
        tell = lab.tell if lab else None
        return QemuLauncher(settings, ids, state=state, base=file.path.parent, tell=tell)
    return PyocdLauncher(settings, pyocd_rses(file.board, expand), lab)


def pyocd_rses(board: Board, expand: Expand) -> list[PyocdRse]:
    """Return every RSE with its probe and console, placeholders replaced."""
    rses: list[PyocdRse] = []
    for rse in board.rses:
        if rse.probe is None or rse.console is None:
            raise UsageError(f"rses: RSE {rse.id} needs `probe` and `console` with pyocd")
        probe = expand(rse.probe, f"rses.{rse.id}.probe")
        found = PyocdRse(rse.id, probe, endpoint(rse.id, rse.console, expand))
        for other in rses:
            # Two processes that drive one chip would each undo what the other has checked.
            if same := _names(found) & _names(other):
                what = min(same).partition(" ")[0]
                raise UsageError(f"rses: RSE {other.id} and RSE {rse.id} have the same {what}")
        rses.append(found)
    return rses


def _names(rse: PyocdRse) -> set[str]:
    """Name probe and console as their locks do: two spellings of one thing are one thing."""
    probe, console = one_name("probe", rse.probe), one_name("console", rse.console.address)
    return {f"probe {probe}", f"console {console}"}


def console_endpoints(file: BoardFile, expand: Expand) -> dict[int, Endpoint]:
    """Return where the consoles are that are there before anything was started.

    Raises:
        UsageError: a model makes its consoles when it starts.
    """
    if isinstance(file.board.launcher, FvpSettings | QemuSettings):
        raise UsageError(
            f"{file.board.name}: the consoles of a model are there only once it was started with "
            "its images; add --load"
        )
    return _consoles(file.board, expand)


def _consoles(board: Board, expand: Expand) -> dict[int, Endpoint]:
    """Return the console of every RSE that has one."""
    return {
        rse.id: endpoint(rse.id, rse.console, expand)
        for rse in board.rses
        if rse.console is not None
    }


def endpoint(rse: int, console: Console, expand: Expand) -> Endpoint:
    """Return where the console of an RSE is opened."""
    where = f"rses.{rse}.console"
    if console.serial is not None:
        return Endpoint("serial", expand(console.serial, where), console.baud)
    if console.telnet is not None:
        return Endpoint("telnet", expand(console.telnet, where))
    return Endpoint("tcp", expand(console.tcp or "", where))


def preflight_launcher(file: BoardFile, expand: Expand) -> Sequence[Finding]:
    """Look at what the launcher needs, without starting anything."""
    settings = file.board.launcher
    if isinstance(settings, FvpSettings):
        return preflight_fvp(settings, file.board.rse_ids, base=file.path.parent)
    if isinstance(settings, MpsSettings):
        drive = Path(expand(settings.drive, "launcher.drive"))
        return preflight_mps(settings, drive, _consoles(file.board, expand))
    if isinstance(settings, QemuSettings):
        return preflight_qemu(settings, base=file.path.parent)
    return preflight_pyocd(settings, pyocd_rses(file.board, expand))
