# SPDX-License-Identifier: Apache-2.0
"""What a check of an evidence archive found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.report.signoff.text import first_line

#: Findings that are printed; a broken archive can have as many as files.
MAX_LINES = 200


@dataclass
class Checked:
    """What was found in an archive.

    Attributes:
        findings: One sentence for each thing that is not as it was written; none if it is intact.
        files: How many the manifest lists.
        result: Of the statement: PASSED, WARNED or FAILED; "" if there is none.
        signature: What is known of the signature.
    """

    path: Path
    findings: list[str] = field(default_factory=list)
    files: int = 0
    result: str = ""
    signature: str = "not signed: this shows damage, not forgery"

    @property
    def intact(self) -> bool:
        """Whether every byte is as it was written, and signed as was asked."""
        return not self.findings

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "bundle": str(self.path),
            "intact": self.intact,
            "files": self.files,
            "result": self.result,
            "signature": self.signature,
            "findings": self.findings,
        }

    def lines(self) -> list[str]:
        """Return the same for people."""
        head = "intact" if self.intact else "REFUSED"
        told = [f"{self.path}: {head}; {self.files} files, verdict in it: {self.result or 'none'}"]
        told += [f"  {finding}" for finding in self.findings[:MAX_LINES]]
        if len(self.findings) > MAX_LINES:
            told.append(f"  and {len(self.findings) - MAX_LINES} more; --json lists them")
        return [first_line(line) for line in (*told, f"  {self.signature}")]
