"""Peak memory of a stage on its device, from shapes and token counts: weights, gradients, optimiser, activations.

Counted are tensors. A CUDA context (about 0.5 GB) and an allocator's gaps come on top. `tokens` are those of one
padded batch: its examples times its longest. A frozen matrix saves nothing for the backward pass; what a layer saves
is what its norms, its attention and its gated product need, and the inputs of adapted matrices, in float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from semalign.study.planning.shapes import BYTES, ModelShape

GIGA = 1e9
LOGITS_AT_ONCE = 512  # positions whose logits are held, where a stage takes them in chunks
PORTION = 1024  # padded positions that LaTen has in memory at once
CHUNK = 512  # rows of a head that are streamed at once, see semantics.bases


@dataclass(frozen=True)
class Peak:
    """Bytes by kind; `other` are logits, caches, accumulators and matrices in float64."""

    weights: int = 0
    gradients: int = 0
    optimiser: int = 0
    activations: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        """All of it in bytes."""
        return sum(vars(self).values())


def saved_a_token(shape: ModelShape) -> int:
    """Bytes that one frozen layer keeps of a token for the backward pass."""
    size, queries = BYTES[shape.dtype], shape.heads * shape.head_dim
    values = shape.kv_heads * shape.head_dim
    # RMS norms keep their input in float32; those of queries and keys theirs too
    norms = {"gpt_neox": 2 * size * shape.width, "gemma3_text": 4 * (4 * shape.width + queries + values)}
    norms["qwen3"] = 4 * (2 * shape.width + queries + values)
    inner = (1 if shape.kind == "gpt_neox" else 3) * shape.feed_forward
    return norms.get(shape.kind, 2 * 4 * shape.width) + size * (4 * queries + inner)


def passing_a_token(shape: ModelShape) -> int:
    """Bytes of a token in the one layer that is at work."""
    size = BYTES[shape.dtype]
    inner = (2 if shape.kind == "gpt_neox" else 3) * shape.feed_forward
    return size * (inner + 4 * shape.width) + 2 * 4 * shape.width


def reading(shape: ModelShape, tokens: int, layers: int = 1, logits: bool = False) -> Peak:
    """A forward pass that keeps the outputs of so many layers; with `logits`, some positions' at a time."""
    kept = tokens * layers * shape.width * BYTES[shape.dtype]
    rows = min(tokens, LOGITS_AT_ONCE) if logits else 0
    return Peak(
        shape.weight_bytes,
        activations=kept + tokens * passing_a_token(shape),
        other=rows * shape.vocabulary * (BYTES[shape.dtype] + 4 + 4),
    )


def attribution(shape: ModelShape, tokens: int) -> Peak:
    """Forward and backward to every layer's output; the weights are frozen, the logits those of all positions."""
    size = BYTES[shape.dtype]
    outputs = 2 * shape.layers * tokens * shape.width * size  # and their gradients
    saved = shape.layers * tokens * saved_a_token(shape)
    logits = tokens * shape.vocabulary * (2 * size + 2 * 4)
    return Peak(
        shape.weight_bytes, activations=saved + tokens * passing_a_token(shape) + outputs, other=logits
    )


def sensitivity(shape: ModelShape, tokens: int) -> Peak:
    """The same with one matrix' gradient at a time, accumulators in an eighth of the weights, and float64 sums."""
    matrix = max(rows * columns for rows, columns in shape.projections.values())
    part = attribution(shape, tokens)
    accumulators = shape.weight_bytes // 8 + 3 * 8 * matrix
    return Peak(part.weights, matrix * BYTES[shape.dtype], 0, part.activations, part.other + accumulators)


def training(
    shape: ModelShape,
    tokens: int,
    positions: int,
    adapted: int,
    above: int,
    rank: int,
    projections: Sequence[str],
) -> Peak:
    """LoRA on `adapted` layers, the lowest of which has `above` layers from itself up to the head.

    `tokens` and `positions` (supervised) are those of a micro batch.
    """
    names = [name for name in projections if name in shape.projections]
    factors = shape.adapter_parameters(adapted, rank, names)
    inputs = sum(shape.projections[name][1] for name in names)
    saved = tokens * (above * saved_a_token(shape) + adapted * 4 * (inputs + len(names) * rank))
    return Peak(
        shape.weight_bytes,
        gradients=4 * factors,
        optimiser=3 * 4 * factors,
        activations=saved + tokens * passing_a_token(shape),
        other=positions * shape.vocabulary * (2 * BYTES[shape.dtype] + 3 * 4),
    )


def generation(shape: ModelShape, prompts: int, length: int) -> Peak:
    """Answers to so many prompts at a time, each with its continuation of `length` tokens: the cache grows to it."""
    size = BYTES[shape.dtype]
    cache = 2 * shape.layers * shape.kv_heads * shape.head_dim * size * prompts * length
    return Peak(
        shape.weight_bytes,
        activations=cache + prompts * length * passing_a_token(shape),
        other=prompts * shape.vocabulary * (size + 2 * 4),
    )


def hypernetworks(teacher: ModelShape, student: ModelShape, tokens: int, rate: float) -> Peak:
    """LaTen: the frozen student, four networks in float32 under AdamW, and the slices they read and write."""
    parameters = 4 * teacher.width * (teacher.width + student.width)
    rows = student.layers * 2 * int(rate * (student.feed_forward + student.width))
    slices = 4 * rows * (2 * teacher.width + 3 * student.width)
    saved = tokens * student.layers * saved_a_token(student)
    logits = tokens * student.vocabulary * (2 * BYTES[student.dtype] + 3 * 4)
    return Peak(student.weight_bytes, 4 * parameters, 3 * 4 * parameters, saved, slices + logits)


def bases(teacher: ModelShape, student: ModelShape) -> Peak:
    """The map of two heads: both heads as stored, and beyond them matrices of widths and streamed rows, float64."""
    heads = sum(shape.vocabulary * shape.width * BYTES[shape.dtype] for shape in (teacher, student))
    return Peak(heads, other=beyond_heads(teacher.width, student.width))


def beyond_heads(wide: int, narrow: int, chunk: int = CHUNK) -> int:
    """Bytes beyond the heads: the larger of inverting one Gram matrix and of adding the map up."""
    inverting = 8 * (3 * max(wide, narrow) ** 2 + min(wide, narrow) ** 2)
    crossing = 8 * (wide**2 + narrow**2 + wide * narrow + 4 * chunk * (wide + narrow))
    return max(inverting, crossing)
