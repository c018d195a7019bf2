"""The targets of a study's methods: which folder of a signal holds the states that a method steers towards."""

from typing import Any

from semalign.config.cells import Cell
from semalign.study.definition import Study
from semalign.study.variants import at_benchmark, resolve, signal_name, variants_of

USUAL: dict[str, Any] = {"interface": "block", "scale": 1.0}


def targets_of(study: Study, root: str, cells: list[Cell], pair: str) -> list[dict[str, Any]]:
    """One entry per method and variant with a target on the benchmark of `analysis.displacement`, for one pair.

    Keys: `method`, `variant`, `stage` (the signal), `folder` (where it is), and `rho`, which scales a displacement of
    unit length if the method has such a key, else null. For displacements also those of `interface` and `scale` that
    are not `block` and 1.
    """
    benchmark = study.analysis.displacement.benchmark
    trained = [
        (cell.method, cell.variant) for cell in cells if (cell.pair, cell.benchmark) == (pair, benchmark)
    ]
    found = []
    for method, variant in dict.fromkeys(trained):
        settings, signals = resolve(study, method, variant)
        if benchmark in settings.by_benchmark:
            settings = at_benchmark(study, method, variants_of(study, method)[variant], benchmark)
        # targets are compared at the paired layers, which `first` and `last` do not steer
        elsewhere = getattr(settings, "layers", "paired") in ("first", "last")
        if (stage := settings.steers_to) and not elsewhere:
            name = signal_name(study, signals, stage)
            folder = f"{root}/signals/{pair}/{benchmark}/{stage}/{name}"
            own = {"method": method, "variant": variant, "stage": stage, "folder": folder}
            found.append(own | {"rho": getattr(settings, "rho", None), **_of_displacement(settings)})
    return found


def _of_displacement(settings: Any) -> dict[str, Any]:
    """The output that is displaced, and the factor on the displacement, where they are not the usual ones."""
    own = {key: getattr(settings, key, usual) for key, usual in USUAL.items()}
    return {key: value for key, value in own.items() if value != USUAL[key]}
