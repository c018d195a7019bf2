"""Seeking's signal stage: extraction. It reads folders and writes one folder."""

import logging
from pathlib import Path

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import collate, encode
from semalign.config.signals import Extraction
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.counting import counted
from semalign.runtime.files import replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.extraction.factors import write_factors
from semalign.signals.extraction.plan import Plan

logger = logging.getLogger("semalign")


@counted
def extract_windows(teacher: Path, student: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Find the teacher's most sensitive blocks and windows on the extract split, and store the windows' factors.

    factors.safetensors holds the factors (see `write_factors`). extraction.json holds the kept teacher layers (the k-th
    is for student layer k), every layer's score, each window's position, and the number of examples passed through the
    teacher. Of the student, only shapes are read. Fails before any long computation if the pair does not fit.

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits.
        settings: Section `extraction` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("extraction", settings)
    run.read_all(teacher=teacher, student=student, benchmark=benchmark)
    plan = Plan(teacher, student, Extraction(**run.settings))
    tokenizer = load_tokenizer(teacher)
    batches = [collate([encode(example, tokenizer)], 0) for example in read_split(benchmark, "extract")]
    model = load_model(teacher)
    result = plan.find(model, batches)
    factors = plan.factors(model, result)
    with replace_folder(out) as folder:
        write_factors(folder, factors)
        write_json(folder / "extraction.json", plan.describe(result, len(batches)))
        run.seal(folder)
    logger.info("extraction: student layers 1 to %d <- teacher layers %s", plan.depth, result.layers)
