"""The scores of a mixture's cells on each of its parts."""

from semalign.statistics.tables.compare import Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row


def part_rows(results: Results, order: Order) -> list[Row]:
    """One row per part, method and variant: score and difference from the student, with intervals.

    Scores are in percent, differences in percentage points. There are no p-values: the tests of the default variants
    are in the main table.
    """
    rows = []
    for benchmark in order.benchmarks:
        for part, name in zip(order.parts.get(benchmark, []), order.part_names(benchmark), strict=True):
            for key, group in results.groups.items():
                if key.benchmark != name:
                    continue
                score, comparison = results.scores[key], results.comparisons.get((key, "student"))
                row: Row = {**key._asdict(), "benchmark": benchmark, "part": part}
                row |= {"seeds": len(group.cells), "items": group.scores.items}
                row |= {"score": score.estimate, "score_low": score.low, "score_high": score.high}
                row["vs_student"] = comparison.difference.estimate if comparison else None
                row["vs_student_low"] = comparison.difference.low if comparison else None
                row["vs_student_high"] = comparison.difference.high if comparison else None
                rows.append(row)
    return rows
