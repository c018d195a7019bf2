"""Signal stages of the distillation baselines: logits, units, states. Each reads folders and writes one folder."""

import logging
from pathlib import Path

from safetensors.torch import save_file

from semalign.config.signals import Logits, States, Units
from semalign.models.loading import load_model, read_shape
from semalign.models.states import encode_split, offsets_of, read_final_states
from semalign.models.vocabulary import common_tokens
from semalign.runtime.counting import counted
from semalign.runtime.errors import UserError
from semalign.runtime.files import replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.distillation.logits import read_logits
from semalign.signals.distillation.states import NAME
from semalign.signals.distillation.units import choose_units, read_units, score_units

logger = logging.getLogger("semalign")


@counted
def store_logits(teacher: Path, student: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Store the teacher's next-token distributions on a benchmark's train split.

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits.
        settings: Section `logits` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("logits", settings)
    logits = Logits(**run.settings)
    run.read_all(teacher=teacher, student=student, benchmark=benchmark)
    shared = common_tokens(teacher, student)
    encoded, pad_id = encode_split(teacher, benchmark, "train")
    tensors = read_logits(load_model(teacher), encoded, shared, logits, pad_id)
    facts = {
        "temperature": logits.temperature,
        "top_k": tensors["ids"].shape[1],
        "shared_tokens": len(shared[0]),
        "mean_tail": tensors["log_tail"].double().exp().mean().item(),
        "teacher_passes": len(encoded),
    }
    with replace_folder(out) as folder:
        save_file({**tensors, "offsets": offsets_of(encoded)}, folder / "logits.safetensors")
        write_json(folder / "logits.json", facts)
        run.seal(folder)
    logger.info("logits: %d of %d tokens per position", facts["top_k"], len(shared[0]))


@counted
def select_units(teacher: Path, student: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Choose the teacher's units on the extract split, and store their states on the train split.

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits.
        settings: Section `units` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("units", settings)
    batch_size = Units(**run.settings).batch_size
    run.read_all(teacher=teacher, student=student, benchmark=benchmark)
    teacher_width = read_shape(teacher).width
    student_width = read_shape(student).width
    if teacher_width < student_width:
        raise UserError(
            f"units: found {teacher_width} units in teacher {teacher.name}, expected at least the {student_width} of "
            f"student {student.name}: Flex-KD assigns one teacher unit to every student unit"
        )
    extract, pad_id = encode_split(teacher, benchmark, "extract")
    train, _ = encode_split(teacher, benchmark, "train")
    model = load_model(teacher)
    scores = score_units(model, extract, batch_size, pad_id)
    units = choose_units(scores, student_width)
    states = read_units(model, train, units, batch_size, pad_id)
    tensors = {"states": states, "units": units, "scores": scores, "offsets": offsets_of(train)}
    passes = len(extract) + len(train)
    with replace_folder(out) as folder:
        save_file(tensors, folder / "units.safetensors")
        write_json(folder / "units.json", {"teacher_passes": passes})
        run.seal(folder)
    logger.info("units: %d of %d", student_width, teacher_width)


@counted
def store_states(teacher: Path, student: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Store the teacher's final states on the train split, float32 `states` [positions, teacher width].

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits.
        settings: Section `states` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("states", settings)
    batch_size = States(**run.settings).batch_size
    run.read_all(teacher=teacher, student=student, benchmark=benchmark)
    common_tokens(teacher, student)  # raises for incompatible vocabularies before the teacher runs
    width = read_shape(teacher).width
    encoded, pad_id = encode_split(teacher, benchmark, "train")
    states = read_final_states(load_model(teacher), encoded, batch_size, pad_id)
    with replace_folder(out) as folder:
        save_file({"states": states, "offsets": offsets_of(encoded)}, folder / NAME)
        write_json(folder / "states.json", {"width": width, "teacher_passes": len(encoded)})
        run.seal(folder)
    logger.info("states: %d positions of width %d", *states.shape)
