"""The stage of the oracle: it reads the student that another method trained with another seed."""

import logging
from pathlib import Path
from typing import Any

import torch

from semalign.config.displacements import Oracle
from semalign.models.loading import load_model
from semalign.models.states import encode_split, read_states
from semalign.models.transfers import load_student
from semalign.runtime.counting import counted
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.displacement import layer_name, save_displacements
from semalign.signals.pairing import from_rows

INTERFACE = "block"
logger = logging.getLogger("semalign")


@counted
def read_oracle(
    teacher: Path, student: Path, benchmark: Path, pairing: Path, transfer: Path, settings: Path, out: Path
) -> None:
    """Store how far a trained student's block outputs are from the untouched student's, on the train split.

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits.
        pairing: Folder of the pairing.
        transfer: Transfer folder of the trained student.
        settings: Section `oracle` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("oracle", settings)
    batch_size = Oracle(**run.settings).batch_size
    run.read_all(student=student, benchmark=benchmark, pairing=pairing, transfer=transfer)
    paired = read_json(pairing / "pairing.json")
    layers = [pair.student for pair in from_rows(paired["pairs"])]
    encoded, pad_id = encode_split(student, benchmark, "train")

    def states_of(model: Any) -> dict[int, torch.Tensor]:
        return read_states(model, encoded, layers, INTERFACE, batch_size, pad_id)

    # one after the other, so that only one of the two models is in memory
    before = states_of(load_model(student))
    after = states_of(load_student(student, teacher, transfer))
    moved = {layer_name(layer): after[layer] - before[layer] for layer in layers}
    # the passes that the other method's targets took are part of its costs, with those of the pairing if it read one
    other = read_json(transfer / "run.json")
    passes = other["cost"]["teacher_passes"]
    passes += 0 if "pairing" in other["inputs"] else paired["teacher_passes"]
    with replace_folder(out) as folder:
        save_displacements(folder, moved, encoded)
        write_json(folder / "oracle.json", {"teacher_passes": passes})
        run.seal(folder)
    logger.info("oracle: displacements of student layers %s", ", ".join(map(str, layers)))
