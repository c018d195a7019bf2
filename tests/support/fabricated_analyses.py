"""Tables of the analyses, with fabricated values of realistic shape and size."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from fabricated_tables import BENCHMARKS, METHODS, NAN

from semalign.runtime.columns import COSTS, SPENT

SIGNALS = ("default", "granularity~sublayer", "reduction~signed", "score~random")
PAIRINGS = {"default": 1, "interpolate~false": 1, "pairs~2": 2, "rule~cka": 1}
UNSEEN = [*COSTS[2:], *SPENT]  # columns of a cell's tables except its similarity to the teacher
KEYS = ("pair", "benchmark", "method", "variant")


def attribution_table(
    benchmarks: Sequence[str] = BENCHMARKS, names: Sequence[str] = SIGNALS, layers: int = 4, seed: int = 0
) -> pd.DataFrame:
    """`attribution.csv`: layer 2 is critical by default, the last one for `score~random`."""
    numbers = np.random.default_rng(seed)
    rows = []
    for benchmark in benchmarks:
        for name in names:
            raw = numbers.uniform(0.5, 1.0, layers)
            critical = layers if name == "score~random" else min(2, layers)
            raw[critical - 1] = 2.0
            for layer, share in enumerate(raw / raw.sum(), start=1):
                row = {"pair": "tiny", "benchmark": benchmark, "name": name, "layer": layer, "share": share}
                row |= {"share_low": share - 0.03, "share_high": share + 0.03, "examples": 200}
                rows.append(row | {"critical": int(layer == critical)})
    return pd.DataFrame(rows)


def pairing_table(
    benchmarks: Sequence[str] = BENCHMARKS,
    names: dict[str, int] | None = None,
    depths: tuple[int, int] = (4, 3),
) -> pd.DataFrame:
    """`pairing.csv`: number of pairs by name; two adjacent teacher layers are mixed unless `interpolate~false`."""
    teacher, student = depths
    rows = []
    for benchmark in benchmarks:
        for name, pairs in (names or PAIRINGS).items():
            for layer in range(student, student - pairs, -1):
                exact = layer * teacher / student
                below = min(int(exact), teacher - 1)
                weight = 0.0 if name == "interpolate~false" else exact - below
                row = {"pair": "tiny", "benchmark": benchmark, "name": name, "student_layer": layer}
                row |= {"teacher_layer": round(exact), "critical": round(exact), "below": below}
                row |= {"above": below + 1 if weight else below, "weight": weight}
                rows.append(row | {"teacher_layers": teacher, "student_layers": student})
    return pd.DataFrame(rows)


def curve_table(
    methods: Sequence[str] = ("semalign", "sft"), benchmarks: Sequence[str] = BENCHMARKS, steps: int = 20
) -> pd.DataFrame:
    """`curves.csv`: every term falls to half its initial value; SemAlign has two terms, the others one."""
    rows = []
    for benchmark in benchmarks:
        for method in methods:
            terms = {"layer": 0.8, "label": 0.9} if method.startswith("semalign") else {"cross_entropy": 1.0}
            for seed in (0, 1):
                for step in range(1, steps + 1):
                    for term, start in terms.items():
                        loss = start * (1 - 0.5 * (step - 1) / max(steps - 1, 1)) * (1 + 0.1 * seed)
                        row = {"pair": "tiny", "benchmark": benchmark, "method": method, "variant": "default"}
                        rows.append(row | {"seed": seed, "step": step, "term": term, "loss": loss})
    return pd.DataFrame(rows)


def variants_of(axes: dict[str, Sequence[str]]) -> list[str]:
    """Names of the variants of some axes."""
    return [f"{axis}~{value}" for axis, values in axes.items() for value in values]


def geometry_tables(
    relation: float = -1.0,
    methods: Sequence[str] = METHODS,
    variants: Sequence[str] = tuple(
        variants_of({"map": ["dual", "random", "identity"], "label_loss": ["kl"]})
    ),
    seeds: int = 2,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`geometry.csv` and `seeds.csv`: as the cosine rises, the KL falls (`relation` -1) or rises (1)."""
    keys = [(method, "default") for method in methods if method != "teacher"]
    keys += [("semalign", variant) for variant in variants]
    near, behaviour = [], []
    for number, (method, variant) in enumerate(keys):
        for seed in range(1 if method == "student" else seeds):
            row = {"pair": "tiny", "benchmark": "facts", "method": method, "variant": variant, "seed": seed}
            cosine = 0.05 * number + 0.001 * seed
            near.append(row | {"layer": 2, "cosine": cosine + 0.2, "cosine_centred": cosine, "cka": 0.5})
            kl = 0.6 + relation * 0.4 * cosine
            share = {"teacher_kl": kl, "teacher_agreement": 80 - 10 * kl, "score": 30.0 + number % 3}
            behaviour.append(row | {"items": 150} | share | dict.fromkeys(UNSEEN))
    return pd.DataFrame(near), pd.DataFrame(behaviour)


