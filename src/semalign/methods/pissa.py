"""Fine-tuning through LoRA that begins at the principal part of the student's own weights.

Seeking's control: the same injection and training, with the student in the teacher's place. PiSSA shares the singular
values evenly between both factors, Seeking has all of them in the first: `even_split` says which.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from semalign.config.methods import Adapted, Layers
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.registry import method

if TYPE_CHECKING:
    from semalign.training.low_rank import Factors


class Pissa(Adapted):
    """The same, with LoRA begun at the principal part of the student's own weights (PiSSA): Seeking's control."""

    method: Literal["pissa"] = "pissa"
    layers: Layers = Field("all", description="adapt all layers, as published, or the paired ones only")
    even_split: bool = Field(
        False,
        description="singular values shared evenly by both factors, as published; else all in the first, as Seeking's",
    )


@method("pissa", title="PiSSA", paper="arXiv:2404.02948", settings=Pissa)
def transfer(task: TransferTask[Pissa], folder: Path) -> TransferReport:
    """Train on the train split from the student's own principal factors."""
    from semalign.methods.common.lora import (
        Adaptation,
        answer_loss,
        chosen_layers,
        load_student_at_work,
        train_student,
    )
    from semalign.models.anatomy import adapted_modules
    from semalign.training.low_rank import split_evenly

    work = load_student_at_work(task)
    layers, passes = chosen_layers(task, work)
    modules = adapted_modules(work.model, layers, task.settings.lora.projections)
    start = {name: _own_factors(work.model, name, task.settings.lora.rank) for name in modules}
    if task.settings.even_split:
        start = {name: split_evenly(factors) for name, factors in start.items()}
    return train_student(task, work, Adaptation(layers, answer_loss, start=start), folder, passes)


def _own_factors(model: Any, name: str, rank: int) -> "Factors":
    """The principal factors of one of the student's matrices; an embedding's is [width, tokens]."""
    from semalign.training.low_rank import check_rank, principal_factors

    module = model.get_submodule(name)
    matrix = module.weight.T if module is model.get_input_embeddings() else module.weight
    check_rank(rank, tuple(matrix.shape), name)
    return principal_factors(matrix, rank)
