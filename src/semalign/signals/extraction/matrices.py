"""Teacher matrices that correspond to the student's, and checks that a window of the student's shape fits in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.models.anatomy import WHOLE, adapted_modules, facts_of, layers_of
from semalign.models.configs import architecture_in
from semalign.runtime.errors import UserError
from semalign.training.low_rank import check_rank

SIDES = {
    "q": ("query width", "hidden width"),
    "k": ("key width", "hidden width"),
    "v": ("value width", "hidden width"),
    "o": ("hidden width", "attention width"),
    "gate": ("feed-forward width", "hidden width"),
    "up": ("feed-forward width", "hidden width"),
    "down": ("hidden width", "feed-forward width"),
    "embedding": ("hidden width", "shared tokens"),
    "head": ("shared tokens", "hidden width"),
}
Shape = tuple[int, int]
Key = tuple[str, str]


@dataclass(frozen=True)
class Matrix:
    """A matrix of a model that is the source or the destination of a window.

    `parameter` is the weight's name and `view` turns that weight into the matrix [rows, columns]. `layer` (from 1) is
    the block, or None for an embedding or a head.
    """

    projection: str
    layer: int | None
    parameter: str
    view: Callable[[torch.Tensor], torch.Tensor]

    @property
    def key(self) -> Key:
        """Identifies the matrix; fused matrices share a parameter and differ in their projection."""
        return self.parameter, self.projection

    @property
    def module(self) -> str:
        """Full name of the module that holds the matrix."""
        return self.parameter.removesuffix(".weight")

    def of(self, model: Any) -> torch.Tensor:
        """The matrix [rows, columns] in a loaded model."""
        return self.view(model.get_parameter(self.parameter).detach())

    def shape(self, model: Any) -> Shape:
        """The matrix's (rows, columns) in a model."""
        rows, columns = self.of(model).shape
        return rows, columns


def skeleton(folder: Path | str) -> Any:
    """The model in `folder` without weights, on the meta device. Raises UserError for an unknown architecture."""
    from transformers import AutoConfig, AutoModelForCausalLM

    architecture_in(folder)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, local_files_only=True))


def matrices_of(model: Any, projections: Sequence[str], tokens: torch.Tensor) -> list[Matrix]:
    """All matrices named by `projections`, block by block, then the embedding and the head.

    Only the rows `tokens` of an embedding or a head are used. Raises UserError for a projection that the architecture
    does not have, or for an embedding that is tied to the head.
    """
    layers = range(1, len(layers_of(model)) + 1)
    inner = [name for name in projections if name not in WHOLE]
    blocks = [_block_matrix(model, name, layer) for layer in layers for name in inner]
    return blocks + [_whole_matrix(model, name, tokens) for name in projections if name in WHOLE]


def check_depth(names: tuple[str, str], teacher: Any, student: Any) -> None:
    """Raise UserError if the teacher has fewer layers than the student; `names` are (teacher, student)."""
    _check_size(names, "layers", len(layers_of(teacher)), len(layers_of(student)))


def window_shapes(
    names: tuple[str, str],
    models: tuple[Any, Any],
    matrices: tuple[list[Matrix], list[Matrix]],
    rank: int,
) -> dict[str, Shape]:
    """Shapes of the windows by projection, which are those of the student's matrices.

    All blocks of a model have the same shapes. Raises UserError, naming the dimension, if the teacher's matrix is
    smaller than the student's in any dimension, or if the rank exceeds a side.
    """
    teacher_shapes, student_shapes = (
        {matrix.projection: matrix.shape(model) for matrix in group}
        for model, group in zip(models, matrices, strict=True)
    )
    for projection, shape in student_shapes.items():
        for side, large, small in zip(SIDES[projection], teacher_shapes[projection], shape, strict=True):
            _check_size(names, f"{side} (of {projection})", large, small)
        check_rank(rank, shape, f"the student's {projection}")
    return student_shapes


def _check_size(names: tuple[str, str], dimension: str, teacher: int, student: int) -> None:
    if teacher < student:
        raise UserError(
            f"seeking {names[0]} -> {names[1]}: the teacher's {dimension}: found {teacher}, expected at least the "
            f"student's {student}"
        )


def _block_matrix(model: Any, projection: str, layer: int) -> Matrix:
    facts = facts_of(model)
    if projection not in facts.fused:
        (name,) = adapted_modules(model, [layer], [projection])
        return Matrix(projection, layer, f"{name}.weight", lambda weight: weight)
    module, place = facts.fused[projection]
    heads = model.config.num_attention_heads

    def part(weight: torch.Tensor) -> torch.Tensor:
        """One of the three matrices [heads * head width, width] that are interleaved head by head."""
        return weight.unflatten(0, (heads, 3, -1))[:, place].flatten(0, 1)

    return Matrix(projection, layer, f"{facts.layers}.{layer - 1}.{module}.weight", part)


def _whole_matrix(model: Any, projection: str, tokens: torch.Tensor) -> Matrix:
    (name,) = adapted_modules(model, [], [projection])

    def rows(weight: torch.Tensor) -> torch.Tensor:
        """The rows of the tokens, transposed for an embedding to [width, tokens]: it maps tokens to hidden states."""
        part = weight.index_select(0, tokens.to(weight.device))
        return part.T if projection == "embedding" else part

    return Matrix(projection, None, f"{name}.weight", rows)
