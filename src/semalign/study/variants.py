"""Variants of methods, i.e. settings with one or more changes, and their readable names.

An ablation changes one dotted key; its variant is named `<last part of the key>~<value>`. All cells whose settings
agree up to a signal stage share the result of that stage, which is named after its differences from the default.
"""

from typing import Any

from pydantic import BaseModel, ValidationError

from semalign.config.base import shown
from semalign.config.cells import DEFAULT, Cell, variant_name
from semalign.config.explaining import explain
from semalign.config.places import signals_with
from semalign.config.search import RATE
from semalign.config.signals import STAGES, Signals, stages_before
from semalign.runtime.errors import Problems, UserError
from semalign.runtime.suggestions import one_of
from semalign.study.kinds import Method
from semalign.study.sections import Study

# keys of a method that no variant can change: they say what it is, and where its own changes are
FIXED = (
    "method",
    "title",
    "rung",
    "signals",
    "learning_rates",
    "search",
    "searched",
    "benchmarks",
    "by_benchmark",
)
# keys that change how much a method is trained, and nothing else
DOSE = (RATE, "optimisation.epochs", "optimisation.steps")
_DEFAULTS = Signals()


def variants_of(study: Study, method: str) -> dict[str, dict[str, Any]]:
    """Return variant name -> changed dotted keys, the default first.

    Raises UserError if two keys or two values would get the same name.
    """
    variants: dict[str, dict[str, Any]] = {DEFAULT: {}}
    axes: dict[str, str] = {}
    for key, values in study.ablations.by_method.get(method, {}).items():
        axis = key.rsplit(".", 1)[-1]
        other = axes.setdefault(axis, key)
        if other != key:
            raise UserError(
                f"{axes_key(study, method)}: found {other} and {key} for axis {axis!r}, expected one of them; ablate "
                "the other one under a second name of the method"
            )
        for value in values:
            name = variant_name(key, value)
            if name in variants:
                raise UserError(
                    f"{axes_key(study, method)}.{key}: found variant {name} twice, expected values that differ"
                )
            variants[name] = {key: value}
    return variants


def dose_variants(study: Study, method: str) -> list[str]:
    """Return the variants that change only the learning rate or the length of the training."""
    return [
        name for name, changes in variants_of(study, method).items() if changes and set(changes) <= set(DOSE)
    ]


def axes_key(study: Study, method: str) -> str:
    """Return the key of the config at which the axes of a method are."""
    own = study.ablations.method == method
    return "ablations.axes" if own else f"ablations.others.{method}"


def source_of(study: Study, method: str, variant: str, key: str) -> str:
    """Return the key of the config that sets a dotted key of a signal stage for a variant of a method.

    If no key does, it is the one that would set it for this method.
    """
    if key in variants_of(study, method)[variant]:
        return f"{axes_key(study, method)}.{key}"
    stage, _, name = key.partition(".")
    for_all = name in getattr(study, stage).model_fields_set and key not in study.methods[method].signals
    return key if for_all else f"methods.{method}.signals.{key}"


def methods_at(study: Study, benchmark: str) -> list[str]:
    """Return the methods that are trained on a benchmark, and the student and the teacher."""
    return [
        name
        for name, settings in study.methods.items()
        if settings.benchmarks is None or benchmark in settings.benchmarks
    ]


def cells_of(study: Study) -> list[Cell]:
    """Return every cell of the study, those of the main table first, then those of the ablations."""
    cells = []
    for name, pair in study.pairs.items():
        for benchmark in pair.benchmarks or study.benchmarks:
            for method in methods_at(study, benchmark):
                settings = study.methods[method]
                for variant in variants_of(study, method):
                    seeds = study.seeds if variant == DEFAULT else study.ablations.seeds
                    for seed in seeds if settings.trained else seeds[:1]:
                        cells.append(Cell(name, benchmark, method, variant, seed))
    return sorted(cells, key=lambda cell: cell.variant != DEFAULT)


def resolve(study: Study, method: str, variant: str) -> tuple[Method, Signals]:
    """Return the settings of a method and of the signal stages for one variant.

    Raises UserError if a changed key does not exist or its value is out of range.
    """
    where = f"methods.{method}" if variant == DEFAULT else axes_key(study, method)
    return changed(study, method, variants_of(study, method)[variant], where)


