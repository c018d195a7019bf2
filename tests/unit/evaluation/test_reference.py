"""The teacher's stored states, and KL and agreement from them, against direct computation in float64."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from semalign.benchmarks.base import Example
from semalign.benchmarks.encoding import encode
from semalign.evaluation import agreement
from semalign.evaluation.agreement import Comparison, StoredTeacher, add_comparisons, compare
from semalign.evaluation.items import ItemRecord
from semalign.evaluation.reference import read_reference, reference_states, write_reference
from semalign.evaluation.states import answer_states
from semalign.models.loading import Head, load_model, load_tokenizer, read_head
from semalign.runtime.errors import UserError

EXAMPLES = [
    Example(f"toy-{i}", f"Question: {'what is ' * (i % 3)}{i} + 1?\nAnswer:", f" {i} + 1 = {i + 1}")
    for i in range(5)
]
VOCABULARY = 259


@pytest.fixture(scope="module")
def pair(pico_pair: tuple[Path, Path]) -> tuple[Any, Any, Any]:
    """Teacher model, student model, their tokenizer."""
    return load_model(pico_pair[0]), load_model(pico_pair[1]), load_tokenizer(pico_pair[0])


def direct_logits(model: Any, tokenizer: Any, example: Example) -> torch.Tensor:
    """Logits [answer tokens and eos, vocabulary] of a single example, in float64."""
    encoded = encode(example, tokenizer)
    double = type(model)(model.config).double().eval()
    double.load_state_dict({name: tensor.double() for name, tensor in model.state_dict().items()})
    with torch.no_grad():
        logits = double(torch.tensor([encoded.input_ids])).logits[0]
    return logits[encoded.answer_start - 1 : -1]


def direct_comparison(teacher: torch.Tensor, student: torch.Tensor, shared: Any) -> tuple[float, float]:
    left = teacher[:, shared[0]].log_softmax(-1)
    right = student[:, shared[1]].log_softmax(-1)
    kl = (left.exp() * (left - right)).sum(-1).mean().item()
    return kl, (left.argmax(-1) == right.argmax(-1)).double().mean().item()


def run_compare(pair: Any, folder: Path, reference: Any = None, **options: Any) -> list[Comparison | None]:
    teacher, student, tokenizer = pair
    everything = torch.arange(VOCABULARY)
    stored = StoredTeacher(
        reference or reference_states(teacher, tokenizer, EXAMPLES, 2),
        options.pop("head", None) or read_head(folder),
        options.pop("shared", (everything, everything)),
    )
    sizes = {"batch_size": 2, "positions_per_chunk": 7, **options}
    return compare(student, tokenizer, EXAMPLES, stored, **sizes)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_states_times_head_are_the_teachers_logits(pair: Any, pico_pair: Any, batch_size: int) -> None:
    teacher, _, tokenizer = pair
    reference = reference_states(teacher, tokenizer, EXAMPLES, batch_size)
    weight = read_head(pico_pair[0]).weight.double()
    for i, example in enumerate(EXAMPLES):
        states = reference.by_example("states")[i]
        expected = direct_logits(teacher, tokenizer, example)
        torch.testing.assert_close(states.double() @ weight.T, expected, atol=1e-4, rtol=1e-4)
        tokens = reference.by_example("tokens")[i].tolist()
        assert tokens == encode(example, tokenizer).input_ids[-len(tokens) :]
        assert tokens[-1] == tokenizer.eos_token_id


def test_extraction_leaves_the_model_as_it_was(pair: Any) -> None:
    teacher, _, tokenizer = pair
    ids = torch.tensor([encode(EXAMPLES[0], tokenizer).input_ids])
    before = teacher(ids).logits
    reference_states(teacher, tokenizer, EXAMPLES, 2)
    torch.testing.assert_close(teacher(ids).logits, before, atol=0, rtol=0)


def test_reference_survives_storage_with_the_same_bytes(pair: Any, tmp_path: Path) -> None:
    reference = reference_states(pair[0], pair[2], EXAMPLES, 2)
    for name in ("one", "two"):
        write_reference(tmp_path / name, reference)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    found = read_reference(tmp_path / "one")
    assert found.ids == reference.ids
    assert torch.equal(found.states, reference.states)
    assert torch.equal(found.offsets, reference.offsets)


def test_unreadable_reference_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("{}")
    for name in ("absent", "broken"):
        with pytest.raises(UserError, match="not a readable teacher reference"):
            read_reference(tmp_path / name)


@pytest.mark.parametrize("dropped", [0, 20])
@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_comparison_equals_direct_float64(pair: Any, pico_pair: Any, dropped: int, chunk: int) -> None:
    teacher, student, tokenizer = pair
    shared = (torch.arange(VOCABULARY - dropped), torch.arange(VOCABULARY - dropped))
    found = run_compare(pair, pico_pair[0], shared=shared, positions_per_chunk=chunk)
    for example, one in zip(EXAMPLES, found, strict=True):
        logits = [direct_logits(model, tokenizer, example) for model in (teacher, student)]
        kl, agreement = direct_comparison(*logits, shared)
        assert one is not None
        assert one.kl == pytest.approx(kl, rel=1e-4)
        assert one.agreement == pytest.approx(agreement)
        assert one.tokens == len(logits[0])


def test_a_model_agrees_with_itself(pair: Any, pico_pair: Any) -> None:
    teacher, _, tokenizer = pair
    for one in run_compare((teacher, teacher, tokenizer), pico_pair[0]):
        assert one is not None
        assert 0 <= one.kl < 1e-5
        assert one.agreement == 1


def test_ids_are_mapped_between_vocabularies(pair: Any, pico_pair: Any) -> None:
    """A student whose vocabulary is the teacher's in another order gives the same results."""
    teacher, _, tokenizer = pair
    order = torch.randperm(VOCABULARY, generator=torch.Generator().manual_seed(0))
    head = read_head(pico_pair[0])
    place = torch.empty_like(order)
    place[order] = torch.arange(VOCABULARY)
    plain = reference_states(teacher, tokenizer, EXAMPLES, 2)
    renumbered = type(plain)(plain.ids, plain.states, place[plain.tokens], plain.offsets)
    permuted = Head(head.weight[order], head.input_embedding, head.norm_gain)
    expected = run_compare(pair, pico_pair[0])
    found = run_compare(
        pair, pico_pair[0], renumbered, head=permuted, shared=(place, torch.arange(VOCABULARY))
    )
    for left, right in zip(expected, found, strict=True):
        assert left is not None and right is not None
        assert left.kl == pytest.approx(right.kl, rel=1e-5)


