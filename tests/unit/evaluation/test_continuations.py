"""Log-likelihoods of continuations: equal to those of a separate pass for each, from as few passes as possible."""

from typing import Any

import pytest
import torch
from fabricated_models import ARCHITECTURES, VOCABULARY, build_model

from semalign.evaluation import continuations
from semalign.evaluation.continuations import Pair, log_likelihoods, shared_texts

NESTED = [
    Pair([5, 6, 7], [8, 9]),
    Pair([5, 6, 7, 8, 9, 10], [11]),  # continues the first one
    Pair([5, 6, 7], [12]),  # another choice after the same prompt
    Pair([5, 6, 7], [8, 13]),
    Pair([40], [41, 42, 43]),
    Pair([5, 6], [7, 8, 9, 10, 11, 12]),
    Pair([40], [41]),
]


def alone(model: Any, pair: Pair) -> tuple[float, bool]:
    """One pass per pair, in float64, with logits at every position."""
    logits = model.double()(torch.tensor([[*pair.prompt, *pair.continuation]])).logits[0]
    logs = logits.log_softmax(-1)[len(pair.prompt) - 1 : -1]
    tokens = torch.tensor(pair.continuation)
    best = bool((logs.argmax(-1) == tokens).all())
    return float(logs.gather(1, tokens[:, None]).sum()), best


def drawn(count: int) -> list[Pair]:
    generator = torch.Generator().manual_seed(0)
    sizes = torch.randint(1, 9, (count, 2), generator=generator).tolist()
    # only three different tokens, so that many texts are prefixes of others
    return [Pair(*(torch.randint(5, 8, (n,), generator=generator).tolist() for n in pair)) for pair in sizes]


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_figures_are_those_of_a_pass_for_each(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(continuations, "POSITIONS_AT_ONCE", 3)
    model = build_model(kind, layers=2, width=32, seed=0).eval()
    pairs = NESTED + drawn(20)
    found = log_likelihoods(model, pairs, batch_size=3, pad_id=0)
    with torch.no_grad():
        expected = [alone(model, pair) for pair in pairs]
    assert [best for _, best in found] == [best for _, best in expected]
    torch.testing.assert_close(
        torch.tensor([log for log, _ in found]), torch.tensor([log for log, _ in expected])
    )


def test_a_greedy_continuation_is_found_to_be_one() -> None:
    model = build_model("llama", layers=2, width=32, seed=0).eval()
    prompt = [5, 6, 7]
    with torch.no_grad():
        for _ in range(4):
            prompt.append(int(model(torch.tensor([prompt])).logits[0, -1].argmax()))
    other = [*prompt[3:-1], (prompt[-1] + 1) % VOCABULARY]
    found = log_likelihoods(model, [Pair(prompt[:3], prompt[3:]), Pair(prompt[:3], other)], 2, 0)
    assert [best for _, best in found] == [True, False]


def test_a_text_is_read_once_with_all_that_it_begins_with() -> None:
    texts = {tuple(text.tokens): sorted(text.pairs) for text in shared_texts(NESTED)}
    assert texts == {(5, 6, 7, 8, 9, 10, 11): [0, 1, 2, 3, 5], (40, 41, 42): [4, 6]}


def test_no_text_begins_another_and_every_pair_is_served_once() -> None:
    pairs = drawn(200)
    texts = shared_texts(pairs)
    assert sorted(index for text in texts for index in text.pairs) == list(range(len(pairs)))
    for text in texts:
        assert not any(
            other is not text and other.tokens[: len(text.tokens)] == text.tokens for other in texts
        )
        assert all(text.tokens[: len(pairs[i].read)] == pairs[i].read for i in text.pairs)
    assert len(texts) < len(pairs)
