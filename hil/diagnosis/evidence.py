# SPDX-License-Identifier: Apache-2.0
"""What speaks for and against a cause, and how sure that makes one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Weight(StrEnum):
    """How much one piece of evidence tells."""

    PROOF = "proves it"  # nothing else gives this
    STRONG = "strong"  # few other things give this
    WEAK = "weak"  # fits, as it fits other causes
    EXCLUDES = "rules it out"


class Confidence(StrEnum):
    """How sure a cause is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


_POINTS = {Weight.PROOF: 100, Weight.STRONG: 10, Weight.WEAK: 1}


@dataclass(frozen=True)
class Evidence:
    """One observed fact and what it says about a cause."""

    text: str
    weight: Weight


@dataclass
class Clues:
    """Evidence for and against one cause while it is being gathered."""

    pro: list[Evidence] = field(default_factory=list)
    con: list[Evidence] = field(default_factory=list)

    def proof(self, text: str) -> None:
        """Note what only this cause gives."""
        self.pro.append(Evidence(text, Weight.PROOF))

    def strong(self, text: str) -> None:
        """Note what few other causes give."""
        self.pro.append(Evidence(text, Weight.STRONG))

    def weak(self, text: str) -> None:
        """Note what fits this cause as well as others."""
        self.pro.append(Evidence(text, Weight.WEAK))

    def against(self, text: str) -> None:
        """Note what this cause does not explain."""
        self.con.append(Evidence(text, Weight.WEAK))

    def doubt(self, text: str) -> None:
        """Note what hardly ever goes with this cause."""
        self.con.append(Evidence(text, Weight.STRONG))

    def excludes(self, text: str) -> None:
        """Note what cannot be if this is the cause."""
        self.con.append(Evidence(text, Weight.EXCLUDES))

    def suspicion(
        self, claim: str, rses: list[int], *, input_name: str = "", where: str = ""
    ) -> Suspicion:
        """Return what was gathered."""
        pro, con = tuple(self.pro), tuple(self.con)
        return Suspicion(claim, tuple(rses), pro, con, input_name, where)


@dataclass(frozen=True)
class Suspicion:
    """A cause that may hold here: its claim, whom it concerns, and what was seen.

    Attributes:
        claim: The cause in words, for one sentence.
        rses: The RSEs that it is about.
        pro: What speaks for it.
        con: What speaks against it.
        input_name: What differs ("LCS", "GUK"), where the cause is that an input differs.
        where: Words behind that name, so that causes with equal words can be told in one.
    """

    claim: str
    rses: tuple[int, ...]
    pro: tuple[Evidence, ...]
    con: tuple[Evidence, ...] = ()
    input_name: str = ""
    where: str = ""

    @property
    def holds(self) -> bool:
        """Whether something speaks for it and nothing rules it out."""
        return bool(self.pro) and all(e.weight is not Weight.EXCLUDES for e in self.con)

    @property
    def score(self) -> int:
        """What speaks for it less what speaks against it, to sort by."""
        return sum(_POINTS[e.weight] for e in self.pro) - sum(
            _POINTS.get(e.weight, 0) for e in self.con
        )

    @property
    def confidence(self) -> Confidence:
        """Certain by proof that nothing doubts, likely by strong evidence, else possible."""
        weights = {e.weight for e in self.pro}
        doubted = any(e.weight is Weight.STRONG for e in self.con)
        if Weight.PROOF in weights:
            return Confidence.LIKELY if doubted else Confidence.CERTAIN
        if Weight.STRONG in weights and not doubted:
            return Confidence.LIKELY
        return Confidence.POSSIBLE
