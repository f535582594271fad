"""labeler.yaml and the environment into a Service."""

from __future__ import annotations

from pathlib import Path

import pytest

from labeler.config import Gateway, Headers, Limits, Service, Upstream, load
from labeler.errors import PolicyError, Problem
from labeler.policy.load import shipped

CODE = "91110102MAD55U9H0F"


def service(folder: Path, text: str, **environ: str) -> Service:
    file = folder / "labeler.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ=environ)


def problems(folder: Path, text: str, **environ: str) -> tuple[Problem, ...]:
    with pytest.raises(PolicyError) as caught:
        service(folder, text, **environ)
    return caught.value.problems


def test_no_file_means_the_shipped_policies() -> None:
    """Without a configuration all defaults hold."""
    default = load(environ={})
    assert (default.default, default.language, default.messages) == ("general", "zh", 3)
    assert (default.mode, default.unclaimed, default.provider) == ("enforce", "pass", None)
    assert default.limits == Limits(request=32 << 20, response=64 << 20, record=64 << 20, answer=8 << 20)
    assert default.headers == Headers(labeler=True, ai_disclosure=True)
    assert default.gateway == Gateway(connect_timeout=10, read_timeout=600, connections=1000)


def test_an_empty_file_means_the_same(tmp_path: Path) -> None:
    """So does one whose sections have nothing behind their colons."""
    assert service(tmp_path, "").limits == Limits()
    assert service(tmp_path, "limits:\nroutes:\nprovider:\ngateway:\n").routes == ()


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """Every section reaches the service."""
    made = service(
        tmp_path,
        f"""
        provider: {{name: 示例公司, credit_code: {CODE}}}
        policies: [general, medical]
        language: en
        detection: {{messages: 5}}
        mode: observe
        unclaimed: block
        headers: {{ai_disclosure: false}}
        limits: {{request: 1 MiB, response: 2MB, record: 300, answer: 1.5 KiB}}
        models: [{{name: med-*, scenarios: [medical]}}]
        routes:
          - {{path: /internal/**, exempt: titles that nobody reads}}
          - {{path: /doctor/*, dialect: text, scenarios: [medical], unread: [medical]}}
        gateway: {{upstreams: [{{url: "https://api.example.com/x"}}], connect_timeout: 1.5}}
        """,
    )
    assert made.provider is not None
    assert made.provider.credit_code == CODE
    assert (made.language, made.messages, made.mode, made.unclaimed) == ("en", 5, "observe", "block")
    assert made.headers == Headers(labeler=True, ai_disclosure=False)
    assert made.limits == Limits(request=1 << 20, response=2_000_000, record=300, answer=1536)
    assert made.models[0].scenarios == ("medical",)
    assert made.routes[1].dialect == "text"
    assert made.gateway.upstreams == (Upstream(path="/", url="https://api.example.com/x"),)
    assert [policy.id for policy in made.policies.policies] == ["general", "medical"]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("8", 8), ("1.5", 1.5), ("8s", 8), ("8 s", 8), ("30min", 1800), ("0.5h", 1800)],
)
def test_every_time_is_written_the_same_ways(tmp_path: Path, written: str, seconds: float) -> None:
    """A number of seconds, or one with its unit; in the file and in the environment."""
    text = """
        pictures: {fetch: {timeout: TIME}}
        sessions: {idle: TIME}
        notices: {timeout: TIME}
        gateway: {connect_timeout: TIME}
        """
    made = service(tmp_path, text.replace("TIME", written), LABELER__GATEWAY__READ_TIMEOUT=written)
    times = [
        made.pictures.fetch.timeout,
        made.sessions.idle,
        made.notices.timeout,
        made.gateway.connect_timeout,
        made.gateway.read_timeout,
    ]
    assert times == [seconds] * 5