def test_answers_cut_into_other_tokens_are_left_out(pair: Any, pico_pair: Any, caplog: Any) -> None:
    reference = reference_states(pair[0], pair[2], EXAMPLES, 2)
    reference.tokens[0] += 1
    found = run_compare(pair, pico_pair[0], reference)
    assert found[0] is None
    assert None not in found[1:]
    assert "1 of 5 answers" in caplog.text
    records = [ItemRecord(example.id, 1.0, "", "") for example in EXAMPLES]
    filled = add_comparisons(records, found)
    assert filled[0] == records[0]
    assert filled[1].teacher_kl is not None


def test_softcap_is_honoured(pico_pair: Any, pair: Any, tmp_path: Path) -> None:
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(3)
    config = Gemma3TextConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        max_position_embeddings=256,
        final_logit_softcapping=2.0,
        initializer_range=0.5,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    Gemma3ForCausalLM(config).save_pretrained(tmp_path)
    capped = load_model(tmp_path)
    tokenizer = pair[2]
    assert read_head(tmp_path).softcap == 2.0
    logits = direct_logits(capped, tokenizer, EXAMPLES[0])
    assert logits.abs().max() < 2
    everything = (torch.arange(VOCABULARY),) * 2
    for teacher, student, folder in ((capped, pair[1], tmp_path), (pair[0], capped, pico_pair[0])):
        found = run_compare((teacher, student, tokenizer), folder)[0]
        expected = direct_comparison(
            *(direct_logits(model, tokenizer, EXAMPLES[0]) for model in (teacher, student)), everything
        )
        assert found is not None
        assert found.kl == pytest.approx(expected[0], rel=1e-4)


def test_foreign_references_are_refused(pair: Any, pico_pair: Any) -> None:
    reference = reference_states(pair[0], pair[2], EXAMPLES[:4], 2)
    with pytest.raises(UserError, match="found 4 items"):
        run_compare(pair, pico_pair[0], reference)
    with pytest.raises(UserError, match="states of width 48"):
        run_compare(pair, pico_pair[1])


def test_comparison_is_nats() -> None:
    """KL is ln 2 between a certain and an even choice of two."""
    from semalign.evaluation.agreement import divergence

    kl, same = divergence(torch.tensor([[50.0, 0.0]]), torch.tensor([[0.0, 0.0]]))
    assert kl.item() == pytest.approx(math.log(2))
    assert bool(same.item())


def test_examples_with_one_text_are_read_once(
    pair: Any, pico_pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, student, tokenizer = pair
    examples = [*EXAMPLES, *(replace(example, id=f"{example.id}-again") for example in EXAMPLES[1:3])]
    rows: list[int] = []
    monkeypatch.setattr(
        agreement,
        "answer_states",
        lambda model, batch: rows.append(len(batch.input_ids)) or answer_states(model, batch),
    )
    everything = torch.arange(VOCABULARY)
    found = compare(
        student,
        tokenizer,
        examples,
        StoredTeacher(
            reference_states(teacher, tokenizer, examples, 2),
            read_head(pico_pair[0]),
            (everything, everything),
        ),
        batch_size=2,
        positions_per_chunk=7,
    )
    assert sum(rows) == len(EXAMPLES)
    assert found[5:] == found[1:3]
    for mine, alone in zip(found, run_compare(pair, pico_pair[0]), strict=False):
        assert mine and alone and mine.kl == pytest.approx(alone.kl, rel=1e-5)
