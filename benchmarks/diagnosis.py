# SPDX-License-Identifier: Apache-2.0
"""How often the diagnosis is right, and what it takes for what: `python -m benchmarks.diagnosis`.

Three sets of cases whose cause is known: situations computed for 2 to 8 RSEs in every view (which
report lines the firmware prints, whether keys are known), UART logs recorded from virtual RSEs with
one fault each, and runs of TF-M's own handshake code (HIL_SHARED names the folder with all of them).
There is no peer: no other harness explains a failed handshake. Exit status 1 if anything that is not
so was called certain, or a share is under its floor.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "diagnosis"))

from from_vectors import from_vectors  # noqa: E402
from labelled import Labelled, labelled  # noqa: E402
from recorded import recorded  # noqa: E402
from scoring import Score, score  # noqa: E402

#: Least shares: named first, named first or among several that fit.
FLOORS = {"computed": (0.62, 0.97), "recorded": (0.70, 0.97), "TF-M's own code": (0.60, 0.95)}


def _vectors() -> Iterator[Labelled]:
    shared = Path(os.environ.get("HIL_SHARED", ROOT.parent / "shared")) / "vectors"
    folder = shared if shared.is_dir() else ROOT / "tests" / "model" / "data"
    for path in sorted(folder.glob("handshake-*.json")):
        yield from from_vectors(path)


def _confusion(found: Score) -> None:
    """Print what was named first for each label; a row a label, right ones first."""
    labels = sorted({label for label, _ in found.confusion})
    for label in labels:
        row = {told: n for (true, told), n in found.confusion.items() if true == label}
        order = sorted(row, key=lambda told: (told != label, -row[told], told))
        cells = ", ".join(f"{row[t]} {'right' if t == label else t}" for t in order)
        print(f"    {label:<26} {sum(row.values()):5}: {cells}")


def _report(name: str, cases: Iterable[Labelled]) -> bool:
    began = time.perf_counter()
    found = score(cases)
    seconds = time.perf_counter() - began
    right, among = FLOORS[name]
    both = found.share(found.right + found.several)
    top_2 = both + found.share(found.second)
    print(f"{name}: {found.cases} cases in {seconds:.1f} s")
    print(f"  cause named first              {found.share(found.right):7.1%}  (floor {right:.0%})")
    print(f"  or said to be one of several   {both:7.1%}  (floor {among:.0%})")
    print(f"  or second in the ranking       {top_2:7.1%}")
    print(f"  says that several fit          {found.share(found.several):7.1%}")
    print(f"  says that none fits            {found.share(found.none):7.1%}")
    print(f"  wrong certainties              {len(found.false_certainties):7}  (must be 0)")
    print(f"  right cause, wrong RSE         {len(found.wrong_rses):7}  (must be 0)")
    for text in (*found.false_certainties, *found.wrong_rses):
        print(f"    {text}")
    print("  confusion table (label, cases: what was named first)")
    _confusion(found)
    bad = bool(found.false_certainties or found.wrong_rses)
    return bad or found.share(found.right) < right or both < among


def main() -> int:
    """Print the table of each set; return 1 if one misses its goal."""
    missed = _report("computed", labelled())
    with tempfile.TemporaryDirectory() as folder:
        missed |= _report("recorded", recorded(Path(folder)))
    missed |= _report("TF-M's own code", _vectors())
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
