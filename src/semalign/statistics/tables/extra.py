"""The rows of three further tables: seeds, comparisons, detectable differences."""

import logging
from statistics import mode
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import COSTS, SPENT
from semalign.statistics.power import detectable_difference
from semalign.statistics.tables.cells import Key
from semalign.statistics.tables.compare import Against, Comparison, Results
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.rows import Row, average, integral
from semalign.statistics.tables.text import rate_text

logger = logging.getLogger("semalign")


def seed_rows(results: Results) -> list[Row]:
    """One row per cell: its score and costs."""
    rows = []
    for key, group in results.groups.items():
        for cell in group.cells:
            row = {
                **key._asdict(),
                "seed": cell.seed,
                "items": len(cell.ids),
                "score": float(cell.weighed.mean()),
            }
            row |= {name: integral(name, cell.metrics[name]) for name in (*COSTS, *SPENT)}
            rows.append(row | {"learning_rate": rate_text(cell.metrics["learning_rate"])})
    return rows


def comparison_rows(table: str, results: Results, p_values: dict[tuple[Key, Against], float]) -> list[Row]:
    """One row per comparison, with its interval, and its p-value before and after correction."""
    rows = []
    for at, corrected_p in p_values.items():
        comparison, difference = results.comparisons[at], results.comparisons[at].difference
        row: Row = {
            "table": table,
            **comparison.key._asdict(),
            "against": comparison.against,
            "baseline": comparison.baseline,
        }
        row |= {"difference": difference.estimate, "difference_low": difference.low}
        row |= {"difference_high": difference.high, "p": difference.p, "p_holm": corrected_p}
        rows.append(row | {"test": difference.test, "discordance": difference.discordance})
    return rows


def detectable_rows(
    table: str,
    results: Results,
    p_values: dict[tuple[Key, Against], float],
    order: Order,
    settings: StatisticsSettings,
) -> list[Row]:
    """The smallest detectable difference of each pair, benchmark and kind of comparison, in percentage points.

    The spread is the mean over the trained methods' comparisons. `discordance` is for one seed, `seeds` the smallest
    number of seeds among the methods. `detectable_holm` is for the strictest step of Holm's correction, in which
    alpha is divided by the number of `tests` of the table. It is empty if not even 100 points could be detected, as
    with two seeds.
    """
    blocks: dict[tuple[str, str, Against], list[Comparison]] = {}
    for key, against in p_values:
        if key.method not in order.references:
            comparison = results.comparisons[key, against]
            blocks.setdefault((key.pair, key.benchmark, against), []).append(comparison)
    tests = len(p_values)
    rows = []
    for (pair, benchmark, against), members in blocks.items():
        keys = [comparison.key for comparison in members]
        row: Row = {"table": table, "pair": pair, "benchmark": benchmark, "against": against, "tests": tests}
        row["items"] = results.groups[keys[0]].scores.items
        row["seeds"] = min(len(results.groups[key].cells) for key in keys)
        row |= _detectable(members, row["items"], tests, settings)
        rows.append(row)
    return rows


def warn_of_resolution(table: str, tests: int, settings: StatisticsSettings) -> None:
    """Log a warning if the bootstrap's smallest possible p-value, after correction, is not below alpha."""
    if tests / (settings.resamples + 1) > settings.alpha:
        logger.warning(
            "table %s: %d tests with %d resamples; no corrected bootstrap p-value can fall below %g",
            table,
            tests,
            settings.resamples,
            settings.alpha,
        )


def _detectable(members: list[Comparison], items: int, tests: int, settings: StatisticsSettings) -> Row:
    differences = [comparison.difference for comparison in members]
    spread = average([difference.item_discordance for difference in differences])
    seeds: dict[str, Any] = {
        "seed_variance": average([difference.seed_variance for difference in differences]),
        "seed_noise": average([difference.seed_noise for difference in differences]),
        "seeds": mode(difference.seeds for difference in differences),
    }
    single, strictest = (
        detectable_difference(spread, items, alpha=alpha, power=settings.power, **seeds)
        for alpha in (settings.alpha, settings.alpha / tests)
    )
    discordance = average([difference.discordance for difference in differences])
    return {"discordance": discordance, "detectable": single, "detectable_holm": strictest}
