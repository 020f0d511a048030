# SPDX-License-Identifier: Apache-2.0
"""Coverage-guided search for input that a parser of `hil.images` does not answer properly.

    python tests/images/fuzz_with_atheris.py TARGET [--seconds N]     # needs `pip install atheris`
    python tests/images/fuzz_with_atheris.py --list

A traceback, more than 5 s or more than 1 GB for one input ends the search; the input is left in
`crash-*`, `timeout-*` or `oom-*` in the working directory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Search for a time; 0 when nothing was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("target", nargs="?")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["hil.images", "hil.model"]):
        import fuzz_parsers
    if options.list or options.target not in fuzz_parsers.TARGETS:
        for name, target in fuzz_parsers.TARGETS.items():
            print(f"{name:<8} {(target.__doc__ or '').splitlines()[0]}")
        return 0 if options.list else 2
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(fuzz_parsers.SEEDS.get(options.target, ())):
            (Path(corpus) / str(number)).write_bytes(seed)
        arguments = [f"-max_total_time={options.seconds}", f"-max_len={fuzz_parsers.MOST}"]
        arguments += ["-timeout=5", "-rss_limit_mb=1024", "-verbosity=1", corpus]
        target = options.target
        atheris.Setup([sys.argv[0], *arguments], lambda data: fuzz_parsers.check(target, data))
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