def displacement_tables(
    relation: float = 1.0,
    methods: Sequence[str] = METHODS,
    variants: Sequence[str] = tuple(variants_of({"map": ["dual", "random"], "label_loss": ["kl", "none"]})),
    seeds: int = 2,
    benchmark: str = "facts",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`displacement.csv` and `comparisons.csv`: as the cosine rises, the gain rises (`relation` 1) or falls (-1).

    The reference is `sft`; its ceiling is 0.6 if there are two seeds. Each form of SemAlign has a target as well.
    """
    keys = [(method, "default") for method in methods if method not in ("student", "teacher")]
    keys += [("semalign", variant) for variant in variants]
    moved, gains = [], []
    for number, (method, variant) in enumerate(keys):
        row = {"pair": "tiny", "benchmark": benchmark, "method": method, "variant": variant}
        cosine = 0.6 if method == "sft" else 0.05 * (number + 1)
        kinds = [("achieved", seed) for seed in range(seeds)] + [("target", None)] * (method == "semalign")
        for kind, seed in kinds:
            own = NAN if method == "sft" and seeds < 2 else cosine
            facts = {"kind": kind, "interface": "block", "reference": "sft", "layer": 2}
            facts |= {**_with_bounds("cosine", own, 0.01), "size": 0.4, "positions": 900}
            moved.append(row | {"seed": seed} | facts)
        table = "main" if variant == "default" else "ablations"
        compared = {"table": table, "against": "student", "baseline": "student"}
        tested = {"p": 0.01, "p_holm": 0.04, "test": "bootstrap", "discordance": 0.1}
        gains.append(row | compared | _with_bounds("difference", relation * 10 * cosine, 1.0) | tested)
    return pd.DataFrame(moved).astype({"seed": "Int64"}), pd.DataFrame(gains)


def agreement_table(
    benchmarks: Sequence[str] = BENCHMARKS, methods: Sequence[str] = METHODS, gain: float = 0.1
) -> pd.DataFrame:
    """`agreement.csv`: every method but the student is closer to the teacher by `gain` nats, which is significant."""
    rows = []
    for benchmark in benchmarks:
        for method in methods:
            moved = 0.0 if method == "student" else gain
            row = {"pair": "tiny", "benchmark": benchmark, "method": method, "variant": "default"}
            row |= {"seeds": 3, "items": 150}
            row |= _with_bounds("teacher_kl", 0.4 - moved, 0.05)
            row |= _with_bounds("teacher_agreement", 85 + 50 * moved, 2.0)
            student = method == "student"
            row |= _with_bounds("kl_vs_student", NAN if student else -moved, 0.02)
            rows.append(row | _with_bounds("agreement_vs_student", NAN if student else 50 * moved, 1.0))
    return pd.DataFrame(rows)


def part_table(
    parts: Sequence[str] = ("facts", "arithmetic"), methods: Sequence[str] = METHODS
) -> pd.DataFrame:
    """`parts.csv`: the first part gains 4 points, each further one gains 6 fewer, with intervals 3 points wide."""
    rows = []
    for number, part in enumerate(parts):
        for method in methods:
            moved = {"student": NAN, "teacher": 30.0}.get(method, 4.0 - 6 * number)
            row = {
                "pair": "tiny",
                "benchmark": "mixture",
                "part": part,
                "method": method,
                "variant": "default",
            }
            row |= {"seeds": 3, "items": 150}
            row |= _with_bounds("score", 40 + (0 if method == "student" else moved), 5.0)
            rows.append(row | _with_bounds("vs_student", moved, 1.5))
    return pd.DataFrame(rows)


def crossing_table(maps: Sequence[str] = ("pinv", "dual", "input-side", "random")) -> pd.DataFrame:
    """`crossing.csv`: shares of positions; the first map keeps most of them, the last almost none."""
    rows = []
    for number, name in enumerate(maps):
        for folded in (False,) if name == "random" else (False, True):
            share = 0.8 / (1 + number) ** 2 - 0.05 * folded
            row = {"pair": "tiny", "map": name, "folded": folded, "top1_agreement": share, "positions": 900}
            rows.append(row | {"top1_low": share - 0.02, "top1_high": share + 0.02})
    return pd.DataFrame(rows)


def comparison_table(benchmarks: Sequence[str] = ("facts", "completion"), gain: float = 6.0) -> pd.DataFrame:
    """`comparisons.csv`: each method of a main table against the student, the first one `gain` points above."""
    rows = []
    for benchmark in benchmarks:
        for number, method in enumerate(name for name in METHODS if name != "student"):
            difference = gain - 4 * number
            row = {"table": "main", "pair": "tiny", "benchmark": benchmark, "method": method}
            row |= {"variant": "default", "against": "student", "baseline": "student"}
            row |= _with_bounds("difference", difference, 1.0)
            rows.append(row | {"p": 0.01, "p_holm": 0.04, "test": "bootstrap", "discordance": 0.1})
    return pd.DataFrame(rows)


def _with_bounds(name: str, value: float, half: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def analyses() -> dict[str, pd.DataFrame]:
    """The tables of all analyses of one study, by name."""
    geometry, seeds = geometry_tables()
    return {
        "attribution": attribution_table(("facts", "completion")),
        "pairing": pairing_table(("facts", "completion")),
        "curves": curve_table(benchmarks=("facts", "completion")),
        "displacement": displacement_tables()[0],
        "geometry": geometry,
        "seeds": seeds,
        "agreement": agreement_table(),
        "parts": part_table(),
        "crossing": crossing_table(),
        "comparisons": comparison_table(),
    }
