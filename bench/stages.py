"""The stages up to a transfer: each sets itself up at a size and says what it must do at least."""

import tempfile
from pathlib import Path

import torch

from bench import floor
from bench.floor import Floor
from bench.scale import BATCH, LAYERS, LENGTH, SMALL, Scale, Stage, Work, data_at
from bench.scoring import SCORING
from semalign.benchmarks.encoding import collate
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.config.signals import Attribution, Logits
from semalign.methods.common.adapters import Training, adapt, train_adapter
from semalign.methods.common.adapters import Work as StudentAtWork
from semalign.methods.common.lora import answer_loss
from semalign.models.loading import Head
from semalign.models.states import read_states
from semalign.signals.alignment import align_states
from semalign.signals.attribution import score_layers
from semalign.signals.cka import cka_matrices
from semalign.signals.distillation.logits import read_logits
from semalign.signals.extraction.sensitivity import Tally, add_up
from semalign.signals.location.neurons import Scorer
from semalign.signals.semantics.maps import build_map
from semalign.training.loop import Checkpoint

EPOCHS = 3

# why a stage may stand above three times its floor; shown only where it does
SINGLE = (
    "Absolute values are taken an example, so that each runs alone and few rows share a read of the weights."
)
BLOCKS = (
    "Layers are held in their own precision: each is centred in float64 anew for every other one. Where positions do "
    "not outnumber channels, rows of Gram matrices are written and read again in blocks."
)


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
    """Weights are frozen, so that backward costs what forward does; it ends at the first layer's output."""
    data = data_at(scale, device)
    batches = [collate([item], 0) for item in data.encoded]
    least = 2 * (data.layers(LAYERS) + floor.head(data.shape, data.positions)) - data.whole(1)
    moved = data.moved(2 * LAYERS - 1, 1)
    return lambda: score_layers(data.model, batches, Attribution()), Floor(single=least, moved=moved)


def pairing(scale: Scale, device: str) -> tuple[Work, Floor]:
    """The only rule of pairing that computes: layers of both models whose states are alike."""
    positions, generator = scale.examples * LENGTH, torch.Generator().manual_seed(0)
    wide, narrow = (
        [torch.randn(positions, width, generator=generator) for _ in range(LAYERS)]
        for width in (scale.width, scale.width // 2)
    )
    least = floor.likeness(LAYERS, positions, scale.width, scale.width // 2)
    moved = 4.0 * LAYERS * positions * 1.5 * scale.width
    return lambda: cka_matrices(wide, narrow), Floor(double=least, moved=moved)


def signals(scale: Scale, device: str) -> tuple[Work, Floor]:
    data, half = data_at(scale, device), LAYERS // 2
    work = lambda: read_states(data.model, data.encoded, [half], "block", BATCH, 0)  # noqa: E731
    return work, Floor(single=data.layers(half), moved=data.moved(half, BATCH))


def logits(scale: Scale, device: str) -> tuple[Work, Floor]:
    data, ids = data_at(scale, device), torch.arange(scale.vocabulary)
    settings = Logits(batch_size=BATCH, top_k=8)
    least = data.layers(LAYERS) + floor.head(data.shape, data.positions)
    work = lambda: read_logits(data.model, data.encoded, (ids, ids), settings, 0)  # noqa: E731
    return work, Floor(single=least, moved=data.moved(LAYERS, BATCH))


def steering(scale: Scale, device: str) -> tuple[Work, Floor]:
    """One adapted layer behind the middle, for a few epochs.

    Once an example run the frozen layers below and the adapted one's frozen queries, keys and values, whose input is
    the same in every epoch; no gradient goes through those. Above, backward costs what forward does.
    """
    data, layer = data_at(scale, device), LAYERS // 2 + 1
    settings = Optimisation(epochs=EPOCHS, batch_size=BATCH)
    holder = {"model": data.model}

    def work() -> None:
        adapted = adapt(holder["model"], [layer], Lora(), seed=0)
        with tempfile.TemporaryDirectory() as folder:
            training = Training(settings, 0, "growth", Checkpoint(Path(folder) / "checkpoint"))
            student = StudentAtWork(adapted.base_model.model, data.encoded, 0)
            train_adapter(student, answer_loss, training)
        holder["model"] = adapted.unload().requires_grad_(False)

    above, once = LAYERS - layer + 1, floor.inputs(data.shape) * sum(data.lengths)
    a_pass = data.layers(above) - once + floor.head(data.shape, data.positions)
    least = data.whole(layer - 1) + once + EPOCHS * 2 * a_pass
    return work, Floor(single=least, moved=EPOCHS * 2 * data.moved(above - 1, BATCH))


def sensitivity(scale: Scale, device: str) -> tuple[Work, Floor]:
    """Gradients of the layers' weights, the lowest norm's included, and of what enters the layers and the head."""
    data = data_at(scale, device)
    batches = [collate([item], 0) for item in data.encoded]
    least = 3 * data.layers(LAYERS) + 2 * floor.head(data.shape, data.positions)
    moved = 2 * data.moved(LAYERS, 1)
    return lambda: add_up(data.model, batches, Tally({}, blocks=True)), Floor(single=least, moved=moved)


def location(scale: Scale, device: str) -> tuple[Work, Floor]:
    """One layer's neurons, feed-forward and attention, read through the head."""
    data = data_at(scale, device)
    scorer = Scorer(data.model, data.encoded[0].input_ids)

    def work() -> None:
        scorer.ffn_neurons(0)
        scorer.attention_neurons(0)

    neurons = data.shape.feed_forward + scale.width
    least = floor.head(data.shape, neurons)
    return work, Floor(single=least, moved=4.0 * scale.width * (neurons + scale.vocabulary))


STAGES: dict[str, Stage] = {
    "bases and map": Stage(bases, ("model", "vocabulary")),
    "applying the map": Stage(mapping, ("model", "examples")),
    "attribution": Stage(attribution, explanation=f"{SINGLE} {SMALL}"),
    "pairing by likeness (CKA)": Stage(pairing, ("model", "examples"), BLOCKS, processor_only=True),
    "teacher signals": Stage(signals, explanation=SMALL),
    "stored logits": Stage(logits, explanation=SMALL),
    "steering": Stage(steering, explanation=SMALL),
    "Seeking's sensitivity": Stage(sensitivity, explanation=f"{SINGLE} {SMALL}"),
    "LaTen's location": Stage(location, ("model", "vocabulary")),
    **SCORING,
}
