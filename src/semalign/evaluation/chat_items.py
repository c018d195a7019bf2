"""Items that are chats, as the model that is scored reads them: the same prompt and answer as in training."""

from typing import Any

from semalign.benchmarks.base import CHAT, Example
from semalign.benchmarks.chats import as_read


def is_chat(task: Any) -> bool:
    """Whether the items of a task are chats."""
    return CHAT[0] in task.dataset[task.config.test_split].column_names


def chat_items(task: Any, tokenizer: Any) -> None:
    """Put into every item the prompt and the answer that the chat template of the benchmark or the tokenizer gives."""
    if is_chat(task):
        split = task.config.test_split
        items = task.dataset[split]
        task.dataset[split] = type(items).from_list([_as_read(item, tokenizer) for item in items])


def _as_read(item: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    example = as_read(Example(**item), tokenizer)
    return {**item, "prompt": example.prompt, "answer": example.answer}
