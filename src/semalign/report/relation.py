"""How closeness of the student's states to the paper's target relates to closeness of its answers to the teacher's."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from semalign.report.levels import Levels
from semalign.report.words import REFERENCES

KEYS = ["pair", "benchmark", "method", "variant"]
BEHAVIOUR = ["teacher_kl", "teacher_agreement", "score"]
FEWEST = 5  # with fewer variants, no rank correlation is given
RESAMPLES = 2000


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation with its bootstrap interval over `variants`; NaN if undefined."""

    estimate: float
    low: float
    high: float
    variants: int


def by_variant(geometry: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    """One row per pair, benchmark, method and variant: means over the seeds (and layers) that both tables have.

    Columns: `cosine`, `cosine_centred`, `cka` (of the states), `teacher_kl` (nats per token), `teacher_agreement`
    and `score` (percent).
    """
    near = ["cosine", "cosine_centred", "cka"]
    states = geometry.groupby([*KEYS, "seed"], sort=False)[near].mean().reset_index()
    both = states.merge(seeds[[*KEYS, "seed", *BEHAVIOUR]], on=[*KEYS, "seed"])
    return both.groupby(KEYS, sort=False)[[*near, *BEHAVIOUR]].mean().reset_index()


def trained(variants: pd.DataFrame) -> pd.DataFrame:
    """The rows without the untouched student and the teacher."""
    return variants[~variants["method"].isin(REFERENCES)]


def rank_correlation(
    variants: pd.DataFrame, left: str, right: str, levels: Levels, seed: int = 0
) -> Correlation:
    """Spearman's correlation of two columns over the rows (variants), with a bootstrap over the rows.

    The variants are not a random sample; the interval shows how much the correlation depends on single ones.
    """
    pairs = variants[[left, right]].dropna().to_numpy(dtype=float)
    count = len(pairs)
    estimate = float(_spearman(pairs[None])[0]) if count >= FEWEST else float("nan")
    if np.isnan(estimate):
        return Correlation(estimate, float("nan"), float("nan"), count)
    drawn = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    replicates = _spearman(pairs[drawn])
    low, high = np.nanquantile(replicates, levels.tails)
    return Correlation(estimate, float(low), float(high), count)


def _spearman(samples: np.ndarray) -> np.ndarray:
    """Rank correlations of samples `[samples, rows, 2]`; NaN if a column is constant."""
    ranks = rankdata(samples, axis=1)
    ranks = ranks - ranks.mean(axis=1, keepdims=True)
    product = (ranks[..., 0] * ranks[..., 1]).sum(axis=1)
    norm = np.sqrt((ranks**2).sum(axis=1).prod(axis=1))
    return np.divide(product, norm, out=np.full(len(ranks), np.nan), where=norm > 0)
