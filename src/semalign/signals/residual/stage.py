"""The stage of the semantic residual: one displacement per token, shared by layers, learning rates, ranks and seeds."""

import logging
from pathlib import Path

from semalign.config.displacements import Residual
from semalign.models.loading import load_model
from semalign.models.states import answer_tokens, encode_split, read_final_states
from semalign.runtime.counting import counted
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.displacement import SHARED, save_displacements
from semalign.signals.distillation.states import NAME
from semalign.signals.residual.recomposition import Recomposed, Recomposition
from semalign.signals.stored import Stored

logger = logging.getLogger("semalign")
ROUNDING = 1e-5  # total variation between the predictions of one model in float32, read in other batches


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
    recomposed = Recomposition(teacher, student, residual, model.device).of(
        taught, own, answer_tokens(encoded)
    )
    _check(recomposed, residual.temperature)
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


def _check(recomposed: Recomposed, temperature: float) -> None:
    """Raise UserError for a displacement that is not finite, or that is only rounding.

    Methods scale displacements, which would make rounding as long as any other.
    """
    if not recomposed.displacement.isfinite().all():
        raise UserError("residual: found a displacement that is not finite, expected finite states and heads")
    if recomposed.variation <= ROUNDING / max(temperature, 1.0):
        raise UserError(
            f"residual: found predictions whose total variation is {recomposed.variation:.1e}, expected two models "
            "that differ (with residual.source labels, a student that does not know all answers)"
        )
