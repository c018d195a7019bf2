"""From a transfer folder to a scored cell, through the stages that the scripts call."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from scored_cells import evaluate_cell

from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.registry import BENCHMARKS
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation import harness
from semalign.evaluation import stage as cell
from semalign.evaluation.items import read_items
from semalign.evaluation.sandbox.code import NO_CODE
from semalign.evaluation.sandbox.stage import judge_answers
from semalign.evaluation.stage import Scored, extract_reference, generate_answers
from semalign.models.loading import load_tokenizer
from semalign.models.transfers import write_transfer
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check

COST = {"train_seconds": 1.5, "trainable_parameters": 7, "teacher_passes": 3}
KEYS = [
    *("score", "score_stderr", "items", "metric", "teacher_kl", "teacher_agreement"),
    *("train_seconds", "trainable_parameters", "teacher_passes", "peak_memory_mb"),
]


@pytest.fixture
def study(tmp_path: Path, sealed_pair: tuple[Path, Path]) -> dict[str, Path]:
    """A sealed benchmark of each kind, settings, and a folder for cells."""
    choices = [" red", " tan", " sky"]
    facts = [Example(f"facts-{i}", f"Q{i}?", choices[i % 3], choices=choices, gold=i % 3) for i in range(4)]
    body = [
        Example(f"body-{i}", "def f(x):", f"\n    return x + {i}", tests=[f"assert f(1) == {i + 1}"])
        for i in range(2)
    ]
    for name, examples in {"facts": facts, "completion": body}.items():
        write_split(tmp_path / name, "validation", examples)
        Run("benchmark").seal(tmp_path / name)
    settings = {"split": "validation", "batch_size": 2, "max_new_tokens": {"completion": 4}}
    write_json(tmp_path / "settings.json", {**settings, "sandbox": {"allow_weak_isolation": True}})
    return {"root": tmp_path, "teacher": sealed_pair[0], "student": sealed_pair[1]}


def write_untouched(folder: Path, base: Any) -> Path:
    write_transfer(folder, "untouched", base)
    Run("transfer").seal(folder, {"cost": COST})
    return folder


def score(study: dict[str, Path], benchmark: str, base: str, name: str) -> Path:
    root, out = study["root"], study["root"] / name
    reference = root / "references" / benchmark
    if not reference.exists():
        extract_reference(study["teacher"], root / benchmark, root / "settings.json", reference)
    transfer = write_untouched(out / "transfer", base)
    evaluate_cell(
        study["student"],
        study["teacher"],
        transfer,
        root / benchmark,
        reference,
        root / "settings.json",
        0,
        out,
    )
    return out


@pytest.mark.parametrize("benchmark", ["facts", "completion"])
def test_a_cell_has_its_files_and_provenance(study: dict[str, Path], benchmark: str) -> None:
    out = score(study, benchmark, "student", "cell")
    metrics = read_json(out / "metrics.json")
    assert list(metrics) == KEYS
    assert metrics["train_seconds"] == 1.5
    assert metrics["teacher_kl"] > 0
    records = read_items(out / "items.jsonl")

    assert len(records) == metrics["items"]
    assert all(record.answer_tokens for record in records)
    record = check(out)
    assert record["seed"] == 0
    assert set(record["outputs"]) == {"items.jsonl", "metrics.json"}
    assert record["evaluation"][benchmark]["task"] == benchmark
    assert (record["isolation"] == NO_CODE) == (benchmark == "facts")
    assert record["throughput"].keys() >= {"items_per_second", "tokens_per_second"}
    assert record["throughput"]["prompt_tokens"] > 0
    assert all((one.verdict is not None) == (benchmark == "completion") for one in records)


def test_the_teacher_agrees_with_its_own_reference(study: dict[str, Path], monkeypatch: Any) -> None:
    asked = []
    monkeypatch.setattr(cell, "load_tokenizer", lambda folder: asked.append(folder) or load_tokenizer(folder))
    metrics = read_json(score(study, "facts", "teacher", "cell") / "metrics.json")
    assert metrics["teacher_kl"] == pytest.approx(0, abs=1e-5)
    assert metrics["teacher_agreement"] == 100
    assert set(asked) == {study["teacher"]}


def test_same_cell_same_bytes(study: dict[str, Path]) -> None:
    cells = [score(study, "facts", "student", name) for name in ("one", "two")]
    for name in ("items.jsonl", "metrics.json"):
        left, right = ((folder / name).read_text() for folder in cells)
        costless = [line for line in left.splitlines() if "peak_memory" not in line]
        assert costless == [line for line in right.splitlines() if "peak_memory" not in line]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("benchmark", ["facts", "completion"])
def test_an_adapter_changes_the_score(study: dict[str, Path], benchmark: str, dtype: str) -> None:
    """An adapter is applied before scoring: merged, or kept separate from weights in half precision."""
    from peft import LoraConfig, get_peft_model

    from semalign.models.loading import load_model

    settings = study["root"] / "settings.json"
    write_json(settings, read_json(settings) | {"dtype": dtype})
    plain = score(study, benchmark, "student", "plain")
    out = study["root"] / "adapted"
    torch.manual_seed(0)
    config = LoraConfig(r=2, target_modules=["up_proj"], init_lora_weights=False)
    get_peft_model(load_model(study["student"]), config).save_pretrained(out / "transfer")
    write_transfer(out / "transfer", "adapter")
    Run("transfer").seal(out / "transfer", {"cost": COST})
    root = study["root"]
    reference = root / "references" / benchmark
    inputs = (study["student"], study["teacher"], out / "transfer", root / benchmark, reference)
    evaluate_cell(*inputs, root / "settings.json", 0, out)
    kl = [json.loads((folder / "metrics.json").read_text())["teacher_kl"] for folder in (plain, out)]
    assert kl[0] != pytest.approx(kl[1], rel=1e-3)


def test_changed_inputs_are_refused(study: dict[str, Path]) -> None:
    score(study, "facts", "student", "cell")
    split = study["root"] / "facts" / "validation.jsonl"
    split.write_text(split.read_text().replace("Q0", "Q9"))
    with pytest.raises(UserError, match="does not match its provenance"):
        score(study, "facts", "student", "other")


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_benchmark_has_a_task_file(benchmark: str, tmp_path: Path) -> None:
    item = Example("a", "Q", " x", [" x", " y"], 0, "1", ["assert f()"], "f")
    write_split(tmp_path, "test", [item])
    facts = harness.describe(benchmark, tmp_path / "test.jsonl", EvaluationSettings())
    assert facts["metric"] in ("accuracy", "exact_match", "pass@1")
    assert facts["task_version"]


def test_generation_runs_nothing_and_judging_loads_no_model(
    study: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = study["root"]
    transfer = write_untouched(root / "transfer", "student")
    scored = Scored(student=study["student"], teacher=study["teacher"], transfer=transfer)
    monkeypatch.setattr(
        "semalign.evaluation.sandbox.judge.choose", lambda _: pytest.fail("a program was run")
    )
    generate_answers(scored, root / "completion", root / "settings.json", 0, root / "answers")
    waiting = read_items(root / "answers/items.jsonl")
    assert all(item.correct is None and item.verdict is None for item in waiting)
    assert check(root / "answers")["stage"] == "answers"
    assert "isolation" not in read_json(root / "answers/run.json")

    monkeypatch.undo()
    monkeypatch.setattr(cell, "load_model", lambda *_: pytest.fail("a model was loaded"))
    judge_answers(root / "answers", root / "completion", root / "settings.json", 0, root / "out", transfer)
    judged = read_items(root / "out/items.jsonl")
    assert [item.response for item in judged] == [item.response for item in waiting]
    assert all(item.verdict for item in judged)
    assert check(root / "out")["isolation"]


def test_answers_that_were_tampered_with_are_not_judged(study: dict[str, Path]) -> None:
    out = score(study, "completion", "student", "cell")
    answers = out / "answers/items.jsonl"
    answers.write_text(answers.read_text().replace('"response": "', '"response": "x'))
    settings = study["root"] / "settings.json"
    with pytest.raises(UserError, match="does not match its provenance"):
        judge_answers(out / "answers", study["root"] / "completion", settings, 0, out, out / "transfer")


def test_a_model_is_scored_as_it_is(study: dict[str, Path]) -> None:
    root, settings = study["root"], study["root"] / "settings.json"
    scored = Scored(model=study["student"])
    generate_answers(scored, root / "facts", settings, 0, root / "it/answers")
    judge_answers(root / "it/answers", root / "facts", settings, 0, root / "it")
    cellwise = score(study, "facts", "student", "cell")
    assert [item.response for item in read_items(root / "it/items.jsonl")] == [
        item.response for item in read_items(cellwise / "items.jsonl")
    ]
    metrics = read_json(root / "it/metrics.json")
    assert "train_seconds" not in metrics and metrics["items"] == 4
    assert set(check(root / "it")["inputs"]) == {"answers", "benchmark"}
