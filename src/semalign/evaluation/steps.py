"""Calculator steps: given a solution up to the `=` of a calculation, does the greedy continuation give its value?

GSM8K marks every calculation of its solutions, `48/2 = <<48/2=24>>24` (Cobbe et al. 2021, section 4). The text before
the calculation is always the reference's, whatever the model would have written. An item is a problem and its score is
the share of its steps, so that items stay independent of each other.
"""

import re
from collections.abc import Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.task import ConfigurableTask

MARK = re.compile(r"<<[^<>]*=([^<>=]*)>>")
ANY_MARK = re.compile(r"<<[^<>]*>>")
RESULT = "####"


class StepTask(ConfigurableTask):
    """A task with one request per step."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config={key: value for key, value in config.items() if key != "class"})

    def construct_requests(self, doc: dict[str, Any], ctx: str, **kwargs: Any) -> list[Instance]:
        """One request per step: the log-likelihood of its value, and whether the value is the greedy continuation."""
        for option in ("apply_chat_template", "chat_template"):
            kwargs.pop(option, None)
        return [
            Instance(request_type="loglikelihood", doc=doc, arguments=(ctx + before, value), idx=at, **kwargs)
            for at, (before, value) in enumerate(steps_of(doc))
        ]


def steps_of(item: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (answer up to a step's value, the value with the space before it) for every step, in order.

    A mark whose value does not follow in the text is left out. A solution without any step is judged by its final
    result.
    """
    solution = item["fields"]["solution"].rpartition(RESULT)[0].lstrip()
    steps = []
    for mark in MARK.finditer(solution):
        value = mark[1].strip()
        if value and solution.startswith(value, mark.end()):
            steps.append(_split(" " + ANY_MARK.sub("", solution[: mark.start()]), value))
    return steps or [_split(item["answer"].rpartition(item["target"])[0], item["target"])]


def exact_steps(_item: dict[str, Any], results: Sequence[tuple[float, bool]]) -> dict[str, float]:
    """The share of the steps whose value is, token by token, the likeliest continuation."""
    return {"exact_steps": sum(greedy for _, greedy in results) / len(results)}


def _split(before: str, value: str) -> tuple[str, str]:
    """Move white space before the value to the value, because tokenizers join it with what follows."""
    text = before.rstrip()
    return text, before[len(text) :] + value
