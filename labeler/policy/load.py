"""Policy files into a PolicySet, and everything that is wrong with them, at once."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from labeler.errors import Problem
from labeler.labels.wording import missing_elements
from labeler.policy.answers import added
from labeler.policy.decide import reasons
from labeler.policy.document import Document, parse, validate
from labeler.policy.inherit import inherited
from labeler.policy.model import Example, Policy, Tried
from labeler.policy.patterns import plain_path
from labeler.policy.picture import looks
from labeler.policy.policies import PolicySet, Settings, Source
from labeler.policy.topics import Topics
from labeler.values import Exchange

_FONT = ("picture", "label", "font")


def shipped() -> Path:
    """The folder of the shipped policies: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "policies"
    return inside if inside.is_dir() else package.parent / "policies"


def read(path: Path, name: str) -> Document:
    """A configuration file; one that cannot be read becomes a problem of an unsound document."""
    place = os.path.realpath(path)
    try:
        return replace(parse(path.read_text(encoding="utf-8"), name), path=place)
    except OSError as error:
        reason = error.strerror or str(error)
        problem = Problem(name, 0, 0, "", f"the file cannot be read: {reason}", str(path))
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        message = f"the file is not UTF-8: {error.reason} (byte {error.start})"
        problem = Problem(name, line, column, "", message, "save it as UTF-8")
    return Document(name, {}, {}, {}, (problem,), sound=False, path=place)


def read_policy(path: Path, name: str) -> Document:
    """A policy file, with what it inherits."""
    document = read(path, name)
    return inherited(document, _extended) if "extends" in document.data else document


def validate_policies(
    documents: Iterable[Document], topics: Topics
) -> tuple[list[Source], list[Source], list[Problem]]:
    """The policies that are valid, those that are not though their examples can be tried (`match`, `examples`
    and id alone, or a second one of an id), and all problems, those between files included."""
    sources: list[Source] = []
    drafts: list[Source] = []
    problems: list[Problem] = []
    first: dict[str, Document] = {}
    for document in documents:
        context = {
            "topics": topics,
            "jurisdiction": document.data.get("jurisdiction", "cn"),
            "folder": Path(document.file).parent,
        }
        policy, found = validate(document, Policy, context)
        problems += [*document.problems, *found]
        name = str(document.data.get("id", ""))
        before = first.setdefault(name, document)
        if taken := name and before is not document:
            message = f"the id '{name}' is taken by another policy"
            other = before.path if before.file == document.file else before.file
            hint = f"{other} has it; rename one, or leave one out of `policies:`"
            problems.append(document.problem(("id",), message, hint))
        if policy is not None:
            (drafts if taken else sources).append(Source(policy, document))
            problems += _undrawable(policy, document)
        elif (tried := validate(document, Tried, context)[0]) is not None:
            draft = Policy.model_construct(id=tried.id, match=tried.match, examples=tried.examples)
            drafts.append(Source(draft, document))
    return sources, drafts, problems


def _extended(name: str, document: Document) -> Document | None:
    """The policy that `extends: name` stands for in a document."""
    if name.endswith((".yaml", ".yml")):
        file = Path(document.file).parent / name
        shown = str(file)
    else:
        file = shipped() / f"{name}.yaml"
        shown = f"policies/{file.name}"
    return _placed(read(file, shown), file.parent) if file.is_file() else None


def _placed(document: Document, folder: Path) -> Document:
    """A policy with the path of its font as a file in another folder has to write it."""
    found: object = document.data
    for name in _FONT:
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, str) or not found:
        return document
    return document.override(_FONT, os.path.abspath(folder / found), "")


def _undrawable(policy: Policy, document: Document) -> Iterator[Problem]:
    """Visible labels that could not be read: glyphs that the font lacks, too little contrast."""
    if policy.picture is None:
        return
    from labeler.pixels.mark import check  # Pillow, which a policy without pictures does not need

    for language, look in looks(policy.picture, policy.jurisdiction):
        for message in check(look):
            yield document.problem(("picture", "label", "words", language), message)


def check_examples(policies: PolicySet, drafts: Iterable[Source], known: frozenset[str]) -> Iterator[Problem]:
    """Examples that name unknown scenarios, and policies that none of their own examples reaches. A draft is
    tried in the place of the policy whose id it has."""
    for source in policies.sources:
        yield from _examples(policies, source, known)
    for draft in drafts:
        others = [one for one in policies.sources if one.policy.id != draft.policy.id]
        tried = PolicySet.of([*others, draft], policies.topics, policies.settings)
        yield from _examples(tried, draft, known)


