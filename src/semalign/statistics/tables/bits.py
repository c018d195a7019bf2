"""Bits a character that each method spends on the reference answers, where the metric is their likelihood.

The tables' scores are means of 2^-bits over items, which an easy item rules; bits are the plain figure of language
models, lower is better.
"""

from collections.abc import Sequence

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.evaluation.likelihood import METRIC, bits
from semalign.statistics.ratios import ratio_intervals
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.tables.agreement import differences_from_student, interval_columns, rows_by_block
from semalign.statistics.tables.cells import Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row


def bit_rows(results: Results, order: Order, settings: StatisticsSettings) -> list[Row]:
    """A row a method and variant on every benchmark of likelihoods, or part of a mixture, in the order of the tables.

    Bits a character, mean over items and seeds with its interval, and the paired difference from the untouched
    student (negative: better).
    """
    return rows_by_block(
        results, lambda cell: cell.metric == METRIC, lambda block: _block_rows(block, order, settings)
    )


def _block_rows(block: Sequence[Group], order: Order, settings: StatisticsSettings) -> dict[Key, Row]:
    spent = {group.key: _spent(group) for group in block}
    intervals = ratio_intervals(list(spent.values()), settings, (0.0, np.inf))
    differences = differences_from_student(spent, order, settings)
    return {
        group.key: {
            **group.key._asdict(),
            **{"seeds": len(group.cells), "items": group.scores.items},
            **interval_columns("bits", interval),
            **interval_columns("vs_student", differences.get(group.key)),
        }
        for group, interval in zip(block, intervals, strict=True)
    }


def _spent(group: Group) -> Scores:
    values = np.vectorize(bits)(group.scores.values / SCALE)
    return Scores(values, group.scores.seeds, trained=group.scores.trained)
