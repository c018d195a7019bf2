"""What can be written as GGUF, and what is refused before anything is written."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fabricated_models import build_model, write_tokenizer

from semalign.export.gguf_file import CONTROL, NORMAL, UNUSED, check_convertible, permuted, vocabulary_of
from semalign.runtime.errors import UserError


@pytest.fixture
def tokenizer(tmp_path: Path) -> Any:
    """A byte-level tokenizer."""
    from transformers import AutoTokenizer

    write_tokenizer(tmp_path)
    return AutoTokenizer.from_pretrained(tmp_path)


def test_another_architecture_is_refused() -> None:
    with pytest.raises(UserError, match=r"export\.gguf: found Qwen2ForCausalLM, expected LlamaForCausalLM"):
        check_convertible(build_model("qwen2", layers=1, width=16, seed=0))


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("mlp_bias", True, "mlp_bias: found true, expected false"),
        ("rope_parameters", {"rope_type": "llama3", "rope_theta": 1e4}, "rope_type: found 'llama3'"),
    ],
)
def test_what_the_file_could_not_say_is_refused(key: str, value: Any, told: str) -> None:
    model = build_model("llama", layers=1, width=16, seed=0)
    setattr(model.config, key, value)
    with pytest.raises(UserError, match=told):
        check_convertible(model)


def test_the_halves_of_a_rotation_are_interleaved() -> None:
    rows = np.arange(8)[:, None]  # two heads of size 4
    assert permuted(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_rows_without_a_token_are_marked_unused(tokenizer: Any) -> None:
    found = vocabulary_of(tokenizer, 262)
    assert (found.rule, len(found.tokens), found.merges) == ("gpt-2", 262, [])
    assert found.tokens[:3] == ["<pad>", "<s>", "</s>"] and found.tokens[-1] == "[PAD261]"
    assert (found.types[0], found.types[10], found.types[-1]) == (CONTROL, NORMAL, UNUSED)


@pytest.mark.parametrize(
    ("steps", "rule"),
    [(["digits", "bytes"], "smollm"), (["bytes"], "gpt-2"), (["spaces"], None), (["prefixed"], None)],
)
def test_the_splitting_rule_has_a_name_or_is_refused(
    tokenizer: Any, steps: list[str], rule: str | None
) -> None:
    from tokenizers import pre_tokenizers as known

    made = {
        "digits": known.Digits(individual_digits=True),
        "bytes": known.ByteLevel(add_prefix_space=False),
        "prefixed": known.ByteLevel(add_prefix_space=True),
        "spaces": known.Whitespace(),
    }
    parts = [made[step] for step in steps]
    tokenizer.backend_tokenizer.pre_tokenizer = parts[0] if len(parts) == 1 else known.Sequence(parts)
    if rule:
        assert vocabulary_of(tokenizer, 259).rule == rule
    else:
        with pytest.raises(UserError, match="found a tokenizer that is not byte-level"):
            vocabulary_of(tokenizer, 259)
