"""The layout: which way imports go, who may know which library, and what a public name owes its reader."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import labeler
from labeler import LabelerError

ROOT = Path(__file__).parents[1]
LEVELS: tuple[set[str], ...] = (
    {"errors"},
    {"deadline", "values"},
    {"cache", "fetch", "links", "notices", "number", "sessions"},
    {"framing", "media"},
    {"labels", "dialects", "inline", "pixels"},
    {"body", "policy"},
    {"config", "inspection", "picture"},
    {"headers", "request", "claims", "filing", "reminders", "telling", "tenants"},
    {"response", "about"},
    {"answer", "images"},
    {"texts", "observed"},
    {"engine"},
    {"scope", "workers"},
    {"incoming", "lifespan"},
    {"asgi"},
    {"__init__"},  # the face: `from labeler import Labeler`
    {"gateway"},
    {"cli"},
    {"__main__"},
)
"""The parts of the package from the ground up: a part imports itself and what is on levels below it."""

KNOWS = {
    "starlette": {"asgi", "scope", "incoming", "lifespan", "gateway", "cli"},
    "PIL": {"pixels", "cli"},
    "pydantic": {"labels", "policy", "config"},
    "aiohttp": {"gateway", "cli"},
    "uvicorn": {"gateway", "cli"},
    "openai": {"cli"},
    "redis": {"sessions"},
    "asyncio": {
        "engine",
        "reminders",
        "asgi",
        "incoming",
        "lifespan",
        "sessions",
        "workers",
        "gateway",
        "cli",
    },
}
"""Which parts may import a library; the core is sans-IO and knows neither sockets nor event loops."""

LONGEST = 300
"""Lines of a module."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package by its name (`labeler.body.whole`), with its file."""
    files = sorted((ROOT / "labeler").rglob("*.py"))
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def part(module: str) -> str:
    """The part of the package that a module belongs to: the name behind `labeler.`."""
    names = module.split(".")
    return names[1] if len(names) > 1 else "__init__"


def imports(module: str) -> Iterator[str]:
    """The modules that a module imports, wherever in it, by their full names."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import"
            assert node.module
            inside = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in modules() else node.module for name in inside)


def own(module: str) -> set[str]:
    """The modules of this package that a module imports."""
    return {name for name in imports(module) if name.split(".")[0] == "labeler"} - {module}


@pytest.mark.parametrize("module", modules())
def test_imports_go_one_way(module: str) -> None:
    """A module imports from its own part and from those below: no arrow points back or sideways."""
    levels = {name: number for number, level in enumerate(LEVELS) for name in level}
    here = part(module)
    assert here in levels, f"{here} is a new part: give it a level in {Path(__file__).name}"
    wrong = {name for name in own(module) if part(name) != here and levels[part(name)] >= levels[here]}
    assert not wrong


def test_no_import_circles() -> None:
    """The modules can be put into an order in which each comes after those that it imports."""
    order = TopologicalSorter({module: own(module) for module in modules()}).static_order()
    assert set(order) == set(modules())


@pytest.mark.parametrize("library", KNOWS)
def test_only_some_parts_know_a_library(library: str) -> None:
    """Frameworks, sockets and event loops stay with the parts that exist for them."""
    users = {
        part(module) for module in modules() for name in imports(module) if name.split(".")[0] == library
    }
    assert users <= KNOWS[library]


def test_nothing_below_the_engine_is_asynchronous() -> None:
    """The core takes bytes and gives bytes; only the engine and what stands on it awaits anything."""
    waiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    users = {
        part(module) for module in modules() for node in ast.walk(tree(module)) if isinstance(node, waiting)
    }
    assert users <= KNOWS["asyncio"]


@pytest.mark.parametrize("module", modules())
def test_modules_are_short_and_say_what_they_are(module: str) -> None:
    """A module fits into a reader's head, and its docstring says what it is for."""
    lines = modules()[module].read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LONGEST
    assert not lines or ast.get_docstring(tree(module))


def test_all_lists_the_public_names() -> None:
    """`labeler.__all__` is sorted and names exactly what the package imports for its users."""
    imported = {
        alias.asname or alias.name
        for node in tree("labeler").body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    assert labeler.__all__ == sorted(imported)


@pytest.mark.parametrize("name", labeler.__all__)
def test_public_names_are_documented(name: str) -> None:
    """Every public name has a docstring of its own, and so has every public method of a class."""
    thing = getattr(labeler, name)
    doc = inspect.getdoc(thing) or ""
    assert doc
    assert not doc.startswith(f"{name}("), "the docstring that dataclasses make up"
    assert not [method for method, doc in methods(thing) if not doc]


def methods(thing: object) -> Iterator[tuple[str, str | None]]:
    """The public methods and properties that a class defines itself, each with its docstring."""
    for name, member in vars(thing).items() if isinstance(thing, type) else ():
        callable_ = getattr(member, "__func__", member)
        if not name.startswith("_") and (inspect.isfunction(callable_) or isinstance(member, property)):
            yield name, callable_.__doc__


def test_every_error_is_a_labeler_error() -> None:
    """Whoever catches LabelerError catches everything that the package raises on purpose."""
    found = pkgutil.walk_packages(labeler.__path__, "labeler.")
    namespaces = [vars(importlib.import_module(module.name)) for module in found]
    errors = {
        thing
        for namespace in namespaces
        for thing in namespace.values()
        if isinstance(thing, type)
        and issubclass(thing, BaseException)
        and thing.__module__.startswith("labeler")
    }
    assert LabelerError in errors
    assert {error for error in errors if not issubclass(error, LabelerError)} == set()


def project_files() -> Iterator[Path]:
    """The files that somebody wrote: no caches, no environments, nothing that is built."""
    made = {"__pycache__", "build", "dist"}
    for path in sorted(ROOT.iterdir()):
        if path.is_file():
            yield path
        elif path.name == ".ci" or not (path.name.startswith(".") or path.name in made):
            yield from (
                file
                for file in path.rglob("*")
                if file.is_file() and not made & set(file.relative_to(ROOT).parts)
            )


def test_no_file_names_a_path_of_a_machine() -> None:
    """No file of the project names an absolute path that exists on its author's machine alone."""
    path = re.compile(r"(?<![\w.*/])/(?:home|root|Users|work|workspace|mnt|opt)/\w")
    texts = {file: file.read_text(encoding="utf-8", errors="replace") for file in project_files()}
    assert Path(__file__) in texts
    assert [str(file) for file, text in texts.items() if path.search(text)] == []
