"""A model that answers with the reference, within the limits of a real one: its tokens, stop strings and context."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import LM
from lm_eval.models.utils import handle_stop_sequences

from semalign.benchmarks.fitting import Reader
from semalign.evaluation.language_model import Codec, ends_of


@dataclass(frozen=True)
class Said:
    """One generated reference.

    Attributes:
        reference: The whole reference.
        tokens: Number of its tokens.
        limit: Number of tokens that may be generated.
        text: What remains after the limit and the first stop.
        stop: The text that ended it early, or None.
    """

    reference: str
    tokens: int
    limit: int
    text: str
    stop: str | None


@dataclass(frozen=True)
class Need:
    """Positions that a request needs: of its prompt, and in all."""

    prompt: int
    positions: int


class Speaker(LM):
    """Answers every request of a task with the item's reference; loads no weights.

    Attributes:
        needs: Item id -> the positions of its longest request.
        said: Item id -> what was generated, for tasks that generate.
    """

    def __init__(self, reader: Reader, ends: set[int], reference: Any) -> None:
        """`reference(item)` gives the text that the task expects as the whole answer."""
        super().__init__()
        self.reader = reader
        self.needs: dict[str, Need] = {}
        self.said: dict[str, Said] = {}
        self._codec = Codec(reader.tokenizer)
        self._ends = ends
        self._reference = reference
        self._last: tuple[str | None, int] = (None, 0)  # the prompt encoded last, and its length

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """The reference as far as a model with these settings would write it."""
        return [self._say(request.doc, *request.args) for request in requests]

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Certainty of the right choice, or of any continuation if there is no choice."""
        return [self._judge(request.doc, *request.args) for request in requests]

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """No task asks for it."""
        raise NotImplementedError

    def _judge(self, item: dict[str, Any], prompt: str, continuation: str) -> tuple[float, bool]:
        tokens = self._codec.encode(continuation, answer=True)
        self._need(item["id"], prompt, len(tokens) - 1)
        choices = item.get("choices")
        right = not choices or tokens == self._codec.encode(choices[item["gold"]], answer=True)
        return (0.0 if right else -1.0), right

    def _say(self, item: dict[str, Any], prompt: str, options: dict[str, Any]) -> str:
        limit = int(options["max_gen_toks"])
        self._need(item["id"], prompt, limit)
        if item["id"] not in self.said:  # samples of an item are alike
            self.said[item["id"]] = self._generate(self._reference(item), limit, list(options["until"]))
        return self.said[item["id"]].text

    def _generate(self, reference: str, limit: int, until: list[str]) -> Said:
        tokens = self._codec.encode(reference, answer=True)
        eos = self._codec.decode([self.reader.tokenizer.eos_token_id], skip_special_tokens=False)
        end = next((at for at, token in enumerate(tokens) if token in self._ends), None)
        written = tokens[:limit] if end is None else tokens[: min(limit, end)]
        text, stop = _stopped(self._codec.decode(written), handle_stop_sequences(until, eos))
        if stop is None and end is not None and end < limit:
            stop = self._codec.decode([tokens[end]], skip_special_tokens=False)
        return Said(reference, len(tokens), limit, text, stop)

    def _need(self, item: str, prompt: str, more: int) -> None:
        if prompt != self._last[0]:
            self._last = (prompt, len(self._codec.encode(prompt, answer=False)))
        length = self._last[1]
        if item not in self.needs or self.needs[item].positions < length + more:
            self.needs[item] = Need(length, length + more)


def ends_in(folder: Path, tokenizer: Any) -> set[int]:
    """The tokens at which the model in a folder ends an answer."""
    from transformers import AutoConfig, GenerationConfig

    if (folder / "generation_config.json").is_file():
        config = GenerationConfig.from_pretrained(folder, local_files_only=True)
    else:
        config = GenerationConfig.from_model_config(AutoConfig.from_pretrained(folder, local_files_only=True))
    return ends_of(tokenizer, config)


def _stopped(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The text before the first stop string, and that stop string, if any."""
    found = [(text.index(stop), stop) for stop in stops if stop and stop in text]
    at, stop = min(found, default=(len(text), None), key=lambda pair: pair[0])
    return text[:at], stop
