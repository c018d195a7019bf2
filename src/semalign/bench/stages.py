"""The stages whose growth is measured: each sets itself up at a size and says what it must do at least."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.activations import read_states
from semalign.adapters import adapt, train_adapter
from semalign.alignment import align_states
from semalign.attribution import attribute_layers
from semalign.bench import floor
from semalign.bench.fabricated import examples, llama
from semalign.bench.floor import Floor
from semalign.benchmarks.encoding import Encoded, collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.config.signals import Attribution, Logits
from semalign.distillation.logits import read_logits
from semalign.extraction.sensitivity import Tally, add_up
from semalign.location.neurons import Scorer
from semalign.methods.lora import answer_loss
from semalign.models.loading import Head
from semalign.planning.shapes import ModelShape
from semalign.semantics.maps import build_map

LENGTH, BATCH, EPOCHS, NEW_TOKENS, LAYERS = 64, 8, 3, 16, 6


# why a stage may stand above three times its floor; shown only where it does
SMALL = (
    "At these widths the floor counts products of matrices only; norms, activations and softmax pass over memory "
    "several times a layer, and the calls themselves take a share."
)
SINGLE = (
    "Absolute values are taken an example, so that each runs alone and few rows share a read of the weights."
)
TOKENWISE = "A token a row and pass, through transformers' own generation loop."


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
    """How a stage is set up, what it grows with, and why it is above its floor where it is."""

    build: Build
    axes: tuple[str, ...] = ("model", "examples", "vocabulary")
    explanation: str = ""


@dataclass(frozen=True)
class _Data:
    """What most stages need: model, examples, and their counts."""

    shape: ModelShape
    model: Any
    encoded: list[Encoded]

    @property
    def lengths(self) -> list[int]:
        return [len(item.input_ids) for item in self.encoded]

    @property
    def positions(self) -> int:
        return sum(len(item.input_ids) - item.answer_start for item in self.encoded)

    def layers(self, count: int) -> float:
        """Operations of so many layers on all examples."""
        return floor.body(self.shape, count) * sum(self.lengths) + floor.attention(
            self.shape, count, self.lengths
        )

    def moved(self, layers: int, size: int) -> float:
        return floor.read_once(self.shape, layers, -(-len(self.encoded) // size))


def _data(scale: Scale, device: str) -> _Data:
    model = llama(scale.shape, device)
    return _Data(scale.shape, model, examples(scale.examples, LENGTH, scale.vocabulary))


def _heads(scale: Scale, device: str) -> tuple[list[Head], torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    widths = (scale.width, scale.width // 2)
    rows = [torch.randn(scale.vocabulary, width, generator=generator).to(device) for width in widths]
    return [Head(row, row, torch.ones(row.shape[1])) for row in rows], torch.arange(scale.vocabulary)


def bases(scale: Scale, device: str) -> tuple[Work, Floor]:
    heads, ids = _heads(scale, device)
    least = floor.both_bases(scale.vocabulary, scale.width, scale.width // 2)
    moved = (
        2 * 4.0 * scale.vocabulary * 1.5 * scale.width
    )  # each head is read for its Gram matrix and for its rows
    return lambda: build_map("pinv", heads[0], heads[1], (ids, ids)), Floor(double=least, moved=moved)


def mapping(scale: Scale, device: str) -> tuple[Work, Floor]:
    wide, narrow, positions = scale.width, scale.width // 2, scale.examples * LENGTH
    matrix = torch.randn(narrow, wide, dtype=torch.float64, device=device)
    states = torch.randn(positions, wide, device=device)
    moved = 4.0 * positions * (wide + narrow)
    return lambda: align_states(states, matrix), Floor(double=2.0 * positions * wide * narrow, moved=moved)


def attribution(scale: Scale, device: str) -> tuple[Work, Floor]:
    data = _data(scale, device)
    batches = [collate([item], 0) for item in data.encoded]
    least = 2 * (data.layers(LAYERS) + floor.head(data.shape, data.positions))
    moved = 2 * data.moved(LAYERS, 1)
    return lambda: attribute_layers(data.model, batches, Attribution()), Floor(single=least, moved=moved)


def signals(scale: Scale, device: str) -> tuple[Work, Floor]:
    data, half = _data(scale, device), LAYERS // 2
    work = lambda: read_states(data.model, data.encoded, [half], "block", BATCH, 0)  # noqa: E731
    return work, Floor(single=data.layers(half), moved=data.moved(half, BATCH))


def logits(scale: Scale, device: str) -> tuple[Work, Floor]:
    data, ids = _data(scale, device), torch.arange(scale.vocabulary)
    settings = Logits(batch_size=BATCH, top_k=8)
    least = data.layers(LAYERS) + floor.head(data.shape, data.positions)
    work = lambda: read_logits(data.model, data.encoded, (ids, ids), settings, 0)  # noqa: E731
    return work, Floor(
        single=least, moved=data.moved(LAYERS, BATCH) + 4.0 * data.positions * scale.vocabulary
    )


def steering(scale: Scale, device: str) -> tuple[Work, Floor]:
    data, layer = _data(scale, device), LAYERS // 2 + 1
    settings = Optimisation(epochs=EPOCHS, batch_size=BATCH)
    holder = {"model": data.model}

    def work() -> None:
        adapted = adapt(holder["model"], [layer], Lora(), seed=0)
        with tempfile.TemporaryDirectory() as folder:
            train_adapter(
                adapted,
                data.encoded,
                answer_loss,
                settings,
                seed=0,
                pad_id=0,
                checkpoint=Path(folder) / "checkpoint",
                label="growth",
            )
        holder["model"] = adapted.unload().requires_grad_(False)

    above = LAYERS - layer + 1
    a_pass = data.layers(above) + floor.head(data.shape, data.positions)
    least = (
        data.layers(layer - 1) + EPOCHS * 2 * a_pass
    )  # weights are frozen: backward costs what forward does
    return work, Floor(single=least, moved=EPOCHS * 2 * data.moved(above, BATCH))


def sensitivity(scale: Scale, device: str) -> tuple[Work, Floor]:
    data = _data(scale, device)
    batches = [collate([item], 0) for item in data.encoded]
    least = 3 * data.layers(LAYERS) + 2 * floor.head(data.shape, data.positions)
    moved = 4 * data.moved(LAYERS, 1)  # weights forward and backward, gradients written and summed
    return lambda: add_up(data.model, batches, Tally({}, blocks=True)), Floor(single=least, moved=moved)


def location(scale: Scale, device: str) -> tuple[Work, Floor]:
    data = _data(scale, device)
    scorer = Scorer(data.model, data.encoded[0].input_ids)

    def work() -> None:
        scorer.ffn_neurons(0)
        scorer.attention_neurons(0)

    neurons = data.shape.feed_forward + scale.width
    least = floor.head(data.shape, neurons)
    return work, Floor(single=least, moved=2 * 4.0 * neurons * scale.vocabulary)


def generation(scale: Scale, device: str) -> tuple[Work, Floor]:
    data = _data(scale, device)
    prompt = torch.randint(3, scale.vocabulary, (scale.examples, LENGTH), device=device)
    given = {
        "max_new_tokens": NEW_TOKENS,
        "min_new_tokens": NEW_TOKENS,
        "do_sample": False,
        "pad_token_id": 0,
    }

    def work() -> None:
        with torch.no_grad():
            data.model.generate(prompt, attention_mask=torch.ones_like(prompt), **given)

    tokens = scale.examples * (LENGTH + NEW_TOKENS)
    least = floor.body(data.shape, LAYERS) * tokens + floor.head(data.shape, scale.examples * NEW_TOKENS)
    least += floor.attention(data.shape, LAYERS, [LENGTH + NEW_TOKENS] * scale.examples)
    passes = (
        floor.read_once(data.shape, LAYERS, NEW_TOKENS) + NEW_TOKENS * 4.0 * scale.vocabulary * scale.width
    )
    return work, Floor(single=least, moved=passes)


STAGES: dict[str, Stage] = {
    "bases and map": Stage(bases, ("model", "vocabulary")),
    "applying the map": Stage(mapping, ("model", "examples")),
    "attribution": Stage(attribution, explanation=f"{SINGLE} {SMALL}"),
    "teacher signals": Stage(signals, explanation=SMALL),
    "stored logits": Stage(logits, explanation=SMALL),
    "steering": Stage(steering, explanation=SMALL),
    "Seeking's sensitivity": Stage(sensitivity, explanation=f"{SINGLE} {SMALL}"),
    "LaTen's location": Stage(location, ("model", "vocabulary")),
    "generation": Stage(generation, explanation=f"{TOKENWISE} {SMALL}"),
}
