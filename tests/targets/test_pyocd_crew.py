# SPDX-License-Identifier: Apache-2.0
"""Requests to pyOCD's processes and their answers: each answer belongs to its request."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_pyocd_launcher import rse, settings
from virtual_boards import BoardProcess

from hil.targets.pyocd_crew import Crew

pytest.importorskip("pyocd")

LIMIT = 120


def interrupt(*_: object) -> None:
    """Stand for a signal that ends whoever waits."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("interrupted", [1, 3])
def test_an_answer_that_nobody_waited_for_is_no_other_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: int
) -> None:
    """After waits that a signal ended, the next request gets its own answer."""
    with BoardProcess(tmp_path) as board:
        crew = Crew(settings(), [rse(board)])
        try:
            want = crew.ask("ping", {0: {"command": "ping"}}, LIMIT)
            for _ in range(interrupted):
                with monkeypatch.context() as patch:
                    patch.setattr(Crew, "_answer", interrupt)
                    with pytest.raises(KeyboardInterrupt):
                        crew.ask("another", {0: {"command": "no such command"}}, LIMIT)
            assert crew.ask("ping", {0: {"command": "ping"}}, LIMIT) == want
            assert crew.ask("ping", {0: {"command": "ping"}}, LIMIT) == want
        finally:
            crew.stop(LIMIT)
