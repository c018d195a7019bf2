"""All tables of a study, from its cells to the files."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.files import write_json, write_text
from semalign.statistics.tables import agreement, bits, contrasts, costs, extra, parts
from semalign.statistics.tables import rows as build
from semalign.statistics.tables.cells import read_groups
from semalign.statistics.tables.compare import AGAINST, Results, compare
from semalign.statistics.tables.grid import grid_files
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.render import latex, markdown
from semalign.statistics.tables.text import csv_text, fixed, rounded

Row = dict[str, Any]


def collect_tables(
    cells: Iterable[Path | str],
    order: Order,
    settings: StatisticsSettings,
    out: Path | str,
    *,
    verify: bool = True,
) -> list[Path]:
    """Read every cell and write the tables; returns the files.

    Files: main.csv, ablations.csv, parts.csv (what the cells of a mixture score on its parts), agreement.csv (KL and
    agreement with the teacher), bits.csv (bits a character, where likelihood is scored), costs.csv, seeds.csv (one row
    a cell), comparisons.csv (every test with its interval and both p-values), contrasts.csv, detectable.csv, main.md,
    main.tex, scores.csv|md|tex (methods x benchmarks, the paper's figures beside ours) and metrics.json.

    p-values are corrected over each table (main, ablations) as one family: all its tests, against the student,
    the best baseline and, of a variant, its default. See `compare` for how the best baseline is chosen.

    Raises UserError where a cell is missing, malformed, unknown to `order`, or has other items.
    """
    out = Path(out)
    results = compare(build.sorted_groups(read_groups(cells, verify=verify), order), order, settings)
    families = {"main": build.main_keys(results, order)}
    ablations = build.ablation_keys(results, order)
    families["ablations"] = [key for key, _, _ in ablations]
    p_values = {table: build.corrected(results, keys) for table, keys in families.items()}
    main = [build.table_row(key, results, p_values["main"], order) for key in families["main"]]
    varied = [
        build.table_row(key, results, p_values["ablations"], order, AGAINST) | {"axis": axis, "value": value}
        for key, axis, value in ablations
    ]
    comparisons, detectable = [], []
    for table, family in p_values.items():
        extra.warn_of_resolution(table, len(family), settings)
        comparisons += extra.comparison_rows(table, results, family)
        detectable += extra.detectable_rows(table, results, family, order, settings)
    texts = {
        "main.csv": csv_text(build.MAIN, main),
        "ablations.csv": csv_text(build.ABLATIONS, varied),
        "parts.csv": csv_text(parts.COLUMNS, parts.part_rows(results, order)),
        "agreement.csv": csv_text(agreement.COLUMNS, agreement.agreement_rows(results, order, settings)),
        "bits.csv": csv_text(bits.COLUMNS, bits.bit_rows(results, order, settings)),
        "seeds.csv": csv_text(extra.SEEDS, extra.seed_rows(results)),
        "comparisons.csv": csv_text(extra.COMPARISONS, comparisons),
        "costs.csv": csv_text(costs.COLUMNS, costs.cost_rows(results, families["main"])),
        "contrasts.csv": csv_text(contrasts.COLUMNS, contrasts.contrast_rows(results, order, settings)),
        "detectable.csv": csv_text(extra.DETECTABLE, detectable),
        **_render(main, results, notes(detectable, len(p_values["main"]), settings)),
        **grid_files(main, order.references, settings),
    }
    for name, text in texts.items():
        write_text(out / name, text)
    write_json(out / "metrics.json", nested_metrics(main))
    return [out / name for name in (*texts, "metrics.json")]


def nested_metrics(rows: Iterable[Row]) -> Row:
    """benchmark -> method -> score, low, high, gap_closed; a study of several pairs has them on top.

    Undefined figures are left out.
    """
    pairs: dict[str, Row] = {}
    for row in rows:
        names = {"score": "score", "low": "score_low", "high": "score_high", "gap_closed": "gap_closed"}
        figures = {name: rounded(row[column]) for name, column in names.items() if row[column] is not None}
        pairs.setdefault(row["pair"], {}).setdefault(row["benchmark"], {})[row["method"]] = figures
    return next(iter(pairs.values())) if len(pairs) == 1 else pairs


def notes(detectable: Iterable[Row], tests: int, settings: StatisticsSettings) -> list[str]:
    """What a reader of the main table must know."""
    percent = f"{100 * settings.confidence:g} %"
    lines = [
        f"Scores: mean over seeds with a {percent} interval: bootstrap over items ({settings.resamples} resamples), "
        "t-like over seeds.",
        f"p: paired over the same items, Holm-corrected over the {tests} tests of this table.",
        "Best baseline: the other method with the highest mean score on these test items, named beside p.",
        f"Gap closed: (score - student) / (teacher - student); empty where the {percent} interval of "
        "teacher - student does not lie above 0.",
    ]
    power = f"{100 * settings.power:g} % power, {100 * settings.alpha:g} % two-sided, one test"
    shown = [row for row in detectable if row["table"] == "main" and row["detectable"] is not None]
    several = len({row["pair"] for row in shown}) > 1
    for against in dict.fromkeys(row["against"] for row in shown):
        parts = [
            f"{row['pair'] + ' ' if several else ''}{row['benchmark']} {fixed(row['detectable'], 1)}"
            for row in shown
            if row["against"] == against
        ]
        name = against.replace("_", " ")
        lines.append(
            f"Smallest detectable difference with the {name} in points ({power}): {', '.join(parts)}."
        )
    return lines


def _render(rows: list[Row], results: Results, lines: list[str]) -> dict[str, str]:
    named = []
    for row in rows:
        key = tuple(row[name] for name in ("pair", "benchmark", "method", "variant"))
        found = [
            c for (at, against), c in results.comparisons.items() if at == key and against == "best_baseline"
        ]
        named.append(row | {"best_baseline": found[0].baseline if found else None})
    return {"main.md": markdown(named, lines), "main.tex": latex(named, lines)}
