"""The stage that makes a model a plain Hugging Face folder, whatever its source."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from semalign.config.models import CutModel, FolderModel, Model
from semalign.config.pruning import BenchmarkText
from semalign.models.checking import check_model
from semalign.models.devices import read_loading, write_loading
from semalign.models.registry import MAKERS
from semalign.models.sources import materialise
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import Run, inside


def prepare_model(
    settings: Path,
    checkpoint: Path,
    out: Path,
    teacher: Path | None = None,
    benchmarks: Sequence[Path] = (),
) -> None:
    """Make one model of the study a plain Hugging Face folder.

    Args:
        settings: The model's section of the config, as JSON.
        checkpoint: Folder for the checkpoints of a long training.
        out: Folder of the model.
        teacher: Folder of the model that is pruned, for a pruned model.
        benchmarks: Folders of the benchmarks whose text a pruned model is healed with.
    """
    run = Run("model", settings)
    section = TypeAdapter(Model).validate_python(run.settings)
    if isinstance(section, CutModel):
        files = _read_sources(run, section, teacher, benchmarks)
        # loaded by name, so that an edit of the recipe makes no other model stale
        make = MAKERS.load(section.source)
        run.modules.append(MAKERS.module_of(section.source))
        origin = make(section, teacher, files, out, checkpoint, run.identity())
    else:
        origin = materialise(section, out, checkpoint)
    write_loading(out, section)
    # a user's own folder is read under its own name, which is the one to show in a message
    own = Path(section.path).expanduser() if isinstance(section, FolderModel) else out
    check_model(own, read_loading(out))
    run.seal(out, {"origin": origin})
    shutil.rmtree(checkpoint, ignore_errors=True)


def _read_sources(
    run: Run, section: CutModel, teacher: Path | None, benchmarks: Sequence[Path]
) -> list[Path]:
    """The files of a pruned model's text, in the order of the config; everything read is recorded."""
    if teacher is None:
        raise UserError(f"pruning: found no folder of the teacher {section.teacher}, expected --teacher")
    run.read("teacher", teacher)
    folders = {path.name: run.read(path.name, path) for path in benchmarks}
    return [_text_file(run, text, folders) for text in section.text]


def _text_file(run: Run, text: Any, folders: dict[str, Path]) -> Path:
    """The file of one entry of `text`; its digest is part of the record, and so of the checkpoints' identity."""
    if isinstance(text, BenchmarkText):
        if text.benchmark not in folders:
            raise UserError(
                f"pruning: found no folder of the benchmark {text.benchmark}, expected it in --benchmarks"
            )
        return folders[text.benchmark] / f"{text.split}.jsonl"
    path = Path(text.path).expanduser()
    if path.is_file() and inside(path):
        run.read(path.name, path)
    return path
