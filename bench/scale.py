"""A size at which a stage is measured, and what all stages are set up with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench import floor
from bench.fabricated import examples, llama
from bench.floor import Floor
from semalign.benchmarks.encoding import Encoded
from semalign.study.planning.shapes import ModelShape

LENGTH, BATCH, LAYERS = 64, 8, 6

# why a stage may stand above three times its floor; shown only where it does
SMALL = (
    "At these widths the floor counts products of matrices only; norms, activations and softmax pass over memory "
    "several times a layer, and the calls themselves take a share."
)


@dataclass(frozen=True)
class Scale:
    """A size: the model's width (its heads and feed-forward part go with it), examples and tokens."""

    width: int
    examples: int
    vocabulary: int

    @property
    def shape(self) -> ModelShape:
        """A Llama of six layers."""
        heads = max(2, self.width // 32)
        inner = (self.width, 8 * self.width // 3 // 8 * 8)
        return ModelShape(LAYERS, *inner, heads, heads, self.width // heads, self.vocabulary)


Work = Callable[[], Any]
Build = Callable[[Scale, str], tuple[Work, Floor]]


@dataclass(frozen=True)
class Stage:
    """How a stage is set up, what it grows with, and why it is above its floor where it is.

    `processor_only` marks what runs on the processor whatever the device.
    """

    build: Build
    axes: tuple[str, ...] = ("model", "examples", "vocabulary")
    explanation: str = ""
    processor_only: bool = False


@dataclass(frozen=True)
class Data:
    """What most stages need: model, examples, and their counts."""

    shape: ModelShape
    model: Any
    encoded: list[Encoded]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each example that must be fed: its last one is only predicted."""
        return [len(item.input_ids) - 1 for item in self.encoded]

    @property
    def positions(self) -> int:
        """Positions that are supervised, over all examples."""
        return sum(len(item.input_ids) - item.answer_start for item in self.encoded)

    def layers(self, count: int) -> float:
        """Operations of so many layers on all examples, the uppermost where a position is supervised."""
        return floor.forward(self.shape, count, self.lengths, self.positions)

    def whole(self, count: int) -> float:
        """Operations of so many layers on all examples, every state wanted."""
        return floor.whole(self.shape, count, self.lengths)

    def moved(self, layers: int, size: int) -> float:
        """Bytes of so many layers, read once a batch of `size`."""
        return floor.read_once(self.shape, layers, -(-len(self.encoded) // size))


def data_at(scale: Scale, device: str) -> Data:
    """A random model of the size, and its examples."""
    model = llama(scale.shape, device)
    return Data(scale.shape, model, examples(scale.examples, LENGTH, scale.vocabulary))
