"""CKA between the layers of several models as a tidy table (paper Figures 4 to 6).

The paper does not say whether it shows plain or debiased CKA; the table has both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import pandas as pd
from torch import Tensor

from semalign.signals.cka import all_pairs


def compare_models(states: Mapping[str, Sequence[Tensor]], pairs: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Tidy rows: comparison, left, right, left_layer, right_layer (from 1), cka, cka_debiased.

    `states` holds each model's layers, shallowest first, all at the same token positions.
    """
    plain, debiased = all_pairs([layer for layers in states.values() for layer in layers])
    ends = list(accumulate(len(layers) for layers in states.values()))
    starts = dict(zip(states, [0, *ends], strict=False))
    return pd.DataFrame(
        {
            "comparison": f"{left}~{right}",
            "left": left,
            "right": right,
            "left_layer": i + 1,
            "right_layer": j + 1,
            "cka": float(plain[starts[left] + i, starts[right] + j]),
            "cka_debiased": float(debiased[starts[left] + i, starts[right] + j]),
        }
        for left, right in pairs
        for i in range(len(states[left]))
        for j in range(len(states[right]))
    )
