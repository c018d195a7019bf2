"""Settings that would have no effect: signals that a method does not read, and values that change nothing.

A variant without an effect is a row of the tables that says "no difference" of a setting that nobody read.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from semalign.config.base import shown
from semalign.config.cells import DEFAULT
from semalign.config.signals import STAGES, Signals, stages_before
from semalign.runtime.errors import UserError
from semalign.runtime.suggestions import one_of
from semalign.study.definition import Study
from semalign.study.kinds import Method
from semalign.study.searches import fixed_of, trials_of
from semalign.study.variants import FIXED, at_benchmark, axes_key, changed, resolve, variants_of

# maps that draw nothing; a map that is not listed may be random
DRAWLESS = ("pinv", "pinv-raw", "input-side", "dual", "least-squares", "procrustes")
Read = Callable[[Signals], bool]
# key of a signal stage -> whether the stage reads it, given all settings of the signals
READ_IF: dict[str, Read] = {
    "attribution.seed": lambda signals: signals.attribution.score == "random",
    "pairing.seed": lambda signals: signals.pairing.rule == "random",
    "pairing.interpolate": lambda signals: signals.pairing.rule == "depth",
    "alignment.seed": lambda signals: signals.alignment.shuffled or signals.alignment.map not in DRAWLESS,
    "extraction.seed": lambda signals: signals.extraction.windows == "random",
    "residual.seed": lambda signals: (
        signals.residual.bases == "random" or signals.residual.source == "shuffled"
    ),
    "residual.fold_final_norm": lambda signals: signals.residual.bases != "random",
}


def stages_read(settings: Method) -> tuple[str, ...]:
    """The signal stages that a method reads, directly or not, in the order of STAGES."""
    read = {stage for need in settings.needs for stage in (*stages_before(need), need)}
    return tuple(stage for stage in STAGES if stage in read)


def effective(settings: Method, signals: Signals) -> dict[str, Any]:
    """All values that a method and its signal stages read, by dotted key; two equal ones lead to the same result."""
    own = settings.model_dump(exclude=set(FIXED))
    for name in ("optimisation", "steering"):
        if (own.get(name) or {}).get("steps"):
            own[name].pop("epochs", None)
    if "projections" in (own.get("lora") or {}):
        own["lora"]["projections"] = sorted(own["lora"]["projections"])
    stages = {stage: getattr(signals, stage).model_dump() for stage in stages_read(settings)}
    pairing = signals.pairing
    if pairing.rule in ("last", "random") or (pairing.rule == "depth" and pairing.pairs == "all"):
        stages.pop("attribution", None)
    if own.get("rho") == 0:  # displacements of length 0, whatever their direction
        stages.pop("residual", None)
    if pairing.pairs == 1:
        own.pop("order", None)
    read = {f"{stage}.{key}": value for stage, values in stages.items() for key, value in values.items()}
    return own | {key: value for key, value in read.items() if READ_IF.get(key, _always)(signals)}


def _always(_signals: Signals) -> bool:
    return True


def problems_of(study: Study, method: str) -> Iterator[str]:
    """Yield a line per change of a method's settings that has no effect, or that contradicts its other settings."""
    yield from unread_signals(study, method)
    yield from inert_order(study, method)
    yield from equal_variants(study, method)
    yield from equal_trials(study, method)
    yield from equal_on_benchmarks(study, method)


def unread_signals(study: Study, method: str) -> Iterator[str]:
    """Signals that a method changes, and that it reads in no variant, or that follow from its own settings."""
    section = study.methods[method]
    resolved = [resolve(study, method, variant) for variant in variants_of(study, method)]
    for key, value in section.signals.items():
        where = f"methods.{method}.signals.{key}"
        demanded = section.demands.get(key, value)
        if demanded != value:
            yield f"{where}: found {shown(value)}, expected {shown(demanded)}, which the method's own settings ask for"
            continue
        stages = {stage for settings, _ in resolved for stage in stages_read(settings)}
        if key.split(".")[0] not in stages:
            yield f"{where}: found {shown(value)}, which {_nothing(section.method, stages)}"
        elif _inert(study, method, key):
            yield f"{where}: found {shown(value)}, which changes nothing with the other settings; remove it"


