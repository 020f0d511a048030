# SPDX-License-Identifier: Apache-2.0
"""What the policy says of evidence that does not say it itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hil.report.signoff.matching import fits
from hil.report.signoff.policy import Foreign


def rule_of(path: Path, foreign: Iterable[Foreign]) -> Foreign | None:
    """Return what the policy says of a file or a run, by its name."""
    return next((rule for rule in foreign if fits(path.resolve().name, [rule.files])), None)
