"""How the direction in which a layer's states move relates to the gain in score."""

from dataclasses import dataclass

import pandas as pd

from semalign.report.levels import Levels
from semalign.report.relation import KEYS, Correlation, by_variant, rank_correlation
from semalign.report.words import STUDENT

ACHIEVED, TARGET = "achieved", "target"
KINDS = (ACHIEVED, TARGET)
DEFAULT = "default"
COSINES = ["cosine", "cosine_low", "cosine_high"]
GAINS = {"difference": "gain", "difference_low": "gain_low", "difference_high": "gain_high"}


@dataclass(frozen=True)
class Ceiling:
    """The cosine between two seeds of the reference method, with its bounds; NaN if there is one seed."""

    method: str
    cosine: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the reference has two seeds."""
        return not pd.isna(self.cosine)


def displaced(displacement: pd.DataFrame, comparisons: pd.DataFrame) -> pd.DataFrame:
    """One row per pair, benchmark, kind, method and variant: its cosine with the reference, and its gain in points.

    Cosines and their bounds are means over seeds and layers; the bounds of a mean over seeds are not wider than that.
    Columns: the keys, `kind`, `reference`, `cosine`, `cosine_low`, `cosine_high`, `size`, `gain`, `gain_low`,
    `gain_high`, and `itself` for the reference method. Rows without a cosine or a gain are left out.
    """
    keys = [*KEYS, "kind", "reference"]
    means = displacement.groupby(keys, sort=False)[[*COSINES, "size"]].mean().reset_index()
    of_student = comparisons["against"] == STUDENT
    gains = comparisons[of_student].drop_duplicates(KEYS).rename(columns=GAINS)
    both = means.merge(gains[[*KEYS, *GAINS.values()]], on=KEYS)
    itself = (both["method"] == both["reference"]) & (both["variant"] == DEFAULT)
    return both.assign(itself=itself).dropna(subset=["cosine", "gain"])


def ceiling(displacement: pd.DataFrame) -> Ceiling:
    """The ceiling of one pair and benchmark: the reference method's rows, each compared with its other seeds."""
    name = str(displacement["reference"].iloc[0])
    own = displacement[(displacement["method"] == name) & (displacement["variant"] == DEFAULT)]
    means = own.loc[own["kind"] == ACHIEVED, COSINES].mean()
    return Ceiling(name, *(float(means[column]) for column in COSINES))


def predicts(variants: pd.DataFrame, kind: str, levels: Levels) -> Correlation:
    """Rank correlation of cosine and gain over the variants of a kind, without the reference method itself."""
    return rank_correlation(_others(variants, kind), "cosine", "gain", levels)


def nearness_predicts(
    variants: pd.DataFrame, geometry: pd.DataFrame, seeds: pd.DataFrame, levels: Levels
) -> Correlation:
    """The same for the centred cosine to the paper's target, over the variants that were trained and are in both."""
    near = by_variant(geometry, seeds)[[*KEYS, "cosine_centred"]]
    rows = _others(variants, ACHIEVED).merge(near, on=KEYS)
    return rank_correlation(rows, "cosine_centred", "gain", levels)


def _others(variants: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The variants of a kind without the reference method.

    Variants with the same cosine and the same gain are one training under two names, such as a method whose search
    chose the learning rate of a rung of the ladder; they count once.
    """
    rows = variants[(variants["kind"] == kind) & ~variants["itself"]]
    return rows.drop_duplicates(["cosine", "gain"])
