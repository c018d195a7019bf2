"""The first stages: models and benchmarks become folders that every later stage reads."""

import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from pydantic import TypeAdapter

from semalign.config.models import CutModel, Model
from semalign.models.devices import write_loading
from semalign.models.registry import PRUNING
from semalign.models.sources import materialise
from semalign.runtime.provenance import Run


def prepare_model(
    settings: Path,
    checkpoint: Path,
    out: Path,
    teacher: Path | None = None,
    benchmarks: Sequence[Path] = (),
) -> None:
    """Make `out` the model folder that the settings describe.

    A model that is made of others of the study reads its `teacher` and the `benchmarks` that its text is in.
    """
    run = Run("model", settings)
    given = TypeAdapter(Model).validate_python(run.settings)
    if isinstance(given, CutModel):
        run.modules.append(PRUNING)
        origin = import_module(PRUNING).make(run, given, teacher, benchmarks, out, checkpoint)
    else:
        origin = materialise(given, out, checkpoint)
    write_loading(out, given)
    run.seal(out, {"origin": origin})
    shutil.rmtree(checkpoint, ignore_errors=True)
