# SPDX-License-Identifier: Apache-2.0
"""What became of the firmware that printed a log, in one word and one sentence.

Lessons of real transcripts: `[ERR]` is no failure as such (an upgrade that is refused boots the old
image, a test provokes an error), and silence is no success (a secure panic prints nothing at all).
So a log counts as completed only if the firmware itself said so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hil.uart.boot_errors import explain
from hil.uart.events import Event
from hil.uart.scanner import Scanner
from hil.uart.stages import Boot
from hil.uart.suites import SuiteResults

VerdictClass = Literal[
    "completed", "failed", "refused", "halted", "panicked", "running", "stopped", "foreign", "empty"
]

#: Errors that mean that an image was not accepted.
_REFUSALS = frozenset({"35b", "46", "47", "48", "73", "74", "75", "76", "79"})
#: A larger share of bytes that no UART log is made of makes a log foreign.
_JUNK_SHARE = 0.3


@dataclass(frozen=True)
class Verdict:
    """The verdict about a log.

    Attributes:
        kind: completed (the firmware's last word, no test failed), failed (tests failed), refused
            (a boot loader refused an image), halted, panicked, running (the runtime was reached and
            nothing says more), stopped (it just ends), foreign (not a UART log), empty.
        sentence: The same for people.
    """

    kind: VerdictClass
    sentence: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}"


def judge(scanner: Scanner) -> Verdict:
    """Return the verdict about everything that a scanner has read."""
    if not scanner.last_text:
        return Verdict("empty", "the log holds no text")
    boots = scanner.tracker.boots
    meaningless = not any(boot.stages for boot in boots) and not scanner.regression.results().total
    if meaningless and scanner.junk > _JUNK_SHARE * scanner.size:
        return Verdict("foreign", "this is not a UART log of TF-M: most of it is not text")
    last = boots[-1] if boots else Boot(0)
    verdict = _of_boot(last, scanner)
    return _with_earlier_boots(verdict, boots, scanner)


def _with_earlier_boots(verdict: Verdict, boots: tuple[Boot, ...], scanner: Scanner) -> Verdict:
    """Return the verdict about the last boot in the light of those before it."""
    kind, sentence = verdict.kind, verdict.sentence
    crash = next((b for b in boots[:-1] if b.exception is not None), None)
    silent = sum(boot.furthest == "runtime" and not boot.provisioned for boot in boots[:-1])
    if crash is not None and crash.exception is not None and kind != "panicked":
        told = f"boot {crash.number + 1} of {len(boots)} died: {crash.exception.text}"
        # psa-arch-tests provoke panics, and count for themselves what came of them.
        provoked = kind == "completed" and scanner.arch.results().total
        kind = kind if provoked else "panicked"
        sentence = f"{told}; the last boot: {sentence}"
    elif kind == "running" and silent > 1:
        # The SPM resets the chip when it panics, unless it was built to halt.
        kind = "stopped"
        sentence = (
            f"{silent} boots ended at the runtime without a word: resets from outside, or panics of "
            "the secure side, which reset the chip"
        )
    return Verdict(kind, sentence + _resets(boots))


def _of_boot(boot: Boot, scanner: Scanner) -> Verdict:
    release = scanner.release.guess().known
    if boot.exception is not None:
        return Verdict("panicked", f"the secure side died: {boot.exception.text}")
    if boot.halt is not None:
        return _of_halt(boot, boot.halt, release)
    for results in (scanner.regression.results(), scanner.arch.results()):
        if results.bad and (boot.end is not None or _areas_ended(results)):
            why = "".join(f"; {finding}" for finding in results.findings[:3])
            told = f"{results.failed} of {results.total} failed{why}"
            return Verdict("failed", f"the tests ended, {told}")
        if results.gaps and (boot.end is not None or _areas_ended(results)):
            told = "; ".join(results.gaps[:2])
            return Verdict(
                "stopped", f"the tests ended, but not all of them are in the log: {told}"
            )
    known = bool(boot.stages[:-1]) or any(
        results.total or results.areas
        for results in (scanner.regression.results(), scanner.arch.results())
    )
    if boot.end is not None and not known and boot.end.row.number == "110":
        return Verdict("stopped", "an end marker (EOT), and nothing before it that TF-M prints")
    if boot.end is not None:
        how = "EOT" if boot.end.row.number == "110" else "standby"
        return Verdict("completed", f"the firmware ended by itself ({how})" + _refused_before(boot))
    regression = scanner.regression.results()
    if _areas_ended(regression) and boot.at("ns") is None and not boot.has_ns_image:
        return Verdict("completed", "the secure tests ended; no non-secure application follows")
    return _of_open_end(boot, scanner)


def _of_halt(boot: Boot, halt: Event, release: str | None) -> Verdict:
    refusals = [e for e in (halt, *boot.errors) if e.row.number in _REFUSALS]
    if refusals:
        who = "BL2" if boot.at("BL2") else "BL1_2" if boot.at("BL1_2") else "BL1_1"
        if halt.row.number == "76" or not boot.at("BL2"):
            image = "an image" if boot.image is None else f"image {boot.image}"
            reasons = dict.fromkeys((refusals[-1].text, explain(halt, release)))
            return Verdict("refused", f"{who} refused {image}: {'; '.join(reasons)}")
    return Verdict("halted", f"nothing follows {explain(halt, release)!r}")


def _of_open_end(boot: Boot, scanner: Scanner) -> Verdict:
    for results in (scanner.regression.results(), scanner.arch.results()):
        if results.running is not None:
            return Verdict("stopped", f"the log ends in test {results.running}")
        if results.open_area is not None:
            return Verdict("stopped", f"the log ends within the {results.open_area} tests")
    stage = boot.furthest
    last = _clean(scanner.last_text)
    # BL2 that looked at image 1 has a non-secure application, which has to speak after the tests.
    ns_silent = boot.has_ns_image and _areas_ended(scanner.regression.results())
    quiet = boot.at("ns") is None and not boot.errors and not ns_silent
    if boot.at("runtime") is not None and quiet:
        return Verdict("running", "the TF-M runtime was reached; nothing says that it went wrong")
    if stage is None:
        return Verdict("stopped", f"no boot stage is in the log; it ends with {last!r}")
    return Verdict("stopped", f"the log ends after stage {stage}, without a last word, at {last!r}")


def _areas_ended(results: SuiteResults) -> bool:
    return bool(results.areas) and results.open_area is None and results.running is None


def _refused_before(boot: Boot) -> str:
    """Mention errors that did not keep it from ending well."""
    if not boot.errors:
        return ""
    return f"; on the way it reported {boot.errors[0].text!r}, which did not stop it"


def _resets(boots: tuple[Boot, ...]) -> str:
    """Mention boots that were not ended by a provisioning step."""
    unexpected = [b.number for b in boots[:-1] if not b.provisioned and b.stages]
    if not unexpected:
        return ""
    which = ", ".join(str(number + 1) for number in unexpected[:5])
    return f"; {len(boots)} boots, reset without provisioning after boot {which}"


def _clean(text: str) -> str:
    """Return text without control characters, cut to what fits a sentence."""
    kept = "".join(c for c in text if c.isprintable())
    return kept if len(kept) <= 120 else kept[:117] + "..."
