# SPDX-License-Identifier: Apache-2.0
"""The moments of a start: every console is open before the first instruction is judged."""

from __future__ import annotations

from collections.abc import Callable

from hil.errors import DeviceError
from hil.targets.endpoint import Endpoint
from hil.targets.fvp_consoles import FileConsoles, TerminalConsoles
from hil.targets.fvp_run import ModelRun
from hil.targets.launcher import Armed, OpenConsole

#: A model without terminals does not tell that it is up; one that refuses has ended by then.
_SETTLE_SECONDS = 1.0
_LOOK_SECONDS = 0.01

Spawn = Callable[[], ModelRun]


def open_terminals(
    consoles: TerminalConsoles,
    spawn: Spawn,
    open_console: OpenConsole,
    armed: Armed,
    *,
    seconds: float,
) -> None:
    """Start a model, freeze it when all terminals are announced, open consoles, let it go.

    Args:
        consoles: Terminals of the RSEs.
        spawn: Starts the model.
        open_console: Opens one console.
        armed: Called when all are open and the model stands still.
        seconds: Until all must be announced.

    Raises:
        DeviceError: The model ended or did not announce its terminals; with its last lines.
    """
    run = spawn()
    if not run.process.wait_until(lambda: consoles.complete(run.announced), seconds):
        raise run.failure(f"{consoles.missing(run.announced)}; after {seconds:g} s")
    run.process.freeze()
    try:
        for rse, port in consoles.ports(run.announced).items():
            if consoles.mode == "telnet":
                open_console(rse, Endpoint("telnet", f"127.0.0.1:{port}"))
            else:
                open_console(rse, run.terminals.console(rse))
    except (DeviceError, OSError) as error:
        if run.status() is None:
            raise
        # It died between its last announcement and now: that is why nobody answers.
        raise run.failure("") from error
    armed()
    run.terminals.release()
    run.process.thaw()


def open_files(
    consoles: FileConsoles,
    spawn: Spawn,
    open_console: OpenConsole,
    armed: Armed,
    *,
    seconds: float | None,
) -> None:
    """Make the files, open them as consoles, start the model that writes them.

    Args:
        consoles: Files of the RSEs.
        spawn: Starts the model.
        open_console: Opens one console.
        armed: Called when all are open and nothing was started yet.
        seconds: Until the model must announce a terminal, or a UART say something; None for one that
            announces nothing: it may be silent.

    Raises:
        DeviceError: The model ended, or did not come up in time; with its last lines.
    """
    for rse, endpoint in consoles.endpoints().items():
        open_console(rse, endpoint)
    armed()
    run = spawn()
    paths = list(consoles.paths())

    def said() -> bool:
        return any(path.is_file() and path.stat().st_size > 0 for path in paths)

    up = run.process.wait_until(
        lambda: bool(run.announced) or said(), seconds or _SETTLE_SECONDS, look=_LOOK_SECONDS
    )
    if (status := run.status()) is not None:
        run.process.hear_out()
        if said() and run.ending.by_firmware(status):
            return  # it did its work in no time: whether well is judged by what it said
        raise run.failure("")
    if seconds is not None and not up:
        raise run.failure(
            f"no terminal was announced and no UART said anything; after {seconds:g} s"
        )
