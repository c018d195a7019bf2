"""The stage of a pruned model: from its teacher's folder and its documents' to its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from semalign.config.pruning import BenchmarkText, PrunedModel
from semalign.models.pruning.documents import read_documents
from semalign.models.pruning.recipe import build_pruned
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import Run, portable


def make(
    run: Run,
    settings: PrunedModel,
    teacher: Path | None,
    benchmarks: Sequence[Path],
    folder: Path,
    checkpoint: Path,
) -> dict[str, Any]:
    """Write the model's `folder`; returns what provenance records of its origin.

    `benchmarks` are the folders of those that `text` names. Raises UserError for whatever is missing.
    """
    if teacher is None:
        raise UserError(f"pruning: no folder of the teacher {settings.teacher}, expected --teacher")
    run.read("teacher", teacher)
    folders = {path.name: run.read(path.name, path) for path in benchmarks}
    sources = [read_documents(_file(text, folders, run)) for text in settings.text]
    facts = build_pruned(settings, teacher, sources, folder, checkpoint, run.identity())
    return {"source": "pruned", "teacher": settings.teacher, **facts}


def _file(text: Any, folders: dict[str, Path], run: Run) -> Path:
    """The file of one entry of `text`; its digest enters the record, and so the identity of checkpoints."""
    if isinstance(text, BenchmarkText):
        if text.benchmark not in folders:
            raise UserError(f"pruning: no folder of the benchmark {text.benchmark}, expected --benchmarks")
        return folders[text.benchmark] / f"{text.split}.jsonl"
    path = Path(text.path).expanduser()
    if path.is_file() and Path(portable(path)).resolve() == path.resolve():  # a record names nothing outside
        run.read(path.name, path)
    return path
