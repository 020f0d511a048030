# SPDX-License-Identifier: Apache-2.0
"""One run at a time on one piece of hardware; a lock never outlives its holder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.bench.locks import BenchLock
from hil.errors import DeviceError

HOLD = (
    "import sys, time; from hil.bench.locks import BenchLock\n"
    "with BenchLock(['probe A', 'probe B'], 'the run X'): print('held', flush=True); time.sleep(60)"
)


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIL_LOCKS", str(tmp_path))


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """Another run that holds the probes A and B."""
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_held_probe_is_refused_with_its_holder(other: subprocess.Popen[bytes]) -> None:
    """The message says what is in use, by whom, and nothing else stays locked."""
    with pytest.raises(DeviceError, match=rf"probe B is in use by the run X \(pid {other.pid}\)"):
        BenchLock(["probe 1", "probe B"], "me").__enter__()
    with BenchLock(["probe 1"], "me"):
        pass


def test_a_killed_holder_holds_nothing(other: subprocess.Popen[bytes]) -> None:
    """The kernel takes the lock back, whatever end the holder came to."""
    other.kill()
    other.wait(10)
    with BenchLock(["probe A", "probe B"], "me"):
        pass


def test_other_hardware_is_free(other: subprocess.Popen[bytes]) -> None:
    """Benches that share nothing run side by side."""
    with BenchLock(["probe C"], "me"), BenchLock(["probe D"], "me"):
        pass
