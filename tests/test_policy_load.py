"""Policy files with mistakes: every one is found, and told with its line, column, field and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeler.config import load
from labeler.errors import PolicyError, Problem
from labeler.policy.document import parse
from labeler.policy.load import fails

GOOD = """\
id: house
version: "1"
title: House
match:
  topic: medical
marker:
  words: 【AI生成】
examples:
  - ask: 我发烧了
    scenarios: [house]
"""

MISTAKES: list[tuple[str, str, tuple[int, int, str], str]] = [
    ("【AI生成】", "AI助手", (7, 10, "marker.words.any"), "「生成」"),
    (
        "【AI生成】",
        "{zh: 【AI生成】, en: AI-generated}",
        (7, 27, "marker.words.en"),
        "GB 45438-2025, 5.1",
    ),
    ("【AI生成】", '"【AI生成】\\n"', (7, 10, "marker.words.any"), "space around"),
    ("【AI生成】", '"【AI\\u2028生成】"', (7, 10, "marker.words.any"), "U+2028"),
    ("【AI生成】", '"【AI\\x85生成】"', (7, 10, "marker.words.any"), "U+0085"),
    ("【AI生成】", '""', (7, 10, "marker.words.any"), "must be words"),
    ("【AI生成】", "{}", (7, 10, "marker.words"), "at least one language"),
    ("【AI生成】", "{chinese!: 【AI生成】}", (7, 11, "marker.words.chinese!"), "no language"),
    ("【AI生成】", "AI生成" * 26, (7, 10, "marker.words.any"), "at most 100"),
    ("title", "titel", (3, 1, "titel"), "did you mean 'title'"),
    ("  topic: medical", "  topics: medical", (5, 3, "match.topics"), "did you mean 'topic'"),
    ("topic: medical", "topic: medicine", (5, 10, "match.topic"), "there is no topic"),
    ("topic: medical", "pattern: '(a'", (5, 12, "match.pattern"), "missing )"),
    ("topic: medical", "pattern: '(?=a)b'", (5, 12, "match.pattern"), "RE2"),
    ("topic: medical", "route: shop", (5, 10, "match.route"), "/medical/**"),
    ("topic: medical", "route: /a**/b", (5, 10, "match.route"), "stands alone"),
    ("topic: medical", "pattern: ''", (5, 12, "match.pattern"), "in every text"),
    ("topic: medical", "pattern: 起诉|", (5, 12, "match.pattern"), "the empty alternative"),
    ("topic: medical", "pattern: '^(起诉|)'", (5, 12, "match.pattern"), "in every text"),
    ("topic: medical", "route: /a/", (5, 10, "match.route"), "leave it out, as in /a"),
    ("topic: medical", "route: /a/**/", (5, 10, "match.route"), "a slash at its end"),
    ("topic: medical", "route: /a//b", (5, 10, "match.route"), "as in /a/b"),
    ("topic: medical", "route: /a/./b", (5, 10, "match.route"), "as in /a/b"),
    ("topic: medical", "route: /a;x/b", (5, 10, "match.route"), "as in /a/b"),
    ("topic: medical", "not: {any: [{header: {name: X}}]}", (5, 8, "match.not"), "take a label away"),
    ("topic: medical", "{topic: medical, model: x}", (5, 3, "match"), "exactly one field"),
    ("topic: medical", "topic:", (5, 3, "match"), "0 with a value"),
    ("topic: medical", "always: false", (5, 11, "match.always"), "True"),
    ("topic: medical", "any: []", (5, 8, "match.any"), "at least 1"),
    ("topic: medical", "header: {name: X, value: a, pattern: b}", (5, 11, "match.header"), "keep one"),
    ('"1"', "1.0", (2, 10, "version"), "quotes"),
    ("marker:", "jurisdiction: mars\nmarker:", (6, 15, "jurisdiction"), "known: cn"),
    ("marker:", "on_failure: blok\nmarker:", (6, 13, "on_failure"), "did you mean 'block'"),
    ("[house]", "[house, nix]", (10, 24, "examples[0].scenarios[1]"), "known: general, house, medical"),
    ("我发烧了", "你好", (9, 3, "examples"), "no example reaches"),
    ("marker:\n  words: 【AI生成】\n", "", (1, 1, ""), "says nothing"),
    ("version", "id", (2, 1, "id"), "twice"),
    ("id: house", "id: House", (1, 5, "id"), "lower-case letters"),
    ("id: house", "id: [house]", (1, 5, "id"), "must be text"),
    ("title: House", "title: [House]", (3, 8, "title"), "one for each language"),
    ("topic: medical", "header: {name: a b}", (5, 18, "match.header.name"), "the name of a header"),
    ("  topic: medical", "  - topic: medical", (5, 3, "match"), "must be a mapping (its fields: any, all"),
    (
        "topic: medical",
        "any: {topic: medical}",
        (5, 8, "match.any"),
        "each item behind a dash: `- topic: ...`",
    ),
    ("marker:\n  words:", "marker:", (6, 9, "marker"), "must be a mapping (its fields: words, place)"),
    ("ask: 我发烧了", "ask: []", (9, 10, "examples[0].ask"), "at least 1 item"),
    ("[house]", "house", (10, 16, "examples[0].scenarios"), "must be a list (write [house])"),
    ("marker:", "guards: {Dose: {}}\nmarker:", (6, 10, "guards.Dose"), "lower-case letters"),
    ("marker:", "picture: {label: {colour: red}}\nmarker:", (6, 27, "picture.label.colour"), "'#ffffff'"),
    ("id: house", "id: general", (1, 5, "id"), "policies/general.yaml has it"),
    ("title: House", "title: [House", (4, 6, ""), "YAML"),
    ("title: House", "title：House", (3, 6, ""), "a full-width colon (：) stands behind a name"),
    ("words: 【AI生成】", "words: {cn: 【AI生成】}", (7, 11, "marker.words.cn"), "no language (write zh)"),
    ("words: 【AI生成】", "words: |\n    【AI生成】", (7, 10, "marker.words.any"), "write it in one line"),
    (
        "words: 【AI生成】",
        "words: 【AI生成】\n  place: bottom",
        (8, 10, "marker.place"),
        "did you mean 'end'?",
    ),
    ("title: House", "title: !!int x", (3, 8, ""), "invalid literal"),
    ("title: House", "title: !house x", (3, 8, ""), "tag"),
]
"""What is replaced by what in the sound policy, where the problem stands, and what it says."""


def problems(folder: Path, text: str, name: str = "house.yaml") -> tuple[Problem, ...]:
    """What is wrong with a policy that is used beside `general` and `medical`."""
    (folder / name).write_text(text, encoding="utf-8")
    (folder / "labeler.yaml").write_text(f"policies: [general, medical, {name}]\n", encoding="utf-8")
    try:
        load(folder / "labeler.yaml", environ={})
    except PolicyError as error:
        return error.problems
    return ()


def test_a_sound_policy_has_no_problems(tmp_path: Path) -> None:
    """The file that the other tests damage is right."""
    assert problems(tmp_path, GOOD) == ()


@pytest.mark.parametrize(("old", "new", "place", "says"), MISTAKES, ids=[one[3] for one in MISTAKES])
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, place: tuple[int, int, str], says: str
) -> None:
    """File, line, column and field are those of the mistake, and the message says what would be right."""
    assert old in GOOD
    found = problems(tmp_path, GOOD.replace(old, new, 1))
    assert place in [(one.line, one.column, one.field) for one in found]
    assert any(says in str(one) and one.file.endswith("house.yaml") for one in found)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Wrong words, an unknown field, a broken pattern and a lonely bracket do not hide one another."""
    text = (
        GOOD.replace("【AI生成】", "AI助手")
        .replace("title", "titel")
        .replace("topic: medical", "pattern: '['")
    )
    fields = {one.field for one in problems(tmp_path, text)}
    assert {"marker.words.any", "titel", "title", "match.pattern"} <= fields


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("title:", "titel: x\ntitle:", "titel"),
        ("【AI生成】", "AI助手", "marker.words.any"),
        ("id: house", "id: medical", "id"),
    ],
)
def test_a_policy_with_mistakes_is_tried_all_the_same(tmp_path: Path, old: str, new: str, field: str) -> None:
    """That no example reaches it, and names that examples should not have, are told beside the rest."""
    text = GOOD.replace(old, new).replace("我发烧了", "你好").replace("[house]", "[house, medical, nix]")
    assert {field, "examples", "examples[0].scenarios[2]"} <= {one.field for one in problems(tmp_path, text)}
    reached = GOOD.replace(old, new).replace("[house]", "[medical]" if field == "id" else "[house]")
    assert {one.field for one in problems(tmp_path, reached)} == {field}


