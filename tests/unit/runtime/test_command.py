"""Command line of a stage: options and help from its signature, artifacts by their records, one-line errors."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from semalign.runtime.command import call, grouped
from semalign.runtime.errors import UserError

SEEN: list[dict[str, Any]] = []


@grouped
@dataclass(frozen=True)
class Attempt:
    """How it runs.

    Attributes:
        seed: Seed of the draw.
        label: Name in the log.
    """

    seed: int
    label: str = "run"


@grouped
@dataclass(frozen=True)
class Place:
    """Where it runs.

    Attributes:
        device: Where the model is.
    """

    device: Literal["cpu", "cuda"] | None = None


def make_things(
    model: Path, attempt: Attempt, place: Place, parts: Sequence[Path] = (), again: bool = False
) -> None:
    """Make things of a model.

    Args:
        model: Folder of the model.
        attempt: How it runs.
        place: Where it runs.
        parts: Folders of parts.
        again: Make them again.
    """
    SEEN.append({"model": model, "attempt": attempt, "place": place, "parts": list(parts), "again": again})


def called(*arguments: str) -> dict[str, Any]:
    SEEN.clear()
    call(make_things, arguments)
    return SEEN[0]


def test_parameters_are_options_and_groups_have_no_prefix() -> None:
    assert called("--model", "a", "--seed", "3", "--parts", "b", "c", "--again") == {
        "model": Path("a"),
        "attempt": Attempt(3),
        "place": Place(),
        "parts": [Path("b"), Path("c")],
        "again": True,
    }
    seen = called("--model", "a", "--parts", "--seed", "-1", "--label", "x y", "--device", "cpu")
    assert seen["parts"] == [] and seen["attempt"] == Attempt(-1, "x y") and seen["place"] == Place("cpu")


def test_a_record_is_replaced_by_its_folder() -> None:
    seen = called("--model", "a/b/run.json", "--seed", "0", "--parts", "c/run.json", "d")
    assert seen["model"] == Path("a/b") and seen["parts"] == [Path("c"), Path("d")]
    assert called("--model", "run.json", "--seed", "0")["model"] == Path("run.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "1"], "make_things: missing option --model"),
        (["--model", "a"], "make_things: missing option --seed"),
        (["--modl", "a"], "make_things: unknown option --modl; did you mean --model?"),
        (["--zzz", "--model", "a"], "make_things: unknown option --zzz; --help lists the options"),
        (["a", "--seed", "1"], "make_things: found 'a', expected an option"),
        (["--model", "a", "--seed", "one"], "--seed: found 'one', expected a whole number"),
        (["--model", "a", "--seed", "1.5"], "--seed: found '1.5', expected a whole number"),
        (["--model", "a", "--seed", "1", "--device", "tpu"], "--device"),
        (["--model"], "--model"),
    ],
)
def test_a_mistake_is_reported_in_one_line(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        call(make_things, arguments)
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert str(refused.value).startswith("make_things: ")


def test_help_explains_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    call(make_things, ["--help"])
    page = capsys.readouterr().out
    for text in ("Make things of a model.", "Folder of the model.", "Seed of the draw.", "[default: run]"):
        assert text in page
    assert "default: ()" not in page and "default: False" not in page


def test_a_script_imports_nothing_large_before_it_contacts_the_fork_server() -> None:
    code = "import sys; import semalign.runtime.script; print([m for m in ('torch', 'cyclopts') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_a_list_without_a_default_needs_a_value() -> None:
    def join(parts: list[Path]) -> None:
        """Join.

        Args:
            parts: Parts.
        """

    with pytest.raises(UserError, match="join: --parts: found no value, expected at least one"):
        call(join, ["--parts"])
