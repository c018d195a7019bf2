"""A mixture: interleaved splits, parts scored separately, tables with a row for each."""

import csv
from pathlib import Path

import numpy as np
import pytest
from fabricated_cells import write_tables

from semalign.benchmarks.base import Example, read_split, write_split
from semalign.benchmarks.mixture import interleave, scored_files, write_mixture
from semalign.benchmarks.stage import prepare_benchmark
from semalign.config.base import SPLITS
from semalign.config.statistics import StatisticsSettings
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_json, write_jsonl
from semalign.runtime.provenance import Run, check
from semalign.statistics.scores import balanced
from semalign.statistics.tables.cells import Key, read_cell
from semalign.statistics.tables.order import Axis, Order
from semalign.study.definition import parse_study
from semalign.study.layout import Layout

SIZES = {"sums": 4, "words": 2}
STUDY = {
    "study": "s",
    "models": {"big": {"source": "tiny"}, "small": {"source": "tiny", "seed": 1}},
    "pairs": {"p": {"teacher": "big", "student": "small", "benchmarks": ["mixture"]}},
    "benchmarks": {"facts": {}, "arithmetic": {}, "mixture": {"parts": ["facts", "arithmetic"]}},
    "methods": {"student": {}, "teacher": {}, "sft": {}},
}


@pytest.fixture
def mixture(tmp_path: Path) -> Path:
    """A sealed mixture of two parts with 4 and 2 items per split."""
    for name, size in SIZES.items():
        for split in SPLITS:
            items = [Example(f"{name}-{split}-{i}", f"{name}{i}", " x") for i in range(size)]
            write_split(tmp_path / name, split, items)
        Run("benchmark").seal(tmp_path / name)
    write_json(tmp_path / "settings.json", {"parts": list(SIZES)})
    parts = [tmp_path / name for name in SIZES]
    prepare_benchmark("mixture", tmp_path / "settings.json", tmp_path / "mixture", parts)
    return tmp_path / "mixture"


def test_parts_do_not_train_on_each_others_test_items(tmp_path: Path) -> None:
    for part, shift in (("one", 0), ("two", 1)):  # the test item of one is the extract item of the other
        for number, split in enumerate(SPLITS):
            item = Example(f"{part}-{split}", f"question {(number + shift) % len(SPLITS)}", " x")
            write_split(tmp_path / part, split, [item])
    (tmp_path / "both").mkdir()
    with pytest.raises(
        UserError,
        match=r"found 1 items of the validation split in .*, first one-validation of part one in part two",
    ):
        write_mixture([tmp_path / "one", tmp_path / "two"], tmp_path / "both")


def test_items_stand_in_turn_and_every_part_apart(mixture: Path) -> None:
    ids = [example.id for example in read_split(mixture, "train")]
    assert ids == [
        f"{name}-train-{i}"
        for name, i in zip(["sums", "words", "sums", "words", "sums", "sums"], "001123", strict=True)
    ]
    found = scored_files(mixture, "test")
    assert list(found) == ["sums", "words"]
    assert found["words"].read_bytes() == (mixture.parent / "words/test.jsonl").read_bytes()
    assert scored_files(mixture.parent / "sums", "test") == {"sums": mixture.parent / "sums/test.jsonl"}
    assert set(check(mixture)["inputs"]) == {"sums", "words"}


def test_an_id_in_two_parts_is_refused() -> None:
    with pytest.raises(UserError, match="id 'a' found twice"):
        interleave([[Example("a", "x", "y")], [Example("a", "z", "y")]])


