# SPDX-License-Identifier: Apache-2.0
"""From the name of a board to its checked description; every mistake names file and line.

Boards are looked for in the folders given, then in `boards/` of the working directory, then among
those that come with rse-hil.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from hil.bench.board import LAUNCHER_KINDS, Board
from hil.bench.yaml_source import KeyPath, Source, read_yaml
from hil.errors import UsageError

MAX_EXTENDS = 8
#: Keys whose value is a path; a relative one starts from the folder of the file it stands in.
PATH_KEYS = {"file", "payload", "key", "bl1_2", "user_script", "pack", "gpt"}
#: Ends of the way to a mapping whose values are paths.
PATH_MAPPINGS = (("files",), ("fip", "images"))
#: Values below these keys are never shown in a message.
SECRET_KEYS = {"guk", "kp_cm", "kce_cm", "kp_dm", "kce_dm", "krtl", "huks"}


@dataclass(frozen=True)
class BoardFile:
    """A checked board, its paths absolute, and the file it comes from."""

    path: Path
    board: Board


def shipped_boards() -> Path | None:
    """Return the folder of the boards that come with rse-hil."""
    spec = importlib.util.find_spec("hil_boards")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def search_path(extra: Iterable[Path] = ()) -> list[Path]:
    """Return the folders that are searched for board files, each once, in order."""
    candidates = [*extra, Path("boards")]
    if (shipped := shipped_boards()) is not None:
        candidates.append(shipped)
    found: dict[Path, Path] = {}
    for folder in candidates:
        if folder.is_dir():
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def list_boards(extra: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield the board files of all folders; of two with one name only the first."""
    seen: set[str] = set()
    for folder in search_path(extra):
        for path in sorted(folder.glob("*.yaml")):
            if path.stem not in seen:
                seen.add(path.stem)
                yield path


def find_board(name: str, extra: Iterable[Path] = ()) -> Path:
    """Return the file of a board given by name or by path.

    Raises:
        UsageError: there is none; names the nearest and where was searched.
    """
    extra = list(extra)
    if "/" in name or name.endswith(".yaml"):
        path = Path(name)
        if path.is_file():
            return path
        raise UsageError(f"no board file {name}")
    known = {path.stem: path for path in list_boards(extra)}
    if name in known:
        return known[name]
    begins = sorted((board for board in known if board.startswith(name)), key=len)
    near = begins or difflib.get_close_matches(name, known, n=1)
    hint = (
        f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known)) or 'none'}"
    )
    folders = ", ".join(str(folder) for folder in search_path(extra)) or "no folder"
    raise UsageError(f"no board {name!r} ({hint}; searched: {folders})")


def name_of(file: BoardFile) -> str:
    """Return a board as a word of a command: its name where that finds it, or its path."""
    with contextlib.suppress(UsageError):
        if find_board(file.board.name).resolve() == file.path:
            return file.board.name
    return shlex.quote(str(file.path))


def load_board(path: Path, shown: str | None = None) -> BoardFile:
    """Read and check a board file.

    Raises:
        UsageError: with one line for every mistake, `file:line: key: what was expected`.
    """
    source = _read_with_bases(path, shown or _shown(path), 0)
    source.data.setdefault("name", path.stem)
    try:
        return BoardFile(path.resolve(), Board.model_validate(source.data))
    except ValidationError as error:
        lines = [_explain(details, source) for details in error.errors()]
        raise UsageError("\n".join(dict.fromkeys(lines))) from None


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _read_with_bases(path: Path, shown: str, depth: int) -> Source:
    source = read_yaml(path, shown)
    folder = path.resolve().parent
    source = Source(_anchor(source.data, folder), source.places)
    base_name = source.data.get("extends")
    if base_name is None:
        return source
    where = source.place(("extends",))
    if depth >= MAX_EXTENDS:
        raise UsageError("`extends` goes round in circles (or too deep)", where=where)
    known = {found.stem: found for found in list_boards()}
    known |= {found.stem: found for found in folder.glob("*.yaml")}
    if not isinstance(base_name, str):
        raise UsageError("extends: expected the name of a board", where=where)
    if base_name not in known:
        near = difflib.get_close_matches(str(base_name), known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"extends: no board {base_name!r}{hint}", where=where)
    base_path = known[base_name]
    base = _read_with_bases(base_path, _shown(base_path), depth + 1)
    base.data.pop("name", None)
    places = dict(base.places)
    merged = _merge(base.data, source.data, (), source, places)
    return Source(merged, places)


def _anchor(value: Any, folder: Path, way: tuple[str, ...] = ()) -> Any:
    """Make paths absolute, so that they still hold in a board of another folder that extends this."""
    if isinstance(value, dict):
        return {k: _anchor(v, folder, (*way, str(k))) for k, v in value.items()}
    if isinstance(value, list):
        return [_anchor(v, folder, way) for v in value]
    if not isinstance(value, str):
        return value
    value = value.replace("{board}", str(folder))
    mapped = any(way[:-1][-len(end) :] == end for end in PATH_MAPPINGS)
    if (mapped or (way and way[-1] in PATH_KEYS)) and not value.startswith(("/", "$", "~")):
        return str(folder / value)
    return value


