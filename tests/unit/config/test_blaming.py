"""Each problem is one line, with the file from which it arises, also if another file has the key."""

from pathlib import Path
from typing import Any

import pytest

from semalign.config.blaming import first_telling, holder_of
from semalign.config.extending import COMMAND, Config, read_config
from semalign.runtime.errors import UserError
from semalign.study.definition import study_of
from semalign.study.preflight import checked, told_of

ROOT = Path(__file__).parents[3]
LADDER = "analysis: {ladder: {benchmarks: [complete]}}"
ELSEWHERE = " (this key is in config/config.yaml)"
# what a file says on top of the default study -> its only problem
MISTAKES = {
    "methods: {sft: {searched: false}}": "methods.sft.optimisation.learning_rate: found nothing, expected a learning",
    "oracle: {of: sfft}": "oracle.of: found 'sfft', expected one of semalign, ",
    "oracle: {seed: 1}": "oracle.seed: found 1, expected none of the study's seeds [0, 1, 2]",
    "seeds: [0, 1000]": "methods.target-oracle.signals.oracle.seed: found 1000, expected none of the study's seeds",
    LADDER: "analysis.ladder.benchmarks: found 'complete', expected one of facts, arithmetic, completion, synthesis",
    "analysis: {ladder: {benchmarks: [facts, completion]}}": "analysis.ladder.benchmarks: found 'facts', on which no",
    "analysis: {ladder: {rungs: [semantic-residual, target-oracl]}}": "analysis.ladder.rungs: found 'target-oracl', ",
    "methods: {target-oracle: {benchmarks: [complete]}}": "methods.target-oracle.benchmarks: found 'complete', ",
    "methods: {sft: {benchmarks: [complete]}}": "methods.sft.benchmarks: found 'complete', expected one of facts, ",
    "pairs: {tiny: {benchmarks: [facts, complete]}}": "pairs.tiny.benchmarks: found 'complete', expected one of ",
    "ablations: {method: semantic-resid}": "ablations.method: found 'semantic-resid', expected one of student, ",
    "methods: {target-residual: {searched: true}}": "methods.target-residual.optimisation.learning_rate: found 0.03, ",
    "methods: {distill-logits: {benchmarks: [facts]}}": "analysis.displacement.reference: found 'distill-logits', ",
    "methods: {distill-logits: {title: Oracle}}": "methods.target-oracle.title: found 'Oracle', the title of methods.",
}  # fmt: skip


def extending(path: Path, text: str, settings: dict[str, Any] | None = None) -> Config:
    """The default study with a file on top, and with settings of the command line."""
    path.write_text(f"extends: config/config.yaml\nstudy: mine\n{text}\n")
    return read_config([path], settings)


def told(config: Config) -> list[str]:
    try:
        study = study_of(config)
        with config.naming(told_of):
            checked(study)
    except UserError as error:
        return list(error.lines)
    return []


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(("text", "line"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_one_mistake_is_one_line_of_the_file_that_makes_it(text: str, line: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    [found] = told(extending(mine, text))
    assert found.startswith(f"{mine}: {line}")


def test_a_line_says_if_its_key_is_in_another_file(tmp_path: Path) -> None:
    [found] = told(extending(tmp_path / "mine.yaml", "methods: {target-residual: {searched: true}}"))
    assert found.endswith(f"expected none, since search.learning_rates chooses it{ELSEWHERE}")
    [found] = told(extending(tmp_path / "mine.yaml", LADDER))
    assert ELSEWHERE not in found


def test_all_names_that_a_misspelt_rung_may_be_are_listed(tmp_path: Path) -> None:
    [found] = told(
        extending(tmp_path / "mine.yaml", "analysis: {ladder: {rungs: [semantic-residual, sft-x]}}")
    )
    assert "target-pullback, target-oracle" in found


def test_the_command_line_is_named_for_what_it_makes_wrong(tmp_path: Path) -> None:
    config = extending(
        tmp_path / "mine.yaml", "methods: {sft: {lora: {rank: 4}}}", {"methods": {"sft": {"searched": False}}}
    )
    [found] = told(config)
    assert found.startswith(f"{COMMAND}: methods.sft.optimisation.learning_rate: found nothing")


def test_a_problem_of_the_extended_file_stays_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path("config/config.yaml").read_text().replace("reference: distill-logits", "reference: distil")
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(text)
    Path("mine.yaml").write_text("extends: base.yaml\nmethods: {more: {method: sft, layers: all}}\n")
    [found] = told(read_config(["mine.yaml"]))
    assert found.startswith("base.yaml: analysis.displacement.reference: found 'distil', ")


def test_the_holder_of_a_key_has_all_or_most_of_it() -> None:
    layers = [("a", {"x": {"y": {"z": 1}}, "list": [1]}), ("b", {"x": {"y": {}}})]
    assert holder_of(layers, "x.y.z") == (0, True)
    assert holder_of(layers, "x.y.w") == (1, False)
    assert holder_of(layers, "list[0]") == (0, True)
    assert holder_of(layers, "other") == (None, False)


@pytest.mark.parametrize(
    ("told_by", "holder", "layer"),
    [
        ([["k: found 1, expected a"], []], 2, 0),
        ([[], []], 0, 2),
        ([None, None], 0, 0),
        ([[], None], 1, 1),
        ([[], None], 0, 2),
    ],
    ids=["told before", "new", "can't tell", "can't tell the holder", "not the holder's"],
)
def test_the_first_layer_that_tells_a_problem_is_to_blame(
    told_by: list[list[str] | None], holder: int, layer: int
) -> None:
    line = "k: found 1, expected one of a, b"
    assert first_telling(line, 3, holder, lambda count: told_by[count - 1]) == layer
