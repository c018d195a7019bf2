"""Config section of a pruned model, and the code that its preparation depends on."""

from pathlib import Path
from typing import Any

import pytest
from fabricated_models import write_model

from semalign.config.models import CutModel
from semalign.models.registry import module_of, texts_of
from semalign.runtime.code import dependencies_of
from semalign.runtime.errors import UserError
from semalign.study.definition import parse_study
from semalign.study.preflight import check_study

BIG = {"source": "tiny", "layers": 4}


def study(small: dict[str, Any], **models: Any) -> dict[str, Any]:
    pruned = {"source": "pruned", "teacher": "big", "layers": 2, "text": [{"benchmark": "facts"}], **small}
    return {"study": "s", "models": {"big": BIG, "small": pruned, **models}, "benchmarks": {"facts": {}}}


def test_a_pruned_model_has_its_defaults() -> None:
    small = parse_study(study({})).models["small"]
    assert isinstance(small, CutModel)
    assert small.healing and small.healing.tokens == 60_000
    assert texts_of(small) == (["facts"], [])
    assert small.text[0].model_dump() == {"benchmark": "facts", "split": "heal"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": "none"}, "models.small.teacher: found 'none', expected one of big, small"),
        ({"teacher": "small"}, "models.small.teacher: found 'small', expected a model that is not made from"),
        (
            {"text": [{"benchmark": "other"}]},
            "models.small.text: found benchmark 'other', expected one of facts",
        ),
        (
            {"text": [{"benchmark": "facts", "split": "test"}]},
            "found 'test', expected a split that the experiment does not read",
        ),
        (
            {"layers": None},
            "models.small: found none of layers, feed_forward and width, expected at least one of them",
        ),
        ({"text": []}, "models.small.text"),
    ],
)
def test_an_impossible_model_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("[", r"\[")) as error:
        parse_study(study(changes))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"width": 7},
            "models.small: width: found 7, expected a multiple of the teacher's 4 attention heads",
        ),
        ({"width": 4096}, "models.small: width: found 4096, expected at most the teacher's"),
        ({"layers": 5}, "models.small: layers: found 5, expected at most the teacher's 4"),
    ],
)
@pytest.mark.parametrize("folder", [False, True], ids=["built", "folder"])
def test_sizes_above_the_teachers_are_told_before_any_work(
    changes: dict[str, Any], message: str, folder: bool, tmp_path: Path
) -> None:
    big = BIG
    if folder:
        write_model(tmp_path / "big", "llama", layers=4, width=64, seed=0)
        big = {"source": "folder", "path": str(tmp_path / "big")}
    with pytest.raises(UserError) as error:
        check_study(parse_study(study(changes, big=big)))
    (line,) = error.value.lines
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "own.txt",
            "d\xe9j\xe0".encode("latin-1"),
            "own.txt: line 1, byte 2: found 0xE9, which is not UTF-8",
        ),
        ("own.jsonl", b"[1, 2]\n", "own.jsonl: "),
        ("own.csv", b"a,b", "own.csv: found .csv, expected documents as .txt or .jsonl"),
    ],
)
def test_documents_that_cannot_be_read_are_told_before_any_work(
    name: str, data: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UserError) as error:
        check_study(parse_study(study({"text": [{"path": str(path)}]})))
    assert error.value.lines[0].startswith(f"models.small.text: {tmp_path}/{message}")


def test_two_models_that_are_pruned_from_each_other_are_refused() -> None:
    other = {"source": "pruned", "teacher": "small", "layers": 1, "text": [{"benchmark": "facts"}]}
    with pytest.raises(UserError, match="expected a model that is not made from this one"):
        parse_study(study({"teacher": "other"}, other=other))


def test_a_missing_text_file_is_reported_before_any_work(tmp_path: Path) -> None:
    data = study({"text": [{"path": str(tmp_path / "a.txt")}]})
    with pytest.raises(UserError, match=r"models\.small\.text: .*a\.txt: no such file; expected"):
        check_study(parse_study(data))
    (tmp_path / "a.txt").write_text("text")
    check_study(parse_study(data))


def test_only_pruned_models_depend_on_the_pruning_code() -> None:
    module = module_of("pruned")
    assert module
    recipe = "src/semalign/models/pruning/recipe.py"
    assert recipe in dependencies_of("scripts/prepare_model.py", [module])
    assert recipe not in dependencies_of("scripts/prepare_model.py")
    assert module_of("tiny") is None
