# SPDX-License-Identifier: Apache-2.0
"""What became of the firmware that printed a log, in one word and one sentence.

Lessons of real transcripts: `[ERR]` is no failure as such (an upgrade that is refused boots the old
image, a test provokes an error), and silence is no success (a secure panic prints nothing at all).
So a log counts as completed only if the firmware itself said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from hil.uart.boot_errors import explain
from hil.uart.events import Event
from hil.uart.release_guess import ReleaseGuess
from hil.uart.resets import ending_of, nothing_follows, tests_ended, told
from hil.uart.scanner import Scanner
from hil.uart.stages import Boot
from hil.uart.suites import SuiteResults

VerdictClass = Literal[
    "completed",
    "failed",
    "refused",
    "halted",
    "panicked",
    "resets",
    "running",
    "stopped",
    "foreign",
    "empty",
]

Outcome = Literal["passed", "failed", "refused", "incomplete", "no output", "foreign"]

#: A run is complete only with its own end marker: whatever ends without one is incomplete.
OUTCOMES: dict[VerdictClass, Outcome] = {
    "completed": "passed",
    "failed": "failed",
    "refused": "refused",
    "halted": "incomplete",
    "panicked": "incomplete",
    "resets": "incomplete",
    "running": "incomplete",
    "stopped": "incomplete",
    "foreign": "foreign",
    "empty": "no output",
}

#: Errors that mean that an image was not accepted.
_REFUSALS = frozenset({"35b", "46", "47", "48", "73", "74", "75", "76", "79"})
#: Those that say why.
_REASONS = frozenset({"74", "75", "79"})
#: Verdicts that nothing went wrong.
_WELL = ("completed", "running")
#: What the lines of MCUboot leave open.
_ANY_FAULT = "it reads the same for a bad signature, hash, key or header and for an old version"
_NO_HEADER = "no image header was found: the slot is empty (all FF), or the header is damaged"
#: Where boot loaders are at work, or have not begun.
_BEFORE_RUNTIME = (None, "BL1_1", "BL1_2", "BL2")
#: Findings that a sentence names.
_SHOWN = 3
#: A larger share of bytes that no UART log is made of makes a log foreign.
_JUNK_SHARE = 0.3


@dataclass(frozen=True)
class Verdict:
    """The verdict about a log.

    Attributes:
        kind: completed (the firmware's last word, no test failed), failed (tests failed), refused
            (a boot loader refused an image), halted, panicked, resets (it was reset after BL2 had
            handed over, and nothing says why), running (the runtime was reached and nothing says
            more), stopped (it just ends), foreign (not a UART log), empty.
        sentence: The same for people.
    """

    kind: VerdictClass
    sentence: str

    @property
    def outcome(self) -> Outcome:
        """The verdict for those who only ask whether it is good."""
        return OUTCOMES[self.kind]

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


def judge(scanner: Scanner) -> Verdict:
    """Return the verdict about everything that a scanner has read."""
    if not scanner.last_text:
        return Verdict("empty", "the log holds no text")
    junk = scanner.junk > _JUNK_SHARE * scanner.size
    if not scanner.recognised:
        if junk or scanner.junk + scanner.nuls > _JUNK_SHARE * scanner.size:
            return Verdict("foreign", "this is not a UART log of TF-M: most of it is not text")
        return _unrecognised(scanner)
    boots = scanner.tracker.boots
    last = _of_last_boots(boots, scanner)
    verdict = _with_earlier_boots(last, boots, scanner.tracker.count)
    if junk and verdict.kind in _WELL:
        return Verdict("foreign", f"most of it is not text, whatever the rest says ({verdict})")
    return verdict


def _unrecognised(scanner: Scanner) -> Verdict:
    boots = scanner.tracker.boots
    if boots and boots[-1].end is not None:
        how = _end_marker(boots[-1].end)
        return Verdict("stopped", f"an end marker ({how}), and nothing before it that TF-M prints")
    last = _clean(scanner.last_text)
    return Verdict("stopped", f"no boot stage is in the log; it ends with {last!r}")


def _of_last_boots(boots: tuple[Boot, ...], scanner: Scanner) -> Verdict:
    """Return the verdict about the last boot; one that is cut early says less than a refusal."""
    last = _of_boot(boots[-1], scanner)
    if last.kind == "stopped" and len(boots) > 1 and _in_boot_loader(boots[-1]):
        before = _of_boot(boots[-2], scanner)
        if before.kind == "refused":
            return Verdict("refused", f"{before.sentence}; in the next boot {last.sentence}")
    return last


def _in_boot_loader(boot: Boot) -> bool:
    """Return whether nothing of a boot came from behind its boot loaders."""
    tests = boot.regression, boot.arch
    behind = boot.handed_over or any(t.under_way or t.total for t in tests)
    return boot.furthest in _BEFORE_RUNTIME and not behind


def _with_earlier_boots(verdict: Verdict, boots: tuple[Boot, ...], count: int) -> Verdict:
    """Return the verdict about the last boot in the light of those before it."""
    found = ((boot, ending_of(boot, following)) for boot, following in pairwise(boots))
    endings = [(boot, ending) for boot, ending in found if ending is not None]
    if not endings:
        return verdict
    weights = {ending.weight for _, ending in endings}
    how = told(endings)
    if verdict.kind in (*_WELL, "stopped"):
        if "panicked" in weights:
            text = f"{count} boots: {how}; the last boot: {verdict.sentence}"
            return Verdict("panicked", text)
        # After a panic that a test provoked, the tests go on.
        if "resets" in weights or ("provoked" in weights and verdict.kind == "running"):
            resets = sum(ending.weight in ("resets", "provoked") for _, ending in endings)
            least = "at least " if count > len(boots) else ""
            number = f"{least}{resets} unexpected reset{'s' * (resets > 1)} in {count} boots"
            silent = "; a secure panic resets without a word" if "without a word" in how else ""
            return Verdict("resets", f"{number}: {how}{silent}; the last boot: {verdict.sentence}")
    return Verdict(verdict.kind, f"{verdict.sentence}; {count} boots: {how}")


def _of_boot(boot: Boot, scanner: Scanner) -> Verdict:
    release = scanner.release.guess()
    tests = (scanner.regression.results(), scanner.arch.results())
    failures = "; ".join(_failures(results) for results in tests if results.bad)
    also = f"; before that, {failures}" if failures else ""
    if boot.exception is not None:
        return Verdict("panicked", f"the secure side died: {boot.exception.text}{also}")
    if boot.halt is not None:
        verdict = _of_halt(boot, boot.halt, release)
        return Verdict(verdict.kind, verdict.sentence + also)
    open_end = _of_open_end(boot, scanner)
    ended = boot.end is not None or tests_ended(boot) or bool(boot.arch.areas)
    if failures:
        where = "the tests ended" if ended and not _under_way(boot) else open_end.sentence
        return Verdict("failed", f"{where}, {failures}")
    if ended and _under_way(boot) is None:
        found = [gap for results in tests for gap in results.gaps]
        gaps = "; ".join(found[:_SHOWN])
        if gaps:
            text = f"the tests ended, but not all of them are in the log: {gaps}"
            return Verdict("stopped", text)
        if boot.standby and not boot.reported:
            text = "psa-arch-tests went to standby without a report of any test"
            return Verdict("stopped", text + _before(boot.errors))
        if boot.end is not None:
            text = f"the firmware ended by itself ({_end_marker(boot.end)})"
            return Verdict("completed", text + _before(boot.errors))
        if nothing_follows(boot):
            text = "the secure tests ended; no non-secure application follows"
            return Verdict("completed", text)
    return open_end


def _failures(results: SuiteResults) -> str:
    """Return how many tests failed, and what summaries say beyond that."""
    counts = [f"{results.failed} of {results.total} failed"] if results.total else []
    return "; ".join([*counts, *results.findings[:_SHOWN]])


def _under_way(boot: Boot) -> str | None:
    return boot.regression.under_way or boot.arch.under_way


def _end_marker(end: Event) -> str:
    return "EOT" if end.row.number == "110" else "standby"


def _of_halt(boot: Boot, halt: Event, release: ReleaseGuess) -> Verdict:
    refusals = [e for e in (halt, *boot.errors) if e.row.number in _REFUSALS]
    if refusals:
        who = "BL2" if boot.at("BL2") else "BL1_2" if boot.at("BL1_2") else "BL1_1"
        if halt.row.number == "76" or not boot.at("BL2"):
            image = "an image" if boot.image is None else f"image {boot.image}"
            # A reason that stands right before "not valid" is the reason for that.
            why = [e.text for e in refusals[-2:-1] if e.row.number in _REASONS]
            why += [boot.blame.text] if boot.blame is not None and boot.slot is None else []
            reasons = dict.fromkeys((*why, refusals[-1].text, explain(halt, release)))
            told = "; ".join(reasons)
            if halt.row.number == "76" and not why:
                told += f"; {_ANY_FAULT if boot.slot is not None else _NO_HEADER}"
            return Verdict("refused", f"{who} refused {image}: {told}")
    return Verdict("halted", f"nothing follows {explain(halt, release)!r}")


def _of_open_end(boot: Boot, scanner: Scanner) -> Verdict:
    under_way = _under_way(boot)
    if under_way is not None:
        where = "in" if under_way.startswith("test ") else "within"
        told = "".join(f", at {e.text!r}" for e in boot.errors[-1:] if e.text == scanner.last_text)
        return Verdict("stopped", f"the log ends {where} {under_way}{told}")
    stage, runtime = boot.furthest, boot.at("runtime")
    last = _clean(scanner.last_text)
    error = boot.errors[-1] if boot.errors else None
    # BL1 of TF-M 2.1 refuses without a last word: the one image of BL1_1, the second one of BL1_2.
    last_image = stage == "BL1_1" or (stage == "BL1_2" and boot.image == "1" and not boot.recovery)
    if error is not None and error.row.number in ("35b", "47") and last_image:
        image = "an image" if boot.image is None else f"image {boot.image}"
        return Verdict("refused", f"{stage} refused {image}: {error.text}; nothing follows")
    if runtime is not None and boot.at("ns") is None and not boot.regression.areas:
        later = [error for error in boot.errors if error.line.start > runtime.line.start]
        if not later:
            text = "the TF-M runtime was reached; nothing says that it went wrong"
            return Verdict("running", text + _before(boot.errors))
    if stage is None:
        return Verdict("stopped", f"no boot stage is in the log; it ends with {last!r}")
    return Verdict("stopped", f"the log ends after stage {stage}, without a last word, at {last!r}")


def _before(errors: tuple[Event, ...]) -> str:
    """Mention errors that did not keep it from going on."""
    if not errors:
        return ""
    return f"; on the way it reported {errors[0].text!r}, which did not stop it"


def _clean(text: str) -> str:
    """Return text without control characters, cut to what fits a sentence."""
    kept = "".join(c for c in text if c.isprintable())
    return kept if len(kept) <= 120 else kept[:117] + "..."
