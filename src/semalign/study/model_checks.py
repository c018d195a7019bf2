"""Checks of a study's models from their folders and settings, without loading them."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from semalign.config.models import FolderModel, GgufPackage
from semalign.config.pruning import PrunedModel
from semalign.config.tiny import TinyModel
from semalign.models.architectures import ARCHITECTURES, Architecture
from semalign.models.pruning.sizes import check_sizes
from semalign.models.registry import texts_of
from semalign.models.separate import inseparable
from semalign.models.vocabulary import check_overlap, read_vocabulary
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.suggestions import one_of
from semalign.study.definition import Study
from semalign.study.variants import resolve, variants_of

logger = logging.getLogger("semalign")
LAYER_PROJECTIONS = tuple(Architecture().projections)
WHOLE = ("embedding", "head")  # projections that a model has once


class Shape(NamedTuple):
    """Depth and width of a model."""

    layers: int
    width: int


def check_models(study: Study) -> Iterator[str]:
    """The folders and files that the config names, and teachers compared with students if possible.

    A teacher that is shallower or narrower than its student only causes a warning, because the depth map and the
    semantic map are defined in that case too. A pair whose vocabularies share too few tokens is a problem.
    """
    broken = set()
    for name, model in study.models.items():
        if isinstance(model, PrunedModel):
            yield from _pruned_problems(study, name, model)
        if isinstance(model, GgufPackage):
            from semalign.models.gguf import problems_of

            yield from problems_of(model, f"models.{name}.file")
        if isinstance(model, FolderModel):
            lines = _folder_problems(name, Path(model.path).expanduser())
            broken |= {name} if lines else set()
            yield from lines
    for name, pair in study.pairs.items():
        if not {pair.teacher, pair.student} & broken:
            _warn(study, name)
            yield from _vocabularies(study, name)


def _pruned_problems(study: Study, name: str, model: PrunedModel) -> Iterator[str]:
    """The documents of a pruned model, and its sizes if those of its teacher are known now."""
    from semalign.benchmarks.document_files import problems_of

    for path in texts_of(model)[1]:
        yield from (f"models.{name}.text: {line}" for line in problems_of(path))
    try:
        check_sizes(_sizes(study.models[model.teacher]), model)
    except UserError as error:
        yield from (f"models.{name}: {line.removeprefix('pruning: ')}" for line in error.lines)
    except (KeyError, TypeError):
        return  # a config.json that is not known, or broken, which is said of the teacher


def _sizes(model: Any) -> dict[str, Any]:
    """The sizes of a model as a config.json has them; raises KeyError if they are not known now."""
    if isinstance(model, TinyModel):
        return {
            "architectures": ["LlamaForCausalLM"],
            "num_hidden_layers": model.layers,
            "intermediate_size": model.feed_forward,
            "hidden_size": model.width,
            "num_attention_heads": model.heads,
        }
    if config := _config(model):
        return config
    raise KeyError(model)


def check_projections(study: Study) -> Iterator[str]:
    """Methods adapt only matrices that exist, and that the student has separately if its architecture is known."""
    for method in study.methods:
        for variant in variants_of(study, method):
            try:
                settings, _ = resolve(study, method, variant)
            except UserError:  # the check of variants says it
                continue
            yield from _projections(study, method, settings)


def _projections(study: Study, method: str, settings: Any) -> Iterator[str]:
    lora: Any = getattr(settings, "lora", None)
    wanted = list(lora.projections) if lora else []
    key = f"methods.{method}.lora.projections"
    names = [*LAYER_PROJECTIONS, *WHOLE]
    for name in wanted:
        if name not in names:
            yield f"{key}: found {name!r}, expected {one_of(name, names)}"
    for pair in study.pairs.values():
        yield from _beyond_width(study, method, settings, pair.teacher)
        if settings.deep_teacher:
            yield from _too_shallow(study, method, pair.teacher, pair.student)
        for role, model in (("teacher", pair.teacher), ("student", pair.student)):
            facts, name = architecture_of_folder(study, model)
            if facts is None:
                continue
            if role == "student":
                yield from _adapted(key, wanted, facts, name)
                yield from _too_high_rank(f"methods.{method}.lora.rank", lora, study.models[model])
            if missing := inseparable(facts, settings.separate):
                yield f"methods.{method}: found {name} (models.{model}), {missing}"


def _beyond_width(study: Study, method: str, settings: Any, teacher: str) -> Iterator[str]:
    """A rank of the teacher's states (`oprd-bridge`) above their width."""
    shape, rank = shape_of(study, teacher), getattr(settings, "rank", 0)
    if shape and rank > shape.width:
        yield f"methods.{method}.rank: found {rank}, expected at most {shape.width}, the width of the teacher {teacher}"


