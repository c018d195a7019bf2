"""The whole student with the training added to its weights, scored again before it is kept."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch

from semalign.config.statistics import StatisticsSettings
from semalign.evaluation.sandbox.stage import judge_answers
from semalign.evaluation.stage import Scored, generate_answers
from semalign.export.cells import Exported
from semalign.export.older import model_settings
from semalign.export.tokenizer import write_config
from semalign.models.devices import device
from semalign.models.gguf import write_weights
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, write_json
from semalign.runtime.provenance import RECORD
from semalign.statistics.inputs import read_section
from semalign.statistics.intervals import Interval, mean_interval
from semalign.statistics.tables.cells import read_groups

Seal = Callable[[Path], object]  # gives a model folder the record that the stages of the scores check
SCRATCH = ".scored"
ROUNDING = 1e-6  # percentage points


class Reference(NamedTuple):
    """What a cell scored in the study, and on which split."""

    split: str
    interval: Interval


def load_merged(exported: Exported) -> Any:
    """The trained student with the adapter or delta added to its weights, in float32."""
    student, teacher = exported.model("student"), exported.model("teacher")
    return load_student(student, teacher, exported.transfer, device(), torch.float32)


def write_merged(model: Any, folder: Path, dtype: str) -> None:
    """Write a merged model in a precision: weights, config and settings of generation. `model` is converted in place.

    The sum was made in float32, so that each weight is rounded once.
    """
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    path = folder / "config.json"
    write_config(path, model_settings(read_json(path)))


def reference_of(exported: Exported) -> Reference:
    """The exported seed's score with its interval: on the validation split if it was scored there, else on test."""
    validated = (exported.validated / RECORD).is_file()
    folder = exported.validated if validated else exported.scored
    settings = read_section(StatisticsSettings, exported.setting("statistics"))
    scores = next(
        group.scores
        for key, group in read_groups([folder]).items()
        if key.benchmark == exported.cell.benchmark
    )
    split = "validation" if validated else str(read_json(exported.setting("evaluation"))["split"])
    return Reference(split, mean_interval(scores, settings))


def score_again(
    exported: Exported, folder: Path, dtype: str, seal: Seal, what: str = "merged weights"
) -> str:
    """Score the model in a folder, which holds its tokenizer too, in a precision, and say so in words.

    Raises UserError if the score is outside the interval that the cell has in the study, on the same split.
    """
    reference = reference_of(exported)
    score = _score(exported, folder, dtype, reference.split, seal)
    low, high = reference.interval.low, reference.interval.high
    facts = f"{score:.1f} % on the {reference.split} split"
    span = f"{low:.1f} to {high:.1f} %"
    if not low - ROUNDING <= score <= high + ROUNDING:
        raise UserError(
            f"{exported.cell.path}: its {what} score {facts}, expected {span}, the interval of the trained "
            "student; nothing is exported (another precision may do)"
        )
    return f"{facts} (the trained student: {reference.interval.estimate:.1f} %, {span})"


def score_gguf(exported: Exported, path: Path, add_tokenizer: Callable[[Path], None], seal: Seal) -> str:
    """`score_again` of a GGUF file, whose weights are read back in float32; the file's own precision stays in them."""
    scratch = path.parent / ".read"
    scratch.mkdir()
    write_weights(path, scratch)
    add_tokenizer(scratch)
    facts = score_again(exported, scratch, "float32", seal, f"weights in {path.name}")
    shutil.rmtree(scratch)
    return facts


def _score(exported: Exported, folder: Path, dtype: str, split: str, seal: Seal) -> float:
    """The score in percent of a model folder, by the same stages as in the study."""
    scratch = folder / SCRATCH
    scratch.mkdir()
    suffix = "-validation" if split == "validation" else ""
    answering = read_json(exported.setting("validation" if suffix else "evaluation"))
    write_json(scratch / "answering.json", answering | {"dtype": dtype})
    seal(folder)
    seed, benchmark = exported.cell.seed, exported.benchmark
    generate_answers(Scored(model=folder), benchmark, scratch / "answering.json", seed, scratch / "answers")
    judge_answers(scratch / "answers", benchmark, exported.setting(f"judging{suffix}"), seed, scratch)
    score = json.loads((scratch / "metrics.json").read_text(encoding="utf-8"))["score"]
    shutil.rmtree(scratch)
    (folder / RECORD).unlink()
    return float(score)
