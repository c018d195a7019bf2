"""Sensitivity of a task's loss to each weight of a teacher: S = sum over examples of |weight x gradient|.

This is Seeking's score (arXiv 2310.11451). S is as large as the teacher and is never held as a whole. A hook takes each
gradient as soon as it is computed, adds the needed sums of |weight x gradient| to small accumulators and frees it:

- A block's score is one number, the sum of S over its parameters.
- A window's sum is linear in S, so the sums of all windows of a matrix are accumulated example by example. There are
  (rows - a + 1)(columns - b + 1) of them, for 13B -> 7B at most 1/24 of the matrix's size.

Memory thus holds the teacher, one gradient and the accumulators. Gradients have the precision of the teacher's weights
(the method's authors use float32). Their products with the weights are in float32, all sums in float64.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from semalign.benchmarks.encoding import Batch
from semalign.models.anatomy import facts_of, layers_of
from semalign.models.readout import answer_logits
from semalign.runtime.errors import UserError
from semalign.signals.extraction.matrices import Key, Matrix, Shape
from semalign.signals.extraction.windows import window_sums
from semalign.training.losses import cross_entropy
from semalign.training.operations import few_counted

STRIP = 1 << 20  # values that are summed in float64 at once


@dataclass
class Tally:
    """Accumulators of one pass over the examples.

    The window sums of `matrices`, for windows of `shapes` (by projection), are added to `sums`. If `blocks` is set, the
    sum of S over every layer (from 1) is added to `scores`.
    """

    shapes: dict[str, Shape]
    matrices: Sequence[Matrix] = ()
    blocks: bool = False
    scores: dict[int, float] = field(default_factory=dict)
    sums: dict[Key, torch.Tensor] = field(default_factory=dict)

    def add(self, sensitivity: torch.Tensor, matrices: Sequence[Matrix], layer: int | None) -> None:
        """Add one example's |weight x gradient| of one parameter."""
        if layer is not None:
            self.scores[layer] = self.scores.get(layer, 0.0) + _total(sensitivity)
        for matrix in matrices:
            sums = window_sums(matrix.view(sensitivity), self.shapes[matrix.projection])
            if matrix.key in self.sums:
                self.sums[matrix.key] += sums
            else:
                self.sums[matrix.key] = sums


def add_up(model: Any, batches: Sequence[Batch], tally: Tally) -> None:
    """Run the examples forward and backward through the teacher `model`, and fill `tally`.

    Each batch must hold one example, so that absolute values are taken per example. The loss is the mean cross-entropy
    of its answer (arXiv 2310.11451). The model's parameters are frozen before and after. Raises UserError if the loss
    or a score is not finite.
    """
    with _hooks(model, tally), torch.enable_grad(), few_counted() as counted:
        for index, batch in enumerate(batches):
            with counted(index, batch.size):
                here = batch.to(model.device)
                logits = answer_logits(model, here)
                loss = cross_entropy(logits, here.labels[here.supervised].to(logits.device))
                loss.backward()
            if not all(map(math.isfinite, (loss.item(), *tally.scores.values()))):
                raise UserError(
                    f"seeking: example {index} of the extract split: found a loss or a score that is not finite"
                )


@contextlib.contextmanager
def _hooks(model: Any, tally: Tally) -> Iterator[None]:
    """Enable gradients for only the parameters that `tally` needs; each gradient is used and freed immediately."""
    blocks = _blocks(model) if tally.blocks else {}
    matrices: dict[str, list[Matrix]] = {name: [] for name in blocks}
    for matrix in tally.matrices:
        matrices.setdefault(matrix.parameter, []).append(matrix)
    with contextlib.ExitStack() as stack:
        for name, wanted in matrices.items():
            parameter = model.get_parameter(name).requires_grad_(True)
            stack.callback(parameter.requires_grad_, False)
            hook = _hook(tally, wanted, blocks.get(name))
            stack.callback(parameter.register_post_accumulate_grad_hook(hook).remove)
        yield


def _hook(tally: Tally, matrices: Sequence[Matrix], layer: int | None) -> Any:
    @torch.no_grad()
    def use(parameter: Any) -> None:
        gradient = parameter.grad
        parameter.grad = None
        # a float32 gradient is reused in place; in half precision the product would be rounded a second time
        sensitivity = gradient.to(torch.promote_types(gradient.dtype, torch.float32)).mul_(parameter).abs_()
        tally.add(sensitivity, matrices, layer)

    return use


def _total(values: torch.Tensor) -> float:
    """The sum in float64, without a float64 copy of all values."""
    return sum(strip.sum(dtype=torch.float64).item() for strip in values.flatten().split(STRIP))


def _blocks(model: Any) -> dict[str, int]:
    """The layer (from 1) of every parameter of a block, by name, including norms and biases."""
    prefix = facts_of(model).layers
    return {
        f"{prefix}.{index}.{name}": index + 1
        for index, block in enumerate(layers_of(model))
        for name, _ in block.named_parameters()
    }