def _merge(
    below: dict[str, Any],
    above: dict[str, Any],
    path: KeyPath,
    source: Source,
    places: dict[KeyPath, str],
) -> dict[str, Any]:
    """Lay one mapping over another: mappings mix, anything else is replaced, null takes away."""
    merged = dict(below)
    # What is wrong with the whole of it is told where the last file amends it.
    places |= {p: where for p, where in source.places.items() if p == path}
    for key, value in above.items():
        here = (*path, key)
        if value is None and key in below:
            del merged[key]
        elif isinstance(value, dict) and isinstance(below.get(key), dict):
            merged[key] = _merge(below[key], value, here, source, places)
        else:
            merged[key] = value
            _replace_places(here, source, places)
    return merged


def _replace_places(path: KeyPath, source: Source, places: dict[KeyPath, str]) -> None:
    for old in [p for p in places if p[: len(path)] == path]:
        del places[old]
    places |= {p: where for p, where in source.places.items() if p[: len(path)] == path}


def _explain(details: ErrorDetails, source: Source) -> str:
    """Return one mistake as `file:line: key: message`."""
    path = _path_in_file(details["loc"], source.data, missing=details["type"] == "missing")
    message = _message(details, path, source.data)
    key, colon, rest = message.partition(": ")
    if colon and key in source.data and not path:
        path, message = (key,), rest
    name = ".".join(str(part) for part in path)
    prefix = f"{source.place(path)}: "
    return f"{prefix}{name}: {message}" if name else f"{prefix}{message}"


def _path_in_file(loc: Sequence[str | int], data: Any, *, missing: bool) -> KeyPath:
    """Drop from a location what does not stand in the file: names of variants of a union.

    Args:
        loc: As pydantic gives it.
        data: What stands in the file.
        missing: The last part is what is missing there.
    """
    path: list[str | int] = []
    here = data
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if path == ["images"] and isinstance(here, dict) and isinstance(part, int):
            part = list(here)[part]  # noqa: PLW2901 -- the file has names where the model has a list
        if isinstance(here, dict) and (part in here or str(part) in here):
            part = part if part in here else str(part)  # noqa: PLW2901 -- YAML keys are text
            here = here[part]
            path.append(part)
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            path.append(part)
        elif missing and last and not isinstance(part, int):
            path.append(part)
    return tuple(path)


def _message(details: ErrorDetails, path: KeyPath, data: Any) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = _siblings(details["loc"], path, data)
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        return "unknown key" + (f"; did you mean {near[0]!r}?" if near else "")
    if kind == "missing":
        return "is missing"
    if kind == "union_tag_not_found":
        return f"kind: is missing; expected one of {', '.join(map(repr, LAUNCHER_KINDS))}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return f"expected `key: value` lines, got {type(details['input']).__name__}"
    if kind == "union_tag_invalid":
        expected = str(context["expected_tags"])
        near = difflib.get_close_matches(
            str(context["tag"]), expected.replace("'", "").split(", "), 1
        )
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"kind: expected one of {expected}, got {context['tag']!r}{hint}"
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", details["msg"]))
    message = details["msg"][:1].lower() + details["msg"][1:]
    if SECRET_KEYS.isdisjoint(str(part) for part in path) and not isinstance(
        details["input"], dict | list
    ):
        message += f", got {details['input']!r}"
        expected = str(context.get("expected", ""))
        options = [word.strip(" '") for word in expected.replace(" or ", ",").split(",")]
        if near := difflib.get_close_matches(str(details["input"]), options, n=1):
            message += f"; did you mean {near[0]!r}?"
    return message


def _siblings(loc: Sequence[str | int], path: KeyPath, data: Any) -> list[str]:
    """Return the keys that are known where an unknown one stands, for "did you mean"."""
    del path, data
    schema = Board.model_json_schema()
    names: list[str] = []
    for part in _walk_schema(schema, schema, [p for p in loc[:-1] if not isinstance(p, int)]):
        names += part.get("properties", {})
    return names


def _walk_schema(
    root: dict[str, Any], node: dict[str, Any], parts: Sequence[str | int]
) -> Iterator[dict[str, Any]]:
    """Yield the schemas that a location can mean, following references, lists and unions."""
    if "$ref" in node:
        yield from _walk_schema(root, root["$defs"][node["$ref"].rsplit("/", 1)[-1]], parts)
        return
    for union in ("anyOf", "oneOf"):
        for option in node.get(union, ()):
            yield from _walk_schema(root, option, parts)
    if "items" in node:
        yield from _walk_schema(root, node["items"], parts)
    if not parts:
        yield node
    elif parts[0] in node.get("properties", {}):
        yield from _walk_schema(root, node["properties"][parts[0]], parts[1:])
    else:
        if isinstance(node.get("additionalProperties"), dict):
            yield from _walk_schema(root, node["additionalProperties"], parts[1:])
        if "properties" in node:
            yield from _walk_schema(root, node, parts[1:])
