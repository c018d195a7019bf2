"""PiSSA (arXiv 2404.02948): fine-tuning through LoRA that starts from the principal part of the student's weights.

It is a control for Seeking: the injection and the training are the same, but the factors come from the student instead
of the teacher. PiSSA splits the singular values evenly between the two factors, Seeking puts all of them into the first
(`even_split`).
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
    """Fine-tuning through LoRA that starts from the principal part of the student's weights; a control for Seeking.

    The stored adapter has twice `lora.rank` and belongs on the untouched student: it holds the part that was subtracted
    from the frozen weights and the part that was trained.
    """

    method: Literal["pissa"] = "pissa"
    layers: Layers = Field("all", description="adapt all layers (as published) or only the paired ones")
    even_split: bool = Field(
        False,
        description="split the singular values evenly between the two factors, as published; false puts all of them "
        "into the first, as Seeking does",
    )


@method("pissa", title="PiSSA", paper="arXiv:2404.02948", settings=Pissa)
def transfer(task: TransferTask[Pissa], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split, starting from the student's principal factors."""
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
    """The principal factors of a student's matrix [out, in]; an embedding counts as [width, tokens]."""
    from semalign.training.low_rank import check_rank, principal_factors

    module = model.get_submodule(name)
    matrix = module.weight.T if module is model.get_input_embeddings() else module.weight
    check_rank(rank, tuple(matrix.shape), name)
    return principal_factors(matrix, rank)
