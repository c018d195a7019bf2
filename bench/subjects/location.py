"""LaTen's neuron scores, against a loop that keeps a distribution over the vocabulary for every neuron in a list."""

import torch

from bench.fabricated import examples, llama
from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.signals.location.neurons import Scorer
from semalign.study.planning.shapes import ModelShape


def list_a_neuron(scorer: Scorer, layers: int) -> list[torch.Tensor]:
    """Scores of feed-forward and attention neurons, one neuron after another; each distribution is kept."""
    kept: dict[tuple[int, str], tuple[torch.Tensor, list[torch.Tensor]]] = {}
    for layer in range(layers):
        block = scorer.reading.blocks[layer]
        for part, projection, activations, factor, base in (
            ("ffn", "down", block.neurons, block.mlp_factor, block.before + block.attention),
            ("attention", "o", block.heads, block.attention_factor, block.before),
        ):
            columns = scorer._parts(layer, projection, activations, factor)
            kept[layer, part] = _log_lens(scorer, base), [_log_lens(scorer, base + each) for each in columns]
    return [
        torch.stack([each[scorer.token] - before[scorer.token] for each in distributions])
        for before, distributions in kept.values()
    ]


def _log_lens(scorer: Scorer, vector: torch.Tensor) -> torch.Tensor:
    lens = scorer.lens
    return (lens.head @ (vector * lens.scale * lens.gain)).log_softmax(-1)


def build(size: Size, device: str) -> Sides:
    """The sides with one example and a random model; all neurons of all layers are scored."""
    shape = ModelShape(**size["shape"])
    model = llama(shape, device)
    (item,) = examples(1, 64, shape.vocabulary)
    scorer = Scorer(model, item.input_ids)

    def ours() -> list[torch.Tensor]:
        layers = range(shape.layers)
        return [s for k in layers for s in (scorer.ffn_neurons(k), scorer.attention_neurons(k))]

    def check(mine: list[torch.Tensor], theirs: list[torch.Tensor]) -> Check:
        worst = max(float((a - b).abs().max()) for a, b in zip(mine, theirs, strict=True))
        return Check("largest difference of a log-probability", worst, 1e-4)

    neurons = shape.layers * (shape.feed_forward + shape.heads * shape.head_dim)
    return Sides(ours, lambda: list_a_neuron(scorer, shape.layers), check, work=neurons)


def _shape(layers: int, width: int, inner: int, heads: int, tokens: int) -> dict[str, int]:
    named = {"layers": layers, "width": width, "feed_forward": inner, "heads": heads, "kv_heads": heads}
    return named | {"head_dim": width // heads, "vocabulary": tokens}


GOAL = Goal(faster=20, memory=0.1)
SUBJECT = Subject(
    "LaTen's attribution",
    "a list with a distribution for every neuron",
    {
        "cpu": (
            Case(
                "3 layers x 384, 32,768 tokens",
                {"shape": _shape(3, 384, 1024, 6, 32768)},
                2,
                warm=False,
                goal=GOAL,
            ),
        ),
        "cuda": (
            Case(
                "4 layers x 5,120, 32,000 tokens", {"shape": _shape(4, 5120, 13824, 40, 32000)}, 2, goal=GOAL
            ),
        ),
        "quick": (Case("pico", {"shape": _shape(2, 32, 64, 4, 64)}, 2, memory=False),),
    },
    build,
    unit="neurons",
    explanation={
        "cpu": "Both sides make the same logits: their products of matrices and exponentials remain."
    },
)
