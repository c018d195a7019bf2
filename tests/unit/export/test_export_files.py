"""The files of an export: config, card, tokenizer, and which cell it is."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from exported_study import STUDY
from fabricated_push import serve

from semalign.config.cells import Cell
from semalign.export import merged
from semalign.export.adapter import KEPT, smallest
from semalign.export.base_model import base_of
from semalign.export.cells import folder_name
from semalign.export.choice import Picked
from semalign.export.folders import Naming
from semalign.export.stage import Forms, export_adapter
from semalign.export.tokenizer import write_config
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import Run, check_record
from semalign.statistics.intervals import Interval

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def metadata(folder: Path) -> dict[str, Any]:
    from huggingface_hub import ModelCard

    return ModelCard((folder / "README.md").read_text(encoding="utf-8")).data.to_dict()


def test_the_config_has_what_old_versions_of_peft_know_and_no_more(export: Callable[..., Path]) -> None:
    config = read_json(export("sft") / "adapter_config.json")
    assert set(config) == {*KEPT, "revision"}
    assert (config["base_model_name_or_path"], config["revision"]) == ("acme/small", COMMIT)
    assert (config["lora_alpha"], config["r"], config["peft_type"]) == (16, 16, "LORA")
    assert isinstance(config["lora_alpha"], int)


def test_a_key_that_is_not_at_its_default_is_kept() -> None:
    defaults = {"use_dora": False, "use_rslora": False, "r": 8}
    found = smallest({"use_dora": True, "use_rslora": False, "r": 8, "peft_version": "9"}, defaults)
    assert found == {"use_dora": True, "r": 8}


def test_the_card_says_what_it_is(export: Callable[..., Path]) -> None:
    folder = export("sft", config=["mine.yaml"])
    data, text = metadata(folder), (folder / "README.md").read_text(encoding="utf-8")
    assert (data["license"], data["base_model"], data["library_name"]) == ("unknown", "acme/small", "peft")
    assert "unknown: set it" in text and "--configfile mine.yaml" in text
    scores = read_json(STUDY / "cells/p/facts/sft/default/seed0/metrics.json")
    validation = read_json(STUDY / "validation/p/facts/sft/default/seed0/metrics.json")
    assert f"This seed: {scores['score']:.1f} % on the test split, {validation['score']:.1f} % [" in text
    assert data["model-index"][0]["results"][0]["metrics"][0]["value"] == round(scores["score"], 2)
    record = read_json(STUDY / "cells/p/facts/sft/default/seed0/transfer/run.json")
    settings = yaml.safe_load(text.rpartition("```yaml")[2].partition("```")[0])
    assert settings == record["settings"]
    assert f"torch {record['versions']['torch']}" in text
    assert read_json(STUDY / "benchmarks/facts/run.json")["digest"][:16] in text and "12 train" in text


@pytest.mark.parametrize(("method", "paper"), [("laten", "arXiv:2505.14436"), ("sft", "")])
def test_the_card_names_the_paper(export: Callable[..., Path], method: str, paper: str) -> None:
    folder = export(method)
    assert (f"({paper})" in (folder / "README.md").read_text(encoding="utf-8")) == bool(paper)
    tags = [tag for tag in metadata(folder)["tags"] if tag.startswith("arxiv:")]
    assert tags == ([f"arxiv:{paper.removeprefix('arXiv:')}"] if paper else [])


def test_a_name_and_a_licence_can_be_given(export: Callable[..., Path]) -> None:
    folder = export("sft", base="owner/name", licence="mit")
    assert read_json(folder / "adapter_config.json")["base_model_name_or_path"] == "owner/name"
    assert "revision" not in read_json(folder / "adapter_config.json")
    assert (metadata(folder)["license"], metadata(folder)["base_model"]) == ("mit", "owner/name")


def test_the_licence_is_that_of_the_base_models_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/README.md").write_text("---\nlicense: apache-2.0\n---\n# A model\n", encoding="utf-8")
    write_json(tmp_path / "small.json", {"source": "folder", "path": "own"})
    Path("results/m").mkdir(parents=True)
    Run("model", "small.json").seal(Path("results/m"), {"origin": {"source": "folder"}})
    base = base_of(Path("results/m"))
    assert (base.name, base.licence, base.revision, base.on_hub) == ("own", "apache-2.0", None, False)


def test_a_licence_of_another_name_brings_its_name_and_link(home: Path, tmp_path: Path) -> None:
    terms = {"license_name": "acme-research", "license_link": "https://acme.example/terms"}
    card = f"---\n{yaml.safe_dump({'license': 'other', **terms})}---\n"
    base = STUDY / "models/small"
    (base / "README.md").write_text(card, encoding="utf-8")
    out = tmp_path / "sft"
    export_adapter(STUDY, Picked(method="sft", seed=0), Naming(), Forms(), out=out)
    (base / "README.md").unlink()
    assert {key: metadata(out)[key] for key in ("license", *terms)} == {"license": "other", **terms}
    assert "| licence | other, acme-research, https://acme.example/terms |" in (out / "README.md").read_text()
    assert base_of(base, licence="mit").terms == {}


def test_paths_in_settings_of_a_tokenizer_are_left_out(tmp_path: Path) -> None:
    given = {"name_or_path": "/home/me/x", "tokenizer_file": "/home/me/y", "bos_token": "/s/", "a_file": "b"}
    write_config(tmp_path / "c.json", given)
    assert read_json(tmp_path / "c.json") == {"bos_token": "/s/", "a_file": "b"}


def test_the_ranking_decides_and_a_user_may(home: Path) -> None:
    rows = (STUDY / "tables/ranking.csv").read_text().splitlines()
    names = rows[0].split(",")
    found = [dict(zip(names, row.split(","), strict=True)) for row in rows[1:]]
    (best,) = [row for row in found if row["ship"] == "1"]
    assert best["method"] in ("sft", "laten"), "the fixture's training should help"
    record = STUDY / "records/export/p/facts.json"
    export_adapter(STUDY, Picked(), Naming(), Forms(), record=record)
    facts = read_json(STUDY / "export/p" / best["method"] / "export.json")
    assert (facts["method"], facts["seed"]) == (best["method"], int(best["seed"]))
    assert check_record(record)["outputs"]
    export_adapter(STUDY, Picked(method="sft", seed=1), Naming(), Forms())
    assert read_json(STUDY / "export/p/sft-seed1/export.json")["chosen_by"] == "hand"
    export_adapter(STUDY, Picked(), Naming(), Forms())
    assert (STUDY / "export/p/sft-seed1").is_dir(), "a choice by hand is kept"
    assert check_record(record), "a choice by hand changes no file of the ranking's export"


def test_what_was_exported_under_another_place_is_replaced(home: Path) -> None:
    """The pair had several benchmarks when the ranking was exported before."""
    former, other = (STUDY / "export/p" / name / "sft-merged" for name in ("facts", "sums"))
    for folder in (former, other):
        facts = {"pair": "p", "benchmark": folder.parent.name, "chosen_by": "ranking"}
        write_json(folder / "export.json", facts)
    export_adapter(STUDY, Picked(), Naming(), Forms())
    assert not former.exists() and other.exists()


def test_the_folder_of_a_choice_by_hand_names_it() -> None:
    cell = Cell("p", "facts", "sft", "lora.rank~8", 3)
    assert [folder_name(cell, by_ranking) for by_ranking in (True, False)] == ["sft", "sft-lora.rank~8-seed3"]
    assert folder_name(replace(cell, variant="default"), False) == "sft-seed3"


@pytest.mark.parametrize(
    ("picked", "told"),
    [
        (Picked(method="student", seed=0), "--method: found 'student', which trains nothing"),
        (Picked(method="stf", seed=0), "--method: found 'stf', expected one of .*did you mean sft"),
        (Picked(method="distill"), "--method: found 'distill', expected one of .*sft"),
        (Picked(method="sft", seed=7), "--seed: found '7', expected one of 0, 1"),
        (Picked(pair="q"), "--pair: found 'q', expected one of p"),
    ],
)
def test_a_cell_that_is_not_there_is_told(home: Path, picked: Picked, told: str) -> None:
    with pytest.raises(UserError, match=told):
        export_adapter(STUDY, picked, Naming(), Forms())


def test_no_folder_of_a_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--study: found .*, expected the results of a study"):
        export_adapter(tmp_path, Picked(), Naming(), Forms())


def test_a_score_outside_the_interval_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = merged.reference_of
    low = merged.Reference("validation", Interval(1.0, 0.5, 1.5))
    monkeypatch.setattr(merged, "reference_of", lambda exported: low)
    out = home / "refused/sft"
    with pytest.raises(UserError, match=r"its merged weights score .* expected 0\.5 to 1\.5 %"):
        export_adapter(STUDY, Picked(method="sft", seed=0), Naming(), Forms(merged="float32"), out=out)
    assert own is not merged.reference_of and not out.with_name("sft-merged").exists()


@pytest.mark.slow
def test_the_documented_command_pushes_every_file(export: Callable[..., Path], tmp_path: Path) -> None:
    import os

    folder = export("sft")
    with serve() as (address, pushed):
        environment = {
            **os.environ,
            "HF_ENDPOINT": address,
            "HF_TOKEN": "hf_" + "fabricated",
            "HF_HOME": str(tmp_path),
        }
        environment.pop("HF_HUB_OFFLINE", None)
        hf = Path(sys.executable).with_name("hf")
        command = [str(hf), "upload", "owner/name", str(folder), "."]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        assert ended.returncode == 0, ended.stderr[-2000:]
    assert {name: len(data) for name, data in pushed.items()} == {
        path.name: path.stat().st_size for path in folder.iterdir()
    }
    assert json.loads(pushed["adapter_config.json"])["base_model_name_or_path"] == "acme/small"
