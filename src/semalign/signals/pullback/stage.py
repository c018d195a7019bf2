"""Stage of the pullback: reads the student and the teacher's final states, and writes displacements per layer."""

import logging
from pathlib import Path

from semalign.config.displacements import Pullback
from semalign.models.loading import load_model
from semalign.models.states import encode_split
from semalign.runtime.counting import counted
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.displacement import layer_name, save_displacements
from semalign.signals.distillation.states import TeacherStates
from semalign.signals.pairing import from_rows
from semalign.signals.pullback.layers import solve_layers

logger = logging.getLogger("semalign")


@counted
def solve_pullback(
    teacher: Path, student: Path, benchmark: Path, pairing: Path, states: Path, settings: Path, out: Path
) -> None:
    """Solve for displacements of the student's block outputs with which it predicts what the teacher predicts.

    `displacement.safetensors` holds `layer.<k>` [positions, student width], float32, for every paired student layer,
    and the examples' `offsets`. `pullback.json` has the mean over the positions of the KL divergence from the teacher
    before and after in nats, of |delta| / |h|, and of cos(h, h + delta).

    Args:
        teacher: Model folder (its tokenizer, final norm and head).
        student: Model folder.
        benchmark: Folder of the splits.
        pairing: Folder of the pairing.
        states: Folder of the teacher's final states.
        settings: Section `pullback` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("pullback", settings)
    pullback = Pullback(**run.settings)
    run.read_all(teacher=teacher, student=student, benchmark=benchmark, pairing=pairing, states=states)
    paired = read_json(pairing / "pairing.json")
    layers = sorted({pair.student for pair in from_rows(paired["pairs"])})
    encoded, pad_id = encode_split(student, benchmark, "train")
    taught = TeacherStates(states, teacher, student, encoded, temperature=1.0)
    solved = solve_layers(load_model(student), encoded, pad_id, layers, taught, pullback)
    tensors = {layer_name(layer): found.displacements for layer, found in solved.items()}
    rows = [{"layer": layer, **found.measures} for layer, found in solved.items()]
    passes = paired["teacher_passes"] + taught.teacher_passes
    with replace_folder(out) as folder:
        save_displacements(folder, tensors, encoded)
        write_json(folder / "pullback.json", {"layers": rows, "teacher_passes": passes})
        run.seal(folder)
    for row in rows:
        logger.info(
            "pullback: layer %d: divergence %.3f -> %.3f nats, moved by %.2f of the states' norm",
            *(row[name] for name in ("layer", "divergence_before", "divergence_after", "relative_size")),
        )
