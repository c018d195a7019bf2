"""The stage that chooses a method's learning rate, and other searched settings.

The stages that write tables are in `statistics.tables.stage`. Every training run depends on a choice made here, so the
code of the tables is kept separate: editing it must not make the choices stale.
"""

from pathlib import Path

from semalign.runtime.files import replace_folder
from semalign.runtime.provenance import Run
from semalign.statistics.choices import Searched, write_choice
from semalign.statistics.learning_rates import read_trials, validation_score


def choose_learning_rate(
    trials: list[Path], untouched: Path, settings: Path, searched: Searched, benchmark: str, out: Path
) -> None:
    """Choose a method's learning rate, and other searched settings, by the validation scores of its trials.

    Writes choice.json, and trials.jsonl with the scores of each trial. The settings of the statistics are not read
    here, so changing them repeats no training; the table of all searches has the intervals.

    Args:
        trials: Folders of trials, one per combination of searched settings.
        untouched: Folder of the trial of the untouched student.
        settings: The keys that are searched, as JSON.
        searched: What the search is for.
        benchmark: Name of the benchmark.
        out: Folder of the choice.
    """
    run = Run("choice", settings)
    keys = run.settings["keys"]
    tried = read_trials([run.read(path.name, path) for path in trials], keys)
    student = validation_score(run.read("untouched", untouched))
    with replace_folder(out) as folder:
        write_choice(folder, tried, student, keys, searched.names(benchmark))
        run.seal(folder)
