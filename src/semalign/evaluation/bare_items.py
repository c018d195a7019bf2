"""Items without the special tokens at the edges of their answers, which no generated text holds."""

from typing import Any

from semalign.benchmarks.encoding import bare_answer

EDGED = ("answer", "target")


def bare_items(task: Any, tokenizer: Any) -> None:
    """Let a task score answers, targets and choices as the tokenizer's model can write them.

    A row of rendered chat text may end in the eos token of one model and not of the other, so this depends on the
    tokenizer.
    """
    split = task.config.test_split
    items = task.dataset[split]
    edges = [token for token in (tokenizer.bos_token, tokenizer.eos_token) if token]
    columns = (items[key] for key in (*EDGED, "choices") if key in items.column_names)
    texts = (text for column in columns for value in column if value for text in _texts(value))
    if any(token in text for text in texts for token in edges):
        task.dataset[split] = type(items).from_list([bare_item(item, tokenizer) for item in items])


def _texts(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def bare_item(item: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    """The item with `answer`, `target` and `choices` in the form that a model can write."""
    edged: dict[str, Any] = {key: bare_answer(item[key], tokenizer) for key in EDGED if item.get(key)}
    if choices := item.get("choices"):
        edged["choices"] = [bare_answer(choice, tokenizer) for choice in choices]
    return {**item, **edged}
