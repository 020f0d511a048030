# SPDX-License-Identifier: Apache-2.0
"""From a board file and a model to one start of it: the same for a run and for doing it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hil.targets import fvp_args, fvp_checks, fvp_command, fvp_query, fvp_user_ports
from hil.targets.fvp_command import Names
from hil.targets.fvp_consoles import FileConsoles, TerminalConsoles
from hil.targets.fvp_images import Copies, check_read
from hil.targets.fvp_invocation import Invocation
from hil.targets.fvp_originals import check_originals
from hil.targets.fvp_ports import PortPlan, Reservation
from hil.targets.fvp_query import Model
from hil.targets.fvp_settings import FvpSettings
from hil.targets.fvp_state import RunState
from hil.targets.load import PlacedImage


def ask_model(settings: FvpSettings, *, state: Path, base: Path) -> Model:
    """Ask a model what it is; `state` is the folder of the run, `base` that of the board file."""
    state.mkdir(parents=True, exist_ok=True)
    names = Names({}, state, base)
    cwd = fvp_command.working_folder(settings, names)
    args = fvp_command.arguments(settings, names)
    return fvp_query.query(settings, base=base, cwd=cwd, args=args)


def names_of(
    settings: FvpSettings, model: Model, rse_ids: Sequence[int], *, state: Path, base: Path
) -> Names:
    """What placeholders stand for with this model."""
    prefixes = fvp_command.prefixes(settings, model.parameters, rse_ids)
    return Names(prefixes, state, base)


@dataclass(frozen=True)
class Start:
    """What is settled before a start, and gives its invocation.

    Attributes:
        settings: `launcher` of the board file.
        model: What the model is.
        names: What placeholders stand for.
        copies: Files that it writes.
        number: Number of this start in the run, from 1.
    """

    settings: FvpSettings
    model: Model
    names: Names
    copies: Copies
    number: int

    def terminals(self, plan: PortPlan) -> TerminalConsoles:
        """Consoles behind TCP ports."""
        return TerminalConsoles(
            self.settings.console, self.names, self.model.parameters, plan, start=self.number
        )

    def files(self) -> FileConsoles:
        """Consoles that are files."""
        return FileConsoles(
            self.settings.console, self.names, self.model.parameters, start=self.number
        )

    @property
    def announces(self) -> bool:
        """Whether the model has a terminal that it tells of."""
        known = self.model.parameters
        given = fvp_command.board_parameters(self.settings, self.names, known)
        return not all(known.is_on(f"{each}.quiet", given) for each in known.terminals())

    def invocation(
        self,
        consoles: TerminalConsoles | FileConsoles,
        images: Sequence[PlacedImage],
        reservation: Reservation,
        *,
        nvm: str,
    ) -> Invocation:
        """Everything that this start takes.

        Raises:
            UsageError: The model has other parameters than the board file says, a file or folder
                is missing, or a port of the host is taken.
        """
        settings, names, known = self.settings, self.names, self.model.parameters
        given = fvp_command.board_parameters(settings, names, known)
        cwd = fvp_command.working_folder(settings, names)
        check_read(given, cwd=cwd, state=names.state)
        words = fvp_command.arguments(settings, names)
        fvp_args.files_of(words, cwd=cwd, state=names.state)
        check_originals(given, known, state=names.state)
        own = consoles.parameters | self.copies.parameters(given, first=self.number == 1)
        parameters = fvp_command.parameters(settings, names, known, own)
        where = fvp_checks.places(settings, names)
        fvp_checks.check(parameters, known, version=self.model.version, where=where)
        parameters |= fvp_user_ports.fill(parameters, known, reservation)
        command = fvp_command.command_line(self.model.binary, settings, names, parameters, images)
        return Invocation(
            argv=tuple(command),
            cwd=cwd,
            state=names.state,
            env=fvp_query.environment(settings),
            copies=tuple(self.copies.all.values()),
            consoles=_places(consoles),
            version=self.model.version,
            nvm=nvm,
            user_ports=fvp_user_ports.mapped(parameters),
            left_out=fvp_checks.left_out(settings, names, known),
        )


def by_hand(
    settings: FvpSettings,
    rse_ids: Sequence[int],
    images: Sequence[PlacedImage],
    *,
    state: Path,
    base: Path,
) -> Invocation:
    """What the first start of a run would be; nothing is started, and no port stays reserved.

    Args:
        settings: `launcher` of the board file.
        rse_ids: Ids of the board's RSEs.
        images: What is loaded.
        state: Folder for what the model writes.
        base: Folder of the board file.
    """
    model = ask_model(settings, state=state, base=base)
    names = names_of(settings, model, rse_ids, state=state, base=base)
    files = RunState(settings, names, _unsaid)
    try:
        files.make()
        start = Start(settings, model, names, files.copies, 1)
        with closing(PortPlan(names.prefixes)) as ports:
            terminal = settings.console.kind == "terminal"
            consoles = start.terminals(ports) if terminal else start.files()
            return start.invocation(consoles, images, ports.reservation, nvm=files.nvm)
    finally:
        files.release()


def _unsaid(_: str) -> None:
    """Take what there is no record for."""


def _places(consoles: TerminalConsoles | FileConsoles) -> Mapping[int, str]:
    if isinstance(consoles, TerminalConsoles):
        return {rse: f"127.0.0.1:{port}" for rse, port in consoles.start_ports.items()}
    return {rse: endpoint.address for rse, endpoint in consoles.places().items()}
