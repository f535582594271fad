"""The distributions: what they carry, and that an installed one works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LABELER"))
}


def run(*command: str | Path, cwd: Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with `given` on its stdin; nothing of this process's Python leaks into it."""
    return subprocess.run(
        command, cwd=cwd, env=ENVIRONMENT, input=given, capture_output=True, encoding="utf-8", check=False
    )


def must(*command: str | Path, cwd: Path, given: str = "") -> str:
    """The stdout of a command that has to end well."""
    done = run(*command, cwd=cwd, given=given)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("dist")
    must(find_uv_bin(), "build", "--quiet", "--out-dir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a fresh environment with the wheel and its plain dependencies: no extra."""
    return environment(tmp_path_factory.mktemp("away"), wheel)


def environment(folder: Path, *install: str | Path) -> Path:
    """Make a virtual environment, install into it what is named, and give its `bin` folder."""
    must(find_uv_bin(), "venv", "--quiet", "--python", sys.executable, "env", cwd=folder)
    binaries = folder / "env" / "bin"
    must(find_uv_bin(), "pip", "install", "--quiet", "--python", binaries / "python", *install, cwd=folder)
    return binaries


def test_wheel_carries_what_the_package_reads(wheel: Path) -> None:
    """Policies, topics, the typing marker, the licence and the README as its description."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = archive.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    policies = {f"labeler/policies/{file.name}" for file in ROOT.glob("policies/*.yaml")}
    topics = {str(file.relative_to(ROOT)) for file in ROOT.glob("labeler/policy/topics/*.yaml")}
    assert len(policies) >= 3
    assert topics
    assert policies | topics | {"labeler/py.typed"} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "examples/", "benchmarks/"))]
    assert (ROOT / "README.md").read_text(encoding="utf-8").strip() in metadata


def test_sdist_carries_the_project(built: Path) -> None:
    """Who has the source distribution has everything: code, policies, tests, docs, the Makefile."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        *("Makefile", "LICENSE", "README.md", "README.zh-CN.md", "CHANGELOG.md", "docs/wire.md"),
        *("labeler/__init__.py", "policies/medical.yaml", "tests/conftest.py"),
    } <= names


def test_policies_are_found_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    """`labeler policy check` reads the shipped policies of the installed package."""
    said = must(installed / "labeler", "policy", "check", cwd=tmp_path)
    assert {"general", "medical", "ecommerce"} <= {line.split(" ")[0] for line in said.splitlines()}


def test_label_works_without_any_configuration(installed: Path, tmp_path: Path) -> None:
    """`labeler label` reads stdin, labels by the shipped policies and writes stdout."""
    said = must(installed / "labeler", "label", "--scenario", "medical", cwd=tmp_path, given="多喝水。")
    assert said.startswith("【AI生成】\n\n多喝水。\n\n")
    assert "不替代医生诊断" in said


def test_library_works_when_installed(installed: Path, tmp_path: Path) -> None:
    """The library loads its policies, and comes from the environment and not from the checkout."""
    code = "import labeler; print(labeler.__file__); print(labeler.Labeler.load().text('好').content)"
    where, *text = must(installed / "python", "-c", code, cwd=tmp_path).splitlines()
    assert Path(where).is_relative_to(installed.parent)
    assert text[0] == "【AI生成】"


def test_help_works_without_extras(installed: Path, tmp_path: Path) -> None:
    """`labeler --help` lists every command, also those whose extra is not installed; `--version` is that of the
    distribution."""
    said = must(installed / "labeler", "--help", cwd=tmp_path)
    assert all(f"    {command} " in said for command in ("label", "serve", "policy", "demo"))
    code = "from importlib.metadata import version; print('labeler', version('aigc-labeler'))"
    told = must(installed / "labeler", "--version", cwd=tmp_path)
    assert told == must(installed / "python", "-c", code, cwd=tmp_path)


@pytest.mark.parametrize(
    ("command", "extra"),
    [(("serve", "--upstream", "http://127.0.0.1:9"), "gateway"), (("demo",), "demo")],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_missing_extra_is_named(installed: Path, tmp_path: Path, command: Sequence[str], extra: str) -> None:
    """A command whose packages are missing says which extra to install, with exit code 2 and no traceback."""
    done = run(installed / "labeler", *command, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert done.stderr.strip().endswith(f"pip install 'aigc-labeler[{extra}]'")
    assert "Traceback" not in done.stderr


def test_editable_install_finds_the_policies_of_the_checkout(tmp_path: Path) -> None:
    """An editable install works too: the policies lie beside the package there."""
    binaries = environment(tmp_path, "--editable", ROOT)
    assert "medical" in must(binaries / "labeler", "policy", "check", cwd=tmp_path)
