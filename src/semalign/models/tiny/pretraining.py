"""Building one embedded model: draw the corpus, pretrain, write an ordinary model folder."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.tiny.corpus import draw_corpus
from semalign.benchmarks.tiny.document import Document
from semalign.config.optimisation import Optimisation
from semalign.config.tiny import TinyModel
from semalign.models.tiny.tokenizer import build_tokenizer
from semalign.runtime.files import replace_folder
from semalign.training.checkpoint import Checkpoint
from semalign.training.loop import Budget, Record, train
from semalign.training.schedule import epoch_batches, total_steps

POSITIONS = 256  # enough for long generations; documents of the corpus have fewer than 64 tokens


@dataclass(frozen=True)
class Weighted:
    """A document's tokens, and the loss weight of predicting each of them."""

    input_ids: list[int]
    weights: list[float]


def optimisation_of(settings: TinyModel) -> Optimisation:
    """One pass over the corpus with a warm-up, stable and decay schedule."""
    return Optimisation(
        learning_rate=settings.learning_rate,
        epochs=1,
        batch_size=settings.batch_size,
        weight_decay=0.1,
        beta2=0.98,
        warmup=0.05,
        schedule="wsd",
    )


def weigh(documents: list[Document], tokenizer: Any, prompt_weight: float) -> list[Weighted]:
    """Encode documents as bos, parts and eos; answers and eos have weight 1, prompts `prompt_weight`, bos 0."""
    parts = [part for document in documents for part in document.parts]
    encoded = iter(tokenizer(parts, add_special_tokens=False)["input_ids"])
    result = []
    for document in documents:
        input_ids = [tokenizer.bos_token_id]
        weights = [0.0]
        for index, _ in enumerate(document.parts):
            tokens = next(encoded)
            input_ids += tokens
            weights += [1.0 if index % 2 else prompt_weight] * len(tokens)
        result.append(Weighted([*input_ids, tokenizer.eos_token_id], [*weights, 1.0]))
    return result


def create_model(settings: TinyModel, tokenizer: Any) -> Any:
    """An untrained LlamaForCausalLM with an untied head, in float32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(settings.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.width,
        intermediate_size=settings.feed_forward,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        max_position_embeddings=POSITIONS,
        # With the usual 0.02 a model this narrow learns no fact for thousands of steps.
        initializer_range=settings.width**-0.5,
        tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        use_cache=True,
    )
    return LlamaForCausalLM(config)


def build_model(settings: TinyModel, folder: Path, checkpoint: Path) -> list[Record]:
    """Pretrain a model and write `folder` (config, float32 weights, tokenizer, generation config).

    An interrupted run resumes from `checkpoint`, which the caller removes. Returns the training's history.
    """
    tokenizer = build_tokenizer()
    documents = draw_corpus(settings.examples, settings.benchmark_phrasing, settings.drill, settings.seed)
    corpus = weigh(documents, tokenizer, settings.prompt_weight)
    model = create_model(settings, tokenizer).train()
    optimisation = optimisation_of(settings)
    with _one_thread():
        history = train(
            dict(model.named_parameters()),
            _batches(corpus, settings, tokenizer.pad_token_id),
            lambda batch: {"loss": weighted_loss(model, *batch)},
            Budget(total_steps(len(corpus), optimisation), optimisation),
            label=f"pretrain {folder.name}",
            checkpoint=Checkpoint(checkpoint, identity=settings.model_dump_json()),
        )
    with replace_folder(folder) as temporary:
        model.eval().save_pretrained(temporary)
        tokenizer.save_pretrained(temporary)
    return history


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread: more only cost time with matrices this small, and sums depend on the number of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _batches(
    corpus: list[Weighted], settings: TinyModel, pad_id: int
) -> Callable[[int], tuple[torch.Tensor, torch.Tensor]]:
    """A function from a step to its padded tokens and weights, both [examples, positions]."""
    lengths = [len(item.input_ids) for item in corpus]
    indices = epoch_batches(len(corpus), settings.batch_size, settings.seed, lengths)

    def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        items = [corpus[i] for i in indices(step)]
        longest = max(len(item.input_ids) for item in items)
        tokens = torch.full((len(items), longest), pad_id)
        weights = torch.zeros(len(items), longest)
        for row, item in enumerate(items):
            tokens[row, : len(item.input_ids)] = torch.tensor(item.input_ids)
            weights[row, : len(item.weights)] = torch.tensor(item.weights)
        return tokens, weights

    return batch


def weighted_loss(model: Any, tokens: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean cross-entropy; logits are computed only at weights above zero."""
    # No attention mask is needed: padding is on the right, and a causal model never attends to later positions.
    hidden = model.model(input_ids=tokens[:, :-1], use_cache=False).last_hidden_state
    weights = weights[:, 1:]
    wanted = weights > 0
    logits = model.lm_head(hidden[wanted])
    losses = torch.nn.functional.cross_entropy(logits, tokens[:, 1:][wanted], reduction="none")
    return (losses * weights[wanted]).sum() / weights.sum()
