# SPDX-License-Identifier: Apache-2.0
"""What is asked of a model before it is started: where it is, its version, its parameters."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hil.errors import DeviceError, UnsetVariableError, UsageError
from hil.targets.fvp_parameters import ModelParameters
from hil.targets.fvp_settings import FvpSettings
from hil.targets.fvp_spawn import leash
from hil.targets.process import find_program

#: The parameters of the largest models are a few megabytes.
_MOST_OUTPUT = 256 << 20
_LOOK_SECONDS = 0.05
_PAUSE_SECONDS = 0.002
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")
_VERSION = re.compile(r"Fast Models [^\r\n]+")
_ROW = re.compile(r"^\s*[A-Za-z_][\w.\[\]-]*=.*#\s*\(\s*\w+", re.MULTILINE)

_NO_DISPLAY = (
    "set the model's parameter disable_visualisation, or disable-visualisation, to 1; or run it under "
    "xvfb-run"
)
#: Words in the output of a model that does not start -> what to do; the first that fits counts.
HINTS = {
    "no space left on device": "make room: the disk of the run's folder is full",
    "cannot enable executable stack": "glibc 2.41 and later refuse this; clear the flag: "
    "find FVP_FOLDER -name '*.so' -exec patchelf --clear-execstack {} +",
    "version `glibc": "the model was built for a newer C library than this host has; use a newer host "
    "or a container",
    "version `glibcxx": "put the model's own folder, or a newer libstdc++, on LD_LIBRARY_PATH in "
    "launcher.env",
    "error while loading shared libraries": "install the library that it names, or put the "
    "model's own folders on LD_LIBRARY_PATH in launcher.env (some packages have "
    "scripts/runtime.sh that says which)",
    "open display": _NO_DISPLAY,
    "display is not set": _NO_DISPLAY,
    "exec format error": "the model was built for another architecture than this host",
    "plug-in": "give the path of the plug-in in launcher.args, or put its folder on LD_LIBRARY_PATH in "
    "launcher.env",
    "address already in use": "another program has a port that the model needs; end it, or give the "
    "model another one",
    "licen": "set ARMLMD_LICENSE_FILE in launcher.env, or activate a user based licence (armlm "
    "activate); ecosystem FVPs such as RD-V3 need none",
    "flexnet": "set ARMLMD_LICENSE_FILE in launcher.env; the licence server must be reachable",
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
            raise UnsetVariableError(match[1], what=where)
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
            if (there := _on_path(name)) is not None:
                raise UsageError(f"{where}: {there} is not executable (chmod +x {there})")
            raise UsageError(
                f"{where}: {name!r} is neither in {Path(sys.executable).parent} nor on PATH; "
                "install the model and put its folder on PATH (export PATH=...), or give its "
                "absolute path, or ${VAR} and the path in that environment variable"
            )
        path = found
    if not os.access(path, os.X_OK):
        raise UsageError(f"{where}: {path} is not executable (chmod +x {path})")
    return path.absolute()


def _on_path(name: str) -> Path | None:
    """Return a file of that name in a folder of PATH, whether or not it can be executed."""
    places = (Path(folder) / name for folder in os.get_exec_path() if folder)
    return next((place for place in places if place.is_file()), None)


def environment(settings: FvpSettings) -> dict[str, str]:
    """What `launcher.env` adds to the environment."""
    return {
        name: with_environment(value, where=f"launcher.env.{name}")
        for name, value in settings.env.items()
    }


def ask(
    binary: Path,
    arguments: list[str],
    settings: FvpSettings,
    *,
    cwd: Path,
    answer: re.Pattern[str],
) -> str:
    """Run the model with an option that makes it print something and end; returns the output.

    Args:
        binary: The model.
        arguments: The option.
        settings: `launcher` of the board file.
        cwd: Where it runs.
        answer: What the output holds if all went well; then the exit status says nothing, since no
            public document promises one.
    """
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
        raw = _all_output(process, settings.timeouts.query)
    finally:
        # Also what it has left behind in its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
    if raw is None:
        raise DeviceError(
            f"`{shown}` did not end in {settings.timeouts.query:g} s",
            operation="query the model",
            hint="run it by hand; launcher.timeouts.query",
        )
    output = raw.decode(errors="replace")
    if process.returncode != 0 and not answer.search(output):
        said = " | ".join(output.split("\n")[-6:]).strip(" |") or "it printed nothing"
        status = process.returncode
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise DeviceError(
            f"`{shown}` {how}: {said}",
            operation="query the model",
            hint=hint_for(output),
        )
    return output


def _all_output(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """What a process prints until its end; None if it does not end in time, or never stops talking."""
    assert process.stdout is not None
    # The status is taken without reaping: until then nobody else can get the id of the group.
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    output, silent, deadline = bytearray(), False, time.monotonic() + seconds
    while time.monotonic() < deadline and len(output) < _MOST_OUTPUT:
        ended = os.waitid(os.P_PID, process.pid, flags) is not None
        if silent:
            time.sleep(_PAUSE_SECONDS)
        elif select.select([process.stdout], [], [], 0 if ended else _LOOK_SECONDS)[0]:
            piece = os.read(process.stdout.fileno(), 1 << 16)
            output += piece
            silent = not piece
            continue
        if ended:
            return bytes(output)
    return None


def version(binary: Path, settings: FvpSettings, *, cwd: Path) -> str:
    """The line of the version banner that names the release."""
    output = ask(binary, ["--version"], settings, cwd=cwd, answer=_VERSION)
    found = _VERSION.search(output)
    return found[0].strip() if found else output.strip()


def parameters(
    binary: Path, settings: FvpSettings, *, cwd: Path, args: Sequence[str] = ()
) -> ModelParameters:
    """All parameters of the model, with those of the plug-ins that `args` loads."""
    plugins = []
    words = iter(args)
    for word in words:
        if word == "--plugin":
            plugins += [word, next(words, "")]
        elif word.startswith("--plugin="):
            plugins.append(word)
    listing = ask(binary, ["--list-params", *plugins], settings, cwd=cwd, answer=_ROW)
    # No public document promises that a failure (of a licence, say) has a status of its own.
    return ModelParameters.parse(listing, binary=binary.name, hint=hint_for(listing))


def query(settings: FvpSettings, *, base: Path, cwd: Path, args: Sequence[str] = ()) -> Model:
    """Find the model and ask it, where it will run, for all that is needed before a start."""
    binary = find_binary(settings, base=base)
    release = version(binary, settings, cwd=cwd)
    return Model(binary, release, parameters(binary, settings, cwd=cwd, args=args))
