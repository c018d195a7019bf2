"""An exported student loads in software that knows nothing of semalign, with the same logits."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from exported_study import STUDY

from semalign.models.transfers import load_student

TOLERANCE = 1e-5  # float32: adapters beside the weights or added to them
IDS = torch.tensor([[1, 40, 70, 100, 130, 33]])
COMMIT = "0123456789abcdef0123456789abcdef01234567"
AUTO = """
import sys, torch
from peft import AutoPeftModelForCausalLM
model = AutoPeftModelForCausalLM.from_pretrained(sys.argv[1])
torch.save(model(torch.tensor([[1, 40, 70, 100, 130, 33]])).logits.detach(), sys.argv[2])
"""


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(IDS).logits


def ours(method: str) -> torch.Tensor:
    transfer = STUDY / f"cells/p/facts/{method}/default/seed0/transfer"
    return logits(load_student(STUDY / "models/small", STUDY / "models/big", transfer))


def base() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(STUDY / "models/small")


def assert_the_same(found: torch.Tensor, expected: torch.Tensor, tolerance: float = TOLERANCE) -> None:
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)
    assert (found - logits(base())).abs().max() > 0.01


def test_peft_loads_the_adapter(export: Callable[..., Path]) -> None:
    from peft import PeftModel

    assert_the_same(logits(PeftModel.from_pretrained(base(), export("sft"))), ours("sft"))


def test_transformers_loads_the_adapter(export: Callable[..., Path]) -> None:
    model = base()
    model.load_adapter(str(export("sft")))
    assert_the_same(logits(model), ours("sft"))


@pytest.mark.slow
def test_the_adapter_brings_its_base_model_from_the_hub(export: Callable[..., Path], tmp_path: Path) -> None:
    """In another directory, with the hub's cache in place of the hub."""
    cache = tmp_path / "hub/models--acme--small"
    skipped = shutil.ignore_patterns("run.json", "tokenizer*")
    shutil.copytree(STUDY / "models/small", cache / "snapshots" / COMMIT, ignore=skipped)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    out = tmp_path / "logits.pt"
    run(elsewhere, tmp_path / "hub", sys.executable, "-c", AUTO, str(export("sft").resolve()), str(out))
    assert_the_same(torch.load(out), ours("sft"))


@pytest.mark.slow
def test_lm_evals_command_line_gives_the_studys_score(export: Callable[..., Path], tmp_path: Path) -> None:
    from semalign.evaluation.protocols import TASKS

    adapter, small = export("sft").resolve(), (STUDY / "models/small").resolve()
    split = (STUDY / "benchmarks/facts/test.jsonl").resolve()
    model = f"pretrained={small},peft={adapter},tokenizer={adapter},dtype=float32"
    command = [sys.executable, "-m", "lm_eval", "--model", "hf", "--model_args", model, "--device", "cpu"]
    command += ["--tasks", "facts", "--include_path", str(TASKS), "--output_path", str(tmp_path / "out")]
    run(tmp_path, tmp_path / "hub", *command, "--metadata", json.dumps({"path": str(split)}))
    (results,) = (tmp_path / "out").rglob("results_*.json")
    scores = json.loads(results.read_text())["results"]["facts"]
    metrics = json.loads((STUDY / "cells/p/facts/sft/default/seed0/metrics.json").read_text())
    assert 100 * scores["accuracy,none"] == pytest.approx(metrics["score"])


def run(folder: Path, hub: Path, *command: str) -> None:
    import os

    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(hub)}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr[-2000:]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", TOLERANCE), ("bfloat16", 0.2)])
def test_the_merged_model_is_one_of_plain_transformers(
    export: Callable[..., Path], dtype: str, tolerance: float
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = export("sft", "-merged", merged=dtype)
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == getattr(torch, dtype)
    assert_the_same(logits(model.float()), ours("sft"), tolerance)
    assert (
        AutoTokenizer.from_pretrained(folder)("Q1?").input_ids[-1]
        == AutoTokenizer.from_pretrained(STUDY / "models/small")("Q1?").input_ids[-1]
    )
    assert not (folder / "run.json").exists()


def test_a_delta_is_exported_merged(export: Callable[..., Path]) -> None:
    from transformers import AutoModelForCausalLM

    folder = export("laten")
    assert not (folder / "adapter_config.json").exists()
    assert_the_same(logits(AutoModelForCausalLM.from_pretrained(folder)), ours("laten"))


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("float16", 0.05), ("q8_0", 0.3)])
def test_a_gguf_file_reads_back(export: Callable[..., Path], precision: str, tolerance: float) -> None:
    from transformers import AutoModelForCausalLM

    folder = export("sft", "-gguf", gguf=precision)
    (path,) = folder.glob("*.gguf")
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=path.name, dtype=torch.float32)
    assert_the_same(logits(model), ours("sft"), tolerance)


@pytest.mark.parametrize("form", ["", "-merged", "-gguf"])
def test_no_file_names_this_machine(export: Callable[..., Path], form: str, home: Path) -> None:
    folder = export("sft", form, merged="float32", gguf="float32")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "README.md" for path in files)
    for path in files:
        for place in (str(home), str(Path.home()), "/tmp/"):
            assert place.encode() not in path.read_bytes(), path
