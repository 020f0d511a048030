# SPDX-License-Identifier: Apache-2.0
"""From the file of a policy to its checked model; every mistake names file and line."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hil.bench.yaml_source import KeyPath, Source, read_yaml
from hil.errors import UsageError
from hil.report.signoff import policy as models
from hil.report.signoff.policy import Policy, Target, wanted

_MODELS = [m for m in vars(models).values() if isinstance(m, type) and issubclass(m, BaseModel)]
#: Every key that a policy can have, for "did you mean".
_KEYS = sorted({key for model in _MODELS for key in model.model_fields})


def load_policy(path: Path) -> Policy:
    """Read and check a policy.

    Raises:
        UsageError: with one line for every mistake, `file:line: key: what was expected`.
    """
    source = read_yaml(path)
    try:
        policy = Policy.model_validate(source.data)
    except ValidationError as error:
        lines = [_explain(details, source) for details in error.errors()]
        raise UsageError("\n".join(dict.fromkeys(lines))) from None
    if mistakes := list(_inconsistent(policy, source)):
        raise UsageError("\n".join(mistakes))
    return policy


def policy_schema() -> dict[str, Any]:
    """Return the JSON schema of a policy, for editors."""
    return Policy.model_json_schema()


def _explain(details: ErrorDetails, source: Source) -> str:
    path: KeyPath = tuple(details["loc"])
    kind, key = details["type"], str(details["loc"][-1]) if details["loc"] else ""
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, _KEYS, n=1)
        message = "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    elif kind == "missing":
        message = "is missing"
    elif kind in {"model_type", "dict_type"}:
        message = "expected `key: value` lines"
    elif kind in {"value_error", "assertion_error"}:
        message = str(details.get("ctx", {}).get("error", details["msg"]))
    else:
        message = details["msg"][:1].lower() + details["msg"][1:]
    if kind not in {"extra_forbidden", "missing"} and not isinstance(
        details["input"], dict | list | tuple
    ):
        message += f", got {details['input']!r:.80}"
    name = ".".join(str(part) for part in path)
    return f"{source.place(path)}: {name}: {message}" if name else f"{source.place(())}: {message}"


def _asks_each_rse(policy: Policy, target: Target) -> bool:
    """Whether what is asked of a target depends on how many RSEs it has."""
    return any(
        asked.stage_limits or any("{rse}" in test for test in asked.tests)
        for asked in policy.asked_of(target)
    )


def _inconsistent(policy: Policy, source: Source) -> Iterator[str]:
    """Yield what a model alone cannot see: ids that stand twice, or that nothing defines."""
    known = [requirement.id for requirement in policy.requirements]
    for place, requirement in enumerate(policy.requirements):
        if requirement.id in known[:place]:
            where = source.place(("requirements", place, "id"))
            yield f"{where}: requirements.{place}.id: {requirement.id!r} stands twice"
    for place, target in enumerate(policy.targets):
        for index, name in enumerate(target.requirements):
            if name not in known:
                where = source.place(("targets", place, "requirements", index))
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                yield f"{where}: targets.{place}.requirements: no requirement {name!r}{hint}"
    for place, target in enumerate(policy.targets):
        # By the default of one the other RSEs of a system would count as shown.
        if "rses" not in target.model_fields_set and _asks_each_rse(policy, target):
            where = source.place(("targets", place))
            yield f"{where}: targets.{place}.rses: is missing; its requirements are about each RSE"
    for label, count in Counter(want.label for want in wanted(policy)).items():
        if count > 1:
            yield f"{source.place(('targets',))}: targets: {label} is required {count} times"
    for kind in ("allowed_skips", "expected_failures"):
        for place, waiver in enumerate(getattr(policy, kind)):
            for name in waiver.requirements:
                if "*" not in name and name not in known:
                    where = source.place((kind, place, "requirements"))
                    near = difflib.get_close_matches(name, known, n=1)
                    hint = f"; did you mean {near[0]!r}?" if near else ""
                    yield f"{where}: {kind}.{place}.requirements: no requirement {name!r}{hint}"
