"""The stages of scoring: each sets itself up at a size and says what it must do at least."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch

from bench import floor
from bench.fabricated import llama
from bench.floor import Floor
from bench.scale import BATCH, LAYERS, LENGTH, SMALL, Scale, Stage, Work, data_at
from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.encoding import encode_answer, encode_prompt
from semalign.benchmarks.registry import build_benchmark
from semalign.config.evaluation import EvaluationSettings
from semalign.config.sandbox import SandboxLimits
from semalign.config.tiny import TinyBenchmark
from semalign.evaluation.harness import run_task, study_model
from semalign.evaluation.sandbox.judge import Program, run_many
from semalign.study.planning.shapes import ModelShape

NEW_TOKENS = 16

# why a stage may stand above three times its floor; shown only where it does
TOKENWISE = "A token a row and pass, through transformers' own generation loop."
READ_ANEW = (
    "What two prompts begin with alike is read for each of them, and lm-eval's own steps take a share."
)
SHUT_IN = (
    "The floor is one bare process a program. Here a program is shut in before it starts (namespaces, limits, filters "
    "of calls), its tests call it from a second process, and the sandbox itself starts first."
)
FORKS = 100
EMPTY_PROCESSES = f"""
import os, time
start = time.perf_counter()
for _ in range({FORKS}):
    if not os.fork():
        os._exit(0)
    os.wait()
print(time.perf_counter() - start)
"""


def generation(scale: Scale, device: str) -> tuple[Work, Floor]:
    """Greedy answers of a fixed length to all prompts at once; the last token of each is not fed."""
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

    fed, wanted = [LENGTH + NEW_TOKENS - 1] * scale.examples, scale.examples * NEW_TOKENS
    least = floor.forward(data.shape, LAYERS, fed, wanted) + floor.head(data.shape, wanted)
    head = 4.0 * scale.vocabulary * scale.width
    return work, Floor(
        single=least, moved=floor.read_once(data.shape, LAYERS, NEW_TOKENS) + NEW_TOKENS * head
    )


def likelihood(scale: Scale, device: str) -> tuple[Work, Floor]:
    """Choices of an embedded benchmark, whose tokenizer has a vocabulary of its own.

    What texts begin with alike must be read once, and logits made where a choice's token is predicted; attention
    does not count.
    """
    from semalign.models.tiny.tokenizer import VOCABULARY, build_tokenizer

    tokenizer, items = build_tokenizer(), _items("facts", scale.examples)
    shape = ModelShape(**(vars(scale.shape) | {"vocabulary": VOCABULARY}))
    model, settings = llama(shape, device), EvaluationSettings(batch_size=BATCH)
    folder = tempfile.TemporaryDirectory()
    write_split(Path(folder.name), "test", items)

    def work() -> None:
        run_task(study_model(model, tokenizer, settings), "facts", Path(folder.name) / "test.jsonl", settings)

    fed, wanted = _read_at_least(items, tokenizer)
    least = floor.forward(shape, LAYERS, [1] * fed, wanted) + floor.head(shape, wanted)
    return work, Floor(single=least, moved=floor.read_once(shape, LAYERS, -(-scale.examples // BATCH)))


def verdicts(scale: Scale, device: str) -> tuple[Work, Floor]:
    """One program after the other; each needs a process."""
    programs: list[Program] = [
        (f"{item.prefix}{item.answer}", item.tests or []) for item in _items("synthesis", scale.examples)
    ]
    limits = SandboxLimits()
    return lambda: run_many(programs, limits, workers=1), Floor(started=scale.examples * _process())


def _items(benchmark: str, count: int) -> list[Example]:
    sizes = TinyBenchmark(train=1, extract=1, align=1, validation=1, test=count)
    return build_benchmark(benchmark, sizes)["test"]


def _read_at_least(items: Sequence[Example], tokenizer: Any) -> tuple[int, int]:
    """(beginnings of texts that end in a token to be fed, those of them behind which a choice's token is predicted)."""
    fed, wanted = set(), set()
    for item in items:
        prompt = encode_prompt(item.prompt, tokenizer)
        for choice in item.choices or []:
            text = [*prompt, *encode_answer(choice, tokenizer)]
            fed |= {tuple(text[:end]) for end in range(1, len(text))}
            wanted |= {tuple(text[:end]) for end in range(len(prompt), len(text))}
    return len(fed), len(wanted)


@cache
def _process() -> float:
    """Seconds of a small process that is forked, ends at once and is waited for: the best mean of a few."""
    order = [sys.executable, "-I", "-S", "-c", EMPTY_PROCESSES]
    runs = (subprocess.run(order, check=True, capture_output=True, text=True) for _ in range(5))
    return min(float(run.stdout) for run in runs) / FORKS


SCORING = {
    "generation": Stage(generation, explanation=f"{TOKENWISE} {SMALL}"),
    "likelihood of choices": Stage(likelihood, ("model", "examples"), f"{READ_ANEW} {SMALL}"),
    "verdicts on code": Stage(verdicts, ("examples",), SHUT_IN, processor_only=True),
}
