# SPDX-License-Identifier: Apache-2.0
"""What is missing to run a board, and the command that mends it."""

from __future__ import annotations

import difflib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from hil.bench.board import Board
from hil.bench.board_file import BoardFile
from hil.bench.image_plan import build_plan
from hil.bench.locks import BenchLock, holder_of
from hil.bench.model_inputs import system_inputs
from hil.bench.placeholders import expand, placeholders, variables
from hil.bench.power import SerialLine
from hil.bench.resources import resources
from hil.bench.services import service_programs
from hil.bench.targets import preflight_launcher
from hil.errors import DeviceError, HilError, UnsetVariableError
from hil.images.image_spec import ImageSpec, PackedImage
from hil.targets.process import find_program

#: Packages whose versions decide how a run behaves.
PACKAGES = ("pyocd", "imgtool", "pyserial", "pexpect", "pytest", "junitparser", "cryptography")
#: Below this there is no room for transcripts of a night.
MIN_FREE_BYTES = 200 << 20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: The thing.
        seen: Its version, path or state; for a missing one, what is wrong.
        mend: Command or step that mends it; None when nothing is missing.
    """

    what: str
    seen: str
    mend: str | None = None

    @property
    def missing(self) -> bool:
        """Whether this keeps the board from running."""
        return self.mend is not None


def examine_host() -> list[Finding]:
    """Look at Python, packages and room on the disk."""
    findings = [Finding("Python", f"{platform.python_version()} ({sys.executable})")]
    for package in PACKAGES:
        try:
            findings.append(Finding(package, importlib.metadata.version(package)))
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(package, "not installed", f"pip install {package}"))
    free = shutil.disk_usage(Path.cwd()).free
    told = f"{free >> 20} MiB free in {Path.cwd()}"
    mend = f"make room: at least {MIN_FREE_BYTES >> 20} MiB" if free < MIN_FREE_BYTES else None
    findings.append(Finding("disk", told, mend))
    return findings


def examine_board(file: BoardFile) -> list[Finding]:
    """Look at everything that a board needs, without touching the device."""
    board = file.board
    findings = [Finding("board file", str(file.path))]
    findings += _services(board)
    findings += _power(board)
    missing = list(_files(board))
    findings += missing
    if not any(finding.missing for finding in missing):
        findings += _plan(file)
    findings += _values(board)
    if board.services:
        # Its probes and consoles exist once the services run; their programs were looked at.
        findings += _announced(board)
        return findings
    try:
        findings += _launcher(file)
    except DeviceError as error:
        what = error.operation or "launcher"
        findings.append(Finding(what, str(error), error.hint or "see the message"))
    except UnsetVariableError as error:
        mend = f"export {error.variable}=... (see the board file)"
        findings.append(Finding("launcher", str(error), mend))
    except HilError as error:
        findings.append(Finding("launcher", str(error), "mend the board file"))
    return findings


def render_findings(findings: list[Finding], board: str | None) -> str:
    """Return the findings as text for a terminal, ending with one sentence."""
    width = max(len(finding.what) for finding in findings)
    lines = []
    for finding in findings:
        mark = "MISSING" if finding.missing else "ok"
        lines.append(f"{mark:<8} {finding.what:<{width}}  {finding.seen}")
        if finding.mend:
            lines.append(f"{'':<8} {'':<{width}}  -> {finding.mend}")
    missing = sum(finding.missing for finding in findings)
    target = f"`pytest testcases --board {board}`" if board else "the harness"
    many = "thing is" if missing == 1 else "things are"
    end = f"{missing} {many} missing" if missing else f"nothing is missing: {target} can run"
    return "\n".join([*lines, end])


def _services(board: Board) -> Iterator[Finding]:
    for name, program in service_programs(board):
        found = find_program(program)
        seen = str(found) if found else f"no program {program!r}"
        yield Finding(
            f"service {name}", seen, None if found else f"install {program} or put it on PATH"
        )


def _power(board: Board) -> Iterator[Finding]:
    for name in ("on", "off", "cycle", "reset"):
        method = getattr(board.power, name)
        if isinstance(method, SerialLine):
            device = Path(method.device)
            if device.is_absolute() and not device.exists():
                seen = f"no device {device}"
                yield Finding(f"power.{name}", seen, "plug it in, or correct the path")
        elif method and find_program(method[0]) is None:
            seen = f"no program {method[0]!r}"
            yield Finding(f"power.{name}", seen, f"install {method[0]} or put it on PATH")


def _launcher(file: BoardFile) -> Iterator[Finding]:
    """Ask the board's hardware, or say who uses it now: a probe is never asked in mid-run."""
    values = {"board": str(file.path.parent)}

    def expand_text(text: str, where: str) -> str:
        return expand(text, values, where=where)

    names = resources(file.board, expand_text)
    holders = {name: holder for name in names if (holder := holder_of(name)) is not None}
    for name, holder in holders.items():
        yield Finding(name, f"in use by {holder}", "wait for that run or end it")
    if holders:
        return
    with BenchLock(names, "hil doctor"):
        for found in preflight_launcher(file, expand_text):
            mend = None if found.ok else (found.fix or "see the message")
            yield Finding(found.what, found.found, mend)


