# SPDX-License-Identifier: Apache-2.0
"""How long it takes to try every order of the vHUK handshake, and how much memory.

Each row runs in a process of its own on one core: `python -m benchmarks.exploration`.
There is no peer: no other tool explores this protocol.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time

CASES = [
    (release, rses, faults)
    for release in ("2.1.0", "2.2.2", "2.3.1", "fixed")
    for rses in (2, 3, 4, 5)
    for faults in ("", "restart 1", "restarts 0, 1")
]
#: Goals: seconds for a complete exploration of 2.3.1 by number of RSEs, and MB.
GOALS = {4: 2.0, 5: 60.0}
MOST_MB = 500


def one(release: str, rses: int, faults: str) -> dict[str, object]:
    from hil.model.handshake.explore import explore
    from hil.model.handshake.system import changed, nominal
    from hil.model.releases import release_for

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    system = nominal(release_for(release), rses)
    places = {"": [], "restart 1": [1], "restarts 0, 1": [0, 1]}[faults]
    system = changed(system, places, restarts=1)
    began = time.perf_counter()
    result = explore(system)
    seconds = time.perf_counter() - began
    return {
        "release": release,
        "rses": rses,
        "faults": faults,
        "complete": result.exhaustive,
        "states": result.states,
        "steps": result.transitions,
        "seconds": seconds,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "broken": sorted(result.violations),
    }


def main() -> int:
    if len(sys.argv) == 4:
        print(json.dumps(one(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
        return 0
    print(f"release  RSEs  {'faults':<16} {'states':>8} {'steps':>8} {'s':>7} {'MB':>5}  broken")
    missed = 0
    for release, rses, faults in CASES:
        command = [sys.executable, "-m", "benchmarks.exploration", release, str(rses), faults]
        row = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        goal = GOALS.get(rses) if release == "2.3.1" and not faults else None
        over = (
            (goal is not None and row["seconds"] > goal)
            or row["mb"] > MOST_MB
            or not row["complete"]
        )
        missed += over
        print(
            f"{release:8} {rses:4}  {faults or 'none':<16} {row['states']:8} {row['steps']:8} "
            f"{row['seconds']:7.2f} {row['mb']:5.0f}  {', '.join(row['broken']) or 'nothing'}"
            f"{'  OVER THE GOAL' if over else ''}"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
