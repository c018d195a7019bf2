"""The line about costs before the first job of a run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fabricated_models import build_model, write_tokenizer

from semalign.study.definition import parse_study
from semalign.study.planning import budget
from semalign.study.planning.budget import budget_line, this_device
from semalign.study.planning.study import Plan
from semalign.study.planning.work import DEVICES
from semalign.study.preflight import checked
from semalign.study.sections import Study

METHODS = {"student": {}, "teacher": {}, "sft": {"layers": "all"}}


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A study of two folders and a file of 200 rows, on a machine without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(budget, "GPUS", ())
    for name, layers in (("big", 4), ("small", 3)):
        build_model("llama", layers=layers, width=32, seed=layers).save_pretrained(tmp_path / name)
        write_tokenizer(tmp_path / name)
    write_rows(tmp_path / "rows.jsonl", 200)
    return {
        "study": "s",
        "models": {name: {"source": "folder", "path": name} for name in ("big", "small")},
        "pairs": {"own": {"teacher": "big", "student": "small"}},
        "benchmarks": {"mine": {"path": "rows.jsonl"}},
        "methods": METHODS,
        "search": {"learning_rates": [1e-3, 3e-3]},
    }


def write_rows(path: Path, number: int) -> None:
    rows = ({"prompt": f"Add {i} and 1:", "answer": f"that is {i + 1}"} for i in range(number))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(facts: dict[str, Any]) -> Study:
    study = parse_study(facts)
    checked(study)
    return study


def test_time_disk_and_memory_are_said(facts: dict[str, Any]) -> None:
    line = budget_line(read(facts), 2)
    number = r"[\d.e-]+"
    assert re.fullmatch(
        rf"predicted for the whole study: about {number} s on 2 cores, {number} GB of disk, {number} GB of memory for "
        "the models and data of the largest job",
        line,
    )


def test_a_longer_file_and_fewer_cores_take_longer(facts: dict[str, Any], tmp_path: Path) -> None:
    def seconds() -> float:
        return sum(job.seconds for job in Plan(read(facts), DEVICES["cpu"]).jobs())

    short = seconds()
    write_rows(tmp_path / "rows.jsonl", 10_000)
    assert seconds() > 1.2 * short
    long = read(facts)
    assert "2 cores" in budget_line(long, 2) and "1 core," in budget_line(long, 1)
    assert budget_line(long, 1).split(" on ")[0] != budget_line(long, 2).split(" on ")[0]


def test_the_texts_of_a_file_are_measured(facts: dict[str, Any]) -> None:
    texts = Plan(read(facts), DEVICES["cpu"]).texts["mine"]
    assert {split: own.examples for split, own in texts.splits.items()} == {
        **{"test": 40, "extract": 10, "align": 20, "validation": 20, "train": 110},
    }
    assert texts.splits["test"].prompt == pytest.approx(14 / 3.3, rel=0.05)
    assert texts.new_tokens == round(12 / 3.3) + 1 and texts.choices == 0


def test_a_widened_search_gives_two_bounds(facts: dict[str, Any]) -> None:
    wide = budget_line(read(facts | {"search": {"learning_rates": [1e-3, 3e-3], "widen": 10}}), 2)
    low, high = re.findall(r"([\d.]+)(?: s)? to ([\d.]+) s on", wide)[0]
    assert float(low) < float(high)
    jobs = list(
        Plan(read(facts | {"search": {"learning_rates": [1e-3, 3e-3], "widen": 3}}), DEVICES["cpu"]).widened()
    )
    assert [job.rule for job in jobs] == ["transfer_knowledge: sft", "score trials"] * 3


def test_nothing_is_said_of_what_is_not_known(
    facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = {"source": "tiny", "layers": 2, "width": 16, "feed_forward": 32, "heads": 2}
    assert budget_line(parse_study(facts | {"models": {"big": made, "small": made | {"seed": 1}}}), 2) == ""
    hub = {"source": "hub", "repository": "nobody/unknown", "revision": "0" * 40}
    assert budget_line(parse_study(facts | {"models": facts["models"] | {"big": hub}}), 2) == ""
    study = read(facts)
    monkeypatch.setattr(budget, "GPUS", (str(tmp_path),))
    monkeypatch.setattr(budget, "NAMES", tmp_path / "gpus")
    assert budget_line(study, 2) == ""


@pytest.mark.parametrize(
    ("wanted", "models", "expected"),
    [
        ("auto", ["NVIDIA H100 80GB HBM3", "NVIDIA H100 80GB HBM3"], "h100"),
        ("cuda", ["NVIDIA A100-SXM4-40GB"], "a100"),
        ("cpu", ["NVIDIA A100-SXM4-40GB"], "cpu"),
        ("auto", ["NVIDIA GeForce GTX 1080"], None),
        ("auto", ["NVIDIA A100-SXM4-40GB", "NVIDIA H100 PCIe"], None),
    ],
)
def test_a_gpu_is_known_by_its_name(
    wanted: str, models: list[str], expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for at, name in enumerate(models):
        (tmp_path / f"gpus/{at}").mkdir(parents=True)
        (tmp_path / f"gpus/{at}/information").write_text(f"Model: \t\t {name}\nIRQ: 1\n")
    monkeypatch.delenv("SEMALIGN_DEVICE", raising=False)
    monkeypatch.setattr(budget, "GPUS", (str(tmp_path),))
    monkeypatch.setattr(budget, "NAMES", tmp_path / "gpus")
    assert this_device(wanted) == (DEVICES[expected] if expected else None)