def test_the_first_rule_that_fits_a_path_counts(tmp_path: Path) -> None:
    """Rules are tried in order; a path that none fits has no rule, however often one asks."""
    made = service(
        tmp_path,
        """
        routes:
          - {path: /a/*, exempt: first}
          - {path: "/a/**", exempt: second}
          - {path: "**/x", exempt: third}
        """,
    )
    paths = ["/a/b", "/a/b/c", "/a", "/b/c/x", "/x", "/b", "/ax", "/a/" + "b" * 1000]
    for _ in range(2):
        rules = [made.rule(path) for path in paths]
        found = [rule.exempt if rule else None for rule in rules]
        assert found == ["first", "second", "second", "third", "third", None, None, "first"]


def test_policies_come_from_files_and_folders(tmp_path: Path) -> None:
    """Paths are relative to labeler.yaml; its own file in the folder is not taken for a policy."""
    house = 'id: house\nversion: "1"\ntitle: x\nmatch: {always: true}\nmarker: {words: AI生成}\n'
    (tmp_path / "house.yaml").write_text(house + "examples: [{ask: x, scenarios: []}]\n", encoding="utf-8")
    made = service(tmp_path, "policies: [general, house.yaml, ./]\ndefault: house\n")
    assert [policy.id for policy in made.policies.policies] == ["house", "general"]


CLINIC = "extends: medical\nversion: clinic-1\n"  # and with it the id


@pytest.mark.parametrize(
    ("entries", "medical", "legal"),
    [
        ("shipped", "2", "1"),
        ("shipped, policies/medical.yaml", "clinic-1", "1"),
        ("./policies, shipped", "clinic-1", "1"),
        ("strict, policies/medical.yaml", "clinic-1", "strict-1"),
        ("shipped, strict", "strict-1", "strict-1"),
        ("strict, medical", "2", "strict-1"),
    ],
)
def test_a_word_stands_for_all_shipped_policies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: str, medical: str, legal: str
) -> None:
    """What is named apart stands in the place of what the word brings under its id, also where the house's
    file is called as the shipped one is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "medical.yaml").write_text(CLINIC, encoding="utf-8")
    versions = {one.id: one.version for one in service(Path(), f"policies: [{entries}]").policies.policies}
    assert versions.keys() == {one.id for one in load(environ={}).policies.policies}
    assert (versions["medical"], versions["legal"]) == (medical, legal)


@pytest.mark.parametrize("word", ["shipped", "strict"])
def test_a_word_leaves_out_what_no_jurisdiction_asks_for(tmp_path: Path, word: str) -> None:
    """The base policy of China goes where its rules do not hold, as without a list."""
    abroad = "jurisdictions: [eu]\n"
    found = [service(tmp_path, abroad + more).policies for more in ("", f"policies: [{word}]")]
    assert [one.id for one in found[0].policies] == [one.id for one in found[1].policies]
    assert "general" not in [one.id for one in found[0].policies]


def test_a_folder_s_policies_end_in_either_suffix(tmp_path: Path) -> None:
    """A policy in a file that ends in .yml is in use too."""
    house = 'id: {}\nversion: "1"\ntitle: x\nmatch: {{always: true}}\nmarker: {{words: AI生成}}\n'
    (tmp_path / "house").mkdir()
    for name, suffix in (("b", "yml"), ("a", "yaml"), ("c", "txt")):
        text = house.format(name) + "examples: [{ask: x, scenarios: []}]\n"
        (tmp_path / "house" / f"{name}.{suffix}").write_text(text, encoding="utf-8")
    made = service(tmp_path, "policies: [general, ./house]\n")
    assert [policy.id for policy in made.policies.policies] == ["general", "a", "b"]


@pytest.mark.parametrize("default", ["", "default:\n"])
def test_a_blank_default_is_none(tmp_path: Path, default: str) -> None:
    """Without `cn` it is the first jurisdiction's, however many mistakes there are beside it."""
    assert service(tmp_path, f"{default}jurisdictions: [eu]\n").default == "eu"
    found = problems(tmp_path, f"{default}jurisdictions: [eu]\nmode: x\n")
    assert [one.field for one in found] == ["mode"]


