"""labeler.yaml, the policies that it names and the environment into a Service."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from labeler.config.model import ServiceFile
from labeler.config.service import Service
from labeler.errors import PolicyError, Problem
from labeler.policy.decide import PolicySet, Settings
from labeler.policy.document import Document, validate
from labeler.policy.load import check_default, check_examples, read, shipped, validate_policies
from labeler.policy.topics import load_topics

PREFIX = "LABELER__"
"""What names of environment variables that override a value begin with: `LABELER__LIMITS__REQUEST`."""


def load(path: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None) -> Service:
    """Read a service's configuration; without a path, the shipped policies with all defaults.

    `environ` (the process's own by default) may override single values: `LABELER__MODE=observe`.
    Raises PolicyError with every problem of labeler.yaml, its policies and the environment.
    """
    document = _overridden(_main_document(path), os.environ if environ is None else environ)
    topics, problems = load_topics()
    documents, found = _policy_documents(document, Path(path) if path else Path())
    problems += found
    sources, found = validate_policies(documents, topics)
    problems += found
    known = frozenset(str(one.data["id"]) for one in documents if "id" in one.data)
    file, found = validate(document, ServiceFile, {"policies": known})
    problems += [*document.problems, *found]
    policies = PolicySet.of(sources, topics, _settings(file, document))
    problems += [*check_examples(policies, known), *check_default(policies)]
    if problems or file is None:
        raise PolicyError(*problems)
    return _service(file, policies)


def _main_document(path: str | os.PathLike[str] | None) -> Document:
    return read(Path(path), str(path)) if path else Document("(no configuration file)", {}, {}, {})


def _overridden(document: Document, environ: Mapping[str, str]) -> Document:
    for variable in sorted(environ):
        if variable.startswith(PREFIX):
            field = tuple(variable.removeprefix(PREFIX).lower().split("__"))
            document = document.override(field, environ[variable], f"environment {variable}")
    return document


def _policy_documents(document: Document, main: Path) -> tuple[list[Document], list[Problem]]:
    """The files of the policies in use, in order, each once; paths are relative to `main`'s folder."""
    entries = document.data.get("policies")
    if not isinstance(entries, list):
        return [_read_shipped(file) for file in sorted(shipped().glob("*.yaml"))], []
    documents: dict[str, Document] = {}
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        found = list(_entry(entry, main)) if isinstance(entry, str) else []
        documents |= {one.file: one for one in found if one.file not in documents}
        if not found and isinstance(entry, str):
            problems.append(document.problem(("policies", index), *_nothing(entry)))
    return list(documents.values()), problems


def _entry(entry: str, main: Path) -> Iterator[Document]:
    """What one line of `policies:` stands for: a shipped policy's id, a file, or a folder."""
    path = main.parent / entry
    if not _is_path(entry):
        file = shipped() / f"{entry}.yaml"
        yield from [_read_shipped(file)] if file.is_file() else []
    elif path.is_dir():
        yield from (read(file, str(file)) for file in sorted(path.glob("*.yaml")) if file != main)
    else:
        yield read(path, str(path))


def _is_path(entry: str) -> bool:
    return "/" in entry or os.sep in entry or entry.endswith((".yaml", ".yml"))


def _nothing(entry: str) -> tuple[str, str]:
    if _is_path(entry):
        return f"the folder '{entry}' holds no policy", "policy files end in .yaml"
    known = ", ".join(file.stem for file in sorted(shipped().glob("*.yaml")))
    return (
        f"there is no shipped policy '{entry}'",
        f"shipped are {known}; a file is named by a path with .yaml",
    )


def _read_shipped(file: Path) -> Document:
    return read(file, f"policies/{file.name}")


def _settings(file: ServiceFile | None, document: Document) -> Settings:
    """What decisions depend on; of a file with mistakes the default alone, so that checks go on."""
    if file is None:
        return Settings(default=str(document.data.get("default", "general")))
    models = tuple((rule.name, rule.scenarios) for rule in file.models)
    return Settings(file.default, file.language, file.detection.messages, models)


def _service(file: ServiceFile, policies: PolicySet) -> Service:
    return Service(
        policies=policies,
        provider=file.provider,
        models=file.models,
        default=file.default,
        language=file.language,
        messages=file.detection.messages,
        mode=file.mode,
        unclaimed=file.unclaimed,
        headers=file.headers,
        limits=file.limits,
        routes=file.routes,
        gateway=file.gateway,
    )
