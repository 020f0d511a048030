# SPDX-License-Identifier: Apache-2.0
"""Firmware that a model reads by itself: its ROMs and flashes, named by parameters, and `args`.

What a model writes of its own (disks, an OTP) is no firmware; what a flash holds at first is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from hil.errors import UsageError
from hil.targets import fvp_args, fvp_command
from hil.targets.fvp_command import Names
from hil.targets.fvp_images import Copies, check_read
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_settings import FvpSettings
from hil.targets.load import GivenFile

#: Parameters, by the end of their names, that name the content of a flash.
_FLASHES = {"fname", "fnameWrite"}


def given_files(
    settings: FvpSettings, names: Names, known: ModelParameters
) -> tuple[GivenFile, ...]:
    """Return every such file, as it is now.

    Raises:
        UsageError: One is not there, or cannot be read.
    """
    given = fvp_command.board_parameters(settings, names, known)
    cwd = fvp_command.working_folder(settings, names)
    files = check_read(given, cwd=cwd, state=names.state)
    for name, (original, _) in Copies(settings, names).files.items():
        if original is not None and name.rpartition(".")[2] in _FLASHES:
            files[name] = original
    digests: dict[Path, str] = {}
    found = []
    for parameter, path in files.items():
        name, rse = _of_whom(parameter, names)
        found.append(GivenFile(name, rse, path, parameter, _digest(path, digests, parameter)))
    words = fvp_command.arguments(settings, names)
    for option, path in fvp_args.files_of(words, cwd=cwd, state=names.state).items():
        digest = _digest(path, digests, fvp_args.WHERE)
        found.append(GivenFile(f"args {option}", None, path, option, digest))
    return tuple(found)


def _digest(path: Path, known: dict[Path, str], where: str) -> str:
    if path not in known:
        try:
            with path.open("rb") as stream:
                known[path] = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise UsageError(f"{where}: {path}: {error.strerror}") from None
    return known[path]


def _of_whom(parameter: str, names: Names) -> tuple[str, int | None]:
    """Return the name of what a parameter loads, the same for all RSEs, and the RSE whose it is."""
    for what, above in _levels(names):
        owners = [rse for rse, prefix in above.items() if parameter.startswith(f"{prefix}.")]
        if len(owners) == 1:
            rse = owners[0]
            return f"{what}.{parameter.removeprefix(above[rse])[1:]}", rse
    return parameter, None


def _levels(names: Names) -> Iterator[tuple[str, dict[int, str]]]:
    """Yield the prefixes of the RSEs, of what they are in, and of what that is in."""
    prefixes = dict(names.prefixes)
    for what in ("rse", "sysctrl", "css"):
        yield what, prefixes
        prefixes = {rse: up for rse, name in prefixes.items() if (up := name.rpartition(".")[0])}
