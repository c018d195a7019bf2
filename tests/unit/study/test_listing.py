"""`python -m semalign list` prints the entries of the registries."""

import subprocess
import sys
from pathlib import Path

import pytest

from semalign import __version__
from semalign.runtime.errors import UserError
from semalign.study.listing import LISTS, answer, lines_of

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("kind", LISTS)
def test_every_list_has_a_line_per_entry(kind: str) -> None:
    lines = lines_of(["list", kind])
    assert len(lines) > 5 and all(line == line.rstrip() for line in lines)
    names = [line.split()[0] for line in lines]
    assert len(set(names)) == len(names)


def test_a_method_has_its_title_paper_and_summary() -> None:
    lines = {line.split()[0]: line for line in lines_of(["list", "methods"])}
    assert " Seeking " in lines["seeking"] and " arXiv:2310.11451 " in lines["seeking"]
    assert lines["seeking"].endswith("sub-matrices.")
    assert " experimental " in lines["prox"] and "experimental" not in lines["sft"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "semalign", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"], ["list", "--help"]])
def test_help_is_printed_with_status_0(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: python -m semalign list {methods,maps,")
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_the_version_is_printed() -> None:
    assert run("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["list"], "python -m semalign list: found nothing, expected one of methods, maps, "),
        (["list", "pairs"], "found 'pairs', expected one of methods, maps, "),
        (
            ["list", "method"],
            "found 'method', expected one of methods, maps, .* \\(did you mean methods\\?\\)",
        ),
        (["list", "maps", "methods"], "found 'maps methods', expected one of methods"),
        (["show", "maps"], "command: found 'show', expected `python -m semalign list <kind>`"),
        (["lst"], "found 'lst', expected .* \\(did you mean list\\?\\)"),
    ],
)
def test_any_other_command_is_refused_in_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(UserError, match=line):
        answer(arguments)


def test_a_wrong_command_ends_with_status_2() -> None:
    done = run("show", "maps")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_the_command_imports_no_large_library() -> None:
    code = (
        "import sys, semalign.study.listing as listing; [make() for make in listing.LISTS.values()];"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib'} & set(sys.modules); assert not heavy, heavy"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    done = subprocess.run([sys.executable, "-m", "semalign", "list", "maps"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("pinv ")


def test_public_functions_are_imported_at_first_use() -> None:
    code = (
        "import sys, semalign; assert 'pydantic' not in sys.modules; study = semalign.load_study('config/config.yaml');"
        "assert study.study == 'tiny' and 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
