"""From the policies that apply to the labels that are said: united, in order, each once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from labeler.labels.wording import missing_elements
from labeler.policy.language import NOT_LATIN
from labeler.policy.model import Policy
from labeler.policy.picture import picture_rule
from labeler.policy.words import ANY
from labeler.values import OnFailure, Place, Stamp, Structured, Verdict

_STRICTNESS: Sequence[Structured] = ("header", "field", "block")


class _Label(NamedTuple):
    policy: str
    kind: Literal["marker", "disclaimer"]
    words: Mapping[str, str]
    place: Place
    explicit: bool
    jurisdiction: str


def assemble(
    policies: Sequence[Policy],
    language: str,
    default: str,
    revision: str,
    jurisdictions: Collection[str] = ("cn",),
) -> Verdict:
    """The verdict, still without its reasons, for policies that apply together, in this order.

    `language` is the question's, `default` the service's; the first of them in which some label has
    words is the verdict's. Kana and hangul fall back to Chinese in between. Explicit labels are said for
    `jurisdictions` alone; of a further one only where no marker before it satisfies its rule too, in as good
    a place and language.
    """
    labels = [*_markers(policies), *_disclaimers(policies), *_handoffs(policies)]
    labels = [one for one in labels if not one.explicit or one.jurisdiction in jurisdictions]
    spoken = {one for label in labels for one in label.words}
    between = ("zh",) if language in ("ja", "ko") else ()
    chosen = next((one for one in (language, *between, default) if one in spoken), default)
    blocks = any(one.on_failure == "block" for one in policies)
    on_failure: OnFailure = "block" if blocks else "pass"
    return Verdict(
        scenarios=tuple(one.id for one in policies),
        stamps=_unite(_owed([(label, _stamp(label, chosen, default)) for label in labels], chosen)),
        because=(),
        revision=revision,
        language=chosen,
        on_failure=on_failure,
        structured=max((one.structured for one in policies), key=_STRICTNESS.index),
        end_only_streams=_end_only(policies, labels),
        picture=picture_rule(
            [(one.picture, one.jurisdiction, at == 0) for at, one in enumerate(policies) if one.picture],
            (chosen, default),
            jurisdictions,
        ),
    )


def _markers(policies: Iterable[Policy]) -> Iterator[_Label]:
    for policy in policies:
        if policy.marker is not None:
            yield _Label(
                policy.id, "marker", policy.marker.words, policy.marker.place, True, policy.jurisdiction
            )


def _disclaimers(policies: Sequence[Policy]) -> Iterator[_Label]:
    """Those that are said `always`, and of the others the first policy's that would be alone."""
    speakers = {one.id for one in policies if any(said.when == "always" for said in one.disclaimers)}
    for policy in policies:
        alone = not speakers - {policy.id}
        said = [one for one in policy.disclaimers if alone or one.when == "always"]
        speakers |= {policy.id} if said else set()
        for one in said:
            yield _Label(policy.id, "disclaimer", one.words, one.place, one.explicit, policy.jurisdiction)


def _handoffs(policies: Iterable[Policy]) -> Iterator[_Label]:
    for policy in policies:
        if policy.handoff is not None:
            said = policy.handoff
            yield _Label(policy.id, "disclaimer", said.words, said.place, False, policy.jurisdiction)


def reminder(policy: Policy, language: str, default: str, spans: int) -> Iterator[Stamp]:
    """What a policy's users are told again after so many times `every`, in the verdict's language."""
    said = policy.remind
    if said is not None:
        words = said.said(spans)
        label = _Label(policy.id, "disclaimer", words, said.place, False, policy.jurisdiction)
        yield _stamp(label, language, default)


def _owed(said: Iterable[tuple[_Label, Stamp]], language: str) -> Iterator[Stamp]:
    """All but the markers of a further jurisdiction whose rule an earlier marker satisfies as well."""
    before: list[tuple[_Label, Stamp]] = []
    for label, stamp in said:
        if stamp.kind == "marker":
            if any(_serves(one, words.words, label, language) for one, words in before):
                continue
            before.append((label, stamp))
        yield stamp


def _serves(said: _Label, words: str, other: _Label, language: str) -> bool:
    """Whether a marker, said with these words, makes that of another jurisdiction needless."""
    return (
        said.jurisdiction != other.jurisdiction
        and (said.place != "interface" or other.place == "interface")
        and (_speaks(said, language) or not _speaks(other, language))
        and not missing_elements(words, other.jurisdiction)
    )


def _speaks(label: _Label, language: str) -> bool:
    return language in label.words or ANY in label.words


def _stamp(label: _Label, language: str, default: str) -> Stamp:
    latin = () if language.partition("-")[0] in NOT_LATIN else ("en",)
    keys = (language, ANY, default, *latin, *label.words)
    words = next(label.words[key] for key in keys if key in label.words)
    return Stamp(label.kind, words, label.place, label.policy, label.explicit)


def _unite(stamps: Iterable[Stamp]) -> tuple[Stamp, ...]:
    """The same words of the same kind are said once, wherever one of them is to be said."""
    united: dict[tuple[str, str], Stamp] = {}
    for stamp in stamps:
        key = stamp.kind, stamp.words
        united[key] = _join(united[key], stamp) if key in united else stamp
    return tuple(united.values())


def _join(one: Stamp, other: Stamp) -> Stamp:
    explicit = one.explicit or other.explicit
    return Stamp(one.kind, one.words, _both(one.place, other.place), one.policy, explicit)


def _both(one: Place, other: Place) -> Place:
    """The place that covers two; a label in the text serves an interface's need too, not the reverse."""
    if one == other or other == "interface":
        return one
    return other if one == "interface" else "both"


def _end_only(policies: Iterable[Policy], labels: Iterable[_Label]) -> bool:
    """Whether all policies whose explicit label is said at the end alone let streams have it there."""
    asking = {label.policy for label in labels if label.explicit and label.place == "end"}
    return bool(asking) and all(one.streams == "end-only" for one in policies if one.id in asking)
