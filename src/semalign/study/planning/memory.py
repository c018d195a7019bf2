"""Peak memory of a stage on its device, from shapes and token counts: weights, gradients, optimiser, activations.

Only tensors are counted; a CUDA context (about 0.5 GB) and fragmentation come on top. `tokens` is the size of one
padded batch: its number of examples times the length of the longest. A frozen matrix saves nothing for the backward
pass. A layer saves what its norms, its attention and its gated product need, and the inputs of adapted matrices in
float32.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from semalign.study.planning.shapes import BYTES, ModelShape

GIGA = 1e9
LOGITS_AT_ONCE = 512  # positions whose logits are in memory at once, if a stage computes them in chunks
PORTION = 1024  # padded positions that LaTen has in memory at once
READ_AT_ONCE = (
    32  # examples per forward pass over the student's own states; same as methods.displaced.training.BATCH
)
NUMBERS = 1 << 25  # differences of probabilities held at once; same as signals.residual.recomposition.NUMBERS
DIFFERENCES = 6  # numbers in float64 per position and token of such a block
CHUNK = 512  # rows of an LM head that are processed at once; same as signals.semantics.bases.CHUNK


@dataclass(frozen=True)
class Peak:
    """Peak memory in bytes by kind; `other` is logits, caches, accumulators and float64 matrices."""

    weights: int = 0
    gradients: int = 0
    optimiser: int = 0
    activations: int = 0
    other: int = 0

    @property
    def total(self) -> int:
        """The sum of all kinds in bytes."""
        return sum(vars(self).values())


def saved_a_token(shape: ModelShape) -> int:
    """Return the bytes that one frozen layer saves per token for the backward pass."""
    size, queries = BYTES[shape.dtype], shape.heads * shape.head_dim
    inner = (3 if shape.gated else 1) * shape.feed_forward
    # the norms of a layer save their input in float32
    return 2 * 4 * shape.width + size * (4 * queries + inner)


def passing_a_token(shape: ModelShape) -> int:
    """Return the bytes per token of the intermediate results in the layer that is being computed."""
    size = BYTES[shape.dtype]
    inner = (3 if shape.gated else 2) * shape.feed_forward
    return size * (inner + 4 * shape.width) + 2 * 4 * shape.width


def reading(shape: ModelShape, tokens: int, layers: int = 1, logits: bool = False) -> Peak:
    """Return the peak of a forward pass that keeps the outputs of `layers` layers, and computes logits in chunks."""
    kept = tokens * layers * shape.width * BYTES[shape.dtype]
    rows = min(tokens, LOGITS_AT_ONCE) if logits else 0
    return Peak(
        shape.weight_bytes,
        activations=kept + tokens * passing_a_token(shape),
        other=rows * shape.vocabulary * (BYTES[shape.dtype] + 4 + 4),
    )


def attribution(shape: ModelShape, tokens: int) -> Peak:
    """Return the peak of a forward and backward pass to every layer's output, with frozen weights and all logits."""
    size = BYTES[shape.dtype]
    outputs = 2 * shape.layers * tokens * shape.width * size  # outputs of the layers and their gradients
    saved = shape.layers * tokens * saved_a_token(shape)
    logits = tokens * shape.vocabulary * (2 * size + 2 * 4)
    return Peak(
        shape.weight_bytes, activations=saved + tokens * passing_a_token(shape) + outputs, other=logits
    )


def sensitivity(shape: ModelShape, tokens: int) -> Peak:
    """Return the peak of Seeking's sensitivity scores.

    On top of `attribution`: the gradient of one matrix at a time, accumulators of an eighth of the weights' size, and
    float64 sums.
    """
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
    """Return the peak of LoRA training on `adapted` layers.

    `above` counts the layers from the lowest adapted one, inclusive, up to the head. `tokens` and the supervised
    `positions` are those of a micro-batch.
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


def solving(shape: ModelShape, tokens: int, positions: int, above: int) -> Peak:
    """Return the peak of solving for displacements at `positions` through the upper `above` layers, which are frozen.

    On top of the logits: the teacher's probabilities, and per position its displacement, its best one, their gradients
    and Adam's moments.
    """
    part = training(shape, tokens, positions, 0, above, 0, [])
    states = 3 * tokens * shape.width * BYTES[shape.dtype]
    free = positions * 4 * (8 * shape.width + shape.vocabulary)
    return Peak(part.weights, 0, 0, part.activations + states, part.other + free)


def generation(shape: ModelShape, prompts: int, length: int) -> Peak:
    """Return the peak of generating answers to `prompts` prompts at a time, with a cache of `length` tokens each."""
    size = BYTES[shape.dtype]
    cache = 2 * shape.layers * shape.kv_heads * shape.head_dim * size * prompts * length
    return Peak(
        shape.weight_bytes,
        activations=cache + prompts * length * passing_a_token(shape),
        other=prompts * shape.vocabulary * (size + 2 * 4),
    )


def hypernetworks(teacher: ModelShape, student: ModelShape, tokens: int, rate: float) -> Peak:
    """Return the peak of LaTen: frozen student, four float32 networks with AdamW, their input and output slices."""
    parameters = 4 * teacher.width * (teacher.width + student.width)
    rows = student.layers * 2 * int(rate * (student.feed_forward + student.width))
    slices = 4 * rows * (2 * teacher.width + 3 * student.width)
    saved = tokens * student.layers * saved_a_token(student)
    logits = tokens * student.vocabulary * (2 * BYTES[student.dtype] + 3 * 4)
    return Peak(student.weight_bytes, 4 * parameters, 3 * 4 * parameters, saved, slices + logits)


def bases(teacher: ModelShape, student: ModelShape) -> Peak:
    """Return the peak of building a map: both LM heads as stored, and float64 matrices of widths and streamed rows."""
    heads = sum(shape.vocabulary * shape.width * BYTES[shape.dtype] for shape in (teacher, student))
    return Peak(heads, other=beyond_heads(teacher.width, student.width))


def residual(teacher: ModelShape, student: ModelShape, tokens: int, positions: int) -> Peak:
    """Return the peak of the semantic residual: the student, then both heads and its bases with a block of positions.

    `tokens` is the size of a batch of the student's forward pass. Heads are in float32, bases and probabilities in
    float64; a block of positions holds about six numbers per token of the vocabulary.
    """
    heads = sum(4 * shape.vocabulary * shape.width for shape in (teacher, student))
    rows = min(positions, max(1, NUMBERS // student.vocabulary))
    block = 8 * rows * DIFFERENCES * max(teacher.vocabulary, student.vocabulary)
    held = 8 * student.vocabulary * student.width
    passing = tokens * passing_a_token(student) + 4 * positions * student.width
    return Peak(student.weight_bytes, activations=passing, other=heads + held + block)


def beyond_heads(wide: int, narrow: int, chunk: int = CHUNK) -> int:
    """Return the bytes besides the heads: for inverting a Gram matrix or summing up the map, whichever is larger."""
    inverting = 8 * (3 * max(wide, narrow) ** 2 + min(wide, narrow) ** 2)
    crossing = 8 * (wide**2 + narrow**2 + wide * narrow + 4 * chunk * (wide + narrow))
    return max(inverting, crossing)
