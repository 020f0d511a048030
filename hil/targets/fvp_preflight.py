# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of starting a model, found without starting it; for `hil doctor`."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.errors import DeviceError, HilError
from hil.targets import fvp_command, fvp_query
from hil.targets.fvp_command import Names
from hil.targets.fvp_consoles import FileConsoles, TerminalConsoles
from hil.targets.fvp_images import Copies, check_read
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_ports import PortPlan
from hil.targets.fvp_settings import FvpSettings
from hil.targets.fvp_state import kept_state

_ANY_PORT = 18000
#: What was looked at -> what mends it, unless the failure itself knows better.
_FIXES = {
    "model": "install the model, then put its folder on PATH (export PATH=$PATH:/opt/...), or set "
    "launcher.binary to its path or to ${VAR}",
    "version": "run `{binary} --version` by hand, in launcher.cwd, until it prints its version",
    "RSEs": "set launcher.rse_pattern or rse_prefixes after `{binary} --list-params`",
    "parameters": "rename them after `{binary} --list-params`, or make them optional_parameters",
    "files": "make them (`hil image rom create` makes the ROM), or correct their paths",
    "writable images": "make the files, or give an empty text for new ones",
    "OTP": "end the run that uses the kept OTP, or delete its folder for fresh devices",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        ok: Whether it is as it must be.
        what: What was looked at.
        found: What was found.
        fix: What mends it, None where nothing is to be done or known.
    """

    ok: bool
    what: str
    found: str
    fix: str | None = None


def preflight(settings: FvpSettings, rse_ids: Sequence[int], *, base: Path) -> list[Finding]:
    """Look at binary, version, prefixes, parameters and files; ends where nothing more can be seen.

    Args:
        settings: `launcher` of the board file.
        rse_ids: Ids of the board's RSEs.
        base: Folder of the board file.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _look(settings, rse_ids, base, Path(folder))


def _look(settings: FvpSettings, rse_ids: Sequence[int], base: Path, state: Path) -> list[Finding]:
    findings: list[Finding] = []
    binary = settings.binary

    def found(text: str) -> None:
        findings.append(Finding(True, list(_FIXES)[len(findings)], text))

    try:
        path = fvp_query.find_binary(settings, base=base)
        binary = str(path)
        found(binary)
        cwd = fvp_command.working_folder(settings, Names({}, state, base))
        version = fvp_query.version(path, settings, cwd=cwd)
        found(version)
        args = fvp_command.arguments(settings, Names({}, state, base))
        model = fvp_query.parameters(path, settings, cwd=cwd, args=args)
        prefixes = fvp_command.prefixes(settings, model, rse_ids)
        found(", ".join(prefixes.values()))
        names = Names(prefixes, state, base)
        count = _check_parameters(settings, names, model, version)
        found(f"all {count} exist in this model")
        given = fvp_command.board_parameters(settings, names, model)
        read = check_read(given, cwd=cwd, state=state)
        found(", ".join(sorted(set(map(str, read)))) or "none is read")
        originals = Copies(settings, names).check()
        found(", ".join(map(str, originals)) or "none is copied")
        found(_check_nvm(settings, names))
    except HilError as error:
        what = list(_FIXES)[len(findings)]
        hint = error.hint if isinstance(error, DeviceError) else None
        fix = hint or _FIXES[what].replace("{binary}", binary)
        findings.append(Finding(False, what, str(error), fix))
    return findings


def _check_nvm(settings: FvpSettings, names: Names) -> str:
    """Which provisioning state a run would start with; raises if it could not have it."""
    kept = kept_state(settings, names)
    if kept is None:
        return "fresh for each run"
    number = kept.number
    if number is None:
        return f"fresh, to be kept in {kept.folder}"
    copies = {name: names.state / f"{name}.img" for name in Copies(settings, names).nvm}
    kept.take()
    try:
        kept.fill(copies)
    finally:
        kept.release()
    return f"kept, state {number} of {kept.folder}"


def _check_parameters(
    settings: FvpSettings, names: Names, model: ModelParameters, version: str
) -> int:
    """Number of parameters that would be given; raises UsageError if the model refuses one."""
    own = (
        TerminalConsoles(
            settings.console, names, model, PortPlan(names.prefixes, base=_ANY_PORT), start=0
        ).parameters
        if settings.console.kind == "terminal"
        else FileConsoles(settings.console, names, start=0).parameters
    )
    given = fvp_command.board_parameters(settings, names, model)
    own |= Copies(settings, names).parameters(given, first=True)
    parameters = fvp_command.parameters(settings, names, model, own)
    fvp_command.check(parameters, model, version=version)
    return len(parameters)