def _too_shallow(study: Study, method: str, teacher: str, student: str) -> Iterator[str]:
    shapes = shape_of(study, teacher), shape_of(study, student)
    if shapes[0] and shapes[1] and shapes[0].layers < shapes[1].layers:
        yield (
            f"methods.{method}: found teacher {teacher} with {shapes[0].layers} layers and student {student} with "
            f"{shapes[1].layers}, expected a teacher at least as deep as its student"
        )


def _adapted(key: str, wanted: list[str], facts: Architecture, name: str) -> Iterator[str]:
    for projection in wanted:
        if projection in LAYER_PROJECTIONS and projection not in facts.projections:
            yield (
                f"{key}: found {projection!r}, which {name} does not have as a separate matrix; expected "
                f"{one_of(None, [*facts.projections, *WHOLE])}"
            )


def _too_high_rank(key: str, lora: Any, model: Any) -> Iterator[str]:
    config = _config(model)
    sizes = [config.get(name) for name in ("hidden_size", "intermediate_size")] if config else []
    widest = max((size for size in sizes if type(size) is int), default=0)
    if lora and widest and lora.rank > widest:
        yield f"{key}: found {lora.rank}, expected at most {widest}, the student's widest matrix"


def architecture_of_folder(study: Study, model: str) -> tuple[Architecture | None, str]:
    """The architecture of a model folder and its class name; None if it is unknown before the model is prepared."""
    config = _config(study.models.get(model))
    names = config.get("architectures") if config else None
    name = names[0] if isinstance(names, list) and names and isinstance(names[0], str) else ""
    return ARCHITECTURES.get(name), name


def _folder_problems(name: str, folder: Path) -> list[str]:
    from semalign.models.inspection import problems_of

    return problems_of(folder, f"models.{name}.path")


def _config(model: Any) -> dict[str, Any] | None:
    """The config.json of a model folder; None for any other source, or if it can't be read."""
    if not isinstance(model, FolderModel):
        return None
    try:
        config = read_json(Path(model.path).expanduser() / "config.json")
    except (OSError, ValueError):
        return None
    return config if isinstance(config, dict) else None


def shape_of(study: Study, model: str) -> Shape | None:
    """Return depth and width of a model, or None if they are not known before the model is prepared."""
    settings = study.models[model]
    if isinstance(settings, TinyModel):
        return Shape(settings.layers, settings.width)
    if isinstance(settings, PrunedModel):
        teacher = shape_of(study, settings.teacher)
        layers = settings.layers or (teacher.layers if teacher else None)
        width = settings.width or (teacher.width if teacher else None)
        return Shape(layers, width) if layers and width else None
    config = _config(settings) or {}
    layers, width = config.get("num_hidden_layers"), config.get("hidden_size")
    return Shape(layers, width) if isinstance(layers, int) and isinstance(width, int) else None


def _warn(study: Study, name: str) -> None:
    pair = study.pairs[name]
    teacher, student = shape_of(study, pair.teacher), shape_of(study, pair.student)
    if not (teacher and student):
        return
    for what, of_teacher, of_student in zip(Shape._fields, teacher, student, strict=True):
        if of_teacher < of_student:
            logger.warning(
                "warning: pairs.%s: the teacher has %s %d, fewer than the student's %d",
                name,
                what,
                of_teacher,
                of_student,
            )


def _vocabularies(study: Study, name: str) -> Iterator[str]:
    """The vocabulary overlap of a pair, if both models are folders and their tokenizers can be read now."""
    pair = study.pairs[name]
    models = (study.models[pair.teacher], study.models[pair.student])
    if all(isinstance(model, FolderModel) for model in models):
        folders = [Path(model.path).expanduser() for model in models if isinstance(model, FolderModel)]
        try:
            teacher, student = map(read_vocabulary, folders)
            check_overlap(name, teacher, student, study.alignment.minimum_shared)
        except UserError as error:
            yield from (f"pairs.{name}: {line.removeprefix(f'pair {name}: ')}" for line in error.lines)
        except (OSError, ValueError, AttributeError, TypeError, LookupError):
            yield f"pairs.{name}: found a tokenizer.json that can't be read, expected two fast tokenizers"
