"""Scoring, against lm-eval's own Hugging Face model with the same tasks, items and batch size."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.fabricated import llama
from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.benchmarks.base import write_split
from semalign.config.evaluation import EvaluationSettings
from semalign.config.tiny import TinyBenchmark
from semalign.evaluation.harness import run_task, study_model
from semalign.evaluation.items import ItemRecord
from semalign.study.planning.shapes import ModelShape


def build(size: Size, device: str) -> Sides:
    """The sides with a random model of the embedded teacher's shape and one embedded benchmark's test items."""
    from lm_eval.models.huggingface import HFLM

    from semalign.benchmarks.registry import build_benchmark
    from semalign.models.tiny.tokenizer import VOCABULARY, build_tokenizer

    class Quiet(HFLM):
        """lm-eval's default without its progress bars."""

        def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> Any:
            return super().loglikelihood(requests, disable_tqdm=True)

        def generate_until(self, requests: Any, disable_tqdm: bool = True) -> Any:
            return super().generate_until(requests, disable_tqdm=True)

    tokenizer = build_tokenizer()
    model = llama(ModelShape(4, 128, 336, 4, 4, 32, VOCABULARY), device)
    sizes = TinyBenchmark(train=1, extract=1, align=1, validation=1, test=size["items"])
    folder = tempfile.TemporaryDirectory()
    items = build_benchmark(size["benchmark"], sizes)["test"]
    write_split(Path(folder.name), "test", items)
    split = Path(folder.name) / "test.jsonl"
    settings = EvaluationSettings(batch_size=size["batch"])

    def ours() -> Any:
        return run_task(study_model(model, tokenizer, settings), size["benchmark"], split, settings)

    def theirs() -> Any:
        assert folder  # keeps the split's file as long as the sides exist
        lm = Quiet(pretrained=model, tokenizer=tokenizer, batch_size=size["batch"])
        return run_task(lm, size["benchmark"], split, settings)

    return Sides(ours, theirs, same_answers, work=size["items"])


def same_answers(mine: Sequence[ItemRecord], theirs: Sequence[ItemRecord]) -> Check:
    """The share of items whose answer (chosen or generated) or score differs."""
    pairs = zip(mine, theirs, strict=True)
    differ = sum((a.responses, a.correct) != (b.responses, b.correct) for a, b in pairs)
    return Check("share of items answered or scored otherwise", differ / len(mine), 0.02)


def _cases(items: int, batch: int, repeats: int, memory: bool = False) -> tuple[Case, ...]:
    return tuple(
        Case(
            f"{benchmark}: {kind}",
            {"benchmark": benchmark, "items": items, "batch": batch},
            repeats,
            memory=memory,
            goal=Goal(faster=1),
        )
        for benchmark, kind in (("facts", "likelihood of choices"), ("arithmetic", "generated answers"))
    )


SUBJECT = Subject(
    "evaluation",
    "lm-eval's default model with the same tasks and batch",
    {"cpu": _cases(96, 32, 15), "cuda": _cases(256, 64, 5), "quick": _cases(3, 2, 1)},
    build,
    unit="items",
    explanation={
        "cpu": "Both sides generate through transformers' own loop, which takes nearly all of the time."
    },
)
