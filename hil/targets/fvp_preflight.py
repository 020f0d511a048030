# SPDX-License-Identifier: Apache-2.0
"""What stands in the way of starting a model, found without starting it; for `hil doctor`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.errors import DeviceError, HilError
from hil.targets import fvp_args, fvp_checks, fvp_command, fvp_query
from hil.targets.fvp_command import Names
from hil.targets.fvp_consoles import FileConsoles, TerminalConsoles
from hil.targets.fvp_images import Copies, check_read
from hil.targets.fvp_invocation import unknown
from hil.targets.fvp_originals import check_originals
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
    "arguments": "correct launcher.args, which the model gets as they are",
    "consoles": "set launcher.console after `{binary} --list-params`",
    "parameters": "rename them after `{binary} --list-params`, or make them optional_parameters",
    "files": "make them (`hil image rom create` makes the ROM), or correct their paths and places",
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
    what = "model"  # what is being looked at

    def found(text: str) -> None:
        findings.append(Finding(True, what, text))

    try:
        path = fvp_query.find_binary(settings, base=base)
        binary = str(path)
        found(binary)
        what = "version"
        cwd = fvp_command.working_folder(settings, Names({}, state, base))
        version = fvp_query.version(path, settings, cwd=cwd)
        found(version)
        what = "arguments"
        args = fvp_command.arguments(settings, Names({}, state, base))
        named = fvp_args.files_of(args, cwd=cwd, state=state)
        what = "RSEs"
        model = fvp_query.parameters(path, settings, cwd=cwd, args=args)
        prefixes = fvp_command.prefixes(settings, model, rse_ids)
        found(", ".join(prefixes.values()))
        names = Names(prefixes, state, base)
        what = "consoles"
        own = _console_parameters(settings, names, model)
        what = "parameters"
        found(_check_parameters(settings, names, model, version, own))
        what = "files"
        given = fvp_command.board_parameters(settings, names, model)
        read = check_read(given, cwd=cwd, state=state) | named
        check_originals(given, model, state=state)
        found(", ".join(sorted(set(map(str, read.values())))) or "none is read")
        what = "writable images"
        originals = Copies(settings, names).check()
        found(", ".join(map(str, originals)) or "none is copied")
        what = "OTP"
        found(_check_nvm(settings, names))
    except HilError as error:
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


def _console_parameters(
    settings: FvpSettings, names: Names, model: ModelParameters
) -> dict[str, str]:
    """What consoles would be given; raises UsageError if the model has none of that name."""
    if settings.console.kind == "terminal":
        plan = PortPlan(names.prefixes, base=_ANY_PORT)
        return TerminalConsoles(settings.console, names, model, plan, start=0).parameters
    return FileConsoles(settings.console, names, model, start=0).parameters


def _check_parameters(
    settings: FvpSettings,
    names: Names,
    model: ModelParameters,
    version: str,
    own: Mapping[str, str],
) -> str:
    """What is to be said of the parameters; raises UsageError if the model refuses one."""
    given = fvp_command.board_parameters(settings, names, model)
    own = {**own, **Copies(settings, names).parameters(given, first=True)}
    parameters = fvp_command.parameters(settings, names, model, own)
    where = fvp_checks.places(settings, names)
    fvp_checks.check(parameters, model, version=version, where=where)
    told = f"all {len(parameters)} exist in this model"
    absent = unknown(fvp_checks.left_out(settings, names, model))
    return f"{told}; optional ones that it lacks: {', '.join(absent)}" if absent else told
