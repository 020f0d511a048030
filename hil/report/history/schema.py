# SPDX-License-Identifier: Apache-2.0
"""What a history keeps: one row per run, per test of a run, per stage of a boot.

Names are stored once and referred to by number. `result` and `stage_time` lie in the order of their
runs, so that a run is replaced in one place; the two indexes hold everything that the questions
over all runs read, in the order in which they group it, so that a million rows are read through
once and nothing is sorted.
"""

from __future__ import annotations

from enum import IntEnum

from hil.report.results import Status

#: "HILH": what `file` and other programs know the file by.
APPLICATION_ID = 0x48494C48
#: Version of the tables; kept in the file as `user_version`.
SCHEMA = 1

#: In the file a status is a number. Numbers are never given anew.
STATUS_CODES: dict[Status, int] = {
    Status.PASS: 0,
    Status.FLAKY: 1,
    Status.FAIL: 2,
    Status.ERROR: 3,
    Status.MISS: 4,
    Status.SKIP: 5,
    Status.XFAIL: 6,
}
STATUS_OF = {code: status for status, code in STATUS_CODES.items()}


class Group(IntEnum):
    """What a status says about the product on the device."""

    GOOD = 0  # it did what it should, at the first attempt or after the lab's failure
    BAD = 1  # it did not, or the test broke: nobody knows better
    SILENT = 2  # nothing was learned: the lab broke, it was skipped, or it is expected to fail


GROUP_OF: dict[Status, Group] = {
    Status.PASS: Group.GOOD,
    Status.FLAKY: Group.GOOD,
    Status.FAIL: Group.BAD,
    Status.ERROR: Group.BAD,
    Status.MISS: Group.SILENT,
    Status.SKIP: Group.SILENT,
    Status.XFAIL: Group.SILENT,
}

#: `device.rse` of what is not about one RSE.
WHOLE_BOARD = -1

TABLES = """
CREATE TABLE board (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE test (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE stage (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
-- All images of a run together: one digest, and the versions as a person knows them.
CREATE TABLE image_set (
    id INTEGER PRIMARY KEY, digest TEXT NOT NULL, versions TEXT NOT NULL,
    UNIQUE (digest, versions));
-- One RSE of a board, or the whole of it.
CREATE TABLE device (
    id INTEGER PRIMARY KEY, board INTEGER NOT NULL REFERENCES board, rse INTEGER NOT NULL,
    UNIQUE (board, rse));
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL, host TEXT NOT NULL, started INTEGER NOT NULL,
    board INTEGER NOT NULL REFERENCES board, images INTEGER NOT NULL REFERENCES image_set,
    seen_on_device INTEGER NOT NULL,
    release TEXT NOT NULL, toolchain TEXT, verdict TEXT NOT NULL, failure_class TEXT,
    seconds REAL, folder TEXT NOT NULL, content TEXT NOT NULL, progress INTEGER NOT NULL,
    good INTEGER NOT NULL, bad INTEGER NOT NULL, silent INTEGER NOT NULL, flaky INTEGER NOT NULL,
    UNIQUE (name, host, started));
CREATE TABLE result (
    run INTEGER NOT NULL REFERENCES run, test INTEGER NOT NULL REFERENCES test,
    device INTEGER NOT NULL REFERENCES device, images INTEGER NOT NULL REFERENCES image_set,
    status INTEGER NOT NULL, started INTEGER NOT NULL,
    failure_class TEXT, attempts INTEGER NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL,
    PRIMARY KEY (run, test)) WITHOUT ROWID;
CREATE INDEX result_over_time ON result (test, device, status, images, started);
CREATE TABLE stage_time (
    run INTEGER NOT NULL REFERENCES run, device INTEGER NOT NULL REFERENCES device,
    boot INTEGER NOT NULL, stage INTEGER NOT NULL REFERENCES stage,
    status TEXT NOT NULL, started INTEGER NOT NULL,
    seconds REAL, took REAL, budget REAL,
    PRIMARY KEY (run, device, boot, stage)) WITHOUT ROWID;
CREATE INDEX stage_over_time ON stage_time (boot, device, stage, started, took);
"""