@pytest.mark.parametrize("entry", ["medcal", "./medcal.yaml", "./none/"])
def test_a_default_that_may_be_the_missing_policy_is_no_mistake(tmp_path: Path, entry: str) -> None:
    """The name that leads nowhere is told, and not what follows from it."""
    (problem,) = problems(tmp_path, f"policies: [{entry}]\n")
    assert "medcal" in str(problem) or "none" in str(problem)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("tenants: [{name: a, keys: sk-secretkey}]", "tenants[0].keys"),
        ("tenants: [{name: a, keys: 4711471147114711}]", "tenants[0].keys"),
        ("tenants: sk-secretkey", "tenants"),
    ],
)
def test_a_key_in_the_wrong_place_is_not_repeated(tmp_path: Path, text: str, field: str) -> None:
    """Messages end up in logs; what would be right is said without it."""
    (problem,) = problems(tmp_path, text)
    assert (problem.field, problem.message) == (field, "must be a list")
    assert "secret" not in str(problem)
    assert "4711" not in str(problem)


def test_two_that_are_named_apart_do_not_share_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can tell which one is meant; the other one is named so that it can be found."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "medical.yaml").write_text(CLINIC, encoding="utf-8")
    (problem,) = problems(Path(), "policies: [general, medical, policies/medical.yaml]")
    assert "'medical' is taken" in problem.message
    assert (
        Path(problem.hint.partition(" has it")[0]).read_bytes() == (shipped() / "medical.yaml").read_bytes()
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "field", "says"),
    [
        ("polcies: [general]", 1, 1, "polcies", "did you mean 'policies'"),
        (
            "policies: [general, medicl]",
            1,
            21,
            "policies[1]",
            "shipped are advertising, code, companion, ecommerce, education, finance, general",
        ),
        ("policies: [shiped]", 1, 12, "policies[0]", "`shipped` is all of them"),
        ("policies: []", 1, 11, "policies", "at least 1"),
        ("policies: general", 1, 11, "policies", "must be a list (write [general])"),
        ("limits: 3", 1, 9, "limits", "must be a mapping (its fields: request, response"),
        ("headers: {labeler: maybe}", 1, 20, "headers.labeler", "true or false"),
        ("tenants: [{name: x, keys: [sk-1]}]", 1, 28, "tenants[0].keys[0]", "as sha256sum prints them"),
        ("language: Chinese", 1, 11, "language", "a language: zh"),
        ("policies: [general]\ndefault: house", 2, 10, "default", "in use are: general"),
        ("policies: [medical]", 1, 1, "default", "no policy 'general'"),
        ("mode: enforced", 1, 7, "mode", "did you mean 'enforce'"),
        ("mode: observe\nmode: enforce", 2, 1, "mode", "line 1"),
        ("detection: {messages: 0}", 1, 23, "detection.messages", "greater than or equal to 1"),
        ("limits: {request: 3 furlongs}", 1, 19, "limits.request", "32 MiB"),
        ("limits: {request: 0}", 1, 19, "limits.request", "greater than 0"),
        ("limits: {request: yes}", 1, 19, "limits.request", "must be a number (YAML takes yes, no"),
        ("gateway: {read_timeout: yes}", 1, 25, "gateway.read_timeout", "must be a number"),
        ("pictures: {cache: off}", 1, 19, "pictures.cache", "must be a number"),
        ("detection: {messages: on}", 1, 23, "detection.messages", "must be a number"),
        ("provider: {name: x, credit_code: 91110102MAD55U9H0X}", 1, 34, "provider.credit_code", "to be F"),
        ("provider: {credit_code: " + CODE + "}", 1, 11, "provider.name", "missing"),
        ("routes: [{path: /x, exempt: ''}]", 1, 29, "routes[0].exempt", "needs a reason"),
        ("routes: [{path: /x, exempt: true}]", 1, 29, "routes[0].exempt", "must be the reason, as text"),
        ("routes: [{path: /x, dialect: opnai-chat}]", 1, 30, "routes[0].dialect", "'openai-chat'?"),
        ("routes: [{path: /x, scenarios: [nix]}]", 1, 33, "routes[0].scenarios[0]", "in use are"),
        ("routes: [{path: /x, unread: [nix]}]", 1, 30, "routes[0].unread[0]", "in use are"),
        ("routes: [{path: /x, exempt: y, scenarios: [medical]}]", 1, 10, "routes[0]", "exempt"),
        ("models: [{name: x, scenarios: [nix]}]", 1, 32, "models[0].scenarios[0]", "in use are"),
        ("gateway: {upstreams: [{url: 'ftp://x'}]}", 1, 29, "gateway.upstreams[0].url", "https://"),
        ("gateway: {upstreams: [{url: 'http://[x'}]}", 1, 29, "gateway.upstreams[0].url", "https://"),
        ("gateway: {read_timeout: .inf}", 1, 25, "gateway.read_timeout", "finite"),
        ("gateway: {read_timeout: 0s}", 1, 25, "gateway.read_timeout", "greater than 0"),
        ("pictures: {fetch: {timeout: 3 days}}", 1, 29, "pictures.fetch.timeout", "30s, 90min or 2h"),
        ("sessions: {idle: yes}", 1, 18, "sessions.idle", "must be a number"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, text: str, line: int, column: int, field: str, says: str
) -> None:
    """Line, column and field are those of the mistake, and the message says what would be right."""
    found = [one for one in problems(tmp_path, text) if one.field == field]
    assert [(one.line, one.column) for one in found] == [(line, column)]
    assert says in str(found[0])


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    """labeler.yaml, a policy and the environment are reported in one error."""
    (tmp_path / "house.yaml").write_text("id: house\n", encoding="utf-8")
    found = problems(tmp_path, "polices: 1\npolicies: [general, house.yaml]\n", LABELER__MODE="off")
    assert {one.file for one in found} == {
        str(tmp_path / "house.yaml"),
        str(tmp_path / "labeler.yaml"),
        "environment LABELER__MODE",
    }


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    """The file's name and the system's reason are in the message."""
    with pytest.raises(PolicyError, match=r"nope\.yaml: the file cannot be read: No such file"):
        load(tmp_path / "nope.yaml", environ={})


def test_the_environment_overrides_single_values(tmp_path: Path) -> None:
    """It wins over the file and makes the sections that the file lacks."""
    made = service(
        tmp_path,
        "limits: {request: 5, answer: 7}",
        LABELER__LIMITS__REQUEST="1MiB",
        LABELER__MODE="observe",
        LABELER__HEADERS__AI_DISCLOSURE="false",
        LABELER__DETECTION__MESSAGES="1",
        LABELER__PROVIDER__NAME="007",
        LABELER_PORT="tcp://10.0.0.1:80",
    )
    assert (made.limits.request, made.limits.answer) == (1 << 20, 7)
    assert (made.mode, made.headers.ai_disclosure, made.messages) == ("observe", False, 1)
    assert made.provider is not None
    assert made.provider.name == "007"


def test_an_override_without_a_file() -> None:
    """The shipped policies alone can be overridden too."""
    assert load(environ={"LABELER__LANGUAGE": "en"}).language == "en"


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("LABELER__MODEX", "1", "did you mean 'mode'"),
        ("LABELER__LIMITS__REQUST", "1", "did you mean 'request'"),
        ("LABELER__LIMITS", "1", "limits"),
        ("LABELER__LIMITS__ANSWER", "x", "no size"),
        ("LABELER__POLICIES", "[general]", "must be a list (a variable holds a single value"),
        ("LABELER__GATEWAY__UPSTREAMS__0__URL", "http://h", "gateway.upstreams: must be a list"),
        ("LABELER__PROVIDER__EXTENSION", "00000", "provider.name: the field is missing"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(variable: str, value: str, says: str) -> None:
    """The problem's file is the variable, since no file holds it."""
    with pytest.raises(PolicyError) as caught:
        load(environ={variable: value})
    assert [one.file for one in caught.value.problems] == [f"environment {variable}"]
    assert says in str(caught.value)
