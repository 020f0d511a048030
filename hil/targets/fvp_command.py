# SPDX-License-Identifier: Apache-2.0
"""The command line of a model, from settings, prefixes found in it, images and start ports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.errors import UsageError
from hil.targets import fvp_args
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_query import with_environment
from hil.targets.fvp_settings import DEFAULT_TIMELIMIT, FvpSettings, Scalar
from hil.targets.load import PlacedImage

_PLACEHOLDER = re.compile(r"\{(id|rse|sysctrl|css|state|board)\}")
_OF_AN_RSE = re.compile(r"\{(id|rse|sysctrl|css)\}")
#: Places in a board file.
PARAMETERS, OPTIONAL = "launcher.parameters", "launcher.optional_parameters"
_MANY = 0xFFFF
#: Parameters, by the end of their names, that open windows: an xterm for each terminal, a display.
_WINDOWLESS = {"start_telnet": "0", "disable_visualisation": "1", "disable-visualisation": "1"}


@dataclass(frozen=True)
class Names:
    """What placeholders stand for.

    Attributes:
        prefixes: Prefix of each RSE by its id.
        state: Folder of this run.
        board: Folder of the board file.
    """

    prefixes: Mapping[int, str]
    state: Path
    board: Path

    def of(self, text: str, rse: int | None = None, *, where: str) -> str:
        """Text with its placeholders and environment variables replaced."""
        values = {"state": str(self.state), "board": str(self.board)}
        if rse is not None:
            prefix = self.prefixes.get(rse)
            if prefix is None:
                raise UsageError(f"{where}: the model has no RSE {rse}")
            sysctrl = prefix.rpartition(".")[0]
            css = sysctrl.rpartition(".")[0]
            values |= {"id": str(rse), "rse": prefix, "sysctrl": sysctrl, "css": css}

        def value(match: re.Match[str]) -> str:
            if not values.get(match[1]):
                raise UsageError(f"{where}: {match[0]} has no value here, in {text!r}")
            return values[match[1]]

        return _PLACEHOLDER.sub(value, with_environment(text, where=where))


def expand(values: Mapping[str, Scalar], names: Names, *, where: str) -> dict[str, str]:
    """Parameters of a board file as the model takes them; those that name an RSE for each RSE."""
    result: dict[str, str] = {}
    for name, value in values.items():
        text = scalar_text(value)
        place = f"{where}.{name}"
        if _OF_AN_RSE.search(name):
            for rse in names.prefixes:
                result[names.of(name, rse, where=place)] = names.of(text, rse, where=place)
        elif _OF_AN_RSE.search(text):
            raise UsageError(f"{place}: the value names an RSE ({text!r}), but the parameter none")
        else:
            result[names.of(name, where=place)] = names.of(text, where=place)
    return result


def scalar_text(value: Scalar) -> str:
    """A value as scripts for models write it: bools are 1 and 0, addresses and masks hexadecimal.

    >>> [scalar_text(value) for value in (True, 16, 0x80000000, "0x0000011B")]
    ['1', '16', '0x80000000', '0x0000011B']
    """
    if isinstance(value, bool):
        return str(int(value))
    return hex(value) if isinstance(value, int) and value > _MANY else str(value)


def prefixes(
    settings: FvpSettings, model: ModelParameters, rse_ids: Sequence[int]
) -> dict[int, str]:
    """Prefix of each RSE, fixed by the board file or found in the model.

    Raises:
        UsageError: There are more or fewer than the board has RSEs.
    """
    if settings.rse_prefixes is None:
        return model.rse_prefixes(settings.rse_pattern, rse_ids)
    given = settings.rse_prefixes
    if len(given) != len(rse_ids):
        raise UsageError(
            f"launcher.rse_prefixes: the board has {len(rse_ids)} RSE(s), but there are "
            f"{len(given)} prefixes: {', '.join(given)}"
        )
    return dict(zip(sorted(rse_ids), given, strict=True))


def parameters(
    settings: FvpSettings, names: Names, model: ModelParameters, own: Mapping[str, str]
) -> dict[str, str]:
    """Every parameter that the model gets: the board file's and the launcher's own.

    Windows that the board file says nothing about stay closed: hosts of a lab have no display. All
    terminals are raw: the run reads every one of them.

    Raises:
        UsageError: The board file sets what the launcher must set itself.
    """
    given = board_parameters(settings, names, model)
    if both := sorted(own.keys() & given.keys() - _reads(own)):
        raise UsageError(f"launcher.parameters: the launcher sets {', '.join(both)} itself")
    windowless = {
        name: value
        for name in model.types
        for end, value in _WINDOWLESS.items()
        if name.rpartition(".")[2] == end
    }
    raw = {f"{name}.mode": "raw" for name in model.terminals() if f"{name}.mode" in model.types}
    return {**windowless, **raw, **given, **own}


def board_parameters(settings: FvpSettings, names: Names, model: ModelParameters) -> dict[str, str]:
    """The parameters of the board file that go to this model."""
    optional = expand(settings.optional_parameters, names, where=OPTIONAL)
    given = {name: value for name, value in optional.items() if model.has(name)}
    return given | expand(settings.parameters, names, where=PARAMETERS)


def _reads(own: Mapping[str, str]) -> set[str]:
    """What the launcher may set although the board file does: what a loader reads after a reset."""
    return {name.removesuffix("Write") for name in own if name.endswith(".fnameWrite")}


def working_folder(settings: FvpSettings, names: Names) -> Path:
    """Where the model runs and is asked what it is; some look for mesh files there.

    Raises:
        UsageError: There is no such folder.
    """
    if settings.cwd is None:
        return names.state
    where = "launcher.cwd"
    path = names.board / names.of(settings.cwd, where=where)
    if not path.is_dir():
        raise UsageError(f"{where}: no folder {path}; expected the one that the model runs in")
    return path


def command_line(
    binary: Path,
    settings: FvpSettings,
    names: Names,
    parameters: Mapping[str, str],
    images: Iterable[PlacedImage],
) -> list[str]:
    """Program and arguments, in a stable order."""
    command = [str(binary)]
    for name, value in parameters.items():
        command += ["-C", f"{name}={value}"]
    for image in images:
        instance = names.of(settings.data_instance, image.rse, where="launcher.data_instance")
        command += ["--data", f"{instance}={image.path}@{image.address:#x}"]
    args = arguments(settings, names)
    return [*command, *_limits(settings, args), *args]


def arguments(settings: FvpSettings, names: Names) -> list[str]:
    """`launcher.args` with its placeholders replaced; raises UsageError for words that cannot work."""
    words = [names.of(word, where=fvp_args.WHERE) for word in settings.args]
    fvp_args.check_words(words)
    return words


def _limits(settings: FvpSettings, args: Sequence[str]) -> list[str]:
    """A model that nobody ends must end itself: without any limit it gets one of wall clock."""
    limits = {
        "--timelimit": settings.timelimit,
        "--simlimit": settings.simlimit,
        "--cpulimit": settings.cpulimit,
    }
    names = {word.partition("=")[0] for word in args}
    if not any(limits.values()) and not names & {*limits, "-T"}:
        limits["--timelimit"] = DEFAULT_TIMELIMIT
    words = []
    for option, seconds in limits.items():
        if seconds is not None:
            words += [option, f"{seconds:f}".rstrip("0").rstrip(".")]
    return words
