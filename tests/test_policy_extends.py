"""`extends:` in a policy: a house changes some of a shipped policy and inherits the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

import labeler
from labeler import Labeler, PolicyError, Problem

FONT = Path(labeler.__file__).parent / "pixels" / "fonts" / "AIGCLabelerSans.ttf"
MEDICAL = Labeler.load().text("多喝水。", scenarios="medical").outcome.verdict


def loaded(folder: Path, **files: str) -> Labeler:
    """A service on `general` and the policies in these files."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    used = ", ".join(f"./{name}.yaml" for name in files if not name.startswith("base"))
    (folder / "labeler.yaml").write_text(f"policies: [general, {used}]\n", encoding="utf-8")
    return Labeler.load(folder / "labeler.yaml")


def problems(folder: Path, **files: str) -> tuple[Problem, ...]:
    with pytest.raises(PolicyError) as caught:
        loaded(folder, **files)
    return caught.value.problems


def test_what_a_file_does_not_say_is_inherited(tmp_path: Path) -> None:
    """Match, marker and examples are the shipped policy's; the disclaimers are the house's alone."""
    labeler = loaded(
        tmp_path,
        house="extends: medical\nid: medical\nversion: h1\ndisclaimers: [{words: 本院不替代医生诊断}]\n",
    )
    content = labeler.text("多喝水。", question="孩子发烧39度怎么办").content
    assert content == "【AI生成】\n\n多喝水。\n\n本院不替代医生诊断"
    (policy,) = [one for one in labeler.service.policies.policies if one.id == "medical"]
    assert policy.version == "h1"
    assert len(policy.examples) > 3


def test_mappings_are_united_and_null_takes_away(tmp_path: Path) -> None:
    """One language of the marker changes, the other stays; `basis: null` leaves the default."""
    labeler = loaded(
        tmp_path,
        house="extends: medical\nid: medical\nmarker: {words: {zh: 【本院AI生成】}}\nbasis: null\n",
    )
    (policy,) = [one for one in labeler.service.policies.policies if one.id == "medical"]
    assert policy.marker is not None
    assert policy.marker.words == {"zh": "【本院AI生成】", "en": "【AI生成】 AI-generated"}
    assert policy.basis == ()


def test_match_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """A condition has one field, so two of them are never united."""
    labeler = loaded(
        tmp_path,
        house="extends: medical\nid: clinic\nmatch: {route: /clinic/**}\n"
        "examples: [{ask: 你好, route: /clinic/x, scenarios: [clinic]}]\n",
    )
    verdict = labeler.text("x", question="孩子发烧39度怎么办").outcome.verdict
    assert verdict is not None
    assert verdict.scenarios == ("general",)


def test_files_extend_each_other_in_a_chain(tmp_path: Path) -> None:
    """A house's variation of a house's variation."""
    labeler = loaded(
        tmp_path,
        base="extends: medical\nid: medical\nversion: b\n",
        house="extends: base.yaml\nid: medical\non_failure: pass\n",
    )
    (policy,) = [one for one in labeler.service.policies.policies if one.id == "medical"]
    assert (policy.version, policy.on_failure) == ("b", "pass")


SHOP = "extends: ecommerce\nid: myshop\nmatch: {route: /myshop/**}\n"


