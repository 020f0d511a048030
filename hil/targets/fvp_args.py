# SPDX-License-Identifier: Apache-2.0
"""`launcher.args`: words that a model gets as they are, as far as a run depends on them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from hil.errors import UsageError

WHERE = "launcher.args"

#: Short options of a model that take no value, alone or combined (-IRp).
_FLAGS = re.compile(r"-[IRApSDPqlh]+")
_PARAMETER = re.compile(r"-C.*|--parameter(=.*)?", re.DOTALL)
#: Options that name a file which the model reads.
_FILES = {
    "-a": "--application",
    "--application": "--application",
    "-d": "--data",
    "--data": "--data",
    "-f": "--config-file",
    "--config-file": "--config-file",
}


def check_words(words: Sequence[str]) -> None:
    """Refuse words with which a run could not work.

    Raises:
        UsageError: They make the model wait for a debugger, or give it parameters that nobody checks.
    """
    for word in words:
        if _PARAMETER.fullmatch(word):
            raise UsageError(
                f"{WHERE}: {word}: expected parameters under launcher.parameters, where they are "
                "checked against those of the model"
            )
    flags = "".join(word[1:] for word in words if _FLAGS.fullmatch(word))
    served = "I" in flags or "S" in flags or {"--iris-server", "--cadi-server"} & set(words)
    if served and "R" not in flags and "--run" not in words:
        raise UsageError(
            f"{WHERE}: with a debug server the model waits at reset until a debugger lets it "
            "run; expected -R (--run) beside it"
        )


def files_of(words: Sequence[str], *, cwd: Path, state: Path) -> dict[str, Path]:
    """Return the files that the words let a model read, by option and what it loads into.

    Args:
        words: `launcher.args`, without placeholders.
        cwd: Where the model runs: relative paths count from there.
        state: Folder of the run; what is named there is made with the run.

    Raises:
        UsageError: One is not there.
    """
    found: dict[str, Path] = {}
    for option, value in _options(words):
        instance, file = _parts(option, value, cwd)
        path = cwd / file
        if path.is_file():
            name = " ".join(filter(None, (option, instance)))
            while name in found:
                name += "+"
            found[name] = path
        elif not file.is_relative_to(state):
            other = "" if file.is_absolute() else "; expected an absolute path, or {board}/..."
            raise UsageError(f"{WHERE}: {option} {value}: no file {path}{other}")
    return found


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        option, joined, value = word.partition("=")
        if option in _FILES:
            yield _FILES[option], value if joined else next(rest, "")


def _parts(option: str, value: str, cwd: Path) -> tuple[str, Path]:
    """Take `[INSTANCE=]FILE[@[SPACE:]ADDRESS]` apart; a name may have a `=` in it."""
    text = value.rpartition("@")[0] or value if option == "--data" else value
    instance, named, file = text.partition("=")
    if option == "--config-file" or not named or "/" in instance or (cwd / text).is_file():
        return "", Path(text)
    return instance, Path(file)
