# SPDX-License-Identifier: Apache-2.0
"""Run folders as a run leaves them, made up: small ones, large ones, and hostile ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hil.report.result_lines import result_line
from hil.report.results import Attempt, RecordedTest, Status
from hil.uart.transcript import Transcript

T0 = 5000.0
AGREED, OTHER = "a" * 32, "b" * 32
#: Everything that could leave its place on a page, in a comment, or on a terminal.
HOSTILE = (
    "</pre></script><script>window.hacked=1</script><img src=x onerror=window.hacked=1> \"'&amp; "
    "\x1b[31m\x00\x07\u202e{{ 7*7 }} ${7*7} `code` | @everyone #1 [x](http://evil.example)"
)
#: What has no place to be broken.
LONG = "x" * 400
KEY = "0f1e2d3c" * 8


def stage(name: str, seconds: float | None, line: str, status: str = "reached") -> dict[str, Any]:
    return {"stage": name, "status": status, "seconds": seconds, "budget": 5.0, "line": line}


def made_test(
    name: str,
    status: Status = Status.PASS,
    *,
    rse: int | None = None,
    message: str = "",
    text: str = "",
    output: str = "",
    boots: tuple[int, ...] = (0,),
    causes: tuple[str, ...] = (),
    before: tuple[Attempt, ...] = (),
    **properties: str,
) -> RecordedTest:
    kind = {Status.FAIL: "product", Status.ERROR: "harness", Status.MISS: "infrastructure"}
    last = Attempt(
        number=len(before) + 1,
        status=status,
        failure_class=kind.get(status),
        seconds=0.25,
        started="2026-11-21T12:00:05.000Z",
        message=message,
        text=text or message,
        output=output,
        boots=boots,
        properties=properties,
    )
    return RecordedTest(name, False, rse, ("REQ-1",), (), causes, boots, (*before, last))


class RunFolder:
    """A run's folder that is written piece by piece; `write` writes what is not streamed."""

    def __init__(self, folder: Path, rses: int = 2, **values: Any) -> None:
        self.folder = folder
        (folder / "uart").mkdir(parents=True)
        self.rses = range(rses)
        self.uarts = {n: Transcript(folder / "uart" / f"rse{n}.log") for n in self.rses}
        self.events: list[dict[str, Any]] = []
        self.tests: list[RecordedTest] = []
        self.values: dict[str, Any] = {
            "format": 2,
            "id": folder.name,
            "board": {
                "name": "made-up",
                "values": {"provisioning": {"guk": KEY}, "name": "made-up"},
            },
            "verdict": "pass",
            "started": "2026-11-21T12:00:00.000Z",
            "finished": "2026-11-21T12:01:13.000Z",
            "host": "bench-7",
            "harness": {"name": "rse-hil", "version": "0.1.0", "git": "0123456789ab"},
            "python": "3.11.7",
            "command": ["pytest", "testcases", "--board", "made-up"],
            "release": "2.3.1",
            "selected": 0,
            "images": [
                {
                    "name": "bl2",
                    "rse": n,
                    "address": "0xb0000000",
                    "sha256": "1" * 64,
                    "sha256_on_device": "1" * 64,
                    "how": "read-back",
                    "version": "2.3.1+0",
                }
                for n in self.rses
            ],
            "fingerprints": {str(n): AGREED for n in self.rses},
            "warnings": [],
            "reasons": [],
        } | values

    def say(self, rse: int, text: str, at: float) -> None:
        """Have an RSE print a line, at seconds after the first boot."""
        data = text.encode("utf-8", "surrogatepass") + b"\r\n"
        self.uarts[rse].append(data, int((T0 + at) * 1e9))

    def boot(
        self,
        number: int = 0,
        at: float = 0.0,
        *,
        fingerprints: dict[int, str] | None = None,
        missed: dict[int, tuple[str, str]] | None = None,
    ) -> None:
        """Boot all RSEs: BL1_1, a reset, BL1_2, handshake, BL2, runtime; `missed` ends it early."""
        offsets = {str(n): self.uarts[n].size for n in self.rses}
        self.events.append(
            {"kind": "boot", "number": number, "how": "reset" if number else "start"}
        )
        self.events.append(
            {"kind": "let go", "number": number, "offsets": offsets, "monotonic": T0 + at}
        )
        for rse in self.rses:
            printed = (fingerprints or {}).get(rse, AGREED)
            steps = [
                ("BL1_1", 0.01, "[INF] Starting TF-M BL1_1"),
                ("", 0.1, "[INF] Starting TF-M BL1_1"),
                ("BL1_2", 0.2, "[INF] Starting TF-M BL1_2"),
                ("vhuk", 0.8, f"[HIL1] vhuk rse={rse} of={len(self.rses)} src=bl1_2 fp={printed}"),
                ("BL2", 0.9, "[INF] Starting bootloader"),
                ("runtime", 1.2, "[NOT] Booting TF-M v2.3.1"),
            ]
            done = []
            for name, after, line in steps:
                if name and missed and rse in missed and name == missed[rse][0]:
                    done.append(stage(name, None, missed[rse][1], "missed"))
                    break
                self.say(rse, line, at + after)
                if name:
                    done.append(stage(name, after, line))
            event = {"kind": "booted", "number": number, "rse": rse, "stages": {}, "timeline": done}
            self.events.append(event | {"ok": done[-1]["status"] == "reached"})

    def write(self) -> Path:
        """Write the rest and return the folder."""
        for uart in self.uarts.values():
            uart.close()
        self.values["selected"] = self.values["selected"] or len(self.tests)
        (self.folder / "run.json").write_text(json.dumps(self.values))
        with (self.folder / "events.jsonl").open("w") as stream:
            stream.writelines(json.dumps(event) + "\n" for event in self.events)
        with (self.folder / "results.jsonl").open("w") as stream:
            for test in self.tests:
                for attempt in test.attempts:
                    stream.write(json.dumps(result_line(test, attempt)) + "\n")
        return self.folder


