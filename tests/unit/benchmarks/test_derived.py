"""Benchmarks with changed answers in train: their folders, records, and how they are recognised."""

from pathlib import Path
from typing import Any

import pytest

from semalign.benchmarks.answered import Answer, write_answers
from semalign.benchmarks.base import read_split
from semalign.benchmarks.derived import CHANGED, LABELS
from semalign.benchmarks.mixture import scored_files
from semalign.benchmarks.stage import prepare_benchmark
from semalign.config.base import SPLITS
from semalign.config.benchmarks import kind_of
from semalign.evaluation.own_decoding import own_decoding
from semalign.evaluation.protocols import task_name
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_jsonl, write_json
from semalign.runtime.provenance import Run, check

SIZES = {"train": 20, "extract": 2, "align": 3, "validation": 4, "test": 5}
CLEAN = [split for split in SPLITS if split != "train"]


def prepare(root: Path, name: str, section: dict[str, Any], **inputs: Any) -> Path:
    write_json(root / f"{name}.json", section)
    prepare_benchmark(name, root / f"{name}.json", root / name, **inputs)
    return root / name


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return prepare(tmp_path, "arithmetic", SIZES)


@pytest.fixture
def mixture(tmp_path: Path, base: Path) -> Path:
    facts = prepare(tmp_path, "facts", {**SIZES, "train": 10})
    return prepare(tmp_path, "both", {"parts": ["facts", "arithmetic"]}, parts=[facts, base])


def answered(root: Path, benchmark: Path, texts: dict[int, Answer]) -> Path:
    """Answers that equal the labels but for those of some positions."""
    items = read_split(benchmark, "train")
    folder = root / "answers"
    folder.mkdir()
    write_answers(folder, [texts.get(at, Answer(item.id, item.answer)) for at, item in enumerate(items)])
    Run("prompts").seal(folder)
    return folder


def test_only_train_differs_and_the_record_counts_it(tmp_path: Path, base: Path) -> None:
    made = prepare(tmp_path, "wrong", {"of": "arithmetic", "corrupted": 0.3}, parts=[base])
    assert all(
        (made / f"{split}.jsonl").read_bytes() == (base / f"{split}.jsonl").read_bytes() for split in CLEAN
    )
    rows = read_jsonl(made / CHANGED)
    labels = {item.id: item.answer for item in read_split(base, "train")}
    answers = {item.id: item.answer for item in read_split(made, "train")}
    assert {row["id"] for row in rows} == {id_ for id_ in labels if labels[id_] != answers[id_]}
    assert all((row["label"], row["answer"]) == (labels[row["id"]], answers[row["id"]]) for row in rows)
    record = check(made)
    assert record["corrupted"] == {"examples": 20, "wrong": 6} and len(rows) == 6
    assert record["inputs"].keys() == {"arithmetic"}
    again = prepare(tmp_path, "again", {"of": "arithmetic", "corrupted": 0.3}, parts=[base])
    assert check(again)["digest"] == record["digest"]


def test_it_is_scored_like_the_benchmark_that_it_is_made_from(tmp_path: Path, base: Path) -> None:
    made = prepare(tmp_path, "wrong", {"of": "arithmetic", "corrupted": 0.3}, parts=[base])
    [(task, file)] = scored_files(made, "test").items()
    assert task == "arithmetic" and file.read_bytes() == (base / "test.jsonl").read_bytes()
    assert task_name(task, "paper", file) == "arithmetic"
    assert (file.parent / LABELS).read_bytes() == (base / "train.jsonl").read_bytes()
    assert (file.parent / "train.jsonl").read_bytes() == (made / "train.jsonl").read_bytes()


def test_the_shots_of_other_protocols_are_kept(tmp_path: Path, base: Path) -> None:
    (base / "shots.jsonl").write_bytes((base / "extract.jsonl").read_bytes())
    Run("benchmark").seal(base)
    made = prepare(tmp_path, "wrong", {"of": "arithmetic", "corrupted": 0.3}, parts=[base])
    shots = scored_files(made, "test")["arithmetic"].with_name("shots.jsonl")
    assert shots.read_bytes() == (base / "extract.jsonl").read_bytes()


