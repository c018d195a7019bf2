"""The teacher's final states at the supervised positions: D_T floats a token that hold its whole distribution.

Stored is what enters the LM head, behind the final norm, so that the head's rows give the logits back. The k
largest logits need 2 k numbers a token and leave the rest as one mass.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import Encoded, encode
from semalign.config.signals import States
from semalign.models.loading import load_model, load_tokenizer, read_shape
from semalign.models.readout import read_readout
from semalign.models.states import offsets_of
from semalign.models.vocabulary import common_tokens
from semalign.runtime.files import read_json, replace_folder, write_json
from semalign.runtime.provenance import Run
from semalign.signals.distillation.units import read_units
from semalign.signals.stored import Stored

logger = logging.getLogger("semalign")
NAME = "states.safetensors"


def store_states(teacher: Path, student: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Store the teacher's final states on the train split, float32 `states` [positions, teacher width]."""
    run = Run("states", settings)
    run.modules.append(__name__)
    chosen = States(**run.settings)
    run.read("teacher", teacher), run.read("student", student), run.read("benchmark", benchmark)
    common_tokens(teacher, student)  # a pair that can't be compared is refused before the teacher runs
    tokenizer, width = load_tokenizer(teacher), read_shape(teacher).width
    encoded = [encode(example, tokenizer) for example in read_split(benchmark, "train")]
    pad_id = tokenizer.pad_token_id or 0
    states = read_units(load_model(teacher), encoded, torch.arange(width), chosen.batch_size, pad_id)
    with replace_folder(out) as folder:
        save_file({"states": states, "offsets": offsets_of(encoded)}, folder / NAME)
        write_json(folder / "states.json", {"width": width, "teacher_passes": len(encoded)})
        run.seal(folder)
    logger.info("states: %d positions of width %d", *states.shape)


class TeacherStates:
    """The distributions behind the stored states at the disposal of a student's loss.

    The teacher's is taken over the shared tokens and renormalised there, the student's over its whole
    vocabulary, as with stored logits (`semalign.signals.distillation.logits`).
    """

    def __init__(
        self, folder: Path, teacher: Path, student: Path, examples: Sequence[Encoded], temperature: float
    ) -> None:
        self.stored = Stored(folder / NAME, examples)
        self.teacher_passes: int = read_json(folder / "states.json")["teacher_passes"]
        self.temperature = temperature
        of_teacher, self.ids = common_tokens(teacher, student)
        self.readout = read_readout(teacher, of_teacher)
        self.readout.check(folder / NAME, self.stored.tensors["states"])

    def loss(self, logits: torch.Tensor, indices: Sequence[int]) -> torch.Tensor:
        """T^2 KL(teacher || student) at temperature T, in nats, for a batch's student logits.

        T^2 keeps the gradient's size from falling with T (Hinton et al., arXiv 1503.02531, section 2).
        """
        states = self.stored.of("states", indices)
        teacher = (self.readout.of_final(states) / self.temperature).log_softmax(-1).to(logits.device)
        student = (logits.float() / self.temperature).log_softmax(-1)[:, self.ids.to(logits.device)]
        return self.temperature**2 * (teacher.exp() * (teacher - student)).sum(-1).mean()
