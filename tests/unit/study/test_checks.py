"""What is checked of which benchmark, and sizes of splits against what methods ask for."""

import json
from pathlib import Path
from typing import Any

import pytest

from semalign.runtime.errors import UserError
from semalign.study.checks import new_tokens, readers_of, uses_of
from semalign.study.definition import Study, parse_study
from semalign.study.layout import Layout
from semalign.study.preflight import check_study
from semalign.study.sizes import problems_of

MODELS: dict[str, Any] = {
    "teacher": {"source": "tiny"},
    "student": {"source": "tiny", "seed": 1},
    "cut": {"source": "pruned", "teacher": "teacher", "width": 64, "text": [{"benchmark": "gsm8k"}]},
}
SIZES = {"train": 24, "extract": 4, "align": 4, "validation": 4, "test": 12}


def study(**sections: Any) -> Study:
    base = {
        "study": "s",
        "models": {name: MODELS[name] for name in ("teacher", "student")},
        "pairs": {"p": {"teacher": "teacher", "student": "student"}},
        "benchmarks": {"facts": {}},
    }
    methods = {"student": {}, "teacher": {}, **sections.pop("methods", {})}
    return parse_study({**base, "methods": methods, **sections})


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        (
            {"methods": {"laten": {}}},
            "methods.laten.align_batch: found 15, expected at most the 4 examples",
        ),
        (
            {"methods": {"semalign": {}}, "attribution": {"examples": 5}},
            "attribution.examples: found 5, expected at most the 4 examples of the extract",
        ),
        (
            {"methods": {"sft": {"optimisation": {"examples": 25}}}},
            "methods.sft.optimisation.examples: found 25, expected at most the 24 examples of the train",
        ),
        (
            {
                "methods": {"sft": {}},
                "ablations": {"axes": {}, "others": {"sft": {"optimisation.examples": [25]}}},
            },
            "ablations.others.sft.optimisation.examples: found 25",
        ),
        (
            {"methods": {"sft": {"by_benchmark": {"facts": {"optimisation.examples": 99}}}}},
            "methods.sft.by_benchmark.facts.optimisation.examples: found 99",
        ),
    ],
)
def test_more_examples_than_a_split_has_are_told_before_any_job(sections: dict[str, Any], line: str) -> None:
    made = study(benchmarks={"facts": SIZES}, **sections)
    with pytest.raises(UserError) as error:
        check_study(made)
    assert any(each.startswith(line) for each in error.value.lines), error.value.lines
    roomy = {"train": 100, "extract": 100, "align": 100}
    assert problems_of(study(benchmarks={"facts": SIZES | roomy}, **sections)) == []


def test_a_mixture_has_the_examples_of_its_parts() -> None:
    benchmarks = {"facts": SIZES, "completion": SIZES, "mix": {"parts": ["facts", "completion"]}}
    pairs = {"p": {"teacher": "teacher", "student": "student", "benchmarks": ["mix"]}}
    changes = {"benchmarks": benchmarks, "pairs": pairs}
    assert problems_of(study(methods={"laten": {"align_batch": 8}}, **changes)) == []
    [line] = problems_of(study(methods={"laten": {"align_batch": 9}}, **changes))
    assert "the 8 examples of the align split of benchmarks.mix" in line


@pytest.mark.parametrize(("rows", "lines"), [(149, 0), (144, 1), (80, 1)])
def test_a_share_of_the_rows_of_an_own_file_is_known(tmp_path: Path, rows: int, lines: int) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"p{n}", "answer": "a"}) + "\n\n" for n in range(rows)))
    made = study(benchmarks={"mine": {"path": str(path)}}, methods={"laten": {}})
    assert len(problems_of(made)) == lines


def test_published_sizes_that_only_the_source_tells_are_no_problem() -> None:
    assert problems_of(study(benchmarks={"gsm8k": {}}, methods={"laten": {"align_batch": 500}})) == []


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ({"student": {}, "teacher": {}, "sft": {}, "laten": {}, "seeking": {}}, {}),
        ({"semalign": {}, "distill-logits": {}}, {"train": ["semalign", "distill-logits"]}),
        (
            {"semalign": {"signals": {"alignment.map": "least-squares"}}},
            {"train": ["semalign"], "align": ["semalign"]},
        ),
        ({"sft": {"signals": {"pairing.rule": "cka"}}}, {"extract": ["sft"]}),
        # the residual is made of the teacher's states, which no further round reads
        ({"semantic-residual": {"layers": "last"}}, {"train": ["semantic-residual"]}),
    ],
)
def test_methods_that_read_answers_token_by_token(methods: dict[str, Any], expected: dict[str, Any]) -> None:
    assert uses_of(study(methods=methods)) == expected


def test_a_benchmark_that_leaves_out_nothing_depends_on_no_model() -> None:
    layout = Layout(study(benchmarks={"gsm8k": {}}))
    assert "fitting/gsm8k" not in layout.settings
    assert not {"too_long", "unreachable"} & layout.settings["benchmarks/gsm8k"].keys()


def test_models_whose_contexts_decide_what_is_left_out() -> None:
    """A pruned model may be healed with the benchmark itself: its teacher reads in its place."""
    benchmarks = {"gsm8k": {"too_long": "leave-out"}, "facts": {}, "mix": {"parts": ["gsm8k", "facts"]}}
    pairs = {
        "p": {"teacher": "teacher", "student": "cut", "benchmarks": ["mix"]},
        "other": {"teacher": "teacher", "student": "student", "benchmarks": ["facts"]},
    }
    made = study(models=MODELS, benchmarks=benchmarks, pairs=pairs)
    assert readers_of(made, "gsm8k") == ["teacher"] and readers_of(made, "facts") == []
    layout = Layout(made)
    assert layout.settings["fitting/gsm8k"] == {"readers": ["teacher"], "new_tokens": 512}
    assert layout.settings["benchmarks/gsm8k"]["too_long"] == "leave-out"
    checks = layout.settings["checks/pairs/p/mix"]
    assert checks["too_long"] == {"gsm8k": "leave-out"} and checks["unreachable"] == {"gsm8k": "report"}
    scored = study(
        models=MODELS, benchmarks=benchmarks, scores={"models": ["student"], "benchmarks": ["gsm8k"]}
    )
    assert readers_of(scored, "gsm8k") == ["teacher", "student"]


@pytest.mark.parametrize(
    ("benchmark", "evaluation", "expected"),
    [
        ({"gsm8k": {}}, {}, 512),
        ({"gsm8k": {}}, {"protocol": "lm-eval"}, 256),
        ({"gsm8k": {}}, {"max_new_tokens": {"gsm8k": 7}}, 7),
        ({"gsm8k-likelihood": {"benchmark": "gsm8k"}}, {}, 0),
        ({"mmlu": {}}, {}, 0),
        ({"mine": {"path": "x.jsonl"}}, {}, None),
    ],
)
def test_tokens_to_generate(
    benchmark: dict[str, Any], evaluation: dict[str, Any], expected: int | None
) -> None:
    assert new_tokens(study(benchmarks=benchmark, evaluation=evaluation), *benchmark) == expected


def test_records_of_checks_belong_to_the_study() -> None:
    layout = Layout(study(scores={"models": ["student"], "benchmarks": ["facts"]}))
    assert layout.lists(Path("results/s/checks/pairs/p/facts/run.json"))
    assert layout.lists(Path("results/s/checks/scores/student/facts/paper/run.json"))
    assert not layout.lists(Path("results/s/checks/pairs/p/other/run.json"))
    assert not layout.lists(Path("results/s/checks/scores/teacher/facts/paper/run.json"))