def _plan(file: BoardFile) -> Iterator[Finding]:
    """Build the images as a run would: sizes, slots, overlaps and keys are looked at there."""
    try:
        with tempfile.TemporaryDirectory(prefix="rse-hil-doctor-") as folder:
            plan = build_plan(file, Path(folder))
    except HilError as error:
        yield Finding("images", str(error), "correct the board file or the image")
        return
    if plan.images:
        size = sum(image.size for image in plan.images)
        yield Finding("image plan", f"{len(plan.images)} files, {size >> 10} KiB, none overlaps")


def _announced(board: Board) -> Iterator[Finding]:
    """Look whether what the RSEs name is announced by a service, and at files beside it."""
    known = {"state", "board", "release"}
    for name, service in board.services.items():
        groups = re.compile(service.announce or "").groupindex
        labels = [f"{name}{rse}" for rse in board.rse_ids] if service.for_each_rse else [name]
        known |= {f"{label}.{group}" for label in labels for group in groups}
    for rse in board.rses:
        console = rse.console
        texts = [rse.probe, *(vars(console).values() if console else ())]
        for text in texts:
            for name in placeholders(text) if isinstance(text, str) else ():
                if name not in known:
                    near = difflib.get_close_matches(name, known, n=1)
                    mend = f"did you mean {{{near[0]}}}?" if near else "name a group of an announce"
                    yield Finding(f"RSE {rse.id}", f"no service announces {{{name}}}", mend)
        device = Path(console.serial) if console and console.serial else None
        if device is not None and device.is_absolute() and not device.exists():
            seen = f"no device {device}"
            yield Finding(f"console of RSE {rse.id}", seen, "plug it in, or correct the path")
    yield Finding("probes and consoles", "announced by the services when they start")
    script = getattr(board.launcher, "user_script", None)
    if script is not None and not script.is_file():
        yield Finding("launcher.user_script", f"no file {script}", "correct it in the board file")


def _files(board: Board) -> Iterator[Finding]:
    """Look for the inputs of all images; `${VAR}` and `{id}` are filled in first."""
    unset: dict[str, list[str]] = {}
    count = missing = 0
    for spec in board.images:
        for path in _inputs(spec, board.rse_ids):
            count += 1
            for name in variables(path):
                if name not in os.environ:
                    unset.setdefault(name, []).append(spec.name)
                    break
            else:
                text = expand(path, {}, where=spec.name)
                if not (os.access(text, os.R_OK) and Path(text).is_file()):
                    missing += 1
                    yield Finding(
                        f"image {spec.name}",
                        f"no readable file {text}",
                        "build it, or correct the path",
                    )
    for name, images in unset.items():
        needed = ", ".join(dict.fromkeys(images))
        yield Finding(
            f"${name}",
            f"is not set; needed for {needed}",
            f"export {name}=/path/to/folder (the board file says which)",
        )
    if count and not unset and not missing:
        yield Finding("images", f"{len(board.images)} from {count} files")


def _inputs(spec: ImageSpec, rse_ids: list[int]) -> list[str]:
    """Return the files that an image is made from, each once."""
    if spec.file is not None:
        ids = spec.targets(rse_ids)
        return list(dict.fromkeys(str(spec.file).replace("{id}", str(rse)) for rse in ids))
    if spec.files is not None:
        return list(dict.fromkeys(map(str, spec.files.values())))
    if spec.fip is not None:
        gpt = [str(spec.fip.gpt)] if spec.fip.gpt else []
        packed = chain.from_iterable(map(_packed, spec.fip.images.values()))
        return list(dict.fromkeys([*packed, *gpt]))
    if recipe := spec.mcuboot or spec.bl2:
        return [str(recipe.payload), str(recipe.key)]
    assert spec.provisioning is not None
    return [str(spec.provisioning.bl1_2), str(spec.provisioning.key)]


def _packed(image: Path | PackedImage) -> list[str]:
    """Return the files that an image of a package is made from."""
    if isinstance(image, Path):
        return [str(image)]
    recipe = image.mcuboot or image.bl2
    return [str(recipe.payload), str(recipe.key)] if recipe else []


def _values(board: Board) -> Iterator[Finding]:
    if board.fingerprint is None:
        yield Finding(
            "fingerprint", "none: this board prints no vHUK line, those tests are skipped"
        )
        return
    try:
        inputs = system_inputs(board)
    except HilError as error:
        yield Finding("provisioning values", str(error), "mend the board file")
        return
    unknown = [f"HUK of RSE {rse.rse}" for rse in inputs.rses if rse.huk is None]
    unknown += ["GUK"] if inputs.rses[0].guk is None else []
    unknown += ["BL1_2"] if inputs.rses[0].bl1_2_hash is None else []
    told = (
        f"not known: {', '.join(unknown)}; agreement is checked, the value is not"
        if unknown
        else "HUKs, GUK and BL1_2 known: the vHUK is checked against the reference model"
    )
    yield Finding("provisioning values", told)
