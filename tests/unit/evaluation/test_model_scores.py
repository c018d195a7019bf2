"""Models scored as they are: the config, the layout, the table and the notebook's text about it."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semalign.evaluation.items import ItemRecord, write_items
from semalign.report import display, sentences
from semalign.report.levels import STANDARD
from semalign.report.reading import Tables, read_tables
from semalign.report.templating import NOT_MEASURED
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json
from semalign.runtime.provenance import Run
from semalign.statistics.scores import balanced
from semalign.statistics.tables.stage import collect_scores
from semalign.study.definition import load_study, parse_study
from semalign.study.layout import Layout

ROOT = Path(__file__).parents[3]
STUDY: dict[str, Any] = {
    "study": "s",
    "models": {"m": {"source": "folder", "path": "m"}},
    "benchmarks": {"gsm8k": {}, "humaneval": {}, "facts": {}},
    "evaluation": {"samples": {"humaneval": 3}, "max_new_tokens": {"gsm8k": 9}},
    "scores": {"models": ["m"], "benchmarks": ["gsm8k", "humaneval"], "protocols": ["paper", "lm-eval"]},
}
FACTS = {
    **{"shots": 5, "samples": 1, "batch_size": 8, "dtype": "float32", "task_version": 1.0, "lm_eval": "0.4"},
    "decoding": {"max_gen_toks": 9},
}
RATES = {"seconds": 2.0, "items_per_second": 2.0, "tokens_per_second": 80.0}


def scores(**changes: Any) -> dict[str, Any]:
    return STUDY | {"scores": STUDY["scores"] | changes}


def test_every_model_benchmark_and_protocol_has_a_folder_and_settings() -> None:
    layout = Layout(parse_study(STUDY))
    assert layout.score_folders() == [
        f"results/s/scores/m/{benchmark}/{protocol}"
        for benchmark in ("gsm8k", "humaneval")
        for protocol in ("paper", "lm-eval")
    ]
    made = {protocol: layout.settings[f"scores/{protocol}"] for protocol in ("paper", "lm-eval")}
    assert [made[protocol]["protocol"] for protocol in made] == ["paper", "lm-eval"]
    assert [made[protocol]["samples"] for protocol in made] == [{"humaneval": 3}, {}]
    assert all(one["max_new_tokens"] == {"gsm8k": 9} and "sandbox" not in one for one in made.values())
    assert layout.lists(Path("results/s/scores/m/gsm8k/paper/run.json"))
    assert layout.lists(Path("results/s/scores/m/gsm8k/paper/answers/run.json"))
    assert not layout.lists(Path("results/s/scores/m/facts/paper/run.json"))


def test_limits_of_the_sandbox_are_no_part_of_what_generates() -> None:
    plain = Layout(parse_study(STUDY)).settings
    roomy = STUDY["evaluation"] | {"sandbox": {"memory_mb": 999}}
    other = Layout(parse_study(STUDY | {"evaluation": roomy})).settings
    changed = {name for name in plain if plain[name] != other[name]}
    assert {name for name in changed if not name.startswith("checks/")} == {"judging", "judging-validation"}
    assert plain["judging-validation"]["split"] == plain["validation"]["split"] == "validation"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": ["n"]}, "scores.models: found 'n', expected one of m"),
        ({"benchmarks": ["mmlu"]}, "scores.benchmarks: found 'mmlu'"),
        ({"benchmarks": []}, "benchmark facts has only 'paper'"),
        ({"protocols": ["own"]}, "scores.protocols"),
        (
            {"published": [{"model": "n", "benchmark": "gsm8k", "score": 1, "source": "x"}]},
            "scores.published[0].model",
        ),
    ],
)
def test_a_wrong_section_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match="config: ") as refused:
        parse_study(scores(**changes))
    assert message in str(refused.value) and "\n" not in str(refused.value)


def write_score(root: Path, benchmark: str, correct: list[float], parts: list[str] | None = None) -> Path:
    folder = root / f"scores/m/{benchmark}/lm-eval"
    write_items(
        folder / "items.jsonl",
        [
            ItemRecord(f"i{i}", c, "x" if c else " ", "y", part=parts[i] if parts else None)
            for i, c in enumerate(correct)
        ],
    )
    score = float(balanced(100 * np.array(correct), parts or [None] * len(correct)).mean())
    metrics = {"score": score, "items": len(correct), "metric": "exact_match"}
    write_json(folder / "metrics.json", metrics)
    found = {"evaluation": {benchmark: FACTS}, "throughput": RATES, "isolation": "none needed"}
    Run("evaluation").seal(folder, found)
    return folder


def collect(folders: list[Path], published: list[dict[str, Any]], resamples: int, out: Path) -> None:
    """Run the stage, with its inputs as JSON files in the table's folder."""
    write_json(out.parent / "published.json", published)
    write_json(out.parent / "statistics.json", {"resamples": resamples})
    collect_scores(folders, out.parent / "published.json", out.parent / "statistics.json", out)


