"""The stages of scoring: each sets itself up at a size and says what it must do at least."""

import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import torch

from semalign.bench import floor
from semalign.bench.fabricated import llama
from semalign.bench.floor import Floor
from semalign.bench.machine import finish
from semalign.bench.scale import BATCH, LAYERS, LENGTH, SMALL, Scale, Stage, Work, data_at
from semalign.bench.timing import timed
from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.registry import build_benchmark
from semalign.config.evaluation import EvaluationSettings
from semalign.config.sandbox import SandboxLimits
from semalign.config.tiny import TinyBenchmark
from semalign.evaluation.harness import run_task, study_model
from semalign.evaluation.sandbox.judge import Program, run_many
from semalign.planning.shapes import ModelShape

NEW_TOKENS = 16

# why a stage may stand above three times its floor; shown only where it does
TOKENWISE = "A token a row and pass, through transformers' own generation loop."
SHUT_IN = "A program is shut in before it starts: namespaces, limits and filters of calls."


def generation(scale: Scale, device: str) -> tuple[Work, Floor]:
    """Greedy answers of a fixed length to all prompts at once."""
    data = data_at(scale, device)
    prompt = torch.randint(3, scale.vocabulary, (scale.examples, LENGTH), device=device)
    mask = torch.ones_like(prompt)
    given = {
        "max_new_tokens": NEW_TOKENS,
        "min_new_tokens": NEW_TOKENS,
        "do_sample": False,
        "pad_token_id": 0,
    }

    def work() -> None:
        with torch.no_grad():
            data.model.generate(prompt, attention_mask=mask, **given)

    tokens = scale.examples * (LENGTH + NEW_TOKENS)
    least = floor.body(data.shape, LAYERS) * tokens + floor.head(data.shape, scale.examples * NEW_TOKENS)
    least += floor.attention(data.shape, LAYERS, [LENGTH + NEW_TOKENS] * scale.examples)
    head = 4.0 * scale.vocabulary * scale.width
    return work, Floor(
        single=least, moved=floor.read_once(data.shape, LAYERS, NEW_TOKENS) + NEW_TOKENS * head
    )


def likelihood(scale: Scale, device: str) -> tuple[Work, Floor]:
    """Choices of an embedded benchmark, whose tokenizer has a vocabulary of its own."""
    from semalign.tiny.tokenizer import VOCABULARY, build_tokenizer

    tokenizer, items = build_tokenizer(), _items("facts", scale.examples)
    shape = ModelShape(**(vars(scale.shape) | {"vocabulary": VOCABULARY}))
    model, settings = llama(shape, device), EvaluationSettings(batch_size=BATCH)
    folder = tempfile.TemporaryDirectory()
    write_split(Path(folder.name), "test", items)

    def work() -> None:
        run_task(study_model(model, tokenizer, settings), "facts", Path(folder.name) / "test.jsonl", settings)

    texts = [text for item in items for text in (item.prompt, *(item.choices or []))]
    tokens = sum(len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts)
    least = (floor.body(shape, LAYERS) + floor.head(shape, 1)) * tokens
    return work, Floor(single=least, moved=floor.read_once(shape, LAYERS, -(-scale.examples // BATCH)))


def verdicts(scale: Scale, device: str) -> tuple[Work, Floor]:
    """One program after the other; each needs an interpreter."""
    programs: list[Program] = [
        (f"{item.prefix}{item.answer}", item.tests or []) for item in _items("synthesis", scale.examples)
    ]
    limits = SandboxLimits()
    return lambda: run_many(programs, limits, workers=1), Floor(started=scale.examples * _interpreter())


def _items(benchmark: str, count: int) -> list[Example]:
    sizes = TinyBenchmark(train=1, extract=1, align=1, validation=1, test=count)
    return build_benchmark(benchmark, sizes)["test"]


@cache
def _interpreter() -> float:
    """Seconds of an interpreter that does nothing, the best of a few."""
    order = [sys.executable, "-I", "-S", "-c", ""]
    return min(timed(lambda: subprocess.run(order, check=True), lambda: finish("cpu"))[0] for _ in range(5))


SCORING = {
    "generation": Stage(generation, explanation=f"{TOKENWISE} {SMALL}"),
    "likelihood of choices": Stage(likelihood, ("model", "examples"), SMALL),
    "verdicts on code": Stage(verdicts, ("examples",), SHUT_IN),
}
