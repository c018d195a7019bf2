"""The first stages: models and benchmarks become folders that every later stage reads."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from semalign.benchmarks.base import write_split
from semalign.benchmarks.mixture import write_mixture
from semalign.benchmarks.registry import BENCHMARKS, build_benchmark
from semalign.config.models import Model
from semalign.config.tiny import TinyBenchmark
from semalign.files import replace_folder
from semalign.models.devices import write_loading
from semalign.models.sources import materialise
from semalign.provenance import Run


def prepare_model(settings: Path, checkpoint: Path, out: Path) -> None:
    """Make `out` the model folder that the settings describe."""
    run = Run("model", settings)
    model = TypeAdapter(Model).validate_python(run.settings)
    origin = materialise(model, out, checkpoint)
    write_loading(out, model)
    run.seal(out, {"origin": origin})
    shutil.rmtree(checkpoint, ignore_errors=True)


def prepare_benchmark(name: str, settings: Path, parts: Sequence[Path], out: Path) -> None:
    """Write the five splits of one benchmark; a mixture is made of the benchmarks in `parts`."""
    run = Run("benchmark", settings)
    for part in parts:
        run.read(part.name, part)
    with replace_folder(out) as folder:
        if parts:
            write_mixture(parts, folder)
        else:
            run.modules.append(BENCHMARKS[name])
            for split, examples in build_benchmark(name, TinyBenchmark(**run.settings)).items():
                write_split(folder, split, examples)
        run.seal(folder)
