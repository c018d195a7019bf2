"""Tables of methods that differ in their target, with fabricated values of realistic shape and size."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from fabricated_tables import NAN

# method -> score (%) and KL (nats per token), the lowest rung first
RUNGS = {
    "semalign": (12.0, 1.6),
    "semantic-residual-random": (36.0, 0.36),
    "semantic-residual": (68.0, 0.16),
    "pullback": (74.0, 0.1),
    "oracle": (75.0, 0.11),
}
# method -> score (%) at the largest drop of its layer loss, and that drop
REACHED = {
    "semalign": (5.0, 0.75),
    "semantic-residual-random": (31.0, 0.3),
    "semantic-residual": (68.0, 0.55),
    "pullback": (74.0, 0.6),
    "oracle": (70.0, 0.8),
}
STUDENT_SCORE, STUDENT_KL = 35.0, 0.35
SIGNIFICANT = {"score": 8.0, "kl": 0.05, "agreement": 2.0}  # smallest difference with a small p-value


def _around(name: str, value: float, half: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def _step(measure: str, difference: float, half: float) -> dict[str, float]:
    p = 0.0004 if abs(difference) >= SIGNIFICANT[measure] else 0.3
    tested = _around(f"{measure}_vs_below", difference, half)
    tested |= {f"{measure}_p": p, f"{measure}_p_holm": min(1.0, 4 * p)}
    return dict.fromkeys(tested, NAN) if np.isnan(difference) else tested


def ladder_table(
    benchmarks: Sequence[str] = ("completion",),
    rungs: Mapping[str, tuple[float, float]] = RUNGS,
    pair: str = "tiny",
) -> pd.DataFrame:
    """`ladder.csv`: differences of eight points or .05 nats are significant, with a corrected p of .0016."""
    rows = []
    for benchmark in benchmarks:
        below, last = NAN, (NAN, NAN)
        for number, (method, (score, kl)) in enumerate(rungs.items(), start=1):
            row = {"pair": pair, "benchmark": benchmark, "method": method, "rung": number, "below": below}
            row |= {"seeds": 3, "items": 150, **_around("score", score, 6), **_around("teacher_kl", kl, 0.03)}
            row |= _around("teacher_agreement", 95 - 20 * kl, 1) | _step("score", score - last[0], 7)
            row |= _step("kl", kl - last[1], 0.04) | _step("agreement", -20 * (kl - last[1]), 1)
            rows.append(row)
            below, last = method, (score, kl)
    return pd.DataFrame(rows)


def dose_table(
    benchmarks: Sequence[str] = ("completion",),
    reached: Mapping[str, tuple[float, float]] = REACHED,
    doses: int = 4,
) -> pd.DataFrame:
    """`dose.csv`: scores change in proportion to the drop, ten points or more from the student are significant."""
    rows = []
    for benchmark in benchmarks:
        keys = {"pair": "tiny", "benchmark": benchmark, "seeds": 3, "items": 150}
        untouched = {"method": "student", "variant": "default", "learning_rate": NAN, "updates": 0}
        untouched |= {"loss_start": NAN, "loss_end": NAN} | _around("drop", 0, 0)
        rows.append(keys | untouched | _effect(STUDENT_SCORE, NAN))
        for method, (score, drop) in reached.items():
            for number in range(1, doses + 1):
                share = number / doses
                row = {"method": method, "variant": "default" if number == 1 else f"learning_rate~{number}"}
                row |= {"learning_rate": 1e-3 * number, "updates": 65, "loss_start": 0.8}
                row |= {"loss_end": 0.8 * (1 - share * drop)} | _around("drop", share * drop, 0.01)
                difference = share * (score - STUDENT_SCORE)
                rows.append(keys | row | _effect(STUDENT_SCORE + difference, difference))
    return pd.DataFrame(rows)


def _effect(score: float, difference: float) -> dict[str, float]:
    nats = -0.006 * (0 if np.isnan(difference) else difference)
    effect = _around("score", score, 6) | _around("vs_student", difference, 7)
    effect["vs_student_p"] = NAN if np.isnan(difference) else (0.002 if abs(difference) >= 10 else 0.4)
    effect |= _around("teacher_kl", STUDENT_KL + nats, 0.03) | _around("teacher_agreement", 88 - 20 * nats, 1)
    return effect | _around("kl_vs_student", NAN if np.isnan(difference) else nats, 0.02)


def target_tables() -> dict[str, pd.DataFrame]:
    """The tables of one study, by name."""
    return {"ladder": ladder_table(), "dose": dose_table()}
