"""The example configs: every one runs from nothing, with its own command, to its tables and its page."""

import csv
import re
from pathlib import Path

import pytest
import yaml
from fabricated_models import build_model, write_tokenizer
from projects import ROOT, copy_project, snakemake

from semalign.config.extending import extended
from semalign.study.definition import parse_study

FOLDER = Path("config/examples")
EXAMPLES = sorted(path.stem for path in (ROOT / FOLDER).glob("*.yaml"))
# a preset is no study by itself
CONFIGS = sorted(
    path.relative_to(ROOT) for path in ROOT.glob("config/**/*.yaml") if path.parent.name != "presets"
)
RESIDUALS = ("semantic-residual", "semantic-residual-with-distillation")
# rows of an example's main table, or of another one: (table, column, values)
ROWS = {
    "own-pair": ("main", "method", {"student", "teacher", "sft", "distill-logits", *RESIDUALS}),
    "own-data": ("search", "learning_rate", {"0.003", "0.01"}),
    "chat": ("free_text", "method", {"student", "teacher", "sft", "distill-logits"}),
    "ablation": ("ablations", "variant", {"default", "map~random", "label_loss~cross-entropy", "layers~all"}),
    "mixture": ("main", "benchmark", {"both", "both/facts", "both/completion"}),
    "scores-only": ("benchmarks", "model", {"small", "large"}),
    "pruned": ("main", "method", {"student", "teacher", "distill-logits"}),
}


def text_of(name: str) -> str:
    """An example's config."""
    return (ROOT / FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with two model folders such as a user has."""
    copied = copy_project(tmp_path_factory.mktemp("examples"))
    for name, layers, width in (("big", 4, 48), ("small", 3, 32)):
        build_model("llama", layers=layers, width=width, seed=layers).save_pretrained(
            copied / "models" / name
        )
        write_tokenizer(copied / "models" / name)
    return copied


@pytest.mark.parametrize("path", CONFIGS, ids=str)
def test_every_config_is_a_study(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert parse_study(extended({"extends": str(path)})).study


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_short_and_says_what_it_shows_and_its_time(name: str) -> None:
    text = text_of(name)
    assert len(text.splitlines()) <= 25
    assert re.match(r"# .*\. About \d+ seconds( if .*)?\.\n", text)
    assert f"snakemake --cores all --configfile {FOLDER}/{name}.yaml\n" in text
    assert yaml.safe_load(text)["study"] == f"example-{name}"


def test_the_example_of_an_own_pair_says_only_what_is_the_users() -> None:
    text = text_of("own-pair")
    assert len(text.splitlines()) <= 15
    assert set(yaml.safe_load(text)) == {"extends", "study", "models", "pairs", "benchmarks"}


@pytest.mark.study
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_to_its_tables_and_its_page(folder: Path, name: str) -> None:
    ended = snakemake(folder, "--configfile", f"{FOLDER}/{name}.yaml")
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    results = folder / f"results/example-{name}"
    table, column, values = ROWS[name]
    with (results / f"tables/{table}.csv").open(encoding="utf-8") as file:
        assert {row[column] for row in csv.DictReader(file)} == values
    assert f"example-{name}" in (results / "index.html").read_text(encoding="utf-8")
    if name != "scores-only":
        assert list(results.glob("cells/*/*/*/default/seed0/transfer/adapter_model.safetensors"))
