"""Greedy answers by the evaluation's own generator, with its stop strings and its limit of tokens."""

from pathlib import Path
from typing import Any

import torch

from semalign.benchmarks.answered import Answer
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation.harness import run_task
from semalign.evaluation.language_model import StopStrings, StudyModel
from semalign.runtime.errors import UserError


class Answering(StudyModel):
    """A model that notes whose answers were cut by the limit of tokens.

    Attributes:
        cut: Ids of the items whose answers neither the model nor a stop string ended.
    """

    def __init__(self, model: Any, tokenizer: Any, batch_size: int) -> None:
        """Raises UserError for a tokenizer without an end-of-text token."""
        super().__init__(model, tokenizer, batch_size)
        self.cut: set[str] = set()

    def _model_generate(self, context: torch.Tensor, max_length: int, stop: list[str], **kwargs: Any) -> Any:
        whole = super()._model_generate(context, max_length, stop, **kwargs)
        start = context.shape[1]
        if whole.shape[1] >= max_length:
            going_on = self._written(whole[:, start:])[:, -1].cpu()
            stopped = StopStrings(self, stop, start)(whole, None).cpu()
            rows = (going_on & ~stopped).tolist()
            self.cut |= {_item_of(key) for key, cut in zip(self._keys, rows, strict=True) if cut}
        return whole


def greedy_answers(
    model: Answering, benchmark: str, split_file: Path, settings: EvaluationSettings
) -> list[Answer]:
    """One answer per item of a file, in its order: the generated text, or the likeliest choice.

    White space at the end of a text is removed. Raises UserError for a task that asks for no answer.
    """
    records = run_task(model, benchmark, split_file, settings, one_greedy)
    return [Answer(record.id, record.response.rstrip(), record.id in model.cut) for record in records]


def one_greedy(task: Any) -> None:
    """Let a task ask once for each item, without sampling. Raises UserError for a task that asks for no answer."""
    if task.OUTPUT_TYPE == "loglikelihood":
        raise UserError(
            f"answered_by: found task {task.config.task}, which scores the reference answers; expected one whose "
            "prompts are answered"
        )
    if task.OUTPUT_TYPE == "generate_until":
        options = task.config.generation_kwargs
        kept = {name: value for name, value in options.items() if name not in ("temperature", "top_p")}
        task.set_config("generation_kwargs", kept | {"do_sample": False})
        task.set_config("repeats", 1)


def _item_of(key: str) -> str:
    """The id in the key of a prompt: seed, id, number of the sample."""
    return key.partition(" ")[2].rpartition(" ")[0]
