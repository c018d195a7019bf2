"""The stages that write a study's tables, each with a record of what it read."""

from pathlib import Path

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.columns import COLUMNS
from semalign.runtime.files import read_json, write_text
from semalign.runtime.provenance import Run, portable
from semalign.statistics.inputs import read_listing, read_section
from semalign.statistics.tables.benchmarks import score_rows
from semalign.statistics.tables.cells import read_groups
from semalign.statistics.tables.collect import table_texts
from semalign.statistics.tables.compare import compare
from semalign.statistics.tables.join import join_csv
from semalign.statistics.tables.lengths import length_rows
from semalign.statistics.tables.order import Order
from semalign.statistics.tables.ranking import ranking_rows
from semalign.statistics.tables.rows import sorted_groups
from semalign.statistics.tables.search import search_rows
from semalign.statistics.tables.text import csv_text


def collect_tables(
    cells: list[str], order: Path, out: Path, settings: Path | None = None, record: Path | None = None
) -> None:
    """Collect the finished cells of a study into its tables (`semalign.statistics.tables.collect` lists the files).

    Args:
        cells: Folders of cells, or one JSON file that lists them.
        order: JSON file with the pairs, benchmarks, methods and axes in the order of the rows.
        out: Folder of the tables.
        settings: The config's section `statistics`, as JSON. Default: its defaults.
        record: File that records what the tables were made from.
    """
    folders, names = read_listing(cells), read_section(Order, order)
    statistics = read_section(StatisticsSettings, settings)
    run = Run("tables", settings)
    results = compare(sorted_groups(read_groups(folders), names), names, statistics)
    texts = table_texts(results, names, statistics)
    for name, text in texts.items():
        write_text(out / name, text)
    if record:
        for path in (order, *folders):
            run.read(portable(path), path)
        run.note(record, [out / name for name in texts])


def collect_scores(
    scores: list[Path], published: Path, settings: Path, out: Path, record: Path | None = None
) -> None:
    """Collect the scores of models that are evaluated as they are into one table, with published scores.

    Args:
        scores: Folders .../<model>/<benchmark>/<protocol>.
        published: Scores that others report, as JSON.
        settings: The config's section `statistics`, as JSON.
        out: The table (CSV).
        record: File that records what the table was made from.
    """
    statistics = read_section(StatisticsSettings, settings)
    run = Run("scores", settings)
    for folder in scores:
        run.read(str(folder), folder)
    reported = read_json(run.read("published", published))
    write_text(out, csv_text(COLUMNS["benchmarks"], score_rows(scores, reported, statistics)))
    if record:
        run.note(record, [out])


def collect_search(choices: list[Path], settings: Path, out: Path, record: Path | None = None) -> None:
    """Collect every learning rate that was tried, and its validation score, into one table.

    Args:
        choices: Folders of choices, one per search.
        settings: The config's section `statistics`, as JSON.
        out: The table (CSV).
        record: File that records what the table was made from.
    """
    statistics = read_section(StatisticsSettings, settings)
    run = Run("search", settings)
    if record:
        for folder in choices:
            run.read(portable(folder), folder)
    write_text(out, csv_text(COLUMNS["search"], search_rows(choices, statistics)))
    if record:
        run.note(record, [out])


def collect_lengths(benchmarks: list[Path], out: Path, record: Path | None = None) -> None:
    """Collect the examples that were too long for a model's context into one table: left out, or cut on the left.

    Args:
        benchmarks: Folders of the splits of benchmarks that leave out or cut such examples.
        out: The table (CSV).
        record: File that records what the table was made from.
    """
    run = Run("lengths")
    for folder in benchmarks:
        run.read(str(folder), folder)
    write_text(out, csv_text(COLUMNS["lengths"], length_rows(benchmarks)))
    if record:
        run.note(record, [out])


def collect_ranking(
    cells: list[str], order: Path, out: Path, settings: Path | None = None, record: Path | None = None
) -> None:
    """Rank a study's students by their scores on the validation split, with their test scores beside.

    Args:
        cells: Folders of cells, or one JSON file that lists them; `validation` stands for `cells` in the folders of
            their validation scores.
        order: JSON file with the pairs, benchmarks and methods in the order of the rows.
        out: The table (CSV).
        settings: The config's section `statistics`, as JSON. Default: its defaults.
        record: File that records what the table was made from.
    """
    tested, names = read_listing(cells), read_section(Order, order)
    statistics = read_section(StatisticsSettings, settings)
    run = Run("ranking", settings)
    validated = [_validated(folder) for folder in tested]
    chosen_by, beside = (sorted_groups(read_groups(folders), names) for folders in (validated, tested))
    write_text(out, csv_text(COLUMNS["ranking"], ranking_rows(chosen_by, beside, names, statistics)))
    if record:
        for path in (order, *validated, *tested):
            run.read(portable(path), path)
        run.note(record, [out])


def _validated(folder: Path) -> Path:
    """The folder of a cell's validation scores: results/<study>/validation/<names of the cell>."""
    return folder.parents[5] / "validation" / Path(*folder.parts[-5:])


def join_tables(tables: list[Path], out: Path, record: Path | None = None) -> None:
    """Join tables with the same columns into one CSV, in the order given.

    Args:
        tables: CSV files with the same header.
        out: The joined CSV.
        record: File that records what the table was made from.
    """
    run = Run("join")
    write_text(out, join_csv(tables))
    if record:
        for table in tables:
            run.read(str(table), table)
        run.note(record, [out])