def test_problems_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    """They are sorted by file, line and column."""
    text = GOOD.replace("【AI生成】", "AI助手").replace("title", "titel")
    found = problems(tmp_path, text)
    assert list(found) == sorted(found, key=lambda one: (one.file, one.line, one.column))


@pytest.mark.parametrize("pattern", ["^$", "^\\s*$", "^.{0,9}$", "\\A\\z|起诉"])
def test_an_anchored_pattern_may_find_nothing(tmp_path: Path, pattern: str) -> None:
    """An empty message, or a short one, is something that a house may ask for."""
    text = GOOD.replace("topic: medical", f"any: [topic: medical, pattern: '{pattern}']")
    assert problems(tmp_path, text) == ()


@pytest.mark.parametrize(
    ("match", "example"),
    [
        ("tenant: ac*", "tenant: acme"),
        ("field: {path: metadata.scene, value: shop}", "fields: {metadata: {scene: shop}}"),
        ("field: {path: n, value: '2'}", "fields: {n: 2}"),
        ("answer: {topic: medical}", "answer: 孩子发烧39度要多喝水"),
        ("answer: {words: [处方]}", "answer: 这是处方。"),
        ("all: [route: /a/**, answer: {words: [处方]}]", "route: /a/b, answer: 处方"),
    ],
)
def test_an_example_can_reach_every_condition(tmp_path: Path, match: str, example: str) -> None:
    """Whose request it is, what else its JSON says, and what is answered; and without that it is not reached."""
    head = GOOD.replace("topic: medical", match).partition("examples:")[0] + "examples:\n"
    assert problems(tmp_path, f"{head}  - {{ask: 你好, {example}, scenarios: [house]}}\n") == ()
    policies = load(tmp_path / "labeler.yaml", environ={}).policies
    tried = [one for policy in policies.policies if policy.id == "house" for one in policy.examples]
    assert [fails(policies, one) for one in tried] == [None]
    (problem,) = problems(tmp_path, f"{head}  - {{ask: 你好, scenarios: [house]}}\n")
    assert problem.message == "no example reaches this policy"
    assert "`tenant`, `fields` or `answer`" in problem.hint