def failing_run(folder: Path) -> Path:
    """Two RSEs that disagree at the second boot; a lab failure that a retry mended; a skip."""
    run = RunFolder(folder, verdict="fail", failure_class="product", reasons=["RSE 1 differs"])
    run.boot(0)
    run.boot(1, 10.0, fingerprints={1: OTHER})
    for number in range(40):
        run.say(0, f"[INF] heart beat {number}", 12 + number)
    run.say(1, "[ERR] last words", 14.005)
    run.values["diagnosis"] = {
        "headline": "RSE 1 differs",
        "verdict": "found",
        "leading": ["other-guk"],
        "causes": [
            {
                "cause": "other-guk",
                "confidence": "certain",
                "rses": [1],
                "claim": "RSE 1 has another GUK",
                "for": [{"text": "only its own value differs", "weight": "strong"}],
                "against": [{"text": "both were given one file", "weight": "weak"}],
                "confirm": "read the state lines",
                "todo": "provision RSE 1 again",
                "known_defects": [],
            }
        ],
        "formulas": {"0": "agreed", "1": "unknown"},
    }
    miss = Attempt(1, Status.MISS, "infrastructure", 1.0, "", "probe of RSE 0 is gone", "gone")
    run.tests = [
        made_test("testcases/boot/test_a.py::test_boots[rse0]", rse=0),
        made_test("testcases/boot/test_a.py::test_boots[rse1]", rse=1),
        made_test("testcases/boot/test_a.py::test_again[rse0]", rse=0, before=(miss,)),
        made_test("testcases/boot/test_a.py::test_needs_more", Status.SKIP, message="no suite"),
        made_test(
            "testcases/vhuk/test_v.py::test_agree",
            Status.FAIL,
            message="RSE 1 differs from RSE 0",
            text="RSE 1 differs from RSE 0\n  why: another GUK",
            output="--- uart/rse1.log, bytes 0 to 99\n[ERR] last words",
            boots=(1,),
            causes=("other-guk",),
        ),
        made_test(
            "testcases/vhuk/test_v.py::test_survives[rse1]",
            Status.FAIL,
            rse=1,
            message="RSE 1: another value after the reset",
            boots=(0, 1),
            causes=("other-guk",),
        ),
    ]
    return run.write()


