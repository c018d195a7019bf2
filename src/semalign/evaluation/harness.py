"""Scoring a model on one split with lm-eval's Python API and the task files in `tasks/`.

`lm_eval.evaluator.evaluate` is called instead of `simple_evaluate`, which asks the hub for the model's digest
and starts subprocesses to describe the machine.
"""

import contextlib
import importlib.metadata
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lm_eval import evaluator
from lm_eval.api import task as task_module
from lm_eval.tasks import TaskManager

from semalign.benchmarks.fitting import Reader
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.bare_items import bare_items
from semalign.evaluation.chat_items import chat_items, is_chat
from semalign.evaluation.functions import likeliest
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.language_model import StudyModel
from semalign.evaluation.likelihood import response_text
from semalign.evaluation.own_decoding import own_decoding
from semalign.evaluation.protocols import OWN, TASKS, task_name
from semalign.runtime.errors import UserError

Prepare = Callable[[Any], None]  # changes a task before it is run
SHOT_SEED = 1234  # for drawing the shots; the default of lm-eval's command line


def evaluate(
    model: Any, tokenizer: Any, benchmark: str, split_file: Path, settings: EvaluationSettings, seed: int = 0
) -> list[ItemRecord]:
    """Score `model` on the examples of `split_file` (one JSON object per line, with the keys of `Example`).

    Returns one record per item in the file's order. Records of code items have no verdict yet
    (`semalign.evaluation.sandbox.code` adds it). `seed` is the seed of sampled answers. Raises UserError for an unknown
    task, a prompt that is too long, or a tokenizer without an eos token.
    """
    return run_task(study_model(model, tokenizer, settings, seed), benchmark, split_file, settings)


def study_model(model: Any, tokenizer: Any, settings: EvaluationSettings, seed: int = 0) -> StudyModel:
    """Wrap a loaded model for lm-eval; raises UserError for a tokenizer without an eos token."""
    with quiet():
        return StudyModel(model, tokenizer, settings.batch_size, seed)


def run_task(
    lm: Any,
    benchmark: str,
    split_file: Path,
    settings: EvaluationSettings,
    prepare: Prepare | None = None,
) -> list[ItemRecord]:
    """Let any lm-eval model answer the items of a split under the protocol in the settings."""
    with quiet():
        reader = getattr(lm, "reader", None)
        task = load_task(benchmark, split_file, settings, reader)
        if prepare:
            prepare(task)
        if tokenizer := reader.tokenizer if reader else getattr(lm, "tokenizer", None):
            chat_items(task, tokenizer)
            bare_items(task, tokenizer)
        name = task.config.task
        results = evaluator.evaluate(lm, {"tasks": {name: task}}, bootstrap_iters=0)
    metric = metric_of(task)
    by_item: dict[int, list[dict[str, Any]]] = {}
    # lm-eval logs one sample per item and answer extraction (filter): first all items of one extraction, then the next
    for sample in results["samples"][name]:
        by_item.setdefault(sample["doc_id"], []).append(sample)
    return [_record(samples, task.OUTPUT_TYPE, metric) for samples in by_item.values()]


