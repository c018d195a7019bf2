"""The stage of the semantic residual: one displacement per token, shared by layers, learning rates, ranks and seeds."""

import logging
from pathlib import Path

from semalign.config.displacements import Residual
from semalign.models.loading import load_model
from semalign.models.states import answer_tokens, encode_split, read_final_states
from semalign.runtime.counting import counted
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.displacement import SHARED, save_displacements
from semalign.signals.distillation.states import NAME
from semalign.signals.residual.recomposition import Recomposition, check_recomposed
from semalign.signals.stored import Stored

logger = logging.getLogger("semalign")


@counted
def recompose_residual(
    teacher: Path, student: Path, benchmark: Path, states: Path, settings: Path, out: Path
) -> None:
    """Recompose what the teacher predicts beyond the student on the student's bases, on the train split.

    Of the teacher, only its stored final states and its LM head are read; the student runs once.

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits.
        states: Folder of the teacher's stored final states.
        settings: Section `residual` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("residual", settings)
    residual = Residual(**run.settings)
    run.read_all(teacher=teacher, student=student, benchmark=benchmark, states=states)
    encoded, pad_id = encode_split(student, benchmark, "train")
    taught = Stored(states / NAME, encoded).tensors["states"]
    model = load_model(student)
    own = read_final_states(model, encoded, residual.batch_size, pad_id)
    recomposed = Recomposition.read(teacher, student, residual, model.device).of(
        taught, own, answer_tokens(encoded)
    )
    check_recomposed(recomposed, residual.temperature)
    facts = {
        "teacher_passes": read_json(states / "states.json")["teacher_passes"],
        "kept_teacher": recomposed.kept_teacher,
        "kept_student": recomposed.kept_student,
    }
    with replace_folder(out) as folder:
        save_displacements(folder, {SHARED: recomposed.displacement}, encoded)
        write_json(folder / "residual.json", facts)
        run.seal(folder)
    logger.info(
        "residual: %d positions; %.1f %% of the teacher's and %.1f %% of the student's probability on shared tokens",
        *(len(own), 100 * recomposed.kept_teacher, 100 * recomposed.kept_student),
    )
