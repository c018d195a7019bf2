"""The stage that compares displacements of hidden states, of trained students and of targets."""

from pathlib import Path

from semalign.analysis.accumulation import Resampling
from semalign.analysis.displacement.reading import Origin, Place, interface_of, read_targets
from semalign.analysis.displacement.table import displacement_table
from semalign.analysis.listing import cells_among
from semalign.analysis.options import HERE, Machine, Pair, Table
from semalign.config.analysis import MeasuredDisplacement
from semalign.config.signals import Activations
from semalign.runtime.files import read_json, write_text
from semalign.runtime.provenance import Run, portable, read_settings
from semalign.signals.pairing import from_rows
from semalign.statistics.inputs import read_listing, read_section

DECIMALS = "%.6f"


def measure_displacement(
    pair: Pair,
    cells: list[str],
    targets: Path,
    table: Table,
    settings: Path,
    activations: Path | None = None,
    machine: Machine = HERE,
) -> None:
    """Compare where training and targets move the student's states with a reference method (one pair, one benchmark).

    Args:
        pair: The pair and the folders that its cells were trained from.
        cells: Folders of cells, or one JSON file that lists them; those of other pairs and benchmarks are left out.
        targets: List of the targets of methods, as JSON.
        table: Where the table is written.
        settings: The study's analysis.displacement, as JSON.
        activations: The config's section `activations`, as JSON. Default: its defaults.
        machine: How the models are loaded.
    """
    run = Run("displacement", settings)
    section = read_section(MeasuredDisplacement, settings)
    placed = cells_among(read_listing(cells), pair.pair, pair.benchmark.name)
    wanted = read_targets(read_settings(targets), targets)
    if table.record:
        run.read_all(
            teacher=pair.teacher, student=pair.student, benchmark=pair.benchmark, pairing=pair.pairing
        )
        run.read("targets", targets)
        if activations:
            run.read("activations settings", activations)
        for folder in placed:
            run.read(portable(folder), folder / "transfer")
        for folder in dict.fromkeys(target.folder for target in wanted):
            run.read(portable(folder), folder)
    layers = sorted({each.student for each in from_rows(read_json(pair.pairing / "pairing.json")["pairs"])})
    batch_size = read_section(Activations, activations).batch_size
    place = Place(pair.student, pair.benchmark, section.count, batch_size, machine.name, machine.precision)
    origin = Origin(place, layers, [interface_of(target) for target in wanted])
    resampling = Resampling(confidence=section.confidence)
    made = displacement_table(origin, placed, wanted, section.reference, pair.teacher, resampling)
    write_text(table.out, made.to_csv(index=False, float_format=DECIMALS))
    if table.record:
        run.note(table.record, [table.out])
