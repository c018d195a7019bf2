"""Tables in the format of a study, with fabricated but realistic values."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

METHODS = ("student", "teacher", "semalign", "sft", "sft-all-layers")
BENCHMARKS = ("facts", "arithmetic", "completion", "synthesis")
AXES = {"map": ["pinv", "random", "None"], "strategy": ["depth-map", "last"]}
NAN = float("nan")


def main_table(
    pairs: Sequence[str] = ("tiny",),
    benchmarks: Sequence[str] = BENCHMARKS,
    methods: Sequence[str] = METHODS,
    seed: int = 0,
) -> pd.DataFrame:
    """`main.csv`: the student at 20 to 40 %, the teacher 20 points higher, methods at random in between."""
    numbers = np.random.default_rng(seed)
    rows = []
    for pair in pairs:
        for benchmark in benchmarks:
            student = numbers.uniform(20, 40)
            for method in methods:
                difference = {"student": 0.0, "teacher": 20.0}.get(method, numbers.normal(4, 5))
                rows.append(cell(pair, benchmark, method, student + difference, difference))
    return pd.DataFrame(rows)


def cell(pair: str, benchmark: str, method: str, score: float, difference: float) -> dict[str, object]:
    """One row of `main.csv`; differences of five points or more are significant."""
    reference, trained = method in ("student", "teacher"), method not in ("student", "teacher")
    is_student = method == "student"
    return {
        "pair": pair,
        "benchmark": benchmark,
        "method": method,
        "variant": "default",
        "seeds": 1 if reference else 3,
        "items": 150,
        "score": score,
        "score_low": score - 4,
        "score_high": score + 4,
        "vs_student": NAN if is_student else difference,
        "vs_student_p": NAN if is_student else (0.004 if abs(difference) >= 5 else 0.4),
        "vs_best_baseline": difference - 3 if trained else NAN,
        "vs_best_baseline_p": 0.3 if trained else NAN,
        "gap_closed": difference / 20 if trained else NAN,
        "gap_closed_low": difference / 20 - 0.2 if trained else NAN,
        "gap_closed_high": difference / 20 + 0.2 if trained else NAN,
        "teacher_kl": 0.3 - difference / 100,
        "teacher_agreement": 85 + difference,
        "train_seconds": 5.0 if trained else NAN,
        "peak_memory_mb": 400.0,
        "trainable_parameters": 19000 if trained else 0,
        "paper": NAN,
    }


def ablation_table(axes: dict[str, list[str]] = AXES, benchmarks: Sequence[str] = BENCHMARKS) -> pd.DataFrame:
    """`ablations.csv`: each axis starts with the default; the others lose two points each, significant from four."""
    main = main_table(benchmarks=benchmarks)
    rows = []
    for _, default in main[main["method"] == "semalign"].iterrows():
        for axis, values in axes.items():
            for loss, value in enumerate(values):
                variant = "default" if loss == 0 else f"{axis}~{value}"
                moved = cell(
                    "tiny",
                    default["benchmark"],
                    "semalign",
                    default["score"] - 2 * loss,
                    default["vs_student"] - 2 * loss,
                )
                tested = {"vs_default": -2.0 * loss, "vs_default_p": 0.01 if loss > 1 else 0.4}
                tested = tested if loss else dict.fromkeys(tested, NAN)
                rows.append({**moved, "variant": variant, "axis": axis, "value": value, **tested})
    return pd.DataFrame(rows)


LEVELS = {"output": 0.75, "input": 0.15, "random": 0.99}


def decomposition_table(models: dict[str, int] | None = None) -> pd.DataFrame:
    """`decomposition.csv` (model -> number of layers): output-side high, input-side low, random highest."""
    rows = []
    for model, layers in (models or {"smollm2": 30}).items():
        for bases, level in LEVELS.items():
            for folded in (False,) if bases == "random" else (False, True):
                for interface in ("block", "mlp", "attention"):
                    for layer in range(1, layers + 1):
                        cosine = level + 0.01 * folded - 0.0001 * layer
                        row = {"model": model, "bases": bases, "folded": folded, "interface": interface}
                        row |= {"layer": layer, "depth": layer / layers, "cosine": cosine}
                        row |= {"cosine_low": cosine - 0.005, "cosine_high": cosine + 0.005}
                        row |= {"cosine_sd": 0.1, "cosine_p05": cosine - 0.2, "cosine_p95": cosine + 0.2}
                        row |= {"shuffled": 0.4, "isotropic": level + 0.05, "tokens": 4195, "prompts": 40}
                        rows.append(row)
    return pd.DataFrame(rows)


def similarity_table(
    pairs: Sequence[str] = ("tiny",),
    benchmarks: Sequence[str] = ("facts",),
    methods: Sequence[str] = ("semalign",),
    depths: tuple[int, int] = (4, 3),
) -> pd.DataFrame:
    """`similarity.csv`: with a trained method, every teacher layer is 0.1 more similar to the first student layer."""
    teacher, student = depths
    rows = []
    for pair in pairs:
        for benchmark in benchmarks:
            for method in methods:
                for comparison, layers in (
                    ("student-before~student-after", student),
                    ("teacher~student-before", teacher),
                    ("teacher~student-after", teacher),
                ):
                    for left in range(1, layers + 1):
                        for right in range(1, student + 1):
                            alike = 0.3 + 0.1 * (comparison.endswith("student-after") and right == 1)
                            keys = {
                                "comparison": comparison,
                                "method": method,
                                "benchmark": benchmark,
                                "pair": pair,
                            }
                            keys |= dict(zip(("left", "right"), comparison.split("~"), strict=True))
                            layer = {"left_layer": left, "right_layer": right}
                            rows.append({**keys, **layer, "cka": alike + 0.02, "cka_debiased": alike})
    return pd.DataFrame(rows)


def head_table() -> pd.DataFrame:
    """`head.csv` of one model."""
    rows = [("output", 0.19), ("input", 0.01), ("dual", 1.0)]
    return pd.DataFrame(
        {
            "model": "smollm2",
            "bases": bases,
            "folded": False,
            "top1_agreement": same,
            "top1_low": 0.9 * same,
            "top1_high": same,
            "cosine": 0.7,
            "isotropic": 0.8,
            "deviation": 0.0,
            "shuffled_top1": 0.02,
            "isotropic_top1": 0.3,
        }
        for bases, same in rows
    )


def detectable_table() -> pd.DataFrame:
    """`detectable.csv`: half a point more on each further benchmark."""
    return pd.DataFrame(
        {
            "table": "main",
            "pair": "tiny",
            "benchmark": benchmark,
            "against": "student",
            "items": 150,
            "seeds": 3,
            "tests": 24,
            "discordance": 0.1,
            "detectable": 7 + number / 2,
            "detectable_holm": 11 + number / 2,
        }
        for number, benchmark in enumerate(BENCHMARKS)
    )


def write_study(folder: Path, **more: pd.DataFrame) -> Path:
    """Write the tables of a small study as CSV below `folder`, and further tables by name."""
    tables = {
        "main": main_table(),
        "ablations": ablation_table(),
        "decomposition": decomposition_table({"smollm2": 3}),
        "similarity": similarity_table(),
        "head": head_table(),
        "detectable": detectable_table(),
        "costs": cost_table(),
        **more,
    }
    folder.mkdir(parents=True)
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6f")
    return folder


def cost_table(methods: Sequence[str] = ("student", "semalign")) -> pd.DataFrame:
    """`costs.csv`: training takes twice as long on the second benchmark."""
    rows = []
    for method in methods:
        trained = method not in ("student", "teacher")
        for number, benchmark in enumerate(("facts", "completion"), start=1):
            seconds = 2.0 * number if trained else NAN
            row = {"pair": "tiny", "benchmark": benchmark, "method": method, "variant": "default", "seeds": 3}
            row |= {
                "learning_rate": 3e-4 if trained else NAN,
                "trainable_parameters": 19000 if trained else 0,
            }
            row |= {
                "train_seconds": seconds,
                "train_seconds_low": seconds - 1,
                "train_seconds_high": seconds + 1,
            }
            row |= {"search_seconds": 9.0, "signal_seconds": 1.5, "teacher_passes": 216 if trained else 0}
            row |= {"train_flops": 1e10 * number if trained else NAN, "search_flops": 3e10, "trials": 3}
            row |= {
                "signal_flops": 5e9,
                "peak_memory_mb": 400.0,
                "signal_memory_mb": 410.0,
                "signal_mb": 0.25,
            }
            rows.append(row)
    return pd.DataFrame(rows)


def search_table(chosen: dict[str, float] | None = None) -> pd.DataFrame:
    """`search.csv` of three learning rates, with the chosen one by method."""
    rates, rows = (1e-3, 1e-2, 1e-1), []
    for method, best in (chosen or {"semalign": 1e-3, "sft": 1e-2}).items():
        for rate in rates:
            row = {"pair": "tiny", "benchmark": "facts", "method": method, "learning_rate": rate}
            row |= {"items": 100, "score": 40.0 + (rate == best), "score_low": 30.0, "score_high": 50.0}
            rows.append(row | {"chosen": int(rate == best), "at_edge": int(rate != 1e-2)})
    return pd.DataFrame(rows)


def widened_search_table() -> pd.DataFrame:
    """`search.csv` of four searches: ended inside, inside after widening, at the bound, and with nothing gained.

    The student as it is has a score of 40 percent.
    """
    scores = {
        "sft": {1e-3: 42.0, 1e-2: 44.0, 1e-1: 41.0},
        "semalign": {1e-3: 41.0, 1e-2: 43.0, 1e-1: 44.0, 1.0: 20.0},
        "seeking": {1e-4: 45.0, 1e-3: 44.0, 1e-2: 43.0, 1e-1: 41.0},
        "kd": {1e-3: 30.0, 1e-2: 40.0, 1e-1: 39.0},
    }
    rows = []
    for method, tried in scores.items():
        for rate, score in tried.items():
            row = {"pair": "tiny", "benchmark": "facts", "method": method, "variant": "default"}
            row |= {"learning_rate": rate, "settings": "rank = 4" if method == "kd" else None}
            row |= {"widened": int(not 1e-3 <= rate <= 1e-1), "items": 100, "score": score}
            row |= {"score_low": score - 10, "score_high": score + 10, "student": 40.0, "gain": score - 40}
            edge = rate in (min(tried), max(tried))
            rows.append(row | {"chosen": int(score == max(tried.values())), "at_edge": int(edge)})
    return pd.DataFrame(rows)


def contrast_table(differences: dict[str, tuple[float, float]] | None = None) -> pd.DataFrame:
    """`contrasts.csv`: difference between semalign and sft and its corrected p-value, by benchmark."""
    rows = []
    for benchmark, (difference, p) in (differences or {"facts": (-4.0, 0.2), "mean": (-8.0, 0.01)}).items():
        row = {"pair": "tiny", "benchmark": benchmark, "method": "semalign", "other": "sft", "seeds": 3}
        row |= {"items": 150, "difference": difference, "difference_low": difference - 3}
        rows.append(row | {"difference_high": difference + 3, "p": p / 3, "p_holm": p, "test": "bootstrap"})
    return pd.DataFrame(rows)


def bits_table() -> pd.DataFrame:
    """`bits.csv`: a student, and a method with fewer bits."""
    keys = {"pair": "tiny", "benchmark": "mixture/likely", "variant": "default", "seeds": 3, "items": 50}
    student = keys | {"method": "student", "bits": 1.0, "bits_low": 0.9, "bits_high": 1.1, "vs_student": None}
    moved = {"vs_student": -0.1, "vs_student_low": -0.2, "vs_student_high": -0.05}
    method = keys | {"method": "semalign", "bits": 0.9, "bits_low": 0.8, "bits_high": 1.0}
    return pd.DataFrame([student | {"vs_student_low": None, "vs_student_high": None}, method | moved])


def benchmark_table() -> pd.DataFrame:
    """`benchmarks.csv`: one model on one benchmark, with a published score."""
    row = {"model": "m", "benchmark": "gsm8k", "protocol": "paper", "items": 40, "metric": "exact_match"}
    row |= {
        "score": 2.5,
        "score_low": 0.0,
        "score_high": 7.5,
        "empty": 90.0,
        "published": 1.4,
        "published_source": "a card",
        "shots": 0,
        "samples": 1,
        "max_new_tokens": 512,
        "batch_size": 8,
        "dtype": "float32",
        "generate_seconds": 80.0,
        "task_version": 3,
        "lm_eval": "0.4",
    }
    return pd.DataFrame(
        [row | {"items_per_second": 0.5, "tokens_per_second": 30.0, "isolation": "none needed"}]
    )
