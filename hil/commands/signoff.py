# SPDX-License-Identifier: Apache-2.0
"""`hil signoff`: whether a release holds what its policy asks, with the evidence in one archive."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path

from hil.commands.options import Commands
from hil.errors import UsageError

_USAGE = """hil signoff POLICY RUN|JUNIT... -o DIR [--sign KEY]
       hil signoff verify BUNDLE [--key PUB]
       hil signoff schema"""


def add(commands: Commands) -> None:
    """Add `hil signoff`."""
    signoff = commands.add_parser(
        "signoff",
        help="whether runs and JUnit files show what a policy asks; the evidence in one archive",
        usage=_USAGE,
        description="Judges runs and JUnit files by a policy (ci/signoff.yaml) and writes the "
        "verdict as text, HTML, JUnit and JSON beside an archive of the evidence. What is missing "
        "counts as failing. `verify` checks such an archive offline; `schema` prints the schema of a "
        "policy. Exit status 0 only if everything holds.",
    )
    signoff.add_argument("what", metavar="POLICY | verify | schema")
    signoff.add_argument(
        "inputs",
        nargs="*",
        type=Path,
        metavar="RUN|JUNIT",
        help="runs, JUnit files, folders of these",
    )
    signoff.add_argument("-o", "--output", type=Path, metavar="DIR", help="where everything goes")
    signoff.add_argument(
        "--sign", type=Path, metavar="KEY", help="private key (PEM: Ed25519 or EC P-256) that signs"
    )
    signoff.add_argument(
        "--key", type=Path, metavar="PUB", help="verify: public key (PEM) that must have signed"
    )
    signoff.add_argument(
        "--at", metavar="TIME", help="judge as of this time (ISO 8601, UTC); now by default"
    )
    signoff.add_argument("--json", action="store_true", help="print the verdict as JSON")
    signoff.set_defaults(run=_signoff)


def _signoff(options: argparse.Namespace) -> int:
    if options.what == "verify":
        return _verify(options)
    if options.what == "schema":
        from hil.report.signoff.policy_file import policy_schema

        print(json.dumps(policy_schema(), indent=2))
        return 0
    return _judge(options)


def _judge(options: argparse.Namespace) -> int:
    from hil.report.signoff.gathering import gather
    from hil.report.signoff.judging import judge
    from hil.report.signoff.policy_file import load_policy
    from hil.report.signoff.signing import load_private_key
    from hil.report.signoff.text import render_text
    from hil.report.signoff.writing import JSON, clear, write_signoff

    if options.output is None or not options.inputs:
        raise UsageError(f"expected runs or JUnit files and -o DIR\nusage: {_USAGE}")
    if options.key is not None:
        raise UsageError("--key checks a signature (`hil signoff verify`); --sign KEY makes one")
    clear(options.output, options.inputs)
    key = load_private_key(options.sign) if options.sign else None
    path = Path(options.what)
    policy = load_policy(path)
    signoff = judge(policy, gather(options.inputs, policy), _time(options.at))
    written = write_signoff(signoff, path, options.output, key)
    if options.json:
        print((options.output / JSON).read_text(encoding="utf-8"), end="")
    else:
        print(render_text(signoff), end="")
        print(f"\nreport   {written.html}\nevidence {written.bundle}")
    return 0 if signoff.holds else 1


def _verify(options: argparse.Namespace) -> int:
    from hil.report.signoff.signing import load_public_key
    from hil.report.signoff.verifying import verify_bundle

    if len(options.inputs) != 1:
        raise UsageError(f"expected one bundle\nusage: {_USAGE}")
    if options.sign or options.output or options.at:
        raise UsageError("`hil signoff verify` takes --key PUB and --json only")
    key = load_public_key(options.key) if options.key else None
    checked = verify_bundle(options.inputs[0], key)
    if options.json:
        print(json.dumps(checked.to_dict(), indent=2))
    else:
        print("\n".join(checked.lines()))
    return 0 if checked.intact else 1


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(f"--at {text}: expected a time like 2026-11-21T12:00") from None
