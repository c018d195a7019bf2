"""MMLU: questions below their subject's header, letters as choices, no test question in training."""

import csv
from pathlib import Path

import pytest
from fabricated_mirror import write_fabricated

from semalign.benchmarks.mmlu import AUXILIARY, SOURCE, build
from semalign.config.base import SPLITS
from semalign.config.benchmarks import RealBenchmark
from semalign.runtime.errors import UserError

SMALL = RealBenchmark(benchmark="mmlu", train=30, extract=4, align=6, validation=8, verify=False)


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sizes = {"train": 30, "extract": 4, "align": 6, "validation": 8}
    monkeypatch.setattr("semalign.benchmarks.mmlu.SIZES", sizes)
    return write_fabricated(tmp_path / "mirror")


def test_an_item_has_header_letters_and_choices(mirror: Path) -> None:
    test = build(SMALL, str(mirror)).splits["test"]
    assert len(test) == 24
    item = test[13]
    assert item.id == "mmlu-test-test-us_foreign_policy-001"
    assert item.prompt == (
        "The following are multiple choice questions (with answers) about us foreign policy.\n\n"
        "Which of these is us_foreign_policy test 1?\n"
        'A. us_foreign_policy test1\nB. None\nC. all, of 1\nD. a "quoted"\none\nAnswer:'
    )
    assert (item.answer, item.gold, item.choices) == (" B", 1, [" A", " B", " C", " D"])
    assert item.fields == {
        "subject": "us_foreign_policy",
        "question": "Which of these is us_foreign_policy test 1? ",
        "options": ["us_foreign_policy test1", "None", "all, of 1", 'a "quoted"\none'],
    }


def test_training_comes_from_dev_and_validation(mirror: Path) -> None:
    prepared = build(SMALL, str(mirror))
    sources = {item.id.split("-")[2] for split in SPLITS[:4] for item in prepared.splits[split]}
    assert sources == {"dev", "val"}
    assert len(prepared.shots) == 10
    assert all(item.id.startswith("dev-") for item in prepared.shots)


def test_a_test_question_is_never_trained_on_whatever_the_order_of_its_options(mirror: Path) -> None:
    path = mirror / "mmlu/test/abstract_algebra_test.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    with (mirror / "mmlu/val/abstract_algebra_val.csv").open("a", encoding="utf-8", newline="") as file:
        for row in rows[:3]:
            csv.writer(file).writerow([row[0].upper(), *row[4:0:-1], "A"])
    dropped = build(SMALL, str(mirror)).origin["overlap"]["dropped"]["pool"]
    assert dropped["same text"] == [f"val-abstract_algebra-{i:03}" for i in (40, 41, 42)]


def test_a_missing_subject_and_a_broken_row_are_one_line(mirror: Path) -> None:
    path = mirror / "mmlu/val/abstract_algebra_val.csv"
    path.write_text("q,a,b,c,d,E\n", encoding="utf-8")
    with pytest.raises(
        UserError, match=r"abstract_algebra_val.csv: row 1: found 'E' as the letter, .* a letter A-D"
    ):
        build(SMALL, str(mirror))
    path.unlink()
    with pytest.raises(UserError, match=r"val/abstract_algebra_val.csv: no such file in the mirror"):
        build(SMALL, str(mirror))


def test_auxiliary_questions_replace_the_others_in_training(mirror: Path) -> None:
    settings = SMALL.model_copy(update={"auxiliary": True})
    with pytest.raises(UserError, match="auxiliary_train: found no CSV file"):
        build(settings, str(mirror))
    folder = mirror / "mmlu/auxiliary_train"
    folder.mkdir()
    with (folder / "other.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([f"Aux {i}?", *"wxyz", "A"] for i in range(50))
    prepared = build(settings, str(mirror))
    for split, source in {"train": "auxiliary", "extract": "auxiliary", "validation": "val"}.items():
        assert {item.id.split("-")[2] for item in prepared.splits[split]} == {source}  # type: ignore[index]
    assert "(with answers).\n" in prepared.splits["train"][0].prompt
    assert AUXILIARY not in SOURCE.required


def test_only_mmlu_has_auxiliary_questions() -> None:
    with pytest.raises(
        ValueError, match="auxiliary: found true, expected false, since gsm8k has no such part"
    ):
        RealBenchmark(benchmark="gsm8k", auxiliary=True)