@pytest.mark.parametrize(
    ("text", "used", "says"),
    [
        (SHOP, "general", "'myshop': there is no policy 'ecommerce' in use"),
        (SHOP, "shipped", "'myshop': no example reaches this policy"),
        (
            SHOP.replace("ecommerce", "base.yaml"),
            "general",
            "'myshop': there is no policy 'ecommerce' in use",
        ),
        (
            "match: {route: /wards/**}\nid: medical\nextends: medical\n",
            "general",
            "'medical': no example reaches",
        ),
    ],
)
def test_inherited_examples_that_do_not_fit_are_told_in_the_house_s_file(
    tmp_path: Path, text: str, used: str, says: str
) -> None:
    """Once, where it extends: nothing is wrong with the file that it extends."""
    (tmp_path / "shop.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "base.yaml").write_text("extends: ecommerce\nid: ecommerce\n", encoding="utf-8")
    (tmp_path / "labeler.yaml").write_text(f"policies: [{used}, shop.yaml]\n", encoding="utf-8")
    with pytest.raises(PolicyError) as caught:
        Labeler.load(tmp_path / "labeler.yaml")
    (problem,) = caught.value.problems
    line = 1 + text[: text.index("extends")].count("\n")
    assert (problem.file, problem.line, problem.field) == (str(tmp_path / "shop.yaml"), line, "extends")
    assert says in problem.message
    assert "give this file `examples:`" in problem.hint


def test_a_mistake_stands_where_it_was_made(tmp_path: Path) -> None:
    """A wrong word in the file that is extended is told with that file's line."""
    base = 'id: medical\nversion: "1"\ntitle: t\nmatch: {topic: medical}\nmarker: {words: 仅供参考}\n'
    found = problems(tmp_path, base=base, house="extends: base.yaml\nid: medical\nlanguage: zh\n")
    places = {(Path(one.file).name, one.line, one.field) for one in found}
    assert ("base.yaml", 5, "marker.words.any") in places
    assert ("house.yaml", 3, "language") in places


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("disclaimers:\n  - {place: end}\n", (4, "disclaimers[0].words")),
        ("disclaimers: [{words: 甲}, {place: end}]\n", (3, "disclaimers[1].words")),
        ("match: {header: {}}\n", (3, "match.header.name")),
        ("marker: {words: {zh: 甲}}\n", (3, "marker.words.zh")),
    ],
)
def test_a_mistake_in_what_is_replaced_stands_in_the_file_itself(
    tmp_path: Path, text: str, place: tuple[int, str]
) -> None:
    """A list or `match` of its own takes nothing from the file that it extends, whatever stands there."""
    base = (
        'id: base\nversion: "1"\ntitle: t\nmatch: {header: {name: x}}\nmarker: {words: 【AI生成】}\n'
        "disclaimers: [{words: 甲}, {words: 乙}]\nexamples: [{ask: x, headers: {x: y}, scenarios: [house]}]\n"
    )
    found = problems(tmp_path, base=base, house=f"extends: base.yaml\nid: house\n{text}")
    assert ("house.yaml", *place) in [(Path(one.file).name, one.line, one.field) for one in found]
    assert "base.yaml" not in {Path(one.file).name for one in found}


def test_a_font_lies_beside_the_file_that_names_it(tmp_path: Path) -> None:
    """A house's variation in another folder has the same font."""
    for folder in ("base", "kid"):
        (tmp_path / folder).mkdir()
    (tmp_path / "base" / "house.ttf").write_bytes(FONT.read_bytes())
    base = (
        'id: base\nversion: "1"\ntitle: t\nmatch: {route: /b/**}\n'
        "picture: {label: {words: AI生成, font: house.ttf}}\n"
        "examples: [{ask: x, route: /b/x, scenarios: [kid]}]\n"
    )
    (tmp_path / "base" / "base.yaml").write_text(base, encoding="utf-8")
    (tmp_path / "kid" / "kid.yaml").write_text("extends: ../base/base.yaml\nid: kid\n", encoding="utf-8")
    (tmp_path / "labeler.yaml").write_text("policies: [general, kid/kid.yaml]\n", encoding="utf-8")
    (policy,) = [
        one for one in Labeler.load(tmp_path / "labeler.yaml").service.policies.policies if one.id == "kid"
    ]
    assert policy.picture is not None
    assert Path(policy.picture.label.font).samefile(tmp_path / "base" / "house.ttf")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("extends: nix\nid: a\n", "there is no policy 'nix' to extend"),
        ("extends: nix.yaml\nid: a\n", "there is no policy 'nix.yaml' to extend"),
        ("extends: house.yaml\nid: a\n", "'house.yaml' extends itself"),
    ],
)
def test_a_name_that_leads_nowhere_is_an_error(tmp_path: Path, text: str, says: str) -> None:
    """Unknown names and circles are told at the field."""
    found = [one for one in problems(tmp_path, house=text) if one.field == "extends"]
    assert says in [one.message for one in found]
    assert found[0].line == 1