@pytest.mark.parametrize(
    ("benchmarks", "told"),
    [
        (
            {"mixture": {"parts": ["facts", "gone"]}},
            r"benchmarks\.mixture\.parts: found 'gone', expected one of facts",
        ),
        (
            {"mixture": {"parts": ["facts"]}},
            r"benchmarks\.mixture\.parts: found \[.facts.\], expected at least 2",
        ),
        (
            {"mixture": {"parts": ["facts", "arithmetic"], "train": 3}},
            r"benchmarks\.mixture\.train: unknown key, expected one of parts",
        ),
        (
            {"mixture": {"parts": ["facts", "arithmetic"]}, "twice": {"parts": ["facts", "mixture"]}},
            "found 'mixture', expected one of facts, arithmetic",
        ),
    ],
)
def test_parts_must_be_plain_benchmarks_of_the_study(benchmarks: dict, told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_study({**STUDY, "benchmarks": {**STUDY["benchmarks"], **benchmarks}})


def test_the_study_trains_on_the_mixture_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layout = Layout(parse_study(STUDY))
    assert {cell.benchmark for cell in layout.cells} == {"mixture"}
    assert layout.parts_of("mixture") == ["facts", "arithmetic"]
    assert layout.parts_of("facts") == []
    assert layout.settings["benchmarks/mixture"] == {"parts": ["facts", "arithmetic"]}
    assert layout.settings["order"]["parts"] == {"mixture": ["facts", "arithmetic"]}


def write_cell(
    root: Path, method: str, correct: dict[str, list[int]], variant: str = "default", seed: int = 0
) -> Path:
    """A finished cell; `correct` holds the verdicts by part."""
    folder = root / f"p/mixture/{method}/{variant}/seed{seed}"
    items = [
        {"id": f"{part}-{i}", "correct": c, "part": part, "teacher_kl": 0.5 if part == "sums" else 1.0}
        | {"teacher_agreement": 0.5, "answer_tokens": 2}
        for part, verdicts in correct.items()
        for i, c in enumerate(verdicts)
    ]
    write_jsonl(folder / "items.jsonl", items)
    score = 100 * float(np.mean([np.mean(verdicts) for verdicts in correct.values()]))
    write_json(folder / "metrics.json", {"score": score, "items": len(items)})
    Run("evaluation").seal(folder)
    return folder


def test_a_cell_is_read_whole_and_in_parts(tmp_path: Path) -> None:
    cell = read_cell(write_cell(tmp_path, "sft", {"sums": [1, 1, 0, 0, 0, 0], "words": [1, 0]}))
    assert cell.weighed.mean() == pytest.approx(100 * (2 / 6 + 1 / 2) / 2)
    sums, words = cell.by_part()
    assert sums.key == Key("p", "mixture/sums", "sft", "default")
    assert sums.scores.tolist() == [
        100,
        100,
        0,
        0,
        0,
        0,
    ]  # exact, because the choice of the test depends on scores being binary
    assert (words.scores.mean(), words.ids) == (50.0, ("words-0", "words-1"))
    assert (sums.metrics["teacher_kl"], words.metrics["teacher_kl"]) == (0.5, 1.0)


def test_balanced_scores_average_to_the_mean_of_means() -> None:
    values = np.array([[100.0, 0.0, 0.0, 100.0, 0.0], [0.0, 0.0, 0.0, 100.0, 100.0]])
    parts = ["a", "a", "a", "b", "b"]
    assert balanced(values, parts).mean(axis=1) == pytest.approx([(100 / 3 + 50) / 2, (0 + 100) / 2])
    even = values[:, :4]
    assert balanced(even, ["a", "b", "a", "b"]) is even


@pytest.mark.slow
def test_the_tables_have_a_row_for_the_mixture_and_one_a_part(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    chances = {"student": 0.2, "teacher": 0.9, "sft": 0.5, "semalign": 0.3}
    cells = [
        write_cell(
            tmp_path / "cells",
            method,
            {part: (draw.random(30 * size) < chance).astype(int).tolist() for part, size in SIZES.items()},
            variant,
        )
        for method, chance in chances.items()
        for variant in ("default", *(["map~random"] if method == "semalign" else []))
    ]
    order = Order(
        pairs=["p"],
        benchmarks=["mixture"],
        parts={"mixture": list(SIZES)},
        methods=list(chances),
        axes={"semalign": {"map": Axis(default="pinv", values=["random"])}},
        contrasts=[("semalign", "sft")],
    )
    write_tables(cells, order, StatisticsSettings(resamples=300), tmp_path / "tables")

    def read(name: str) -> list[dict[str, str]]:
        with (tmp_path / f"tables/{name}.csv").open() as file:
            return list(csv.DictReader(file))

    main = {(row["benchmark"], row["method"]): float(row["score"]) for row in read("main")}
    assert list(dict.fromkeys(at for at, _ in main)) == ["mixture", "mixture/sums", "mixture/words"]
    for method in chances:
        parts = [main[f"mixture/{part}", method] for part in SIZES]
        assert main["mixture", method] == pytest.approx(np.mean(parts), abs=1e-3)
    assert [row["variant"] for row in read("ablations")] == ["default", "map~random"]
    found = read("parts")
    assert {row["part"] for row in found} == set(SIZES)
    assert len(found) == 2 * (len(chances) + 1)
    for row in found:
        if row["variant"] == "default":
            assert float(row["score"]) == pytest.approx(
                main[f"mixture/{row['part']}", row["method"]], abs=1e-3
            )
        if row["method"] != "student":
            assert float(row["vs_student_low"]) < float(row["vs_student"]) < float(row["vs_student_high"])
    # no row over all benchmarks: the mixture's own row is the mean
    assert [row["benchmark"] for row in read("contrasts")] == ["mixture", "mixture/sums", "mixture/words"]
