"""Bits per character of each method on the reference answers: where they are the metric, and of free text.

Where the likelihood is the metric, the scores in the other tables are means of 2^-bits over items, which easy items
dominate. Bits are the usual measure of language models; lower is better.
"""

from collections.abc import Sequence

import numpy as np

from semalign.config.statistics import StatisticsSettings
from semalign.evaluation.likelihood import METRIC, bits
from semalign.statistics.ratios import ratio_intervals
from semalign.statistics.scores import SCALE, Scores
from semalign.statistics.tables.agreement import differences_from_student, interval_columns, rows_by_block
from semalign.statistics.tables.cells import Cell, Group, Key
from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.free_text import has_likelihoods, scores_of
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row


def bit_rows(results: Results, order: Order, settings: StatisticsSettings) -> list[Row]:
    """One row per method and variant, on each benchmark (or part of a mixture) with likelihoods, in table order.

    Bits per character are means over items and seeds with their intervals, and the paired difference from the untouched
    student (negative: better).
    """
    return rows_by_block(results, _has_bits, lambda block: _block_rows(block, order, settings))


def _has_bits(cell: Cell) -> bool:
    return cell.metric == METRIC or has_likelihoods(cell)


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
    if group.cells[0].metric != METRIC:
        return scores_of(group, "bits")
    values = np.vectorize(bits)(group.scores.values / SCALE)
    return Scores(values, group.scores.seeds, trained=group.scores.trained)
