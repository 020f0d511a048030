# SPDX-License-Identifier: Apache-2.0
"""The secure regression tests of tf-m-tests, as a test partition on this RSE prints them.

The lines, colours and line ends are those of tests_reg/test/framework/test_framework.c: printf in
2.2, tfm_log_unpriv without prefix from 2.3 on, which sends the CR LF of a format string as CR CR LF.
A suite tells its totals only if a test failed or was skipped. An RSE has no non-secure application,
so the end of the secure area is the last that is printed.
"""

from __future__ import annotations

from dataclasses import dataclass

from hil.virtual.machine import BootEnd, Machine, Stage

_DEFAULT, _RED, _GREEN, _YELLOW = "\x1b[0m", "\x1b[31m", "\x1b[32m", "\x1b[33m"
_AREA = "Secure"
_SECONDS = 0.01

#: Ways in which the tests can go, for --suite.
KNOWN: dict[str, str] = {
    "good": "every test passes",
    "failing": "one test fails, one is skipped",
    "hanging": "one test never ends",
    "crashing": "one test panics the secure side, which resets the chip without a word",
    "lossy": "the verdict of one test is lost on the UART",
}


@dataclass(frozen=True)
class _Test:
    name: str
    description: str
    #: Printed within the test, without a line end.
    mutters: str = ""


#: Name of a suite as it is printed, and its tests.
_SUITES: tuple[tuple[str, tuple[_Test, ...]], ...] = (
    (
        "PSA internal trusted storage S interface tests (TFM_S_ITS_TEST_1XXX)",
        (
            _Test("TFM_S_ITS_TEST_1001", "Set interface"),
            _Test("TFM_S_ITS_TEST_1003", "Set interface with NULL data pointer"),
            _Test("TFM_S_ITS_TEST_1005", "Get interface with valid data"),
        ),
    ),
    (
        "Crypto secure interface tests (TFM_S_CRYPTO_TEST_1XXX)",
        (
            _Test("TFM_S_CRYPTO_TEST_1001", "Secure Key management interface"),
            _Test("TFM_S_CRYPTO_TEST_1056", "Verify P384", "P384 is unsupported. Skipping..."),
        ),
    ),
    (
        "Platform Service Secure interface tests(TFM_S_PLATFORM_TEST_1XXX)",
        (_Test("TFM_S_PLATFORM_TEST_1001", "Minimal platform service test"),),
    ),
)
_FAILS = "TFM_S_ITS_TEST_1003"
_SKIPS = "TFM_S_ITS_TEST_1005"
_STOPS = "TFM_S_CRYPTO_TEST_1001"
_WHY = "Set should succeed with NULL data pointer and zero length"
_WHERE = "tests/its_tests_common.c:162"


def run_suite(machine: Machine) -> Stage:
    """Run the tests; the stage ends when they have, or where they do not go on."""
    log = _Log(machine)
    log.print(f"{_YELLOW}\n#### Execute test suites for the {_AREA} area ####\n")
    failed_suites = []
    for name, tests in _SUITES:
        log.print(f"{_YELLOW}Running Test Suite {name}...\n")
        failed = skipped = 0
        for test in tests:
            head = f"{_DEFAULT}> Executing '{test.name}' \n  Description: '{test.description}'\n"
            log.print(head + test.mutters)
            yield machine.delay(_SECONDS)
            if test.name == _STOPS and machine.suite == "hanging":
                return BootEnd.HALT
            if test.name == _STOPS and machine.suite == "crashing":
                return BootEnd.RESET
            if test.name == _STOPS and machine.suite == "lossy":
                continue
            verdict = _verdict(machine, test)
            failed += verdict == "FAILED"
            skipped += verdict == "SKIPPED"
            log.verdict(test.name, verdict)
        if failed:
            log.print(f"{_DEFAULT}Number of failed tests: {failed} of {len(tests)}\n")
            failed_suites.append(name)
        if skipped:
            log.print(f"{_DEFAULT}Number of skipped tests: {skipped} of {len(tests)}\n")
        log.print(f"{_RED}TESTSUITE FAILED!\n" if failed else f"{_GREEN}TESTSUITE PASSED!\n")
    log.print(f"{_YELLOW}\n*** {_AREA} test suites summary ***\n")
    for name, _ in _SUITES:
        how = f"{_RED} FAILED" if name in failed_suites else f"{_GREEN} PASSED"
        log.print(f"{_DEFAULT}Test suite '{name}' has{how}\n")
    log.print(f"{_YELLOW}\n*** End of {_AREA} test suites ***\n{_DEFAULT}")
    return None


class _Log:
    """TEST_LOG of one release."""

    def __init__(self, machine: Machine) -> None:
        self._console = machine.console
        self._eol = "\r\n" if machine.release.old else "\r\r\n"

    def print(self, text: str) -> None:
        self._console.raw(text.replace("\n", self._eol))

    def verdict(self, test: str, verdict: str) -> None:
        if verdict == "FAILED":
            self.print(f"{_RED}  {_WHY} (Failed at {_WHERE})\n  TEST: {test} - FAILED!\n")
        else:
            colour = _GREEN if verdict == "PASSED" else _DEFAULT
            self.print(f"{colour}  TEST: {test} - {verdict}!\n")


def _verdict(machine: Machine, test: _Test) -> str:
    if machine.suite == "failing":
        return {_FAILS: "FAILED", _SKIPS: "SKIPPED"}.get(test.name, "PASSED")
    return "PASSED"