def load_task(
    benchmark: str, split_file: Path, settings: EvaluationSettings, reader: Reader | None = None
) -> Any:
    """The lm-eval task of a benchmark under the settings' protocol, over the items of one file.

    The stop strings of a user's own task, and its limit of generated tokens unless the settings have one, follow from
    the references in the file's folder as `reader` reads them.

    Raises UserError if the file does not exist, if the protocol has no task for the benchmark, or if samples are
    requested from a task that decodes greedily.
    """
    if not Path(split_file).is_file():
        raise UserError(f"{split_file}: no such split file")
    manager = TaskManager(include_path=TASKS, include_defaults=False, metadata={"path": str(split_file)})
    name = task_name(benchmark, settings.protocol, split_file)
    task = manager.load([name])["tasks"][name]
    task.set_fewshot_seed(SHOT_SEED)
    if task.OUTPUT_TYPE == "generate_until":
        stops = task.config.generation_kwargs["until"]
        decoding = own_decoding(split_file, stops, reader) if name.startswith(OWN) else {}
        if benchmark in settings.max_new_tokens:
            decoding["max_gen_toks"] = settings.max_new_tokens[benchmark]
        task.set_config("generation_kwargs", decoding, update=True)
    if benchmark in settings.samples:
        if not (task.config.generation_kwargs or {}).get("do_sample"):
            raise UserError(
                f"samples.{benchmark}: found {settings.samples[benchmark]}, expected no entry: protocol "
                f"{settings.protocol} does not sample this benchmark"
            )
        task.set_config("repeats", settings.samples[benchmark])
    return task


def metric_of(task: Any) -> str:
    """The metric of a task; each of the task files declares exactly one."""
    return str(task.config.metric_list[0]["metric"])


def describe(
    benchmark: str,
    split_file: Path,
    settings: EvaluationSettings,
    reader: Reader | None = None,
    prepare: Prepare | None = None,
) -> dict[str, Any]:
    """Settings that can change a score, recorded with it: template, shots, decoding, batch, precision, versions.

    `first_prompt` is the whole text that the first item's answer continues, shots included.
    """
    with quiet():
        task = load_task(benchmark, split_file, settings, reader)
        if prepare:
            prepare(task)
        chat = is_chat(task)
        if chat and reader:
            chat_items(task, reader.tokenizer)
        first = task.fewshot_context(task.eval_docs[0], task.config.num_fewshot)
    return {
        "task": task.config.task,
        "task_version": task.VERSION,
        "protocol": settings.protocol,
        "metric": metric_of(task),
        "output_type": task.OUTPUT_TYPE,
        "template": task.config.doc_to_text,
        "first_prompt": first,
        "shots": task.config.num_fewshot,
        "shot_seed": SHOT_SEED if task.config.num_fewshot else None,
        "chat_template": chat,
        "decoding": task.config.generation_kwargs,
        "samples": task.config.repeats,
        "extractions": [extraction["name"] for extraction in task.config.filter_list or []],
        "split": settings.split,
        "batch_size": settings.batch_size,
        "dtype": settings.dtype,
        "lm_eval": importlib.metadata.version("lm_eval"),
    }


def _record(samples: Sequence[dict[str, Any]], output_type: str, metric: str) -> ItemRecord:
    """The record of one item from its lm-eval samples, one per answer extraction."""
    first, *others = samples
    item = first["doc"]
    responses = first["resps"][0]
    # `resps` holds texts only if the model generated; otherwise the response is made from the log-likelihoods
    if output_type == "multiple_choice":
        choice = likeliest(first["filtered_resps"])
        responses = [item["choices"][choice]]
        expected = item["choices"][item["gold"]]
    elif output_type == "loglikelihood":
        responses = [response_text(first["filtered_resps"])]
        expected = item["answer"]
    else:
        expected = item["target"] or item["answer"]
    return ItemRecord(
        item["id"],
        _value(first, metric),
        responses[0],
        expected,
        more_responses=responses[1:] or None,
        subject=(item.get("fields") or {}).get("subject"),
        other_extractions={each["filter"]: float(each[metric]) for each in others} or None,
        prompt=item.get("prompt"),
    )


def _value(sample: dict[str, Any], metric: str) -> float | None:
    """The metric's value for an item; None for code, which has no verdict yet."""
    return float(sample[metric]) if metric in sample else None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence lm-eval's log and its progress bar over prompts; errors are still raised."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    # lm-eval has no option to hide this bar, so the name in its module is replaced and restored
    bar = task_module.tqdm
    task_module.tqdm = lambda items, **_: items
    try:
        yield
    finally:
        logger.setLevel(level)
        task_module.tqdm = bar
