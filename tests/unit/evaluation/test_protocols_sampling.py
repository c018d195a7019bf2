"""Sampled answers: the right distribution, and draws that belong to an item and not to a batch."""

from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from protocol_items import ITEMS, PROTOCOLS, write_real
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from semalign.benchmarks.encoding import encode_prompt
from semalign.config.evaluation import EvaluationSettings
from semalign.evaluation import harness
from semalign.evaluation.language_model import StudyModel
from semalign.evaluation.sampling import WIDTH, draw, keyed, uniform
from semalign.models.loading import load_model, load_tokenizer
from semalign.runtime.errors import UserError

BATCHES = (1, 3, 64)


@pytest.fixture(scope="module")
def benchmarks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_real(tmp_path_factory.mktemp("benchmarks"))


@pytest.fixture
def student(pico_pair: tuple[Path, Path]) -> tuple[Any, Any]:
    """A tiny model that depends on its prompt, generates mostly ASCII and has room for shots, and its tokenizer."""
    model, tokenizer = load_model(pico_pair[1]), load_tokenizer(pico_pair[1])
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight *= 3
    for token, i in tokenizer.get_vocab().items():
        if len(token) > 1 or not token.isascii():
            model.lm_head.weight[i] *= (
                0.1  # not 0: transformers' nucleus sampling gives equal logits no fixed order
            )
    model.lm_head.weight *= 0.2  # flat enough that different answers are drawn at the paper's temperature
    model.config.max_position_embeddings = 8192
    return model, tokenizer


def warped(logits: torch.Tensor, temperature: float, top_p: float) -> torch.Tensor:
    """Probabilities [rows, vocabulary] that transformers' sampling would draw from."""
    scores = TemperatureLogitsWarper(temperature)(None, logits.double())
    return TopPLogitsWarper(top_p)(None, scores).softmax(-1)


@pytest.mark.slow
@pytest.mark.parametrize("vocabulary", [7, 3 * WIDTH])
@pytest.mark.parametrize(
    ("temperature", "top_p"), [(0.1, 0.95), (1.0, 0.95), (5.0, 0.9), (1.0, 1.0), (1.0, 1e-9)]
)
def test_draws_have_the_distribution_of_transformers(
    vocabulary: int, temperature: float, top_p: float
) -> None:
    """A regular grid of random numbers gives every token its share, up to the grid's spacing."""
    torch.manual_seed(0)
    logits, points = torch.randn(1, vocabulary), 4096
    grid = (torch.arange(points, dtype=torch.float64) + 0.5) / points
    drawn = draw(logits.expand(points, -1), grid, temperature, top_p)
    shares = torch.bincount(drawn, minlength=vocabulary) / points
    expected = warped(logits, temperature, top_p)[0]
    assert (shares - expected).abs().max() <= 1.01 / points
    assert not shares[expected == 0].any()


def test_equal_logits_are_drawn_in_the_order_of_ids() -> None:
    drawn = draw(torch.zeros(4, 4), torch.tensor([0.0, 0.26, 0.74, 0.999], dtype=torch.float64), 1.0, 0.5)
    assert drawn.tolist() == [0, 0, 1, 1]  # the nucleus is the first two


def test_keys_name_seed_item_and_sample() -> None:
    one, other = (Instance("generate_until", {"id": name}, ("Q", {}), 0) for name in "ab")
    keys = [request.args[0].key for request in keyed([one, one, other, one], 3)]
    assert keys == ["3 a 0", "3 a 1", "3 b 0", "3 a 2"]
    assert len({tuple(uniform(key, 5).tolist()) for key in keys}) == 4
    assert torch.equal(uniform("3 a 0", 9)[:5], uniform("3 a 0", 5))
    assert 0 <= uniform("x", 999).min() < 0.01 < 0.99 < uniform("x", 999).max() < 1


