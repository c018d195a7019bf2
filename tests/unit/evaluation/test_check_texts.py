"""The checks before training: cuts, lengths, references and sizes; one line for each kind of problem."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checked_texts import PLAIN, check, write_benchmark
from cutting_tokenizers import write_merging

from semalign.benchmarks.base import Example
from semalign.benchmarks.derived import write_derived
from semalign.evaluation.readiness.stage import check_texts
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD, Run

Pair = tuple[Path, Path]


def mine(answer: str, prompt: str = "Q:", **fields: Any) -> Example:
    return Example("odd", prompt, answer, **fields)


def code(body: str, name: str = "f") -> Example:
    return mine(body, "def f(x):", prefix="def f(x):", tests=["assert f(1) == 2"], entry_point=name)


def refused(folder: Path, models: Sequence[Path], examples: Sequence[Example], **settings: Any) -> str:
    """The only line of a check that fails, without artifacts."""
    with pytest.raises(UserError) as error:
        check(folder, models, examples, **settings)
    assert not (folder / "out").exists()
    (line,) = error.value.lines
    return line


def assert_in_reach(report: dict[str, Any]) -> None:
    """Assert that every reference of a split that is scored would be scored as right."""
    scored = report["benchmarks"]["mine"]["test"]["scored"].values()
    assert [counts["unreachable"] for counts in scored] == [0] * len(scored) != []


def test_a_benchmark_that_fits_passes_and_shows_what_is_read(sealed_pair: Pair, tmp_path: Path) -> None:
    report = check(tmp_path, sealed_pair, PLAIN)
    train = report["benchmarks"]["mine"]["train"]
    assert report["contexts"] == {"teacher": 256, "student": 256}
    assert train["examples"] == 3 and train["first"]["text"] == "What is 0?\nAnswer: 0 and"
    ids = train["first"]["student"]
    assert ids["ids"][ids["answer_start"] :][-1] == 2 and train["first"]["teacher"] == ids
    assert report["benchmarks"]["mine"]["test"]["scored"]["teacher, student"]["unreachable"] == 0
    record = read_json(tmp_path / "out" / RECORD)
    assert {"benchmark", "teacher", "student"} == record["inputs"].keys()


@pytest.mark.parametrize(
    ("odd", "settings", "reason"),
    [
        (mine(" five sheep", target="five"), {}, "found 'five sheep', expected 'five'"),
        (mine(" 7 of 9", target="7"), {}, "its last number counts: found 9, expected 7"),
        (
            mine(" abc and more"),
            {"evaluation": {"max_new_tokens": {"mine": 8}}},
            "it has 13 tokens, more than the 8 to generate (2 of 10 references); set "
            "evaluation.max_new_tokens.mine: 14",
        ),
        (
            mine(" b", choices=[" b", " b"], gold=1),
            {},
            "another choice is the same text as the right one, ' b'",
        ),
        (code("\n    return x"), {}, "it does not pass its own tests (failed: AssertionError in test 1)"),
        (code("\n    return y"), {}, "it does not pass its own tests (failed: NameError"),
    ],
)
def test_a_reference_that_would_not_score_is_named_with_the_reason(
    sealed_pair: Pair, tmp_path: Path, odd: Example, settings: dict[str, Any], reason: str
) -> None:
    good = {"choices": [" a", " b"], "gold": 0} if odd.choices else {}
    rows = [
        replace(code("\n    return x + 1"), id=f"row-{at}") if odd.tests else row
        for at, row in enumerate(PLAIN)
    ]
    rows = [replace(row, answer=" a", **good) if good else row for row in rows]
    line = refused(tmp_path, sealed_pair, [*rows, odd], **settings)
    assert line.startswith(
        "benchmarks.mine: validation: the reference of example odd would not be scored as right: "
    )
    assert reason in line and "2 of 10 references" in line
    assert line.endswith("or benchmarks.mine.unreachable: report")


def test_references_out_of_reach_are_only_reported_on_request(
    sealed_pair: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [*PLAIN, mine(" five sheep", target="five")]
    with caplog.at_level(logging.WARNING, "semalign"):
        report = check(tmp_path, sealed_pair, rows, unreachable={"mine": "report"})
    found = report["benchmarks"]["mine"]["test"]["scored"]["teacher, student"]
    assert found["unreachable"] == 1 and found["first_unreachable"]["example"] == "odd"
    assert "(2 of 10 references)" in caplog.text and "unreachable: report" not in caplog.text


@pytest.mark.parametrize("answer", [" a\n\nb", "\n\nb", " a\n\n\n\nb\n\n", " a\r\n\r\nb"])
def test_blank_lines_in_answers_are_no_end(sealed_pair: Pair, tmp_path: Path, answer: str) -> None:
    assert_in_reach(check(tmp_path, sealed_pair, [*PLAIN, mine(answer)]))


@pytest.mark.parametrize(
    ("odd", "settings", "parts"),
    [
        (
            mine(" a", "w" * 260),
            {},
            [
                "odd has 263 tokens (",
                "at most 256, the context of the teacher and the student (and 1 more)",
            ],
        ),
        (mine(" " + "a" * 300), {}, ["odd has 304 tokens (2 of them its prompt)"]),
        (
            mine(" a", "w" * 200),
            {"evaluation": {"max_new_tokens": {"mine": 90}}},
            [
                "odd needs 290 positions (200 for its prompt, 90 for the answer)",
                "evaluation.max_new_tokens.mine: 56,",
            ],
        ),
        (
            mine(" a", "Q"),
            {"evaluation": {"max_new_tokens": {"mine": 4000}}},
            ["needs 4018 positions", "(and 9 more)", "evaluation.max_new_tokens.mine: 238,"],
        ),
    ],
)
def test_what_a_context_does_not_hold_is_named(
    sealed_pair: Pair, tmp_path: Path, odd: Example, settings: dict[str, Any], parts: list[str]
) -> None:
    line = refused(tmp_path, sealed_pair, [*PLAIN, odd], **settings)
    assert line.startswith("benchmarks.mine: validation: example ")
    assert all(part in line for part in parts), line
    assert line.endswith("or set benchmarks.mine.too_long: leave-out (of own files also cut-left)")


def test_a_long_prompt_fits_by_default_if_the_references_fit(sealed_pair: Pair, tmp_path: Path) -> None:
    assert_in_reach(check(tmp_path, sealed_pair, [*PLAIN, mine(" a", "w" * 240)]))


def test_choices_need_no_room_for_generated_tokens(sealed_pair: Pair, tmp_path: Path) -> None:
    assert_in_reach(check(tmp_path, sealed_pair, [mine(" a", "w" * 250, choices=[" a", " b"], gold=0)]))


def with_tokenizer(model: Path, folder: Path, merges: Any) -> Path:
    """A copy of a model with another tokenizer."""
    shutil.copytree(model, folder)
    write_merging(folder, merges)
    config = read_json(folder / "config.json")
    write_json(folder / "config.json", {**config, "vocab_size": 512})
    Run("model").seal(folder)
    return folder


@pytest.fixture
def unlike(sealed_pair: Pair, tmp_path: Path) -> Pair:
    """A pair whose tokenizers cut 123 differently."""
    merges = [("1", "2")], [("2", "3")]
    return tuple(  # type: ignore[return-value]
        with_tokenizer(model, tmp_path / role, own)
        for model, role, own in zip(sealed_pair, ("teacher", "student"), merges, strict=True)
    )


def test_other_cuts_are_refused_where_a_method_reads_them(unlike: Pair, tmp_path: Path) -> None:
    rows = [*PLAIN, mine(" is 123"), PLAIN[0]]
    line = refused(tmp_path, unlike, rows, uses={"train": ["semalign", "distill-logits"]})
    assert line.startswith(
        "benchmarks.mine: train: the answer of example odd is cut into ' |i|s| |12|3' by the teacher and into "
        "' |i|s| |1|23' by the student (1 of 5 examples); semalign and distill-logits would supervise"
    )


def test_the_changed_answers_of_a_derived_benchmark_are_compared(unlike: Pair, tmp_path: Path) -> None:
    base = write_benchmark(tmp_path, PLAIN)
    (tmp_path / "told").mkdir()
    write_derived(base, tmp_path / "told", lambda _, items: [replace(items[0], answer=" 123"), *items[1:]])
    Run("benchmark").seal(tmp_path / "told")
    evaluation = {"sandbox": {"allow_weak_isolation": True}}
    settings = {"evaluation": evaluation, "scored": ["test"], "uses": {"train": ["sft"]}}
    write_json(tmp_path / "settings.json", settings)
    check_texts(base, tmp_path / "settings.json", tmp_path / "out", *unlike)
    with pytest.raises(UserError) as error:
        check_texts(tmp_path / "told", tmp_path / "settings.json", tmp_path / "out", *unlike)
    (line,) = error.value.lines
    assert line.startswith("benchmarks.mine: train: the answer of example row-0 is cut into ' |12|3' by")
    assert line.endswith(" (in benchmarks.told)")


def test_other_cuts_that_no_method_reads_are_counted(
    unlike: Pair, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "semalign"):
        report = check(tmp_path, unlike, [*PLAIN, mine(" is 123", "Q 123"), PLAIN[0]])
    train = report["benchmarks"]["mine"]["train"]
    assert (train["answers_cut_differently"], train["prompts_cut_differently"]) == (1, 1)
    assert "train: teacher and student cut 1 answers and 1 prompts of 5" in caplog.text


def test_a_setting_that_asks_for_more_examples_than_there_are(sealed_pair: Pair, tmp_path: Path) -> None:
    sizes = [{"split": "align", "examples": 15, "key": "methods.laten.align_batch"}]
    line = refused(tmp_path, sealed_pair, PLAIN, sizes=sizes)
    assert line == (
        "methods.laten.align_batch: found 15, expected at most the 3 examples of the align split of benchmarks.mine; "
        "lower it, or give that split more (benchmarks.mine.align)"
    )


def test_all_problems_are_told_at_once(unlike: Pair, tmp_path: Path) -> None:
    rows = [*PLAIN, mine(" is 123", target="123 is"), mine(" a", "w" * 300), PLAIN[0]]
    with pytest.raises(UserError) as error:
        check(tmp_path, unlike, rows, uses={"train": ["semalign"]})
    kinds = [
        "would supervise one",
        "the context of the teacher",
        "the context of the student",
        "not be scored",
    ]
    assert len(error.value.lines) == len(kinds)
    assert all(any(kind in line for line in error.value.lines) for kind in kinds)


def test_a_model_that_is_scored_as_it_is(sealed_pair: Pair, tmp_path: Path) -> None:
    report = check(tmp_path, sealed_pair[:1], PLAIN)
    assert report["benchmarks"]["mine"]["test"]["scored"]["model"]["unreachable"] == 0


@pytest.mark.parametrize("roles", [(), ("teacher",), ("teacher", "model"), ("student", "teacher", "model")])
def test_models_are_a_pair_or_one(sealed_pair: Pair, tmp_path: Path, roles: tuple[str, ...]) -> None:
    from semalign.evaluation.readiness.stage import check_texts

    models: Any = dict.fromkeys(roles, sealed_pair[0])
    with pytest.raises(UserError, match="expected either --model, or --teacher and --student together"):
        check_texts(tmp_path, tmp_path, tmp_path, **models)


@pytest.mark.parametrize(
    ("odd", "kinds"),
    [
        (
            mine(" a</s>b"),
            ["answer: found the eos token </s> inside", "it is cut off at '</s>', which ends an answer"],
        ),
        (mine(" a", "Q:</s>"), ["prompt: found the eos token </s> at the end"]),
        (mine(" a<|im_end|>"), ["answer: found <|im_end|> at its edge, which is no token of this model"]),
        (mine(" <pad>"), ["answer: found the padding token <pad>"]),
    ],
)
def test_special_tokens_inside_a_text_are_named(
    sealed_pair: Pair, tmp_path: Path, odd: Example, kinds: list[str]
) -> None:
    with pytest.raises(UserError) as error:
        check(tmp_path, sealed_pair, [*PLAIN, odd])
    for kind in kinds:
        assert any(kind in line for line in error.value.lines), error.value.lines
    assert "for the teacher and the student (2 of 22 examples)" in error.value.lines[0]


def test_an_answer_that_ends_in_eos_is_in_reach(sealed_pair: Pair, tmp_path: Path) -> None:
    assert_in_reach(check(tmp_path, sealed_pair, [*PLAIN, mine(" a</s>", target="a</s>")]))
