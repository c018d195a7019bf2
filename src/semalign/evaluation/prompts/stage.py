"""The stage that lets a model answer the train split of a benchmark, before another benchmark is made of it."""

import logging
import time
from pathlib import Path

from semalign.benchmarks.answered import counts_of, write_answers
from semalign.benchmarks.base import read_split
from semalign.benchmarks.mixture import scored_files
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.harness import describe, quiet
from semalign.evaluation.prompts.greedy import Answering, greedy_answers, one_greedy
from semalign.evaluation.stage import Scored
from semalign.runtime.files import replace_folder
from semalign.runtime.provenance import Run

logger = logging.getLogger("semalign")


def answer_prompts(model: Path, benchmark: Path, settings: Path, out: Path) -> None:
    """Let a model answer the train split of a benchmark: greedily, or with the likeliest choice.

    The labels are read only to count how many answers equal them.

    Args:
        model: Model folder.
        benchmark: Folder of the splits; its name is the name of the task.
        settings: How answers are generated, as JSON (section `evaluation`, with the split to answer).
        out: Folder of the answers.
    """
    run = Run("prompts", settings)
    evaluation = EvaluationSettings(**run.settings)
    run.read_all(model=model, benchmark=benchmark)
    items = read_split(benchmark, evaluation.split)
    tasks = scored_files(benchmark, evaluation.split)
    with quiet():
        answering = Answering(*Scored(model=model).load(evaluation), evaluation.batch_size)
    facts = {
        task: describe(task, path, evaluation, answering.reader, one_greedy) for task, path in tasks.items()
    }
    started = time.perf_counter()
    answers = {
        answer.id: answer
        for task, path in tasks.items()
        for answer in greedy_answers(answering, task, path, evaluation)
    }
    throughput = answering.counts.rates(len(items), time.perf_counter() - started)
    counts = counts_of(answers, items)
    with replace_folder(out) as folder:
        write_answers(folder, [answers[item.id] for item in items])
        run.seal(folder, {"answers": counts, "evaluation": facts, "throughput": throughput})
    logger.info("%s: %s", benchmark.name, ", ".join(f"{count} {name}" for name, count in counts.items()))
