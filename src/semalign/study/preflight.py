"""Checks of a study's names, settings and models before any long work starts."""

import json
import logging
from collections.abc import Collection, Iterable
from pathlib import Path

from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED, check_sources
from semalign.config.models import FolderModel
from semalign.config.pruning import PrunedModel
from semalign.config.revisions import LOCKED, not_pinned
from semalign.config.signals import STAGES
from semalign.config.tiny import TinyBenchmark, TinyModel
from semalign.evaluation.protocols import TASKS, task_names
from semalign.models.registry import texts_of
from semalign.models.vocabulary import check_overlap, read_vocabulary
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.signals.semantics.registry import MAPS, check_top
from semalign.study import sizes
from semalign.study.definition import Study
from semalign.study.variants import resolve, variants_of

logger = logging.getLogger("semalign")


def check_study(study: Study) -> None:
    """Check all names against the registries, the settings of every variant, and the models.

    Raises UserError for anything that a later stage could not use.
    """
    embedded = [name for name, section in study.benchmarks.items() if isinstance(section, TinyBenchmark)]
    alternative = ", or a name with `benchmark:`, such as `gsm8k-steps: {benchmark: gsm8k}`"
    _check_names("benchmarks", embedded, [*BENCHMARKS, *PUBLISHED], alternative)
    for name in embedded:
        if name not in task_names():
            raise UserError(f"benchmark {name}: found no task file {TASKS.name}/{name}.yaml, expected one")
    check_sources(study.benchmarks, study.mirror)
    for method in study.methods:
        for variant in variants_of(study, method):
            settings, signals = resolve(study, method, variant)
            _check_names(f"method {settings.method}: needs", settings.needs, STAGES)
            _check_names("alignment.map", [signals.alignment.map], MAPS)
            check_top(signals.alignment.map, signals.alignment.top)
    if problems := sizes.problems_of(study):
        raise UserError(*problems)
    check_models(study)


def check_pinned(study: Study) -> None:
    """Raise UserError if a hub model of the study has no pinned commit."""
    for repository in unpinned(study):
        raise UserError(not_pinned(repository))


def check_models(study: Study) -> None:
    """Check the folders and files that the config names, and compare teachers with students if possible.

    A teacher that is shallower or narrower than its student only causes a warning, because the depth map and the
    semantic map are defined in that case too. Raises UserError for a missing model folder, and for a pair whose
    vocabularies share too few tokens.
    """
    for name, model in study.models.items():
        for path in texts_of(model)[1]:
            if not Path(path).expanduser().is_file():
                raise UserError(f"models.{name}.text: found no {path}, expected documents as .txt or .jsonl")
        if isinstance(model, FolderModel):
            _check_folder(name, Path(model.path).expanduser())
    for name, pair in study.pairs.items():
        teacher = _shape(study, pair.teacher)
        student = _shape(study, pair.student)
        if teacher and student:
            _compare(name, teacher, student)
        _check_vocabularies(study, name)


def _check_names(key: str, names: Iterable[str], known: Collection[str], alternative: str = "") -> None:
    for name in names:
        if name not in known:
            raise UserError(f"config: {key}: found {name!r}, expected one of {', '.join(known)}{alternative}")


def _check_folder(name: str, folder: Path) -> None:
    for wanted in ("config.json", "tokenizer.json"):
        path = folder / wanted
        if not path.is_file():
            raise UserError(f"models.{name}.path: found no {path}; expected a Hugging Face model folder")
        try:
            read_json(path)
        except ValueError as error:
            raise UserError(f"models.{name}.path: {path} is not valid JSON ({error})") from None
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UserError(
            f"models.{name}.path: found no {folder}/*.safetensors; expected the weights in that format"
        )
    for path in weights:
        if path.stat().st_size != _whole_size(path):
            raise UserError(
                f"models.{name}.path: found {path} damaged or incomplete, expected a safetensors file"
            )


def _whole_size(path: Path) -> int:
    """Return the file size in bytes according to a safetensors header, or -1 if there is no valid header."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, path.stat().st_size)))
        ends = (entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        return 8 + length + max(ends, default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return -1


def _shape(study: Study, model: str) -> tuple[int, int] | None:
    """Return (layers, width) of a model, or None if they are not known before the model is prepared."""
    settings = study.models[model]
    if isinstance(settings, TinyModel):
        return settings.layers, settings.width
    if isinstance(settings, PrunedModel):
        teacher = _shape(study, settings.teacher) or (settings.layers, settings.width)
        layers = settings.layers or teacher[0]
        width = settings.width or teacher[1]
        return (layers, width) if layers and width else None
    if isinstance(settings, FolderModel):
        config = read_json(Path(settings.path).expanduser() / "config.json")
        shape = config.get("num_hidden_layers"), config.get("hidden_size")
        return None if None in shape else shape
    return None


def _compare(pair: str, teacher: tuple[int, int], student: tuple[int, int]) -> None:
    for what, of_teacher, of_student in zip(("layers", "width"), teacher, student, strict=True):
        if of_teacher < of_student:
            logger.warning(
                "warning: pairs.%s: the teacher has %s %d, fewer than the student's %d",
                pair,
                what,
                of_teacher,
                of_student,
            )


def _check_vocabularies(study: Study, name: str) -> None:
    """Check the vocabulary overlap of a pair, if both models are folders and their tokenizers can be read now."""
    pair = study.pairs[name]
    models = (study.models[pair.teacher], study.models[pair.student])
    if all(isinstance(model, FolderModel) for model in models):
        folders = [Path(model.path).expanduser() for model in models if isinstance(model, FolderModel)]
        teacher, student = map(read_vocabulary, folders)
        check_overlap(name, teacher, student, study.alignment.minimum_shared)


def unpinned(study: Study) -> list[str]:
    """Return the repositories of the study without a pinned commit, in the order of its models."""
    models = study.models.values()
    repositories = (model.repository for model in models if getattr(model, "revision", None) == LOCKED)  # type: ignore[union-attr]
    return list(dict.fromkeys(repositories))
