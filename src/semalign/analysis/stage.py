"""The stages that measure models, and those that collect the results of other stages, into tables."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from semalign.analysis.accumulation import Resampling
from semalign.analysis.comparison import compare_pair
from semalign.analysis.crossing import crossing_table
from semalign.analysis.curves import curves_table
from semalign.analysis.fidelity import measure_fidelity
from semalign.analysis.geometry import Goal, Place, geometry_table
from semalign.analysis.listing import cells_among, defaults_among
from semalign.analysis.options import (
    DEFAULTS,
    HERE,
    LayerTables,
    Machine,
    Pair,
    Sections,
    SignalTables,
    Table,
)
from semalign.analysis.signals import attribution_table, pairing_table
from semalign.benchmarks.corpora import prompts
from semalign.benchmarks.encoding import encode_prompt
from semalign.config.analysis import Geometry, MeasuredDecomposition, Similarity
from semalign.config.signals import Activations, Alignment
from semalign.config.statistics import StatisticsSettings
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.trained_head import read_trained_head
from semalign.models.vocabulary import common_tokens
from semalign.runtime.files import write_text
from semalign.runtime.provenance import Run, portable
from semalign.statistics.inputs import read_listing, read_section

DECIMALS = "%.6f"
DIGITS = "%.6g"  # a share or a loss may be tiny


def measure_decomposition(
    model: Path,
    name: str,
    tables: LayerTables,
    benchmark: str = "humaneval",
    settings: Path | None = None,
    alignment: Path | None = None,
    machine: Machine = HERE,
) -> None:
    """Measure how well hidden states survive decomposition onto semantic bases (one model, paper Figure 2).

    Args:
        model: Model folder.
        name: The model's name in the tables.
        tables: Where the tables are written.
        benchmark: Source of the texts: `humaneval`, or the folder of a benchmark.
        settings: The study's analysis.decomposition, as JSON. Default: its defaults.
        alignment: The config's section `alignment`, as JSON. Default: its defaults.
        machine: How the model is loaded.
    """
    section = read_section(MeasuredDecomposition, settings)
    run = Run("decomposition", settings)
    if tables.record:
        run.read("model", model)
        _read_texts(run, benchmark)
        if alignment:
            run.read("alignment settings", alignment)
    tokenizer = load_tokenizer(model)
    layers, head = measure_fidelity(
        load_model(model, machine.name, machine.precision),
        read_trained_head(model, read_section(Alignment, alignment).untrained_rows),
        [encode_prompt(text, tokenizer) for text in prompts(benchmark, section.count)],
        name=name,
        settings=section,
    )
    _write(layers, tables.out, DECIMALS)
    _write(head, tables.head_out, DECIMALS)
    if tables.record:
        run.note(tables.record, [tables.out, tables.head_out])


def measure_similarity(
    teacher: Path,
    student: Path,
    benchmark: str,
    table: Table,
    transfer: Path | None = None,
    settings: Path | None = None,
    machine: Machine = HERE,
) -> None:
    """Compare the layers of teacher and student, before and after a transfer, by linear CKA (Figures 4 to 6).

    Args:
        teacher: Model folder of the teacher.
        student: Model folder of the student.
        benchmark: Source of the texts: `humaneval`, or the folder of a benchmark.
        table: Where the table of all pairs of layers is written.
        transfer: Transfer folder. Without it, only the student before a transfer is compared.
        settings: The study's analysis.similarity, as JSON. Default: its defaults.
        machine: How the models are loaded.
    """
    section = read_section(Similarity, settings)
    run = Run("similarity", settings)
    if table.record:
        run.read_all(teacher=teacher, student=student, transfer=transfer)
        _read_texts(run, benchmark)
    compared = compare_pair(teacher, student, transfer, prompts(benchmark, section.count), machine)
    _write(_labelled(compared, table.labels), table.out, DECIMALS)
    if table.record:
        run.note(table.record, [table.out])


def measure_crossing(
    teacher: Path,
    student: Path,
    table: Table,
    benchmark: str = "humaneval",
    settings: Path | None = None,
    alignment: Path | None = None,
    machine: Machine = HERE,
) -> None:
    """Measure whether maps preserve the teacher's predictions at the student's head (one pair, every map).

    Only maps that are made from the two vocabularies are measured.

    Args:
        teacher: Model folder of the teacher.
        student: Model folder of the student.
        table: Where the table of all maps is written.
        benchmark: Source of the texts: `humaneval`, or the folder of a benchmark.
        settings: The study's analysis.decomposition, as JSON. Default: its defaults.
        alignment: The config's section `alignment`, as JSON. Default: its defaults.
        machine: How the teacher is loaded.
    """
    section = read_section(MeasuredDecomposition, settings)
    run = Run("crossing", settings)
    if table.record:
        run.read_all(teacher=teacher, student=student)
        _read_texts(run, benchmark)
        if alignment:
            run.read("alignment settings", alignment)
    tokenizer = load_tokenizer(teacher)
    aligned = read_section(Alignment, alignment)
    untrained = aligned.untrained_rows
    crossed = crossing_table(
        load_model(teacher, machine.name, machine.precision),
        (read_trained_head(teacher, untrained), read_trained_head(student, untrained)),
        common_tokens(teacher, student, aligned.minimum_shared),
        [encode_prompt(text, tokenizer) for text in prompts(benchmark, section.count)],
        resampling=Resampling(seed=section.seed, confidence=section.confidence),
    )
    _write(_labelled(crossed, table.labels), table.out, DECIMALS)
    if table.record:
        run.note(table.record, [table.out])


def measure_geometry(
    pair: Pair,
    cells: list[str],
    table: Table,
    sections: Sections = DEFAULTS,
    machine: Machine = HERE,
) -> None:
    """Measure how close the student of every cell is to the paper's targets (one pair, one benchmark).

    Args:
        pair: The pair and the folders that its cells were trained from.
        cells: Folders of cells, or one JSON file that lists them; those of other pairs and benchmarks are left out.
        table: Where the table of all cells is written.
        sections: Sections of the config.
        machine: How the models are loaded.
    """
    run = Run("geometry", sections.settings)
    placed = cells_among(read_listing(cells), pair.pair, pair.benchmark.name)
    if table.record:
        run.read_all(
            teacher=pair.teacher, student=pair.student, benchmark=pair.benchmark, pairing=pair.pairing
        )
        if sections.activations:
            run.read("activations settings", sections.activations)
        if sections.alignment:
            run.read("alignment settings", sections.alignment)
        for folder in placed:
            run.read(portable(folder), folder / "transfer")
    place = Place(
        pair.teacher,
        pair.student,
        pair.benchmark,
        read_section(Geometry, sections.settings).count,
        read_section(Activations, sections.activations),
        machine.name,
        machine.precision,
    )
    goal = Goal(place, pair.pairing, read_section(Alignment, sections.alignment))
    _write(_labelled(geometry_table(goal, placed), table.labels), table.out, DECIMALS)
    if table.record:
        run.note(table.record, [table.out])


def collect_signals(
    tables: SignalTables,
    attribution: Sequence[Path] = (),
    pairing: Sequence[Path] = (),
    pair: Sequence[tuple[str, Path, Path]] = (),
    alignment: Sequence[Path] = (),
    settings: Path | None = None,
) -> None:
    """Collect the results of attribution and pairing, from every folder of a study, into two tables.

    Args:
        tables: Where the tables are written.
        attribution: Folders of attributions.
        pairing: Folders of pairings.
        pair: For every pair, its name, its teacher's and its student's model folder.
        alignment: Folders of alignments, which count the vocabulary rows that are left out.
        settings: The config's section `statistics`, as JSON. Default: its defaults.
    """
    statistics = read_section(StatisticsSettings, settings)
    run = Run("signals", settings)
    if tables.record:
        for folder in (*attribution, *pairing, *alignment):
            run.read(portable(folder), folder)
    models = {name: (teacher, student) for name, teacher, student in pair}
    _write(attribution_table(attribution, statistics), tables.attribution_out, DIGITS)
    _write(pairing_table(pairing, models, alignment), tables.pairing_out, DIGITS)
    if tables.record:
        run.note(tables.record, [tables.attribution_out, tables.pairing_out])


def collect_curves(cells: list[str], out: Path, record: Path | None = None) -> None:
    """Collect every term of the training losses, for the default variants of a study, into one table.

    Args:
        cells: Folders of cells, or one JSON file that lists them; cells with changed settings are left out.
        out: The table (CSV).
        record: File that records what the table was made from.
    """
    run = Run("curves")
    folders = defaults_among(read_listing(cells))
    if record:
        for folder in folders:
            run.read(portable(folder), folder / "transfer")
    _write(curves_table(folders), out, DIGITS)
    if record:
        run.note(record, [out])


def _read_texts(run: Run, benchmark: str) -> None:
    """Record the benchmark whose texts are read, unless they come from a package."""
    if Path(benchmark).is_dir():
        run.read("benchmark", benchmark)


def _labelled(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    columns = {name: pd.Series(value, index=table.index) for name, value in labels.items()}
    return pd.concat([pd.DataFrame(columns, index=table.index), table], axis=1)


def _write(table: pd.DataFrame, path: Path, numbers: str) -> None:
    write_text(path, table.to_csv(index=False, float_format=numbers))
