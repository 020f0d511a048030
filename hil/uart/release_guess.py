# SPDX-License-Identifier: Apache-2.0
"""Which TF-M release printed a log, as far as its text tells.

The version that the runtime prints is the best answer. Without it the grammar narrows it down: each
line that only some releases print excludes the others (BL1 of 2.2 warns with `[WAR]`, 2.3 prefixes
the SPM's lines). The image version is the weakest: whoever signs the image chooses it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hil.model.releases import find_release
from hil.uart.events import Event
from hil.uart.grammar_table import RELEASES

#: Rows that hold a version.
_VERSIONS = frozenset({"89", "91", "95"})
_SPOKEN = {"2.1": "2.1 or older", "2.2": "2.2.x", "2.3": "2.3 or later"}


@dataclass(frozen=True)
class ReleaseGuess:
    """A guess and what it rests on.

    Attributes:
        release: Version as printed ("2.2.2"), None if none was printed.
        generations: The code generations that can have printed this log.
        why: What the guess rests on.
        repaired: It prints lines of the repaired handshake, so that its codes are of "fixed".
        forced: Somebody said so, whatever the log shows.
    """

    release: str | None
    generations: tuple[str, ...]
    why: str
    repaired: bool = False
    forced: bool = False

    @property
    def known(self) -> str | None:
        """A release for error codes: the version, or the one generation that is possible."""
        if self.repaired and not self.forced:
            return "fixed"
        if self.release:
            return self.release
        return self.generations[0] if len(self.generations) == 1 else None

    def __str__(self) -> str:
        text = self._spoken()
        return f"{text}, with the repaired handshake" if self.repaired else text

    def _spoken(self) -> str:
        if self.release:
            return f"{self.release} ({self.why})"
        if not self.generations:
            return f"unclear ({self.why})"
        if len(self.generations) == len(_SPOKEN):
            return "unknown"
        return f"{' or '.join(_SPOKEN[g] for g in self.generations)} ({self.why})"


class ReleaseEvidence:
    """Collects what each line says about the release.

    Args:
        forced: The release that somebody knows better; None to find it in the log.
    """

    def __init__(self, forced: str | None = None) -> None:
        self._forced = forced
        self._possible = set(RELEASES["all"])
        self._contradiction = ""
        self._deciding = ""
        self._runtime: str | None = None
        self._image: str | None = None
        self._repaired = False

    def feed(self, event: Event) -> None:
        """Take a line."""
        number, values = event.row.number, event.values
        if event.row.releases == "all" and number not in _VERSIONS:
            return
        if number in ("91", "95"):
            self._runtime = (values[0] or "").removeprefix("v")
        elif number == "89":
            self._image = ".".join(value or "" for value in values)
        self._repaired = self._repaired or event.row.releases == "fixed"
        left = self._possible & RELEASES[event.row.releases]
        if not left:
            self._contradiction = self._contradiction or event.text
        elif left != self._possible:
            self._possible = left
            self._deciding = event.text

    def guess(self) -> ReleaseGuess:
        """Return the best guess so far."""
        return replace(self._guess(), repaired=self._repaired)

    def _guess(self) -> ReleaseGuess:
        generations = tuple(sorted(self._possible))
        if self._forced:
            return ReleaseGuess(self._forced, generations, "as was asked for", forced=True)
        if self._runtime:
            return ReleaseGuess(self._runtime, generations, "the runtime prints it")
        if self._contradiction:
            why = f"lines of different releases: {self._deciding!r}, {self._contradiction!r}"
            return ReleaseGuess(None, (), why)
        if self._image and self._may_be_release(self._image):
            return ReleaseGuess(self._image, generations, "version of the signed image")
        return ReleaseGuess(None, generations, f"it prints {self._deciding!r}")

    def _may_be_release(self, image: str) -> bool:
        """Return whether an image's version is that of a TF-M which prints the rest of the log."""
        known = find_release(image)
        return known is not None and known.generation in self._possible
