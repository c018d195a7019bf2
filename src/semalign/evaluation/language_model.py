"""lm-eval's Hugging Face model with the tokenisation, stopping and decoding of this study.

`StudyModel` replaces these behaviours of lm-eval 0.4.13:

- It tokenises prompt and answer as one text and moves spaces between them.
- It truncates prompts that are too long without an error.
- It lets the model's own generation_config (repetition penalty, top-k) change decoding.
- It draws samples that depend on the batch.
- It decodes an answer without the text before it (SentencePiece then drops the answer's first space).
- It continues a row until every row of its batch has met a stop string.
- It computes logits at every position and reads an item's steps one by one (see `continuations`).
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteria,
    StoppingCriteriaList,
)

from semalign.benchmarks.encoding import ANCHOR, encode_answer, encode_prompt
from semalign.benchmarks.fitting import Reader
from semalign.evaluation.continuations import Pair, log_likelihoods
from semalign.evaluation.sampling import Draws, keyed
from semalign.runtime.errors import UserError


@dataclass
class Counts:
    """Tokens that a model has read (each prompt once per sample) and generated, without padding and eos tokens."""

    prompt_tokens: int = 0
    generated_tokens: int = 0

    def rates(self, items: int, seconds: float) -> dict[str, float]:
        """Throughput over `seconds` of wall time."""
        tokens = self.prompt_tokens + self.generated_tokens
        return {
            "seconds": round(seconds, 3),
            "prompt_tokens": self.prompt_tokens,
            "generated_tokens": self.generated_tokens,
            "items_per_second": round(items / seconds, 3),
            "tokens_per_second": round(tokens / seconds, 3),
        }


class Codec:
    """Encodes prompts and answers exactly as training does, and decodes what a model adds to a text."""

    def __init__(self, tokenizer: Any) -> None:
        """Raises UserError for a tokenizer without an end-of-text token."""
        if tokenizer.eos_token_id is None:
            raise UserError("tokenizer: found no eos token, expected one: it ends an answer")
        self.tokenizer = tokenizer
        self._anchor = list(tokenizer(ANCHOR, add_special_tokens=False)["input_ids"])
        self._anchor_length: dict[bool, int] = {}  # of its text, by whether special tokens are skipped

    def encode(self, text: str, answer: bool) -> list[int]:
        """The tokens of a prompt, or of an answer, which has no special tokens."""
        return (encode_answer if answer else encode_prompt)(text, self.tokenizer)

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text that `ids` add after other text."""
        options = {"skip_special_tokens": skip_special_tokens, "clean_up_tokenization_spaces": False}
        whole: str = self.tokenizer.decode([*self._anchor, *ids], **options)
        if skip_special_tokens not in self._anchor_length:
            self._anchor_length[skip_special_tokens] = len(self.tokenizer.decode(self._anchor, **options))
        return whole[self._anchor_length[skip_special_tokens] :]


