# SPDX-License-Identifier: Apache-2.0
"""`hil image ls` passes nothing over: what it cannot read, what is damaged, names of any characters."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_PR_CAPBSET_DROP = 24
#: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: without them root reads no file that is closed.
_CAPABILITIES = (1, 2)


def _drop() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in _CAPABILITIES:
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _ls(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hil.cli", "image", "ls", *options, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=_drop if os.geteuid() == 0 else None,
    )


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A file and a folder that are closed: each a line, and exit status 1."""
    closed, folder = tmp_path / "tfm_s_signed.bin", tmp_path / "secret"
    closed.write_bytes(bytes(range(256)) * 4)
    folder.mkdir()
    (folder / "bl2_signed.bin").write_bytes(bytes(range(256)) * 4)
    closed.chmod(0)
    folder.chmod(0)
    try:
        done = _ls(tmp_path)
    finally:
        folder.chmod(0o700)
    assert done.returncode == 1, done.stderr
    assert f"! {closed}: cannot be read: Permission denied" in done.stdout
    assert f"! {folder}: folder cannot be read: Permission denied" in done.stdout


def test_a_folder_that_is_closed_is_told(tmp_path: Path) -> None:
    """Given itself, or inside of another one that is."""
    inner = tmp_path / "closed" / "inner"
    inner.mkdir(parents=True)
    inner.parent.chmod(0)
    try:
        outer, within = _ls(inner.parent), _ls(inner)
    finally:
        inner.parent.chmod(0o700)
    assert (outer.returncode, outer.stderr) == (1, "")
    assert "folder cannot be read: Permission denied" in outer.stdout
    assert within.returncode == 2
    assert "Traceback" not in within.stderr
    assert "Permission denied" in within.stderr


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_names_do_not_reach_the_terminal_as_they_are(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """A newline would make a row of its own, ESC begins a command, some bytes are no text."""
    name = os.fsdecode(b"bl2\n\x1b[2J\xff\xc3\xbc_signed.bin")
    (tmp_path / name).write_bytes(b"")
    done = _ls(tmp_path, *options)
    assert done.returncode == 1, done.stderr
    assert "\x1b" not in done.stdout
    if not options:
        assert "bl2\\n\\x1b[2J\\udcffü_signed.bin" in done.stdout
        assert len(done.stdout.splitlines()) == 2


def test_memory_does_not_grow_with_files_that_are_no_images(tmp_path: Path) -> None:
    """A build directory may hold many large ones; not all fit into what is allowed here."""
    for number in range(12):
        path = tmp_path / f"dump{number}"
        path.write_bytes(b"\x9a\xff")
        os.truncate(path, 60 << 20)

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))

    done = subprocess.run(
        [sys.executable, "-m", "hil.cli", "image", "ls", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=limited,
    )
    assert done.stdout == f"no image among the 12 files in {tmp_path}\n", done.stderr[-500:]