def test_the_table_has_published_scores_beside_ours(tmp_path: Path) -> None:
    given = {"gsm8k": [1.0, 0.0, 0.0, 1.0], "humaneval": [0.0] * 20}
    folders = [write_score(tmp_path, name, correct) for name, correct in given.items()]
    published = [
        {"model": "m", "benchmark": "gsm8k", "protocol": "paper", "score": 9.0, "source": "elsewhere"},
        {"model": "m", "benchmark": "gsm8k", "protocol": "lm-eval", "score": 40.0, "source": "the card"},
    ]
    out = tmp_path / "tables/benchmarks.csv"
    collect(folders, published, 200, out)
    first, second = csv.DictReader(out.read_text().splitlines())
    assert tuple(first) == COLUMNS["benchmarks"]
    assert (first["score"], first["published"], first["published_source"]) == (
        "50.0000",
        "40.0000",
        "the card",
    )
    assert float(first["score_low"]) < 50 < float(first["score_high"])
    assert (second["published"], second["shots"], second["max_new_tokens"]) == ("", "5", "9")
    assert float(second["score_high"]) > 10, "no item right of 20 does not mean zero"

    table = read_tables(tmp_path / "tables", ["benchmarks"])
    shown = display.benchmark_table(table)
    assert list(shown["published (%)"]) == ["40.0", ""]
    assert sentences.published(table).startswith("1 of 1 published scores")
    assert list(shown["empty answers (%)"]) == ["50", "100"]
    assert "100 % on HumanEval (lm-eval)" in sentences.empty(table)
    scores = table["benchmarks"]
    assert (
        sentences.empty(Tables({"benchmarks": scores.assign(empty=0.0)}, STANDARD)) == "No answer is empty."
    )
    assert sentences.published(Tables({"benchmarks": scores.iloc[1:]}, STANDARD)) == NOT_MEASURED


def test_a_mixture_has_the_interval_of_its_own_score(tmp_path: Path) -> None:
    correct, parts = [0.0] * 80 + [1.0] * 20 + [1.0] * 15 + [0.0] * 5, ["a"] * 100 + ["b"] * 20
    folder = write_score(tmp_path, "gsm8k", correct, parts)
    collect([folder], [], 400, tmp_path / "out.csv")
    (row,) = csv.DictReader((tmp_path / "out.csv").read_text().splitlines())
    low, score, high = (float(row[name]) for name in ("score_low", "score", "score_high"))
    assert score == (20 + 75) / 2
    assert low < score < high
    # two strata: sqrt(20 * 80 / 100 + 75 * 25 / 20) / 2
    assert high - low == pytest.approx(2 * 1.96 * 5.24, rel=0.15)


def test_scores_that_do_not_match_their_record_are_refused(tmp_path: Path) -> None:
    folder = write_score(tmp_path, "gsm8k", [1.0, 0.0])
    write_json(folder / "metrics.json", {"score": 99.0, "items": 2, "metric": "exact_match"})
    with pytest.raises(UserError, match="does not match its provenance"):
        collect([folder], [], 200, tmp_path / "out.csv")


def test_the_real_study_needs_no_benchmark_and_its_delta_scores_all_four(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    assert not load_study("config/real.yaml").benchmarks
    study = load_study("config/real-benchmarks.yaml")
    assert list(study.benchmarks) == ["mmlu", "gsm8k", "humaneval", "mbpp"]
    assert len(Layout(study).score_folders()) == 2 * 4
    assert study.study != load_study("config/real.yaml").study
