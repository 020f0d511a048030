# SPDX-License-Identifier: Apache-2.0
"""What is asked of a model before it is started: where it is, its version, its parameters."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hil.errors import DeviceError, UsageError
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_process import leash
from hil.targets.fvp_settings import FvpSettings
from hil.targets.process import find_program

_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_VERSION = re.compile(r"Fast Models [^\n]+")

#: Words in the output of a model that does not start -> what to do.
HINTS = {
    "cannot enable executable stack": "glibc 2.41 and later refuse this; clear the flag: "
    "find FVP_FOLDER -name '*.so' -exec patchelf --clear-execstack {} +",
    "error while loading shared libraries": "install the library that it names, or put the "
    "model's own folders on LD_LIBRARY_PATH in launcher.env (some packages have "
    "scripts/runtime.sh that says which)",
    "licen": "set ARMLMD_LICENSE_FILE in launcher.env, or activate a user based licence (armlm "
    "activate); ecosystem FVPs such as RD-V3 need none",
    "open display": "set ros.disable_visualisation=1, or run under xvfb-run",
    "exec format error": "the model was built for another architecture than this host",
}


@dataclass(frozen=True)
class Model:
    """What a model says of itself."""

    binary: Path
    version: str
    parameters: ModelParameters


def hint_for(output: str) -> str | None:
    """What to do about a model that printed this and ended."""
    lower = output.lower()
    return next((todo for words, todo in HINTS.items() if words in lower), None)


def with_environment(text: str, *, where: str) -> str:
    """Replace `${NAME}` by the environment; raises UsageError for an unset one."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise UsageError(f"{where}: environment variable {match[1]} is not set")
        return found

    return _VARIABLE.sub(value, text)


def find_binary(settings: FvpSettings, *, base: Path) -> Path:
    """The executable that `binary` names.

    Raises:
        UsageError: It is not there or cannot be executed; says where it was searched.
    """
    where = "launcher.binary"
    name = with_environment(settings.binary, where=where)
    if "/" in name:
        path = base / Path(name).expanduser()
        if not path.is_file():
            raise UsageError(f"{where}: no file {path}; expected the executable of the model")
    else:
        found = find_program(name)
        if found is None:
            raise UsageError(
                f"{where}: {name!r} is neither in {Path(sys.executable).parent} nor on PATH; "
                "install the model and put its folder on PATH (export PATH=...), or give its "
                "absolute path, or ${VAR} and the path in that environment variable"
            )
        path = found
    if not os.access(path, os.X_OK):
        raise UsageError(f"{where}: {path} is not executable (chmod +x {path})")
    return path.absolute()


def environment(settings: FvpSettings) -> dict[str, str]:
    """What `launcher.env` adds to the environment."""
    return {
        name: with_environment(value, where=f"launcher.env.{name}")
        for name, value in settings.env.items()
    }


def ask(binary: Path, arguments: list[str], settings: FvpSettings, *, cwd: Path) -> str:
    """Run the model with an option that makes it print something and end; returns the output."""
    command = [str(binary), *arguments]
    shown = " ".join([binary.name, *arguments])
    process = subprocess.Popen(
        leash(command, environment(settings)),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        raw, _ = process.communicate(timeout=settings.timeouts.query)
    except subprocess.TimeoutExpired:
        raise DeviceError(
            f"`{shown}` did not end in {settings.timeouts.query:g} s",
            operation="query the model",
            hint="run it by hand; launcher.timeouts.query",
        ) from None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    output = raw.decode(errors="replace")
    if process.returncode != 0:
        said = " | ".join(output.split("\n")[-6:]).strip(" |") or "it printed nothing"
        raise DeviceError(
            f"`{shown}` ended with status {process.returncode}: {said}",
            operation="query the model",
            hint=hint_for(output),
        )
    return output


def version(binary: Path, settings: FvpSettings, *, cwd: Path) -> str:
    """The line of the version banner that names the release."""
    output = ask(binary, ["--version"], settings, cwd=cwd)
    found = _VERSION.search(output)
    return found[0].strip() if found else output.strip()


def parameters(binary: Path, settings: FvpSettings, *, cwd: Path) -> ModelParameters:
    """All parameters of the model, with those of its plug-ins."""
    plugins = []
    words = iter(settings.args)
    for word in words:
        if word == "--plugin":
            plugins += [word, next(words, "")]
        elif word.startswith("--plugin="):
            plugins.append(word)
    listing = ask(binary, ["--list-params", *plugins], settings, cwd=cwd)
    return ModelParameters.parse(listing, binary=binary.name)


def query(settings: FvpSettings, *, base: Path, cwd: Path) -> Model:
    """Find the model and ask it, where it will run, for all that is needed before a start."""
    binary = find_binary(settings, base=base)
    return Model(binary, version(binary, settings, cwd=cwd), parameters(binary, settings, cwd=cwd))
