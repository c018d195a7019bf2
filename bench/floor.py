"""The least that a stage must do: floating-point operations over the measured rate, or bytes over the bandwidth.

Of operations only products of matrices count, and only those whose outcome is used: the last token of a text is
predicted and not fed, the uppermost layer that runs gives keys and values for every token but the rest only where a
state is wanted, and no gradient is taken below the lowest that is asked for. Bytes count as read from memory.
"""

from dataclasses import dataclass

from bench.machine import Rates
from semalign.study.planning.shapes import BYTES, ModelShape


@dataclass(frozen=True)
class Floor:
    """Operations in float32 and in float64, bytes that must be read or written, and seconds of what is started."""

    single: float = 0.0
    double: float = 0.0
    moved: float = 0.0
    started: float = 0.0

    def seconds(self, rates: Rates) -> float:
        """Arithmetic and memory overlap: the longer of the two."""
        computed = self.single / rates.single + self.double / rates.double
        return self.started + max(computed, self.moved / rates.bandwidth)


def body(shape: ModelShape, layers: int) -> float:
    """Operations of so many layers' matrices on one token; attention over the positions comes on top."""
    return layers * _matrices(shape, *shape.projections)


def inputs(shape: ModelShape) -> float:
    """Operations of a layer's queries, keys and values on one token."""
    return _matrices(shape, "q", "k", "v")


def attention(shape: ModelShape, layers: int, lengths: list[int]) -> float:
    """Operations of scores and weighted sums on causal sequences of these lengths: half of the square counts."""
    return 2.0 * layers * shape.heads * shape.head_dim * sum(length**2 for length in lengths)


def whole(shape: ModelShape, layers: int, lengths: list[int]) -> float:
    """Operations of so many layers on sequences of these lengths, every state wanted."""
    return body(shape, layers) * sum(lengths) + attention(shape, layers, lengths)


def forward(shape: ModelShape, layers: int, lengths: list[int], wanted: int) -> float:
    """The same where only so many states of the uppermost layer are wanted; its attention is left out."""
    shared = _matrices(shape, "k", "v")
    uppermost = shared * sum(lengths) + (body(shape, 1) - shared) * wanted
    return whole(shape, layers - 1, lengths) + uppermost


def head(shape: ModelShape, positions: float) -> float:
    """Operations of the LM head at so many positions."""
    return 2.0 * shape.vocabulary * shape.width * positions


def read_once(shape: ModelShape, layers: int, passes: int) -> float:
    """Bytes of so many layers' weights, read once a forward pass."""
    return float(passes * layers * shape.layer_parameters * BYTES[shape.dtype])


def both_bases(tokens: int, wide: int, narrow: int) -> float:
    """Operations of two Gram matrices, of rows times their inverses, and of the rows' product.

    A Gram matrix is symmetric: half of it is to be computed.
    """
    return 2.0 * tokens * (1.5 * wide**2 + 1.5 * narrow**2 + wide * narrow)


def likeness(layers: int, positions: int, wide: int, narrow: int) -> float:
    """Operations of CKA of so many layers of two widths, all with all: the cheaper of two ways.

    <K, L> is the sum of products of two Gram matrices over positions, or of the squares of X^T Y over channels. Each
    layer's with itself is needed too, and half of a symmetric matrix is to be computed.
    """
    pairs = layers**2 + 2 * layers
    by_positions = positions**2 * (layers * (wide + narrow) + pairs)
    by_channels = positions * (2 * layers**2 * wide * narrow + layers * (wide**2 + narrow**2))
    return float(min(by_positions, by_channels))


def _matrices(shape: ModelShape, *names: str) -> float:
    """Operations of the named matrices of a layer on one token."""
    sizes = (shape.projections[name] for name in names)
    return 2.0 * sum(rows * columns for rows, columns in sizes)
