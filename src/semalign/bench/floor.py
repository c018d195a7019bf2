"""The least that a stage must do: floating-point operations over the measured rate, or bytes over the bandwidth."""

from dataclasses import dataclass

from semalign.bench.machine import Rates
from semalign.planning.shapes import BYTES, ModelShape


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
    return 2.0 * layers * sum(rows * columns for rows, columns in shape.projections.values())


def attention(shape: ModelShape, layers: int, lengths: list[int]) -> float:
    """Operations of scores and weighted sums on causal sequences of these lengths: half of the square counts."""
    return 2.0 * layers * shape.heads * shape.head_dim * sum(length**2 for length in lengths)


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