def hostile_run(folder: Path) -> Path:
    """A run in which every text that a device, a test or a file may set is hostile."""
    run = RunFolder(
        folder,
        verdict="fail",
        failure_class=HOSTILE,
        toolchain=f"{HOSTILE}{LONG}",
        host=HOSTILE,
        release=HOSTILE,
        reasons=[HOSTILE, LONG],
        warnings=[HOSTILE, "half a pair: \ud800"],
        command=["pytest", HOSTILE],
        random_seed={HOSTILE: HOSTILE},
        diagnosis={
            "causes": [
                dict.fromkeys(("cause", "confidence", "claim", "known_defects"), HOSTILE)
                | {"confirm": LONG, "todo": f"{HOSTILE}{LONG}"}
                | {"for": [{"text": HOSTILE, "weight": HOSTILE}], "rses": HOSTILE},
                HOSTILE,
            ],
            "formulas": {"0": HOSTILE, HOSTILE: 1},
        },
    )
    run.values["board"]["name"] = HOSTILE
    run.values["board"]["values"]["description"] = HOSTILE
    run.values["images"][0] |= {
        "name": HOSTILE,
        "version": HOSTILE,
        "address": HOSTILE,
        "how": HOSTILE,
    }
    run.boot(0, missed={1: (f"BL2{HOSTILE}", HOSTILE), 0: ("BL2", HOSTILE)})
    run.say(0, f"x {HOSTILE}", 2.0)
    run.say(0, f"HUK {KEY}", 2.1)
    run.uarts[0].append(b"\xff\xfe\x00 half \xe2\x82 \x85\r\n", int((T0 + 2.2) * 1e9))
    for event in run.events:
        for entry in event.get("timeline", ()):
            if entry["status"] == "missed":
                entry["stage"] = HOSTILE
    run.tests = [
        made_test(
            f"testcases/{HOSTILE}.py::test_x[{HOSTILE}]",
            Status.FAIL,
            message=HOSTILE,
            text=f"{HOSTILE}\n{HOSTILE}",
            output=f"--- {HOSTILE}\n{HOSTILE}",
            causes=(HOSTILE,),
        ),
        made_test(f"a.py::test_y[{LONG}]", Status.XFAIL, message=f"{HOSTILE}{LONG}", boots=(0, 77)),
        made_test(f"{LONG}.py::test_z", Status.ERROR, message=LONG),
    ]
    return run.write()


def large_run(folder: Path, tests: int = 10_000, megabytes: float = 10.0) -> Path:
    """Four RSEs with much to say, and many tests in fifty files, some of which fail."""
    run = RunFolder(folder, rses=4, verdict="fail", failure_class="product")
    run.boot(0)
    line = b"[INF] Image %d RAM loading to 0x%08x is succeeded after some more words\r\n"
    size = int(megabytes * 1e6 / 4)
    for rse in run.rses:
        at, number = 2.0, 0
        while run.uarts[rse].size < size:
            burst = b"".join(line % (n % 9, number * 20 + n) for n in range(20))
            run.uarts[rse].append(burst, int((T0 + at) * 1e9))
            at, number = at + 0.02, number + 1
        run.say(rse, f"[INF] needle of RSE {rse}", at)
    for number in range(tests):
        failed = number % 500 == 7
        run.tests.append(
            made_test(
                f"testcases/area{number % 50}/test_file.py::test_case_{number}[rse{number % 4}]",
                Status.FAIL if failed else Status.PASS,
                rse=number % 4,
                message=f"case {number % 3} of the failures" if failed else "",
            )
        )
    return run.write()
