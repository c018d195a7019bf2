"""LaTen's scores (arXiv 2505.14436): how much a layer or a neuron raises the answer token's log-probability.

Each score is log lens(base + part)[w] - log lens(base)[w] for the answer token w. For attention, the base is the
block's input x. For the feed-forward part, it is x plus the attention output, or x alone if both run in parallel
(GPT-NeoX).
"""

from dataclasses import dataclass
from typing import Any

import torch

from semalign.models.anatomy import facts_of, layers_of
from semalign.runtime.errors import UserError
from semalign.signals.location.lens import Lens, working
from semalign.signals.location.reading import Block, Reading, attention_width, read_example, value_rows

DECIMALS = 4  # the released code rounds its scores to this many


@dataclass(frozen=True)
class Counts:
    """Number of neurons per layer: feed-forward neurons, columns of o, and rows of the value matrix."""

    ffn: int
    attention: int
    value: int


@dataclass(frozen=True)
class Located:
    """Layers and neurons located by one example in one model; layers are numbered from 0 and sorted by depth.

    `attention_layers` and `ffn_layers` are [kept]. Per kept layer, best first: `ffn` [kept, n] neurons of the
    feed-forward layers, `o` [kept, n] columns of o and `v` [kept, n] rows of the value matrix of the attention layers.
    `attention_scores` and `ffn_scores` cover all layers.
    """

    attention_layers: torch.Tensor
    ffn_layers: torch.Tensor
    ffn: torch.Tensor
    o: torch.Tensor
    v: torch.Tensor
    attention_scores: list[float]
    ffn_scores: list[float]


class Scorer:
    """The four scores of one example (LaTen, arXiv 2505.14436).

    The last of `tokens` is scored and not fed to the model. With `as_released`, scores follow the released code.
    """

    def __init__(self, model: Any, tokens: list[int], *, as_released: bool = False) -> None:
        self.model = model
        self.token = tokens[-1]
        self.as_released = as_released
        self.reading: Reading = read_example(model, tokens[:-1], as_released=as_released)
        self.lens = Lens(model, self.reading.final, as_released=as_released)
        self.parallel = bool(getattr(model.config, "use_parallel_residual", False))

    def attention_layers(self) -> torch.Tensor:
        """Scores [layers] of the attention outputs."""
        return torch.cat([self._gain(block.before, block.attention[None]) for block in self.reading.blocks])

    def ffn_layers(self) -> torch.Tensor:
        """Scores [layers] of the feed-forward outputs."""
        return torch.cat([self._gain(self._middle(block), block.mlp[None]) for block in self.reading.blocks])

    def attention_neurons(self, layer: int) -> torch.Tensor:
        """Scores [heads * head dim] of the columns of o, each multiplied by its activation."""
        block = self.reading.blocks[layer]
        parts = self._parts(layer, "o", block.heads, block.attention_factor)
        return self._gain(block.before, parts)

    def ffn_neurons(self, layer: int) -> torch.Tensor:
        """Scores [feed-forward width] of the columns of down, each multiplied by its activation."""
        block = self.reading.blocks[layer]
        parts = self._parts(layer, "down", block.neurons, block.mlp_factor)
        return self._gain(self._middle(block), parts)

    def _middle(self, block: Block) -> torch.Tensor:
        return block.before if self.parallel else block.before + block.attention

    def _parts(
        self, layer: int, projection: str, activations: torch.Tensor, factor: torch.Tensor
    ) -> torch.Tensor:
        """The contribution of each neuron to the residual stream, [neurons, width]."""
        facts = facts_of(self.model)
        module = layers_of(self.model)[layer].get_submodule(facts.projections[projection])
        columns = working(module.get_parameter("weight")).T
        return columns * activations[:, None] * factor.to(columns)

    def _gain(self, base: torch.Tensor, parts: torch.Tensor) -> torch.Tensor:
        before = self.lens.log_probability(base[None], self.token)
        scores = self.lens.log_probability(base + parts, self.token) - before
        if not torch.isfinite(scores).all():
            raise UserError(
                "location: found a score that is not finite, expected finite scores (check the weights)"
            )
        return scores.round(decimals=DECIMALS) if self.as_released else scores


def locate(
    model: Any, tokens: list[int], layers: int, counts: Counts, *, as_released: bool = False
) -> Located:
    """The `layers` best attention and feed-forward layers, sorted by depth, and the best neurons of each.

    Value rows are ranked by the attention neurons that read them; a row has the rank of its best neuron. If heads do
    not share values, this is the ranking of the attention neurons. Ties go to the lower index.
    """
    scorer = Scorer(model, tokens, as_released=as_released)
    attention = scorer.attention_layers()
    ffn = scorer.ffn_layers()
    attention_layers = _best(attention, layers).sort().values
    ffn_layers = _best(ffn, layers).sort().values
    ranked = [ranking(scorer.attention_neurons(int(layer))) for layer in attention_layers]
    ffn_neurons = [_best(scorer.ffn_neurons(int(layer)), counts.ffn) for layer in ffn_layers]
    return Located(
        attention_layers,
        ffn_layers,
        torch.stack(ffn_neurons),
        torch.stack([neurons[: counts.attention] for neurons in ranked]),
        torch.stack([distinct(value_rows(model, neurons))[: counts.value] for neurons in ranked]),
        attention.tolist(),
        ffn.tolist(),
    )


def sizes_of(model: Any) -> Counts:
    """Number of neurons in a layer of the model."""
    down = layers_of(model)[0].get_submodule(facts_of(model).projections["down"])
    neurons = torch.arange(attention_width(model))
    return Counts(
        int(down.in_features),  # type: ignore[arg-type]
        len(neurons),
        len(value_rows(model, neurons).unique()),
    )


def ranking(scores: torch.Tensor) -> torch.Tensor:
    """Indices [n] by descending score [n]; ties go to the lower index."""
    return scores.sort(descending=True, stable=True).indices.cpu()


def distinct(rows: torch.Tensor) -> torch.Tensor:
    """The rows in their order without repetitions; the first occurrence stays."""
    return torch.tensor(list(dict.fromkeys(rows.tolist())), dtype=torch.long)


def _best(scores: torch.Tensor, count: int) -> torch.Tensor:
    return ranking(scores)[:count]