def _nothing(kind: str, stages: Iterable[str]) -> str:
    """Why a change of a signal has no effect."""
    known = [stage for stage in STAGES if stage in stages]
    reads = f"expected a change of {one_of(None, known)}" if known else "which reads no signals; remove it"
    return f"the method {kind} does not read; {reads}" if known else f"changes nothing in {kind}, {reads}"


def _inert(study: Study, method: str, key: str) -> bool:
    """Whether a signal that differs from the study's has no effect in any variant."""
    section = study.methods[method]
    without = section.model_copy(
        update={"signals": {name: value for name, value in section.signals.items() if name != key}}
    )
    other = study.model_copy(update={"methods": {**study.methods, method: without}})
    pairs = [
        (resolve(study, method, variant), resolve(other, method, variant))
        for variant in variants_of(study, method)
    ]
    return all(one[1] != two[1] and effective(*one) == effective(*two) for one, two in pairs)


def inert_order(study: Study, method: str) -> Iterator[str]:
    """An order of training for a method that trains a single layer in every variant."""
    order = getattr(study.methods[method], "order", "joint")
    pairs = (resolve(study, method, variant)[1].pairing.pairs for variant in variants_of(study, method))
    if order != "joint" and all(count == 1 for count in pairs):
        where = f"methods.{method}.order: found {shown(order)}"
        yield f"{where}, which changes nothing with pairing.pairs 1; expected joint, or more pairs"


def equal_variants(study: Study, method: str) -> Iterator[str]:
    """Yield a problem for each value of an axis that equals the default or another value, or that nothing reads."""
    seen: dict[str, dict[str, Any]] = {}
    plain = resolve(study, method, DEFAULT)
    for name, change in variants_of(study, method).items():
        if fixed_of(study, method, name):
            continue  # its default is searched
        resolved = resolve(study, method, name)
        own = effective(*resolved)
        other = next((other for other, values in seen.items() if values == own), None)
        seen[name] = own
        if other is not None:
            [(key, value)] = change.items()
            where = f"{axes_key(study, method)}.{key}: found {shown(value)}, which"
            if other == DEFAULT and resolved != plain and not _is_order(key):
                yield f"{where} changes nothing that {method} reads with its other settings; expected another axis"
            else:
                equal = "the default" if other == DEFAULT else f"variant {other}"
                yield f"{where} equals {equal}; expected another value"


def equal_trials(study: Study, method: str) -> Iterator[str]:
    """Yield a problem for two trials of a search whose settings lead to the same training."""
    seen: list[tuple[str, dict[str, Any]]] = []
    for trial, changes in trials_of(study, method).items() if study.methods[method].search else ():
        own = effective(*changed(study, method, changes, f"methods.{method}.search"))
        if other := next((name for name, values in seen if values == own), None):
            found = f"methods.{method}.search: found trials {other} and {trial}"
            yield f"{found}, which are trained alike; expected values that make a difference"
            return
        seen.append((trial, own))


def _is_order(key: str) -> bool:
    """Whether a value is a list whose order says nothing."""
    return key.endswith("lora.projections")


def equal_on_benchmarks(study: Study, method: str) -> Iterator[str]:
    """Changes on single benchmarks that nothing reads."""
    section = study.methods[method]
    _, signals = resolve(study, method, DEFAULT)
    for benchmark, own in section.by_benchmark.items():
        where = f"methods.{method}.by_benchmark.{benchmark}"
        for key, value in own.items():
            without = {name: other for name, other in own.items() if name != key}
            try:
                plain, _ = changed(study, method, without, where)
            except UserError:
                continue  # it is not valid without the other change
            settings = at_benchmark(study, method, {}, benchmark)
            if settings != plain and effective(settings, signals) == effective(plain, signals):
                yield f"{where}.{key}: found {shown(value)}, which changes nothing with the other settings; remove it"
        yield from _ablated_to_own(study, method, benchmark)


def _ablated_to_own(study: Study, method: str, benchmark: str) -> Iterator[str]:
    """Ablated values that a benchmark has already, so that its variant would be its default."""
    own = study.methods[method].by_benchmark[benchmark]
    for changes in variants_of(study, method).values():
        for key, value in changes.items():
            if key in own and own[key] == value:
                yield (
                    f"{axes_key(study, method)}.{key}: found {shown(value)}, which equals the default on {benchmark} "
                    f"(methods.{method}.by_benchmark); expected another value"
                )