def test_the_limit_of_tokens_is_that_of_the_labels(tmp_path: Path, base: Path) -> None:
    long = Answer("arithmetic-train-0003", " 1" * 400)
    answers = answered(tmp_path, base, {3: long})
    section = {"of": "arithmetic", "answered_by": "big"}
    made = prepare(tmp_path, "unlabeled", section, parts=[base], answers=answers)
    files = base / "test.jsonl", scored_files(made, "test")["arithmetic"]
    limits = [own_decoding(file, ["\n\n"], None) for file in files]
    assert limits[0] == limits[1]
    assert own_decoding(made / "test.jsonl", ["\n\n"], None) != limits[0]


def test_a_models_answers_take_the_place_of_the_labels(tmp_path: Path, base: Path) -> None:
    ids = [item.id for item in read_split(base, "train")]
    told = {2: Answer(ids[2], " 5", cut=True), 7: Answer(ids[7], " \n")}
    section = {"of": "arithmetic", "answered_by": "big"}
    made = prepare(tmp_path, "unlabeled", section, parts=[base], answers=answered(tmp_path, base, told))
    train = read_split(made, "train")
    assert [item.id for item in train] == [*ids[:7], *ids[8:]]
    assert (train[2].answer, train[2].target) == (" 5", read_split(base, "train")[2].target)
    record = check(made)
    assert record["unlabeled"] == {"prompts": 20, "empty": 1, "cut": 1, "equal_to_label": 18}
    assert record["inputs"].keys() == {"arithmetic", "answers"}
    assert [(row["id"], row["answer"]) for row in read_jsonl(made / CHANGED)] == [
        (ids[2], " 5"),
        (ids[7], ""),
    ]


def test_a_model_without_answers_is_one_line(tmp_path: Path, base: Path) -> None:
    silent = {at: Answer(item.id, "") for at, item in enumerate(read_split(base, "train"))}
    section = {"of": "arithmetic", "answered_by": "big"}
    with pytest.raises(
        UserError, match=r"benchmarks\.unlabeled\.answered_by: found only empty answers to the 20"
    ):
        prepare(tmp_path, "unlabeled", section, parts=[base], answers=answered(tmp_path, base, silent))
    with pytest.raises(UserError, match="--answers: found none, expected the answers of big"):
        prepare(tmp_path, "unlabeled", section, parts=[base])


def test_each_part_of_a_mixture_is_changed_by_the_same_share(tmp_path: Path, mixture: Path) -> None:
    made = prepare(tmp_path, "wrong", {"of": "both", "corrupted": 0.5}, parts=[mixture])
    changed = [row["id"] for row in read_jsonl(made / CHANGED)]
    assert [sum(id_.startswith(part) for id_ in changed) for part in ("facts", "arithmetic")] == [5, 10]
    assert [item.id for item in read_split(made, "train")] == [
        item.id for item in read_split(mixture, "train")
    ]
    files, original = scored_files(made, "validation"), scored_files(mixture, "validation")
    assert files.keys() == original.keys() == {"facts", "arithmetic"}
    assert all(files[part].read_bytes() == original[part].read_bytes() for part in files)
    own = {
        item.id: item
        for path in scored_files(made, "train").values()
        for item in read_split(path.parent, "train")
    }
    assert [own[item.id] for item in read_split(made, "train")] == read_split(made, "train")


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ({"of": "facts", "corrupted": 0.1}, "corrupted"),
        ({"of": "facts", "answered_by": "big"}, "unlabeled"),
        ({"of": "facts"}, "corrupted"),
        ({"parts": ["facts"]}, "mixture"),
        ({"train": 3}, "embedded"),
    ],
)
def test_the_kind_of_a_section_follows_from_its_keys(section: dict[str, Any], kind: str) -> None:
    assert kind_of(section) == kind
