"""Tables as readers see them: printed names in rows, numbers with their intervals.

Every function with a name that ends in `_table` takes the tables that `read_tables` gives and returns text. It returns
a table without rows if the study did not measure what it shows.
"""

from semalign.report.display.costs import cost_table, search_table, study_cost_table
from semalign.report.display.formats import as_markdown, html
from semalign.report.display.models import benchmark_table, head_table
from semalign.report.display.ranking import ranking_table
from semalign.report.display.scores import (
    TRAINED,
    ablation_table,
    agreement_table,
    bits_table,
    contrast_table,
    detectable_table,
    free_text_table,
    part_table,
    score_table,
)

__all__ = [
    "TRAINED",
    "ablation_table",
    "agreement_table",
    "as_markdown",
    "benchmark_table",
    "bits_table",
    "contrast_table",
    "cost_table",
    "detectable_table",
    "free_text_table",
    "head_table",
    "html",
    "part_table",
    "ranking_table",
    "score_table",
    "search_table",
    "study_cost_table",
]