def at_benchmark(study: Study, method: str, changes: dict[str, Any], benchmark: str) -> Method:
    """Return the method's settings on a benchmark, with `changes` taking precedence over those in `by_benchmark`.

    Raises UserError if `by_benchmark` changes the signals that the method reads, which must be the same on all
    benchmarks.
    """
    own = study.methods[method].by_benchmark[benchmark]
    where = f"methods.{method}.by_benchmark.{benchmark}"
    settings, signals = changed(study, method, {**own, **changes}, where)
    plain, plain_signals = changed(study, method, changes, where)
    if signals != plain_signals or settings.needs != plain.needs:
        raise UserError(f"{where}: found {', '.join(own)}, expected none that changes the method's signals")
    return settings


def changed(study: Study, method: str, changes: dict[str, Any], where: str) -> tuple[Method, Signals]:
    """Return the settings of a method and of the signal stages after changing dotted keys.

    Error messages name `where`, the place in the config that asks for the changes.
    """
    signal_changes = {key: value for key, value in changes.items() if key.split(".")[0] in STAGES}
    method_changes = {key: value for key, value in changes.items() if key not in signal_changes}
    settings = _changed(study.methods[method], method_changes, dict.fromkeys(method_changes, where), where)
    # from weakest to strongest: what the method implies, what its section says, what the variant changes
    own = f"methods.{method}"
    places = {
        **dict.fromkeys(settings.demands, own),
        **dict.fromkeys(settings.signals, f"{own}.signals"),
        **dict.fromkeys(signal_changes, where),
    }
    signal_changes = {**settings.demands, **settings.signals, **signal_changes}
    return settings, _changed(study.signals, signal_changes, places, where)


def _changed(section: Any, changes: dict[str, Any], places: dict[str, str], where: str) -> Any:
    """Return a validated copy of a config section with some dotted keys changed; `places` say who asks for which."""
    if not changes:
        return section
    data = section.model_dump()
    problems = Problems()
    for key, value in changes.items():
        inner, last = _inside(data, key)
        if problem := unknown_key(section, key):
            problems.add(f"{places[key]}.{key}: {problem}")
        elif isinstance(inner[last], dict):
            problems.add(_whole_section(f"{places[key]}.{key}", key, value, inner[last]))
        else:
            inner[last] = value
    problems.check()
    try:
        return type(section).model_validate(data)
    except ValidationError as error:
        lines = explain(error, type(section))
        raise UserError(*(_placed(line, places, where) for line in lines)) from None


def unknown_key(section: BaseModel, key: str) -> str:
    """Return what is expected in place of a dotted key that a section does not have; empty if it has the key."""
    inner, last = _inside(section.model_dump(), key)
    if last not in FIXED and last in inner:
        return ""
    found = signals_with(key) if isinstance(section, Signals) else []
    names = found or [name for name in inner if name not in FIXED]
    return f"unknown key, expected {one_of(last, names)}"


def _whole_section(place: str, key: str, value: Any, section: dict[str, Any]) -> str:
    """The problem of a change that would reset all other settings of a section."""
    own = value if isinstance(value, dict) and value else section
    return f"{place}: found {shown(value)}, expected dotted keys of single settings, such as `{key}.{next(iter(own))}`"


def _inside(data: dict[str, Any], key: str) -> tuple[dict[str, Any], str]:
    """Return the section that a dotted key is in, and its last part; or the first part that is not a section's."""
    parts = key.split(".")
    for number, part in enumerate(parts[:-1]):
        inner = data.get(part)
        if not isinstance(inner, dict):
            return data, ".".join(parts[number:])
        data = inner
    return data, parts[-1]


def _placed(line: str, places: dict[str, str], where: str) -> str:
    """A problem after the place that asks for the change; one of the section as a whole after the change, if it is one.

    `places` are those of the changed keys.
    """
    if line.startswith(":"):
        return f"{where}.{next(iter(places))}{line}" if len(places) == 1 else f"{where}{line}"
    return f"{next((place for key, place in places.items() if line.startswith(key)), where)}.{line}"


def signal_name(study: Study, signals: Signals, stage: str) -> str:
    """Return the folder name of a stage: `default`, or all differences from the study's default up to that stage."""
    differences = []
    for section in (*stages_before(stage), stage):
        base = getattr(study.signals, section)
        own = getattr(signals, section)
        for key in type(base).model_fields:
            if getattr(base, key) != getattr(own, key):
                differences.append(variant_name(_own_name(section, key), getattr(own, key)))
    return "+".join(differences) or DEFAULT


def _own_name(section: str, key: str) -> str:
    """The key of a setting in a folder's name, after its section if a later stage that reads it has that key too."""
    later = [stage for stage in STAGES if section in stages_before(stage)]
    shared = any(key in type(getattr(_DEFAULTS, name)).model_fields for name in later)
    return f"{section}-{key}" if shared else key
