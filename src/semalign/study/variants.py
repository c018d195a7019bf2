"""Variants: a method's settings with one or more of them changed, and the readable names this gives.

An ablation changes one dotted key; its variant is `<last part of the key>~<value>`. Signal stages are shared
between all cells whose settings agree up to that stage, under a name made of what differs from the default.
"""

from typing import Any

from pydantic import ValidationError

from semalign.config.cells import DEFAULT, Cell, variant_name
from semalign.config.signals import STAGES, Signals, behind
from semalign.runtime.errors import UserError
from semalign.study.definition import Study, explain
from semalign.study.kinds import Method

RATE = "optimisation.learning_rate"


def variants_of(study: Study, method: str) -> dict[str, dict[str, Any]]:
    """Variant name -> changed dotted keys, the default first.

    Raises UserError if two keys, or two values, would have one name.
    """
    variants: dict[str, dict[str, Any]] = {DEFAULT: {}}
    axes: dict[str, str] = {}
    for key, values in study.ablations.by_method.get(method, {}).items():
        axis = key.rsplit(".", 1)[-1]
        other = axes.setdefault(axis, key)
        if other != key:
            raise UserError(
                f"config: ablations: {method}: {other} and {key} would both be axis {axis!r}; ablate one of them "
                "here, and the other under a second name of the method"
            )
        for value in values:
            name = variant_name(key, value)
            if name in variants:
                raise UserError(f"config: ablations: {method}: {key} gives variant {name} twice")
            variants[name] = {key: value}
    return variants


def rates_of(study: Study, method: str) -> list[float]:
    """The learning rates among which the search chooses for a method; none if it is not searched."""
    settings = study.methods[method]
    if not (settings.trained and study.search.learning_rates):
        return []
    return settings.learning_rates or study.search.learning_rates


def trials_of(study: Study, method: str, variant: str = DEFAULT) -> dict[str, dict[str, Any]]:
    """Trial name -> changed dotted keys, one per learning rate; none if a variant is not searched itself."""
    changes = variants_of(study, method)[variant]
    if RATE in changes or (variant != DEFAULT and not study.ablations.search):
        return {}
    return {variant_name(RATE, rate): {**changes, RATE: rate} for rate in rates_of(study, method)}


def searched_variant(study: Study, method: str, variant: str) -> str | None:
    """The variant whose search gives this one its learning rate: its own, the default's, or none."""
    if not rates_of(study, method) or RATE in variants_of(study, method)[variant]:
        return None
    return variant if study.ablations.search else DEFAULT


def cells_of(study: Study) -> list[Cell]:
    """Every cell of the study: the main table's first, then the ablations'."""
    cells = []
    for name, pair in study.pairs.items():
        for benchmark in pair.benchmarks or study.benchmarks:
            for method, settings in study.methods.items():
                for variant in variants_of(study, method):
                    seeds = study.seeds if variant == DEFAULT else study.ablations.seeds
                    for seed in seeds if settings.trained else seeds[:1]:
                        cells.append(Cell(name, benchmark, method, variant, seed))
    return sorted(cells, key=lambda cell: cell.variant != DEFAULT)


def resolve(study: Study, method: str, variant: str) -> tuple[Method, Signals]:
    """The method's settings and the signal stages that hold for one variant.

    Raises UserError when a changed key does not exist or its value is out of range.
    """
    where = f"methods.{method}" if variant == DEFAULT else f"ablations ({variant})"
    return changed(study, method, variants_of(study, method)[variant], where)


def at_benchmark(study: Study, method: str, changes: dict[str, Any], benchmark: str) -> Method:
    """The method's settings after `changes`, which win over its own ones for that benchmark.

    Raises UserError if they change what the method reads: the signals are shared between benchmarks' settings.
    """
    own = study.methods[method].by_benchmark[benchmark]
    where = f"methods.{method}.by_benchmark.{benchmark}"
    settings, signals = changed(study, method, {**own, **changes}, where)
    plain, plain_signals = changed(study, method, changes, where)
    if signals != plain_signals or settings.needs != plain.needs:
        raise UserError(
            f"config: {where}: found {', '.join(own)}, expected none that changes the method's signals"
        )
    return settings


def changed(study: Study, method: str, changes: dict[str, Any], where: str) -> tuple[Method, Signals]:
    """`resolve` for any change of dotted keys; `where` is what an error calls it."""
    of_signals = {key: value for key, value in changes.items() if key.split(".")[0] in STAGES}
    of_method = {key: value for key, value in changes.items() if key not in of_signals}
    settings = _changed(study.methods[method], of_method, where)
    of_signals = {**settings.demands, **settings.signals, **of_signals}
    return settings, _changed(study.signals, of_signals, where)


def _changed(section: Any, changes: dict[str, Any], where: str) -> Any:
    """A copy of a config section with some dotted keys changed, checked again."""
    data = section.model_dump()
    for key, value in changes.items():
        *parents, last = key.split(".")
        inner = data
        for parent in parents:
            inner = inner.get(parent) if isinstance(inner, dict) else None
        if not isinstance(inner, dict) or last not in inner:
            raise UserError(f"config: {where}: unknown key {key!r}")
        inner[last] = value
    try:
        return type(section).model_validate(data)
    except ValidationError as error:
        raise UserError(f"config: {where}: " + "; ".join(explain(item) for item in error.errors())) from None


def signal_name(study: Study, signals: Signals, stage: str) -> str:
    """The name of a stage's folder: `default`, or what differs from the study's default up to that stage."""
    differences = []
    for section in (*behind(stage), stage):
        base = getattr(study.signals, section)
        own = getattr(signals, section)
        for key in type(base).model_fields:
            if getattr(base, key) != getattr(own, key):
                differences.append(variant_name(key, getattr(own, key)))
    return "+".join(differences) or DEFAULT
