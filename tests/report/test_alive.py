# SPDX-License-Identifier: Apache-2.0
"""Whether a run goes on: its process, not another one that has its number by now."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hil.report.alive import process_started
from hil.report.recorded import read_record
from hil.report.run_record import RunRecord
from hil.report.runs_view import read_run


def test_a_run_that_goes_on_and_one_whose_process_is_another_now(tmp_path: Path) -> None:
    """After a reboot or in the next container a number is given anew: such a run was killed."""
    record = RunRecord.create(tmp_path, "b")
    assert read_record(record.folder).verdict == "running"
    assert read_run(record.folder).verdict == "running"
    record.update(pid_started=record.get("pid_started") - 1)
    assert read_record(record.folder).verdict == "killed"
    assert read_run(record.folder).verdict == "killed"
    record.update(pid_started=None)  # records of earlier versions do not say it
    assert read_record(record.folder).verdict == "running"


def test_a_process_that_has_ended_writes_nothing(tmp_path: Path) -> None:
    """Also where nobody has waited for it, as in many containers."""
    record = RunRecord.create(tmp_path, "b")
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        record.update(pid=process.pid, pid_started=process_started(process.pid))
        assert read_record(record.folder).verdict == "killed"
