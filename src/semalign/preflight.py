"""What can be known about a study's models before any long work starts."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from semalign.benchmarks.registry import BENCHMARKS
from semalign.config.models import FolderModel
from semalign.config.study import Study
from semalign.config.tiny import TinyModel
from semalign.config.variants import resolve, variants_of
from semalign.errors import UserError
from semalign.files import read_json
from semalign.semantics.registry import MAPS
from semalign.semantics.vocabulary import check_overlap, read_vocabulary

logger = logging.getLogger("semalign")


def check_study(study: Study) -> None:
    """Look up every name that a registry must know, and every variant's settings; then the models.

    Raises UserError for what no later stage could use.
    """
    _check_names("benchmarks", study.benchmarks, BENCHMARKS)
    for method in study.methods:
        for variant in variants_of(study, method):
            _, signals = resolve(study, method, variant)
            _check_names("alignment.map", [signals.alignment.map], MAPS)
    check_models(study)


def check_models(study: Study) -> None:
    """Compare teachers with students where their shapes are known, and look for folders that a user named.

    A teacher that is shallower or narrower than its student is allowed with a warning: the depth map and the
    semantic map are defined there too. Raises UserError for a model folder that is missing, and for a pair
    whose vocabularies share too few tokens.
    """
    for name, model in study.models.items():
        if isinstance(model, FolderModel):
            _check_folder(name, Path(model.path))
    for name, pair in study.pairs.items():
        teacher, student = _shape(study, pair.teacher), _shape(study, pair.student)
        if teacher and student:
            _compare(name, teacher, student)
        _check_vocabularies(study, name)


def _check_names(key: str, names: Iterable[str], registry: Mapping[str, str]) -> None:
    for name in names:
        if name not in registry:
            raise UserError(f"config: {key}: found {name!r}, expected one of {', '.join(registry)}")


def _check_folder(name: str, folder: Path) -> None:
    for wanted in ("config.json", "tokenizer.json"):
        if not (folder / wanted).is_file():
            raise UserError(
                f"models.{name}.path: found no {folder / wanted}; expected a Hugging Face model folder"
            )


def _shape(study: Study, model: str) -> tuple[int, int] | None:
    """(layers, width) where the config or a folder tells them."""
    settings = study.models[model]
    if isinstance(settings, TinyModel):
        return settings.layers, settings.width
    if isinstance(settings, FolderModel):
        config = read_json(Path(settings.path) / "config.json")
        return config["num_hidden_layers"], config["hidden_size"]
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
    pair = study.pairs[name]
    models = (study.models[pair.teacher], study.models[pair.student])
    if all(isinstance(model, FolderModel) for model in models):
        folders = [Path(model.path) for model in models if isinstance(model, FolderModel)]
        teacher, student = map(read_vocabulary, folders)
        check_overlap(name, teacher, student, study.alignment.minimum_shared)