class StudyModel(HFLM):
    """A causal model for lm-eval that encodes text exactly as training does."""

    def __init__(self, model: Any, tokenizer: Any, batch_size: int, seed: int = 0) -> None:
        """Wrap a loaded model; `seed` is the seed of sampled answers.

        Raises UserError for a tokenizer without an end-of-text token.
        """
        self.codec = Codec(tokenizer)
        super().__init__(
            pretrained=model,
            tokenizer=tokenizer,
            backend="causal",
            batch_size=batch_size,
            softmax_dtype="float32",
        )
        self.reader = Reader("", tokenizer, self.max_length)
        self.counts = Counts()
        self._seed = seed
        self._keys: list[str] = []  # keys of the prompts encoded last
        self._last: tuple[str | None, list[int]] = (None, [])  # the prompt encoded last, and its tokens

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """The tokens of a prompt as in training; without special tokens, the tokens of an answer."""
        return self.codec.encode(string, answer=add_special_tokens is False)

    def _encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        # the choices of an item follow one another, so the prompt is encoded once for all of them
        if context != self._last[0]:
            self._last = (context, encode_prompt(context, self.tokenizer))
            self.counts.prompt_tokens += len(self._last[1])
        prompt = self._last[1]
        answer = encode_answer(continuation, self.tokenizer)
        self._check_length(context, len(prompt) + len(answer) - 1)
        return prompt, answer

    def tok_batch_encode(
        self, strings: Sequence[str], left_truncate_len: int | None = None, **_: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Left-padded prompts and their mask, each [prompts, positions]."""
        prompts = [encode_prompt(string, self.tokenizer) for string in strings]
        width = max(map(len, prompts))
        ids = torch.full((len(prompts), width), self.tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, (string, prompt) in enumerate(zip(strings, prompts, strict=True)):
            # lm-eval passes the number of positions that generation leaves for a prompt and would truncate longer
            # prompts. Here a prompt that does not fit is an error; max_length - left_truncate_len is the number of new
            # tokens.
            if left_truncate_len is not None:
                self._check_length(string, len(prompt) + self.max_length - left_truncate_len)
            ids[row, width - len(prompt) :] = torch.tensor(prompt)
            mask[row, width - len(prompt) :] = 1
        # `_model_generate` is called next with the same prompts in the same order: its rows draw by these keys
        self._keys = [getattr(string, "key", string) for string in strings]
        self.counts.prompt_tokens += int(mask.sum())
        return ids, mask

    def tok_decode(self, tokens: int | Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text that `tokens` add after other text."""
        return self.codec.decode([tokens] if isinstance(tokens, int) else tokens, skip_special_tokens)

    def loglikelihood(self, requests: Any, disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        """As lm-eval's, without a progress bar."""
        return list(super().loglikelihood(requests, disable_tqdm=disable_tqdm))

    def _loglikelihood_tokens(
        self,
        requests: list[tuple[tuple[str, str], list[int], list[int]]],
        disable_tqdm: bool = False,
        override_bs: int | None = None,
    ) -> list[tuple[float, bool]]:
        """As lm-eval's, but with logits at the continuations only, and common prefixes read once."""
        pairs = [Pair(prompt, continuation) for _, prompt, continuation in requests]
        size = override_bs or self.batch_size
        likelihoods = log_likelihoods(self.model, pairs, size, self.tokenizer.pad_token_id)
        for (texts, *_), likelihood in zip(requests, likelihoods, strict=True):
            if texts is not None:  # fill lm-eval's cache of results
                self.cache_hook.add_partial("loglikelihood", texts, likelihood)
        return likelihoods

    def generate_until(self, requests: Any, disable_tqdm: bool = True) -> list[str]:
        """As lm-eval's, without a progress bar; each prompt has its own random draws.

        Raises UserError if the new tokens alone fill the model's context.
        """
        for request in requests:
            self._check_length(
                request.args[0], 1 + int(request.args[1].get("max_gen_toks", self.max_gen_toks))
            )
        return list(super().generate_until(keyed(requests, self._seed), disable_tqdm=disable_tqdm))

    def _model_generate(self, context: torch.Tensor, max_length: int, stop: list[str], **kwargs: Any) -> Any:
        draws = self._draws(context.shape[1], max_length, kwargs)
        stopping = StoppingCriteriaList([StopStrings(self, stop, context.shape[1])])
        with torch.no_grad(), _generation_config(self.model, self._greedy(max_length)):
            whole = self.model.generate(context, stopping_criteria=stopping, logits_processor=draws, **kwargs)
        self.counts.generated_tokens += int(self._written(whole[:, context.shape[1] :]).sum())
        return whole

    def _written(self, tokens: torch.Tensor) -> torch.Tensor:
        """Boolean [rows, positions]: neither padding nor an eos token."""
        ends = torch.tensor([self.tokenizer.pad_token_id, self.tokenizer.eos_token_id], device=tokens.device)
        return ~torch.isin(tokens, ends)

    def _draws(self, prompt_length: int, max_length: int, kwargs: dict[str, Any]) -> LogitsProcessorList:
        """The processor that samples tokens as the task file says; empty for greedy decoding."""
        sampled, temperature, top_p = (kwargs.pop(key, None) for key in ("do_sample", "temperature", "top_p"))
        if not sampled and not temperature:
            return LogitsProcessorList()
        if not sampled or not temperature or "top_k" in kwargs:
            raise UserError(
                f"task file: found do_sample {sampled}, temperature {temperature}, expected both for "
                "sampled decoding (optionally with top_p, no other option), or neither"
            )
        steps = max_length - prompt_length
        return LogitsProcessorList([Draws(self._keys, prompt_length, steps, temperature, top_p or 1.0)])

    def _greedy(self, max_length: int) -> GenerationConfig:
        """Plain greedy decoding up to `max_length` positions; it ends at the model's or the tokenizer's eos token."""
        ends = ends_of(self.tokenizer, self.model.generation_config)
        return GenerationConfig(
            max_length=max_length,
            do_sample=False,
            use_cache=True,
            eos_token_id=sorted(ends),
            bos_token_id=self.tokenizer.bos_token_id,
            pad_token_id=self.tokenizer.pad_token_id,
        )

    def _check_length(self, prompt: str, positions: int) -> None:
        if positions > self.max_length:
            raise UserError(
                f"prompt {prompt[:40]!r}: found {positions} positions with its answer, "
                f"expected at most the model's {self.max_length}"
            )


def ends_of(tokenizer: Any, generation_config: Any) -> set[int]:
    """The tokens that end an answer: the tokenizer's eos token, and those that the model's config names."""
    own = getattr(generation_config, "eos_token_id", None)
    return {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}


class StopStrings(StoppingCriteria):
    """Ends each row separately as soon as its generated text contains a stop string."""

    def __init__(self, model: StudyModel, strings: Sequence[str], prompt_length: int) -> None:
        self.model = model
        eos = model.tok_decode(model.eot_token_id, skip_special_tokens=False)
        self.strings = [string for string in strings if string and string != eos]
        self.prompt_length = prompt_length
        # A stop string has at most one token per byte and ends in the newest token; one token is added as a margin.
        self.window = max((len(string.encode()) for string in self.strings), default=0) + 1
        self.endings: dict[int, bool] = {}

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> torch.Tensor:
        """Boolean [rows]: the row has met a stop string with its newest token."""
        window = input_ids[:, self.prompt_length :][:, -self.window :].tolist()
        done = [self._may_end(row[-1]) and self._contained_in(row) for row in window]
        return torch.tensor(done, device=input_ids.device)

    def _contained_in(self, row: list[int]) -> bool:
        text = self.model.tok_decode(row)
        return any(string in text for string in self.strings)

    def _may_end(self, token: int) -> bool:
        """Whether a token may contain a stop string's last character.

        Few tokens do; text is decoded only after these, which saves most of the decoding.
        """
        if token not in self.endings:
            text = self.model.tok_decode(token)
            self.endings[token] = "\ufffd" in text or any(string[-1] in text for string in self.strings)
        return self.endings[token]


@contextlib.contextmanager
def _generation_config(model: Any, config: GenerationConfig) -> Iterator[None]:
    """Make `config` the only one in force.

    `generate` would fill everything that a config passed to it leaves unset from the model's own config.
    """
    own = model.generation_config
    model.generation_config = config
    try:
        yield
    finally:
        model.generation_config = own
