"""Corrections for multiple tests."""

from collections.abc import Mapping
from typing import TypeVar

from statsmodels.stats.multitest import multipletests

Key = TypeVar("Key")


def holm(p_values: Mapping[Key, float]) -> dict[Key, float]:
    """Holm's step-down correction over one family of tests (Holm, 1979), in the order of `p_values`.

    Claiming an effect for corrected values below alpha keeps the chance of any false claim in the family below alpha,
    however the tests depend on each other.
    """
    if not p_values:
        return {}
    corrected = multipletests(list(p_values.values()), method="holm")[1]
    return dict(zip(p_values, map(float, corrected), strict=True))
