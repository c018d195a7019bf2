"""Scoring a model on one split with lm-eval's Python API and the task files beside this module.

`lm_eval.evaluator.evaluate` is called, not `simple_evaluate`: that one asks the hub for the model's digest
and starts subprocesses to describe the machine.
"""

import contextlib
import importlib.metadata
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval import evaluator
from lm_eval.api import task as task_module
from lm_eval.tasks import TaskManager

from semalign.config.evaluation import EvaluationSettings
from semalign.errors import UserError
from semalign.evaluation.functions import likeliest
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.language_model import StudyModel

TASKS = Path(__file__).parent / "tasks"


def evaluate(
    model: Any, tokenizer: Any, task_name: str, split_file: Path, settings: EvaluationSettings
) -> list[ItemRecord]:
    """Score `model` on the examples of `split_file` (one JSON object a line, the keys of `Example`).

    Returns a record an item in the file's order. Those of code items still wait for their verdict
    (`semalign.evaluation.code`). Raises UserError for an unknown task, a prompt that is too long, or a
    tokenizer without eos.
    """
    with _quiet():
        lm = StudyModel(model, tokenizer, settings.batch_size)
    return run_task(lm, task_name, split_file, settings)


def run_task(lm: Any, task_name: str, split_file: Path, settings: EvaluationSettings) -> list[ItemRecord]:
    """Let any lm-eval model answer the items of a split; one request a prompt, no few-shot examples."""
    with _quiet():
        task = load_task(task_name, split_file, settings)
        results = evaluator.evaluate(lm, {"tasks": {task_name: task}}, bootstrap_iters=0)
    metric = metric_of(task)
    return [_record(sample, task.OUTPUT_TYPE, metric) for sample in results["samples"][task_name]]


def load_task(task_name: str, split_file: Path, settings: EvaluationSettings) -> Any:
    """The lm-eval task of that name over the items of one file."""
    if not Path(split_file).is_file():
        raise UserError(f"{split_file}: no such split file")
    manager = TaskManager(include_path=TASKS, include_defaults=False, metadata={"path": str(split_file)})
    if task_name not in manager.all_subtasks:
        known = ", ".join(manager.all_subtasks)
        raise UserError(f"task {task_name!r}: no task file of that name, expected one of {known}")
    task = manager.load([task_name])["tasks"][task_name]
    if task_name in settings.max_new_tokens and task.OUTPUT_TYPE == "generate_until":
        tokens = {"max_gen_toks": settings.max_new_tokens[task_name]}
        task.set_config("generation_kwargs", tokens, update=True)
    return task


def metric_of(task: Any) -> str:
    """The one metric a task of ours declares."""
    return str(task.config.metric_list[0]["metric"])


def describe(task_name: str, split_file: Path, settings: EvaluationSettings) -> dict[str, Any]:
    """What moves a score and so belongs beside it: template, shots, decoding, batch, precision, version."""
    with _quiet():
        task = load_task(task_name, split_file, settings)
    return {
        "task": task_name,
        "task_version": task.VERSION,
        "metric": metric_of(task),
        "output_type": task.OUTPUT_TYPE,
        "shots": task.config.num_fewshot,
        "chat_template": False,
        "decoding": task.config.generation_kwargs,
        "split": settings.split,
        "batch_size": settings.batch_size,
        "dtype": settings.dtype,
        "lm_eval": importlib.metadata.version("lm_eval"),
    }


def _record(sample: dict[str, Any], output_type: str, metric: str) -> ItemRecord:
    """One item's record from the sample that lm-eval logged."""
    item, responses = sample["doc"], sample["filtered_resps"]
    if output_type == "multiple_choice":
        response, expected = item["choices"][likeliest(responses)], item["choices"][item["gold"]]
    else:
        response, expected = responses[0], item["target"] or item["answer"]
    return ItemRecord(item["id"], sample.get(metric), response, expected)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence lm-eval's log and the progress bar over prompts; its errors still raise."""
    logger, bar = logging.getLogger("lm_eval"), task_module.tqdm
    level = logger.level
    logger.setLevel(logging.ERROR)
    task_module.tqdm = lambda items, **_: items
    try:
        yield
    finally:
        logger.setLevel(level)
        task_module.tqdm = bar
