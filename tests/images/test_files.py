# SPDX-License-Identifier: Apache-2.0
"""Files that several processes build at once."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hil.errors import DeviceError, ImageError
from hil.images.files import one_at_a_time, write_atomically
from hil.images.output import new_file

PLAN = """
import hashlib, sys
from pathlib import Path
from hil.bench.board_file import find_board, load_board
from hil.bench.image_plan import build_plan
plan = build_plan(load_board(find_board("virtual-rse4")), Path(sys.argv[1]))
print("built", flush=True)
sys.stdin.readline()
wrong = [i.name for i in plan.images if hashlib.sha256(i.path.read_bytes()).hexdigest() != i.sha256]
print("wrong:", wrong)
"""


def test_runs_that_build_the_same_images_at_once(tmp_path: Path) -> None:
    """Signatures differ each time: who builds second takes what the first one made."""
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", PLAN, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for run in runs:
        assert run.stdout is not None
        assert run.stdout.readline() == "built\n"
    for run in runs:
        told, _ = run.communicate("\n", timeout=300)
        assert told == "wrong: []\n"


def test_halves_of_files_are_removed(tmp_path: Path) -> None:
    """A process that was killed while it wrote left one; the lock and whole files stay."""
    whole = tmp_path / "bl2-0123.bin"
    whole.touch()
    half = tmp_path / f".bl2-0123.bin.{os.getpid()}"
    half.touch()
    with one_at_a_time(tmp_path):
        assert not half.exists()
    assert {path.name for path in tmp_path.iterdir()} == {whole.name, ".lock"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_whose_fault_a_file_is_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """A full disk is the lab's; a folder that is not ours is told as such."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    expected = ImageError if number == errno.EACCES else DeviceError
    with pytest.raises(expected, match=os.strerror(number)):
        write_atomically(tmp_path / "x.bin", b"x")
    with pytest.raises(expected, match=r"x\.bin"), new_file(tmp_path / "x.bin"):
        pytest.fail("it is open")


def test_another_process_that_never_finishes(tmp_path: Path) -> None:
    """The wait has a limit; then the folder is named."""
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        with (
            pytest.raises(ImageError, match=r"has been building images here for 0\.2 s"),
            one_at_a_time(tmp_path, 0.2),
        ):
            pytest.fail("two at a time")
        assert time.monotonic() - began >= 0.2
    with one_at_a_time(tmp_path, 0):
        pass
