"""The stage that chooses a method's learning rate.

The stages that write tables are in `statistics.tables.stage`. Every training run depends on a choice made here, so the
code of the tables is kept separate: editing it must not make the choices stale.
"""

import logging
from pathlib import Path

from semalign.runtime.files import replace_folder, write_json, write_jsonl
from semalign.runtime.provenance import Run
from semalign.statistics.learning_rates import best_rate, read_trials

logger = logging.getLogger("semalign")


def choose_learning_rate(
    trials: list[Path], pair: str, benchmark: str, method: str, out: Path, variant: str = "default"
) -> None:
    """Choose a method's learning rate by the validation scores of its trials.

    Writes choice.json, and trials.jsonl with the scores of each trial. The settings of the statistics are not read
    here, so changing them repeats no training; the table of all searches has the intervals.

    Args:
        trials: Folders of trials, one per learning rate.
        pair: Name of the pair.
        benchmark: Name of the benchmark.
        method: Name of the method.
        out: Folder of the choice.
        variant: Name of the variant.
    """
    run = Run("choice")
    names = {"pair": pair, "benchmark": benchmark, "method": method, "variant": variant}
    tried = read_trials([run.read(path.name, path) for path in trials])
    rate = best_rate(tried)
    seconds = round(sum(trial.seconds for trial in tried), 3)
    with replace_folder(out) as folder:
        write_json(folder / "choice.json", {"learning_rate": rate, "seconds": seconds})
        write_jsonl(folder / "trials.jsonl", (names | trial.row for trial in tried))
        run.seal(folder)
    scored = ", ".join(f"{trial.learning_rate:g}: {trial.scores.mean:.1f}" for trial in tried)
    logger.info("%s: learning rate %g; validation scores %s", "/".join(names.values()), rate, scored)
