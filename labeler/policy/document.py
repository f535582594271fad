"""YAML that remembers where everything stands, and pydantic errors told in its lines and columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from labeler.errors import Problem
from labeler.policy.mistakes import nearest, told

FieldPath = tuple[str | int, ...]
Where = tuple[int, int]
At = Literal["value", "key"]
Model = TypeVar("Model", bound=BaseModel)

WHOLE = frozenset(("match",))
"""Mappings of which a file that extends another one has all or nothing: a condition has exactly one field."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """One configuration file: its data, where each key and value stands, and what was wrong so far.

    `sound` is false where the text is no YAML mapping; `data` is empty then. `base` is the document of
    which some of the data is inherited. `file` is what people call it, `path` where it lies.
    """

    file: str
    data: Mapping[str, Any]
    keys: Mapping[FieldPath, Where]
    values: Mapping[FieldPath, Where]
    problems: tuple[Problem, ...] = ()
    sound: bool = True
    origins: Mapping[FieldPath, str] = field(default_factory=dict)
    base: Document | None = None
    path: str = ""

    def problem(self, path: FieldPath, message: str, hint: str = "", *, at: At = "value") -> Problem:
        """What is wrong at `path`, placed at the nearest part of it that the file really has."""
        if origin := self.origin(path):
            return Problem(origin, 0, 0, spell(path), message, hint)
        if self.base is not None and self.inherits(path):
            return self.base.problem(path, message, hint, at=at)
        marks = self.keys if at == "key" else self.values
        known = next((path[:end] for end in range(len(path), -1, -1) if path[:end] in self.values), ())
        line, column = marks.get(path) or self.values.get(known, (1, 1))
        return Problem(self.file, line, column, spell(path), message, hint)

    def origin(self, path: FieldPath) -> str:
        """Where a value stands that is not the file's own, as an environment variable; "" for the file."""
        found = (self.origins.get(path[:end]) for end in range(len(path), 0, -1))
        return next(filter(None, found), "")

    def inherits(self, path: FieldPath) -> bool:
        """Whether a file that this one extends has more of a path than it has itself, and that is not
        replaced as a whole."""
        if self.base is None or self._replaces(path):
            return False
        return self.base._reach(path) > self._depth(path)

    def _replaces(self, path: FieldPath) -> bool:
        """Whether the file itself has a value on the way that is not united with what it inherits."""
        data: Any = self.data
        for end, name in enumerate(path, 1):
            data = data.get(name) if isinstance(data, Mapping) else None
            if path[:end] not in self.values:
                return False
            if name in WHOLE or not isinstance(data, Mapping):
                return True
        return False

    def _depth(self, path: FieldPath) -> int:
        """How much of a path the file itself has."""
        return next((end for end in range(len(path), 0, -1) if path[:end] in self.values), 0)

    def _reach(self, path: FieldPath) -> int:
        own = self._depth(path)
        return own if self.base is None else max(own, self.base._reach(path))

    def with_problem(self, path: FieldPath, message: str, hint: str) -> Document:
        """The same document with one more thing that is wrong with it."""
        return replace(self, problems=(*self.problems, self.problem(path, message, hint)))

    def over(self, data: Mapping[str, Any], base: Document) -> Document:
        """The same document with data that it partly inherits from `base`."""
        problems = (*base.problems, *self.problems)
        return replace(self, data=data, base=base, problems=problems, sound=self.sound and base.sound)

    def override(self, path: FieldPath, value: str, origin: str) -> Document:
        """The same document with one value replaced by one that stands elsewhere, at `origin` ("": in the
        file after all); so do the mappings around it that the file lacks."""
        made = [path[:end] for end in range(_levels(self.data, path), len(path) + 1)]
        data = _put(self.data, path, value)
        return replace(self, data=data, origins={**self.origins, **dict.fromkeys(made, origin)})


def _levels(data: object, path: FieldPath) -> int:
    """How many names of a path lead to the first value that is no mapping."""
    for level, name in enumerate(path):
        if not isinstance(data, Mapping):
            return level
        data = data.get(name)
    return len(path)


def _put(data: object, path: FieldPath, value: str) -> dict[str, Any]:
    inside = dict(data) if isinstance(data, Mapping) else {}
    head, *rest = path
    inside[str(head)] = _put(inside.get(str(head)), tuple(rest), value) if rest else value
    return inside


