# SPDX-License-Identifier: Apache-2.0
"""Parameters of a board file against those of a model: what it lacks, and where it stands."""

from __future__ import annotations

from collections.abc import Mapping

from hil.errors import UsageError
from hil.targets.fvp_command import OPTIONAL, PARAMETERS, Names, expand
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_settings import FvpSettings

_SHOWN_PROBLEMS = 4


def check(
    parameters: Mapping[str, str],
    model: ModelParameters,
    *,
    version: str,
    where: Mapping[str, str] | None = None,
) -> None:
    """Refuse parameters that the model would not take.

    Args:
        parameters: All that it would be given.
        model: What it has.
        version: What it calls itself.
        where: Place in the board file of those that do not stand in `launcher.parameters`.

    Raises:
        UsageError: Names all of them, with the nearest that the model has.
    """
    problems: dict[str, list[str]] = {}
    for name, value in parameters.items():
        # Looking for the nearest name takes long in a large model, and few are shown.
        suggest = sum(map(len, problems.values())) < _SHOWN_PROBLEMS
        if p := model.problem(name, value, suggest=suggest):
            problems.setdefault((where or {}).get(name, PARAMETERS), []).append(p)
    if problems:
        raise UsageError(
            "; ".join(
                f"{place}: {version} does not take {len(told)} of them: "
                + "; ".join(told[:_SHOWN_PROBLEMS])
                + ("; ..." if len(told) > _SHOWN_PROBLEMS else "")
                for place, told in problems.items()
            )
        )


def left_out(settings: FvpSettings, names: Names, model: ModelParameters) -> dict[str, str]:
    """The optional parameters that the model lacks, as the board file has them.

    Returns:
        What was probably meant, "" where nothing is near, by the name in the board file.
    """
    found: dict[str, str] = {}
    for key, value in settings.optional_parameters.items():
        missing = [n for n in expand({key: value}, names, where=OPTIONAL) if not model.has(n)]
        if missing:
            found[key] = model.near(missing[0]) or ""
    return found


def places(settings: FvpSettings, names: Names) -> dict[str, str]:
    """Where parameters stand in the board file that do not stand in `launcher.parameters`."""
    found = dict.fromkeys(expand(settings.optional_parameters, names, where=OPTIONAL), OPTIONAL)
    for name in expand(settings.parameters, names, where=PARAMETERS):
        found.pop(name, None)
    for where, images in (
        ("launcher.writable_images", settings.writable_images),
        ("launcher.nvm.images", settings.nvm.images),
    ):
        found |= dict.fromkeys(expand(images, names, where=where), where)
    return found
