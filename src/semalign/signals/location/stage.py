"""LaTen's signal stage: neurons of both models, per extract example and for the injection.

The student's weights are restored at every step of LaTen's alignment, so location runs once and serves all seeds.
"""

import logging
from pathlib import Path

from safetensors.torch import save_file

from semalign.benchmarks.base import read_split
from semalign.config.signals import Location
from semalign.models.configs import architecture_in
from semalign.models.separate import check_separate
from semalign.runtime.counting import counted
from semalign.runtime.files import replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.location.examples import common_depth, describe, draw_final, locate_all, tensors_of

logger = logging.getLogger("semalign")
SEPARATE = ("up", "down", "o")  # projections whose rows or columns are neurons


@counted
def locate_neurons(teacher: Path, student: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Locate the layers and neurons of both models that carry the answer (LaTen).

    Fails if the teacher is shallower than the student, or has fewer neurons per layer than are selected.

    Args:
        teacher: Model folder.
        student: Model folder.
        benchmark: Folder of the splits (extract, and one example of train for the injection).
        settings: Section `location` of the config, as JSON.
        out: Folder of the result.
    """
    run = Run("location", settings)
    location = Location(**run.settings)
    run.read_all(teacher=teacher, student=student, benchmark=benchmark)
    for folder in (teacher, student):
        check_separate(architecture_in(folder), SEPARATE, folder.name)
    depth = common_depth(teacher, student)
    final = draw_final(read_split(benchmark, "train"), location.final_seed)
    examples = [*read_split(benchmark, "extract"), final]
    in_student, counts = locate_all(student, examples, depth, location, None)
    in_teacher, _ = locate_all(teacher, examples, depth, location, counts)
    located = {"teacher": in_teacher, "student": in_student}
    with replace_folder(out) as made:
        save_file(tensors_of(located), made / "location.safetensors")
        write_json(made / "location.json", describe(located, examples))
        run.seal(made)
    logger.info(
        "location: %d examples, %d layers; per layer %d feed-forward and %d attention neurons, %d value rows",
        len(examples),
        depth,
        counts.ffn,
        counts.attention,
        counts.value,
    )