def _examples(policies: PolicySet, source: Source, known: frozenset[str]) -> Iterator[Problem]:
    """Where they stand; those that are inherited are no mistake of the file in which they stand."""
    wrong = [*_unknown(source, known), *_unreached(policies, source)]
    if wrong and source.document.inherits(("examples",)):
        message = f"the inherited examples do not fit '{source.policy.id}': {wrong[0].message}"
        hint = f"give this file `examples:` of its own, with `scenarios: [{source.policy.id}]`"
        yield source.document.problem(("extends",), message, hint)
    else:
        yield from wrong


def _unreached(policies: PolicySet, source: Source) -> Iterator[Problem]:
    examples = source.policy.examples
    if not any(_reaches(policies, source.policy.id, example) for example in examples):
        message = "no example reaches this policy" if examples else "the policy has no examples"
        hint = (
            "add `- ask: ...` with a question that falls under it and `scenarios: [...]`; and `route`, `model`, "
            "`headers`, `tenant`, `fields` or `answer` where `match` asks for them"
        )
        yield source.document.problem(("examples",), message, hint)


def _unknown(source: Source, known: frozenset[str]) -> Iterator[Problem]:
    for number, example in enumerate(source.policy.examples):
        for index, name in enumerate(example.scenarios):
            if name not in known:
                path = ("examples", number, "scenarios", index)
                hint = f"known: {', '.join(sorted(known))}"
                yield source.document.problem(path, f"there is no policy '{name}' in use", hint)


def _reaches(policies: PolicySet, name: str, example: Example) -> bool:
    wanted = name in example.scenarios or name in policies.constant
    return wanted and name in _reached(policies, example)


def _reached(policies: PolicySet, example: Example) -> list[str]:
    exchange = Exchange(
        plain_path(example.route),
        headers={name.lower(): value for name, value in example.headers.items()},
        model=example.model,
        messages=example.ask,
        fields=example.fields,
        tenants=(example.tenant,) if example.tenant else (),
    )
    reached = dict.fromkeys(one.scenario for one in reasons(policies, exchange))
    scanner = policies.scanner() if example.answer else None
    if scanner is not None:
        scanner.feed(example.answer)
        reached |= dict.fromkeys(one.scenario for one in added(policies, exchange, scanner.end(), reached))
    return list(reached)


def is_shipped(source: Source) -> bool:
    """Whether a policy is one that comes with the package."""
    return Path(os.path.realpath(shipped())) in Path(source.document.path).parents


def fails(
    policies: PolicySet, example: Example, beside: Container[str] = ()
) -> tuple[Sequence[str], Sequence[str]] | None:
    """The scenarios that an example expects and those that it leads to, where they differ; else None.

    The default policy and policies that always apply are left out on both sides, and so are those that it
    cannot know of and may reach `beside`.
    """
    reached = [one for one in _reached(policies, example) if one in example.scenarios or one not in beside]
    found = [one for one in reached if one not in policies.constant]
    expected = [one for one in example.scenarios if one not in policies.constant]
    return None if set(found) == set(expected) else (expected, found)


def check_default(policies: PolicySet) -> Iterator[Problem]:
    """The default policy, where it is valid, must label every answer by itself; and where its label is not
    what a jurisdiction asks for, another policy that always applies must."""
    source = next((one for one in policies.sources if one.policy.id == policies.settings.default), None)
    if source is None:
        return
    if not source.policy.is_explicit():
        message = "the default policy has no explicit label"
        hint = "give it a `marker:`, or a disclaimer with `explicit: true` and `when: always`"
        yield source.document.problem(("id",), message, hint)
        return
    own = {one.jurisdiction for one in policies.policies if one.id in policies.constant and one.is_explicit()}
    for name in policies.settings.jurisdictions:
        if name not in own and not _satisfies(source.policy, name, policies.settings):
            message = f"the service owes labels under '{name}', and no policy that always applies has one"
            hint = (
                f"give the default policy `jurisdiction: {name}` and a marker with its elements; or, where none "
                f"is owed there, write `jurisdictions:` in labeler.yaml without '{name}'"
            )
            yield source.document.problem(("jurisdiction",), message, hint)


def _satisfies(policy: Policy, jurisdiction: str, settings: Settings) -> bool:
    """Whether a label of the default policy, which is said in any case, also is what another jurisdiction
    asks for, in all its languages."""
    return policy.jurisdiction in settings.jurisdictions and any(
        not any(missing_elements(line, jurisdiction) for line in words.values())
        for words in policy.explicit_words()
    )
