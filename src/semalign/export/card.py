"""The model card of an export: metadata for the hub, and a page that says what it is and scored, and how to load it."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from semalign.config.cells import DEFAULT
from semalign.export.base_model import UNKNOWN, Base
from semalign.export.cells import Exported
from semalign.export.scores import percent, read_scores, score_on_test, score_rows, validation_row
from semalign.methods.registry import METHODS
from semalign.report.names import spell, titled
from semalign.runtime.commit import CHANGED, current_commit
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import RECORD, portable, read_settings
from semalign.runtime.templates import environment

TEMPLATES = Path(__file__).parent / "templates"
ARXIV = "arXiv:"


def write_card(
    exported: Exported, base: Base, folder: Path, form: Mapping[str, Any], config: Sequence[str] = ()
) -> None:
    """Write README.md into an exported folder.

    `form` says what the folder holds: `kind` (`adapter`, `merged` or `gguf`), `file` of a GGUF, `dtype` of the weights,
    and `rescored`, the score of the merged weights. `config` are the names of the study's config files.
    """
    tables = read_scores(exported)
    with titled(tables.levels.titles):
        facts = _facts(exported, base, tables) | {"form": form, "config": " ".join(map(portable, config))}
    metadata = yaml.safe_dump(_metadata(exported, base, facts, form), sort_keys=False, allow_unicode=True)
    (folder / "README.md").write_text(f"---\n{metadata}---\n\n{_page(**facts)}\n", encoding="utf-8")


def _facts(exported: Exported, base: Base, tables: Any) -> dict[str, Any]:
    """Everything that the page says."""
    cell, record = exported.cell, exported.record
    kind = METHODS.entry(str(record["settings"]["method"]))
    ranked = validation_row(exported, tables)
    return {
        "study": exported.study.name,
        "cell": cell,
        "base": base,
        "teacher": base_name(exported, "teacher"),
        "method": {"name": spell(cell.method), "kind": kind.name, "paper": kind.facts.get("paper", "")},
        "summary": kind.summary,
        "variant": "" if cell.variant == DEFAULT else cell.variant,
        "training": _training(record),
        "data": _data(exported),
        "metric": read_json(exported.scored / "metrics.json")["metric"],
        "rows": list(score_rows(exported, tables)),
        "test": score_on_test(exported, tables),
        "validation": None if ranked is None else percent(ranked, "validation"),
        "levels": tables.levels,
        "cost": record["cost"],
        "versions": record["versions"],
        "commit": (current_commit(Path()) or "").replace(CHANGED, " with local changes"),
    }


def base_name(exported: Exported, role: str) -> str:
    """The name of the pair's teacher or student as the study's page has it, without a path of the machine."""
    facts = read_settings(exported.study / "settings" / "facts.json")
    name = str(facts["pairs"][exported.cell.pair][role])
    source = str(facts["models"][name])
    return f"{name} ({source})"


def _training(record: Mapping[str, Any]) -> str:
    """The settings of the training, with those that a search chose on the validation split, as YAML."""
    settings = copy.deepcopy(record["settings"])
    for key, value in (record.get("chosen") or {}).items():
        *sections, last = key.split(".")
        inner = settings
        for name in sections:
            inner = inner[name]
        inner[last] = value
    return str(yaml.safe_dump(settings, sort_keys=False)).strip()


def _data(exported: Exported) -> dict[str, Any]:
    """The benchmark's name, digest and sizes."""
    splits = sorted(exported.benchmark.glob("*.jsonl"))
    sizes = {path.stem: len(read_jsonl(path)) for path in splits}
    wanted = [name for name in ("train", "validation", "test") if name in sizes]
    return {
        "name": exported.cell.benchmark,
        "digest": read_json(exported.benchmark / RECORD)["digest"],
        "sizes": ", ".join(f"{sizes[name]} {name}" for name in wanted),
    }


def _metadata(
    exported: Exported, base: Base, facts: Mapping[str, Any], form: Mapping[str, Any]
) -> dict[str, Any]:
    """What the hub reads. It accepts only its own repositories as base model."""
    paper = str(facts["method"]["paper"])
    tags = ["semalign", f"method:{facts['method']['kind']}"]
    tags += ["lora"] if form["kind"] == "adapter" else []
    tags += [f"arxiv:{paper.removeprefix(ARXIV)}"] if paper.startswith(ARXIV) else []
    data: dict[str, Any] = {"license": base.licence, **base.terms}
    if base.on_hub:
        relation = {"adapter": "adapter", "gguf": "quantized"}.get(form["kind"], "finetune")
        data |= {"base_model": base.name, "base_model_relation": relation}
    library = {"adapter": "peft", "gguf": "gguf"}.get(form["kind"], "transformers")
    data |= {"library_name": library, "pipeline_tag": "text-generation", "tags": tags}
    return data | {"model-index": [_result(exported, facts)]} if facts["test"] is not None else data


def _result(exported: Exported, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The test score in the form in which the hub lists results."""
    cell = exported.cell
    return {
        "name": f"{exported.study.name}-{cell.method}",
        "results": [
            {
                "task": {"type": "text-generation"},
                "dataset": {"name": cell.benchmark, "type": cell.benchmark, "split": "test"},
                "metrics": [{"type": facts["metric"], "value": round(float(facts["test"]), 2)}],
            }
        ],
    }


def _page(**facts: Any) -> str:
    text = environment(TEMPLATES).get_template("card.md.j2").render(**facts, unknown=UNKNOWN)
    return str(text).strip()
