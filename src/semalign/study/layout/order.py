"""What tables and pages know of a config: the order and the titles of their rows, the axes, the facts of the study."""

from typing import Any

from semalign.benchmarks.registry import BENCHMARKS, PUBLISHED
from semalign.config.benchmarks import Derived
from semalign.config.cells import DEFAULT, variant_name
from semalign.methods.registry import METHODS
from semalign.runtime.errors import UserError
from semalign.study.definition import Study
from semalign.study.kinds import Method
from semalign.study.layout.folders import Folders
from semalign.study.searches import grid_of
from semalign.study.variants import dose_variants, resolve

# values of signals that make a method a control
CONTROLS = (("residual.source", "shuffled"), ("residual.source", "student"))


def order_of(folders: Folders) -> dict[str, Any]:
    """Return the order and the titles of everything in the tables, and the values of every ablated axis."""
    study = folders.study
    axes: dict[str, dict[str, Any]] = {
        method: dict(_axis(study, method, key, values) for key, values in varied.items())
        for method, varied in study.ablations.by_method.items()
    }
    return {
        "pairs": list(study.pairs),
        "benchmarks": list(study.benchmarks),
        "parts": {name: parts for name in study.benchmarks if (parts := folders.parts_of(name))},
        "derived": {
            name: section.of for name, section in study.benchmarks.items() if isinstance(section, Derived)
        },
        "methods": list(study.methods),
        "rungs": [name for name, settings in study.methods.items() if settings.rung],
        "student": folders.named("student"),
        "teacher": folders.named("teacher"),
        "contrasts": [list(contrast) for contrast in study.contrasts],
        "axes": axes,
        "ladder": study.analysis.ladder.model_dump(mode="json"),
        "doses": {name: variants for name in study.methods if (variants := dose_variants(study, name))},
        "titles": _titles(study),
        "controls": [name for name, settings in study.methods.items() if _is_control(settings)],
    }


def facts_of(study: Study) -> dict[str, Any]:
    """Return facts from the config for the study's page, without paths of the machine."""
    sources = {
        name: f"{model.repository} at {model.revision}" if model.source == "hub" else model.source
        for name, model in study.models.items()
    }
    return {
        "study": study.study,
        "seeds": list(study.seeds),
        "pairs": {
            name: {"teacher": pair.teacher, "student": pair.student} for name, pair in study.pairs.items()
        },
        "models": sources,
        "benchmarks": list(study.benchmarks),
    }


def title_of(name: str, kind: str) -> str:
    """Return the printed name of a method: `sft-all-layers`, of the kind `sft`, becomes `SFT, all layers`."""
    title = METHODS.entry(kind).title
    if name == kind:
        return title
    detail = name.removeprefix(f"{kind}-").replace("-", " ")
    return f"{title}, {detail}" if name.startswith(f"{kind}-") else name


def _titles(study: Study) -> dict[str, str]:
    """Return the printed names of all methods, and of the benchmarks that are named after their kind."""
    benchmarks = {**BENCHMARKS, **PUBLISHED}
    return {
        **{name: benchmarks[name].title for name in study.benchmarks if name in benchmarks},
        **{
            name: settings.title or title_of(name, settings.method)
            for name, settings in study.methods.items()
        },
    }


def _axis(study: Study, method: str, key: str, values: list[Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of an ablated axis, and its default and other values."""
    settings, signals = resolve(study, method, DEFAULT)
    default = "searched" if key in grid_of(study, method) else _lookup(key, signals, settings)
    names = [variant_name(key, value).partition("~") for value in [default, *values]]
    (axis, _, default), others = names[0], [value for _, _, value in names[1:]]
    return axis, {"default": default, "values": others}


def _is_control(settings: Method) -> bool:
    """Whether a method is a control: it uses random signals, only the student's own, or another method's result."""
    chance = (
        value == "random" or (key.endswith(".shuffled") and value) or (key, value) in CONTROLS
        for key, value in settings.signals.items()
    )
    return settings.method in ("self-anchor", "oracle") or any(chance)


def _lookup(key: str, *sections: Any) -> Any:
    """Return the value of a dotted key in the first section that has it."""
    for section in sections:
        value: Any = section.model_dump(mode="json")
        for part in key.split("."):
            value = value.get(part, KeyError) if isinstance(value, dict) else KeyError
        if value is not KeyError:
            return value
    raise UserError(f"config: ablations: unknown key {key!r}")
