"""labeler.yaml, the policies that it names and the environment into a Service."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from labeler.config.model import JURISDICTIONS, Detection, ServiceFile
from labeler.config.service import Service
from labeler.errors import PolicyError, Problem
from labeler.labels.security import Empty, Seal, seal
from labeler.policy.document import Document, validate
from labeler.policy.load import (
    check_default,
    check_examples,
    read,
    read_policy,
    shipped,
    validate_policies,
)
from labeler.policy.policies import PolicySet, Settings, Source
from labeler.policy.topics import Topics, load_topics, with_house

PREFIX = "LABELER__"
"""What names of environment variables that override a value begin with: `LABELER__LIMITS__REQUEST`."""


def load(path: str | os.PathLike[str] | None = None, *, environ: Mapping[str, str] | None = None) -> Service:
    """Read a service's configuration; without a path, the shipped policies with all defaults.

    `environ` (the process's own by default) may override single values: `LABELER__MODE=observe`.
    Raises PolicyError with every problem of labeler.yaml, its policies and the environment.
    """
    document = _with_default(_overridden(_main_document(path), os.environ if environ is None else environ))
    topics, problems = _topics(document, Path(path) if path else Path())
    documents, apart, missing = _policy_documents(document, Path(path) if path else Path())
    problems += missing
    sources, drafts, found = validate_policies(documents, topics)
    problems += found
    known = frozenset(str(one.data["id"]) for one in documents if "id" in one.data)
    all_found = not missing and all(one.sound for one in documents)
    context = {"policies": known, "all_found": all_found, "folder": _folder(path)}
    file, found = validate(document, ServiceFile, context)
    problems += [*document.problems, *found]
    policies = PolicySet.of(sources, topics, _settings(file, document))
    problems += [*check_examples(policies, drafts, known), *check_default(policies)]
    seal, found = _seal(file, document)
    problems += found
    problems += _unreachable(file, [*sources, *drafts])
    if problems or file is None:
        raise PolicyError(*problems)
    return _service(file, policies, seal, apart)


def _folder(path: str | os.PathLike[str] | None) -> str:
    return os.path.dirname(os.fspath(path)) if path else ""


def _main_document(path: str | os.PathLike[str] | None) -> Document:
    return read(Path(path), str(path)) if path else Document("(no configuration file)", {}, {}, {})


def _overridden(document: Document, environ: Mapping[str, str]) -> Document:
    for variable in sorted(environ):
        if variable.startswith(PREFIX):
            field = tuple(variable.removeprefix(PREFIX).lower().split("__"))
            document = document.override(field, environ[variable], f"environment {variable}")
    return document


def _topics(document: Document, main: Path) -> tuple[Topics, list[Problem]]:
    """The shipped topics as the service changes them; mistakes in the changes' form are found later,
    together with those of the whole file."""
    topics, problems = load_topics()
    try:
        changes = Detection.model_validate(document.data.get("detection") or {}).topics
    except ValidationError:
        return topics, list(problems)
    changed, found = with_house(topics, changes, document, lambda name: read(main.parent / name, name))
    return changed, [*problems, *found]


def _policy_documents(document: Document, main: Path) -> tuple[list[Document], frozenset[str], list[Problem]]:
    """The policies in use, in order, each file once, and the ids of those that are named apart; paths are relative to
    `main`'s folder. One that is named apart stands in the place of the one that a word for many brings under the same id."""
    entries = document.data.get("policies")
    entries = entries if isinstance(entries, list) else ["shipped"]
    documents = {one.path: one for one in _jurisdictions(document)}
    brought: set[str] = set()
    problems: list[Problem] = []
    for index, entry in enumerate(entries):
        if not isinstance(entry, str) or (entry == "shipped" and "strict" in entries):
            continue
        found = {one.path: one for one in _entry(entry, main, document)}
        if not found:
            problems.append(document.problem(("policies", index), *_nothing(entry)))
        brought = brought | (found.keys() - documents.keys()) if entry in _WORDS else brought - found.keys()
        documents |= found
    ids = {path: str(one.data.get("id")) for path, one in documents.items()}
    apart = {ids[path] for path in documents if path not in brought}
    used = [one for path, one in documents.items() if path not in brought or ids[path] not in apart]
    return used, frozenset(apart), problems


_WORDS = ("shipped", "strict")
"""Each stands for all shipped policies; `strict` takes those whose guards act where there are such."""

_SUFFIXES = (".yaml", ".yml")
"""Of policy files."""


def _entry(entry: str, main: Path, document: Document) -> Iterator[Document]:
    """What one line of `policies:` stands for: a word for many, a shipped policy's id, a file, or a folder."""
    path = main.parent / entry
    if entry in _WORDS:
        strict = (shipped() / "strict").glob("*.yaml") if entry == "strict" else ()
        files = {file.stem: file for file in (*shipped().glob("*.yaml"), *strict)}
        yield from (
            _read_shipped(files[name]) for name in sorted(files) if name != "general" or _home(document)
        )
    elif not _is_path(entry):
        file = shipped() / f"{entry}.yaml"
        yield from [_read_shipped(file)] if file.is_file() else []
    elif path.is_dir():
        inside = sorted(file for suffix in _SUFFIXES for file in path.glob(f"*{suffix}"))
        yield from (read_policy(file, str(file)) for file in inside if file != main)
    else:
        yield read_policy(path, str(path))


def _is_path(entry: str) -> bool:
    return "/" in entry or os.sep in entry or entry.endswith(_SUFFIXES)


def _nothing(entry: str) -> tuple[str, str]:
    if _is_path(entry):
        return f"the folder '{entry}' holds no policy", "policy files end in .yaml or .yml"
    known = ", ".join(file.stem for file in sorted(shipped().glob("*.yaml")))
    hint = f"shipped are {known}; `shipped` is all of them; a file is named by a path with .yaml"
    return f"there is no shipped policy '{entry}'", hint


def _read_shipped(file: Path) -> Document:
    return read_policy(file, f"policies/{file.relative_to(shipped()).as_posix()}")


def _jurisdictions(document: Document) -> Iterator[Document]:
    """The base policies of the jurisdictions besides `cn` under which the service owes labels."""
    named = document.data.get("jurisdictions")
    for name in named if isinstance(named, list) else ():
        file = shipped() / "jurisdiction" / f"{name}.yaml"
        if file.is_file():
            yield _read_shipped(file)


def _home(document: Document) -> bool:
    named = document.data.get("jurisdictions")
    return not isinstance(named, list) or "cn" in named


def _with_default(document: Document) -> Document:
    """Without `cn` the default policy is the first jurisdiction's, unless the file says otherwise."""
    said = document.data.get("default") is not None
    if _home(document) or said or not document.data["jurisdictions"]:
        return document
    return document.override(("default",), str(document.data["jurisdictions"][0]), "jurisdictions")


def _settings(file: ServiceFile | None, document: Document) -> Settings:
    """What decisions depend on; of a file with mistakes the default and the jurisdictions alone, so that checks
    go on."""
    if file is None:
        named = document.data.get("jurisdictions")
        known = tuple(one for one in named if one in JURISDICTIONS) if isinstance(named, list) else ("cn",)
        return Settings(default=str(document.data.get("default") or "general"), jurisdictions=known)
    models = tuple((rule.name, rule.scenarios) for rule in file.models)
    detection = file.detection
    return Settings(
        file.default,
        file.language,
        detection.messages,
        models,
        detection.decay,
        detection.answer,
        file.jurisdictions,
    )


def _seal(file: ServiceFile | None, document: Document) -> tuple[Seal, list[Problem]]:
    """What seals the AIGC records, and what is wrong with its key."""
    if file is None or file.provider is None:
        return Empty(), []
    said = file.provider.seal
    try:
        pem = Path(said.key).read_bytes() if said.key else b""
        return seal(said.mode, pem, said.key), []
    except OSError as error:
        wrong, hint = f"the key {said.key} cannot be read: {error.strerror}", ""
    except PolicyError as error:
        wrong, hint = f"{error.problems[0].file} {error.problems[0].message}", error.problems[0].hint
    return Empty(), [document.problem(("provider", "seal", "key"), wrong, hint)]


def _unreachable(file: ServiceFile | None, sources: Iterable[Source]) -> Iterator[Problem]:
    """Policies that want pictures to be fetched, of a service that says nothing of where from."""
    for source in sources:
        way = source.policy.picture.url if source.policy.picture else "leave"
        missing = [] if way == "leave" or file is None or file.pictures.fetch.hosts else ["fetch.hosts"]
        if way == "proxy" and file is not None and file.pictures.public_url is None:
            missing += ["public_url", "link_key"]
        if missing:
            needs = " and ".join(f"pictures.{name}" for name in missing)
            message, hint = f"`url: {way}` needs {needs} of the service", "give it in labeler.yaml"
            yield source.document.problem(("picture", "url"), message, hint)


def _service(file: ServiceFile, policies: PolicySet, seal: Seal, apart: frozenset[str]) -> Service:
    return Service(
        policies=policies,
        provider=file.provider,
        seal=seal,
        models=file.models,
        default=file.default,
        language=file.language,
        messages=file.detection.messages,
        mode=file.mode,
        unclaimed=file.unclaimed,
        headers=file.headers,
        limits=file.limits,
        pictures=file.pictures,
        routes=file.routes,
        tenants=file.tenants,
        sessions=file.sessions,
        notices=file.notices,
        filing=file.filing,
        gateway=file.gateway,
        apart=apart,
    )