def test_an_example_s_route_is_read_like_a_request_s(tmp_path: Path) -> None:
    """What servers take as nothing is taken off."""
    text = GOOD.replace("topic: medical", "route: /a/b")
    for route in ("/a/b/", "/a//b", "/a;x/./b"):
        assert problems(tmp_path, text.replace("ask: 我发烧了", f"ask: Hi\n    route: {route}")) == ()


def test_a_policy_needs_examples(tmp_path: Path) -> None:
    """A policy without any example is as untested as one that its examples miss."""
    text = GOOD[: GOOD.index("examples:")]
    assert [(one.field, one.message) for one in problems(tmp_path, text)] == [
        ("examples", "the policy has no examples")
    ]


def test_an_explicit_disclaimer_is_checked_like_a_marker(tmp_path: Path) -> None:
    """Only a disclaimer that claims to be the explicit label needs the elements."""
    plain = GOOD + "disclaimers:\n  - words: {zh: 仅供参考, en: FYI}\n"
    assert problems(tmp_path, plain) == ()
    found = problems(tmp_path, plain + "    explicit: true\n")
    assert [one.field for one in found] == ["disclaimers[0].words.zh", "disclaimers[0].words.en"]


def test_another_jurisdiction_has_its_own_words(tmp_path: Path) -> None:
    """Under `eu` English words comply and words without AI do not."""
    text = GOOD.replace("marker:", "jurisdiction: eu\nmarker:")
    assert problems(tmp_path, text.replace("【AI生成】", "AI-generated")) == ()
    assert "Art. 50" in str(problems(tmp_path, text.replace("【AI生成】", "Made by a machine"))[0])


def test_a_default_policy_needs_an_explicit_label(tmp_path: Path) -> None:
    """A disclaimer that is silent beside others is not enough for the policy that always applies."""
    text = GOOD.replace(
        "marker:\n  words: 【AI生成】", "disclaimers: [{words: AI生成, explicit: true, when: alone}]"
    )
    (tmp_path / "house.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "labeler.yaml").write_text("policies: [house.yaml]\ndefault: house\n", encoding="utf-8")
    with pytest.raises(PolicyError, match="default policy has no explicit label"):
        load(tmp_path / "labeler.yaml", environ={})


@pytest.mark.parametrize(
    "text", ["", "- a\n- b\n", "just words", "a: *x", "&a [*a]", "id: &a {b: *a}", "\x01"]
)
def test_a_file_that_is_no_policy_is_told(tmp_path: Path, text: str) -> None:
    """Other YAML, and what is no YAML, is a problem of that file and never a crash."""
    found = problems(tmp_path, text)
    assert found
    assert all(one.file.endswith("house.yaml") and one.line == 1 for one in found)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    """GBK bytes are reported as not being UTF-8."""
    (tmp_path / "gbk.yaml").write_bytes("id: 医疗".encode("gbk"))
    (tmp_path / "labeler.yaml").write_text("policies: [general, gbk.yaml]\n", encoding="utf-8")
    with pytest.raises(PolicyError, match=r"gbk\.yaml:1:7: the file is not UTF-8: .* \(save it as UTF-8\)"):
        load(tmp_path / "labeler.yaml", environ={})


def test_a_byte_order_mark_is_welcome(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    assert problems(tmp_path, "\ufeff" + GOOD) == ()


@given(st.text(alphabet=st.sampled_from("ab:- \n[]{}'\"&*!|>#,?%@`1.~\t")))
def test_no_text_crashes_the_reader(text: str) -> None:
    """Whatever is in the file, it is read or reported."""
    document = parse(text, "x.yaml")
    assert document.sound or document.problems