def spell(path: FieldPath) -> str:
    """A path as people write it: `match.any[0].topic`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def parse(text: str, file: str) -> Document:
    """Read YAML. Broken syntax, duplicate keys and the like become `problems`, not exceptions."""
    reader = _Reader(file)
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = {} if node is None else reader.build(loader, node, ())
    except yaml.YAMLError as error:
        return Document(file, {}, {}, {}, (*reader.problems, _syntax(file, error, text)), sound=False)
    if not isinstance(data, dict):
        line, column = reader.values[()]
        reader.problems.append(
            Problem(file, line, column, "", "the file must hold fields, as in `id: general`")
        )
        return Document(file, {}, {}, {}, tuple(reader.problems), sound=False)
    return Document(file, data, reader.keys, reader.values, tuple(reader.problems))


def _syntax(file: str, error: yaml.YAMLError, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    for number, one in enumerate(text.split("\n")[:line], 1):
        if wide := _WIDE_COLON.match(one):
            message = "a full-width colon (：) stands behind a name"
            return Problem(
                file, number, wide.end(), "", message, f"write `{wide[1]}: ...`, with a space behind `:`"
            )
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Problem(
        file, line, column, "", f"this is not valid YAML: {what}", "look at indentation, quotes and colons"
    )


_WIDE_COLON = re.compile(r"[\s-]*+([\w.-]+)：")
_TEXT = "tag:yaml.org,2002:str"


class _Reader:
    """Builds plain data out of a node tree and notes where each key and value begins."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[FieldPath, Where] = {}
        self.values: dict[FieldPath, Where] = {}
        self.problems: list[Problem] = []
        self._open: list[yaml.Node] = []

    def build(self, loader: Any, node: yaml.Node, path: FieldPath) -> Any:
        self.values[path] = _where(node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(loader, node)
        if node in self._open:
            raise yaml.composer.ComposerError(None, None, "an alias that contains itself", node.start_mark)
        self._open.append(node)
        build = self._mapping if isinstance(node, yaml.MappingNode) else self._sequence
        data = build(loader, node, path)
        self._open.pop()
        return data

    def _sequence(self, loader: Any, node: yaml.Node, path: FieldPath) -> list[Any]:
        data: list[Any] = []
        for index, item in enumerate(node.value):
            if item.tag == _TEXT and type(item) is yaml.ScalarNode:  # nearly all of a lexicon
                mark = item.start_mark
                self.values[*path, index] = mark.line + 1, mark.column + 1
                data.append(item.value)
            else:
                data.append(self.build(loader, item, (*path, index)))
        return data

    def _mapping(self, loader: Any, node: yaml.Node, path: FieldPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            here = (*path, name)
            if name in data:
                first = self.keys[here][0]
                message, hint = "the field is there twice", f"the first one is in line {first}; keep one"
                self.problems.append(Problem(self.file, *_where(key), spell(here), message, hint))
                continue
            self.keys[here] = _where(key)
            data[name] = self.build(loader, value, here)
        return data


def _scalar(loader: Any, node: yaml.ScalarNode) -> Any:
    """A scalar's value. A date stays as written: no field is one, but `version` may look like one."""
    if node.tag.endswith((":str", ":timestamp")):
        return node.value
    try:
        return loader.construct_object(node)
    except ValueError as error:
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


def _where(node: yaml.Node) -> Where:
    return node.start_mark.line + 1, node.start_mark.column + 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a validator of ours found, at `path` below the value that it was given."""

    message: str
    hint: str = ""
    path: FieldPath = ()


def fault(*faults: Fault) -> PydanticCustomError:
    """The exception with which a validator reports faults; `validate` makes problems of them."""
    return PydanticCustomError("fault", "{text}", {"text": faults[0].message, "faults": faults})


def validate(
    document: Document, model: type[Model], context: Mapping[str, Any]
) -> tuple[Model | None, list[Problem]]:
    """The document as a `model`, or None and every problem that stands in the way."""
    if not document.sound:
        return None, []
    try:
        return model.model_validate(document.data, context=dict(context)), []
    except ValidationError as error:
        found = error.errors(include_url=False)
        return None, [problem for one in found for problem in _problems(document, model, one)]


def _only_follows(error: Any) -> bool:
    """Whether a list is called too short only because its items, reported themselves, do not count."""
    return error["type"] == "too_short" and bool(error["input"])


def _problems(document: Document, model: type[BaseModel], error: Any) -> Iterable[Problem]:
    path = tuple(part for part in error["loc"] if part != "[key]")
    if _only_follows(error):
        return
    if error["type"] == "fault":
        for one in error["ctx"]["faults"]:
            at: At = "key" if "[key]" in error["loc"] else "value"
            yield document.problem((*path, *one.path), one.message, one.hint, at=at)
    elif error["type"] == "extra_forbidden":
        hint = nearest(str(path[-1]), _fields(model, path[:-1]))
        yield document.problem(path, "unknown field", hint, at="key")
    else:
        message, hint = told(error, lambda: _fields(model, path), variable=bool(document.origin(path)))
        yield document.problem(path, message, hint)


def _fields(model: type[BaseModel], path: FieldPath) -> list[str]:
    """The names that a mapping at `path` may have, read out of the model's JSON Schema."""
    root = model.model_json_schema()
    level = _flatten(root, root)
    for part in path:
        steps = [below for schema in level for below in _below(schema, part)]
        level = [flat for schema in steps for flat in _flatten(root, schema)]
    return [name for schema in level for name in schema.get("properties", {})]


def _below(schema: Mapping[str, Any], part: str | int) -> list[dict[str, Any]]:
    if isinstance(part, int):
        return [schema["items"]] if "items" in schema else []
    below = schema.get("properties", {}).get(part) or schema.get("additionalProperties")
    below = below or next(iter(schema.get("patternProperties", {}).values()), None)
    return [below] if isinstance(below, dict) else []


def _flatten(root: Mapping[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema with `$ref` followed and `anyOf` opened up."""
    if "$ref" in schema:
        return _flatten(root, root["$defs"][schema["$ref"].rsplit("/", 1)[-1]])
    if "anyOf" in schema:
        return [flat for one in schema["anyOf"] for flat in _flatten(root, one)]
    return [schema]
