# SPDX-License-Identifier: Apache-2.0
"""Files of a record: whole or not at all, and no half of one is ever left."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hil.whole_file import HALF, whole_file

WRITER = """
import sys
from pathlib import Path
from hil.whole_file import whole_file
with whole_file(Path(sys.argv[1])) as stream:
    stream.write(b"half")
    stream.flush()
    print("half written", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(params=["nameless", "named"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One with files without a name, and one without (as network file systems)."""
    if request.param == "named":
        true_open = os.open

        def refuse(path: str, flags: int, *more: int, **where: int) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "no files without a name")
            return true_open(path, flags, *more, **where)

        monkeypatch.setattr(os, "open", refuse)
    return str(request.param)


def test_a_file_is_there_whole(tmp_path: Path, file_system: str) -> None:
    """New or in the place of another; nothing else is in the folder."""
    path = tmp_path / "run.json"
    for content in (b"one", b"another"):
        with whole_file(path) as stream:
            stream.write(content[:2])
            assert not path.exists() or path.read_bytes() == b"one"
            halves = {each.name for each in tmp_path.iterdir()} - {path.name}
            assert all(HALF.fullmatch(name) for name in halves)
            assert len(halves) == (file_system == "named")
            stream.write(content[2:])
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.usefixtures("file_system")
def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """Whatever goes wrong in between, the old content counts."""
    path = tmp_path / "run.json"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), whole_file(path) as stream:
        stream.writelines([b"new", "no bytes"])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Said as the system says it."""
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "none" / "run.json"):
        pytest.fail("nowhere to write")


def test_a_writer_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    """Not even a hidden file."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "report.html")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"half written\n"
    writer.kill()
    writer.communicate()
    assert list(tmp_path.iterdir()) == []
