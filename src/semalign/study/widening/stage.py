"""The stage that widens a search, and then chooses.

Further trials are made by the stages of ordinary ones. A part of a trial that was made before, from the same inputs, is
used again, so that a job that was killed goes on from there.
"""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from semalign.evaluation.sandbox.stage import judge_answers
from semalign.evaluation.stage import Scored, generate_answers
from semalign.methods.registry import METHODS
from semalign.methods.stage import Attempt, transfer_knowledge
from semalign.runtime.command import grouped
from semalign.runtime.files import replace_folder
from semalign.runtime.provenance import Run, check
from semalign.statistics.choices import Searched, write_choice
from semalign.statistics.learning_rates import in_order, read_trial, read_trials, validation_score
from semalign.study.widening.next_trial import next_trial, read_further, trial_of

logger = logging.getLogger("semalign")


@grouped
@dataclass(frozen=True)
class Materials:
    """What every trial is made from.

    Attributes:
        student: Model folder.
        teacher: Model folder.
        benchmark: Folder of the splits.
        answering: How answers are generated on the validation split, as JSON.
        judging: How answers are judged on the validation split, as JSON.
        seed: Seed of the trials.
        signals: Folders of the signal stages that the method reads.
    """

    student: Path
    teacher: Path
    benchmark: Path
    answering: Path
    judging: Path
    seed: int
    signals: Sequence[Path] = ()

    @property
    def models(self) -> dict[str, Path]:
        """The model folders by role."""
        return {"student": self.student, "teacher": self.teacher}


@grouped
@dataclass(frozen=True)
class Beyond:
    """Trials that may follow beyond the grid.

    Attributes:
        search: Folder of the search, in which they are written.
        checkpoints: Folder in which long trainings save their state, each in its own folder.
        lowest: Their settings below the grid, as JSON, each file named after its trial.
        highest: The same, above the grid.
    """

    search: Path
    checkpoints: Path
    lowest: Sequence[Path] = ()
    highest: Sequence[Path] = ()


def widen_search(
    trials: list[Path],
    untouched: Path,
    settings: Path,
    searched: Searched,
    materials: Materials,
    beyond: Beyond,
    out: Path,
) -> None:
    """Try learning rates beyond the grid of a search while the best is at its edge; then choose.

    Writes what `choose_learning_rate` writes, and the folder of every further trial.

    Args:
        trials: Folders of trials, one per combination of searched settings.
        untouched: Folder of the trial of the untouched student.
        settings: The keys that are searched, as JSON.
        searched: What the search is for.
        materials: What every trial is made from.
        beyond: Trials that may follow beyond the grid.
        out: Folder of the choice.
    """
    run = Run("choice", settings)
    keys = run.settings["keys"]
    tried = read_trials([run.read(path.name, path) for path in trials], keys)
    student = validation_score(run.read("untouched", untouched))
    further, made = read_further(beyond.lowest, beyond.highest), []
    while path := next_trial(tried, further):
        folder = beyond.search / trial_of(path)
        logger.info("%s: the best trial is at an edge; next: %s", out, folder.name)
        _make_trial(materials, path, folder, beyond.checkpoints / folder.name)
        made.append(folder)
        tried = in_order([*tried, read_trial(run.read(folder.name, folder), keys, widened=True)])
    for path in {*beyond.lowest, *beyond.highest}:
        if (folder := beyond.search / trial_of(path)) not in made:  # of a search with other settings or code
            shutil.rmtree(folder, ignore_errors=True)
    with replace_folder(out) as folder:
        write_choice(folder, tried, student, keys, searched.names(materials.benchmark.name))
        run.seal(folder)


def _make_trial(materials: Materials, settings: Path, folder: Path, checkpoint: Path) -> None:
    """Train and score one trial in its folder, except what is there and was made from the same."""
    transfer, answers = folder / "transfer", folder / "answers"
    models, benchmark, seed = materials.models, materials.benchmark, materials.seed
    signals = {str(check(signal)["stage"]): signal for signal in materials.signals}
    run = Run("transfer", settings, seed)
    run.modules.append(METHODS.module_of(run.settings["method"]))
    if not _is_made(run, transfer, **models, benchmark=benchmark, **signals):
        attempt = Attempt(seed, checkpoint, "/".join(folder.parts[-6:]))
        inputs = (benchmark, settings, attempt, transfer, materials.signals)
        transfer_knowledge(materials.student, materials.teacher, *inputs)
    run = Run("answers", materials.answering, seed)
    if not _is_made(run, answers, **models, transfer=transfer, benchmark=benchmark):
        generate_answers(Scored(**models, transfer=transfer), benchmark, materials.answering, seed, answers)
    run = Run("evaluation", materials.judging, seed)
    if not _is_made(run, folder, answers=answers, transfer=transfer, benchmark=benchmark):
        judge_answers(answers, benchmark, materials.judging, seed, folder, transfer)


def _is_made(run: Run, folder: Path, **inputs: Path) -> bool:
    """Whether a folder is what a run would write again."""
    run.read_all(**inputs)
    made = run.wrote(folder)
    if made:
        logger.info("%s: made before, used again", folder)
    return made