def sampled(
    model: Any, tokenizer: Any, prompt: str, key: str, tokens: int, temperature: float, top_p: float
) -> str:
    """Sampling for one prompt, with one full forward pass per token and the inverse distribution function by hand."""
    ids, numbers = encode_prompt(prompt, tokenizer), uniform(key, tokens)
    start = len(ids)
    for number in numbers:
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1:]
        shares, order = warped(logits, temperature, top_p)[0].sort(descending=True, stable=True)
        total, place = 0.0, 0
        while total + shares[place] <= number:
            total, place = total + float(shares[place]), place + 1
        ids.append(int(order[place]))
        if ids[-1] == tokenizer.eos_token_id:
            break
    return str(tokenizer.decode(ids[start:], skip_special_tokens=True))


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", BATCHES)
def test_samples_equal_a_direct_loop(student: tuple[Any, Any], batch_size: int) -> None:
    prompts = [f"Q{'so ' * i}?" for i in range(4)]
    decoding = {"do_sample": True, "temperature": 0.8, "top_p": 0.9, "max_gen_toks": 8, "until": []}
    requests = [
        Instance("generate_until", {"id": str(i)}, (prompt, decoding), 0)
        for i, prompt in enumerate(prompts)
        for _ in range(3)
    ]
    found = StudyModel(*student, batch_size, seed=5).generate_until(requests)
    expected = [
        sampled(*student, prompt, f"5 {i} {n}", 8, 0.8, 0.9)
        for i, prompt in enumerate(prompts)
        for n in range(3)
    ]
    assert found == expected
    assert len(set(found)) > len(prompts)


def settings(protocol: str, batch_size: int) -> EvaluationSettings:
    short = dict.fromkeys(ITEMS, 10)
    samples = dict.fromkeys(("humaneval", "mbpp"), 5) if protocol == "paper" else {}
    return EvaluationSettings(protocol=protocol, batch_size=batch_size, max_new_tokens=short, samples=samples)


@pytest.mark.slow
@pytest.mark.parametrize("benchmark", ITEMS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_answers_do_not_depend_on_the_batch(
    student: tuple[Any, Any], benchmarks: dict[str, Path], benchmark: str, protocol: str
) -> None:
    runs = [
        harness.evaluate(*student, benchmark, benchmarks[benchmark], settings(protocol, size), seed=1)
        for size in BATCHES
    ]
    assert runs[0] == runs[1] == runs[2]
    if protocol == "paper":
        assert len({response for record in runs[0] for response in record.responses}) > 1


def test_log_likelihoods_depend_on_the_batch_by_float_noise(
    student: tuple[Any, Any], benchmarks: dict[str, Path]
) -> None:
    pairs = [(example.prompt, choice) for example in ITEMS["mmlu"] for choice in example.choices or []]
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    runs = [
        torch.tensor([value for value, _ in StudyModel(*student, size).loglikelihood(requests)])
        for size in BATCHES
    ]
    assert runs[0].std() > 0.1
    for run in runs[1:]:
        torch.testing.assert_close(run, runs[0], rtol=0, atol=1e-4)


def test_the_seed_is_that_of_the_samples(student: tuple[Any, Any], benchmarks: dict[str, Path]) -> None:
    """At a temperature at which seeds differ: at the paper's, a tiny model may always give the same answer."""

    def run(seed: int) -> list[str]:
        decoding = {"do_sample": True, "temperature": 2.0, "max_gen_toks": 6, "until": []}
        requests = [Instance("generate_until", {"id": "a"}, ("Q?", decoding), 0)] * 4
        return StudyModel(*student, 4, seed).generate_until(requests)

    assert run(0) == run(0) != run(1)
    assert len(set(run(0))) == 4


def test_the_state_of_torchs_generator_has_no_say(
    student: tuple[Any, Any], benchmarks: dict[str, Path]
) -> None:
    runs = []
    for state in (0, 1):
        torch.manual_seed(state)
        runs.append(harness.evaluate(*student, "humaneval", benchmarks["humaneval"], settings("paper", 4)))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    "decoding",
    [{"do_sample": True}, {"do_sample": True, "temperature": 1.0, "top_k": 5}],
)
def test_other_sampling_is_refused(student: tuple[Any, Any], decoding: dict[str, Any]) -> None:
    request = Instance("generate_until", {"id": "a"}, ("Q?", {**decoding, "max_gen_toks": 2, "until": []}), 0)
    with pytest.raises(UserError, match="task file: found do_sample True"):
        StudyModel(*student, 1).generate_until([request])
