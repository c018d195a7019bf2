"""A GGUF file is converted wholly, or not at all."""

from pathlib import Path
from typing import Any

import pytest
from fabricated_gguf import write_gguf

from semalign.config.models import GgufPackage
from semalign.models import gguf
from semalign.runtime.errors import UserError

SETTINGS = GgufPackage(source="gguf-package", package="pico", file="pico.gguf")
LOST: dict[str, tuple[dict[str, Any], str]] = {
    "scaled positions": (
        {"more": {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}},
        "llama.rope.scaling.type: found 'linear', which the conversion would leave out; use the model in safetensors",
    ),
    "factors of positions": (
        {"tensors": ["rope_freqs.weight"]},
        "found rope_freqs.weight, which the conversion",
    ),
    "biases": ({"tensors": ["blk.0.attn_q.bias"]}, "found blk.0.attn_q.bias, which"),
    "a layer more": ({"tensors": ["blk.1.attn_norm.weight"]}, "found blk.1.attn_norm.weight, which"),
    "a window": ({"more": {"llama.attention.sliding_window": 8}}, "sliding_window: found 8, which"),
    "a soft cap": (
        {"more": {"llama.final_logit_softcapping": 5.0}},
        "final_logit_softcapping: found 5.0, which",
    ),
    "experts": ({"more": {"llama.expert_count": 4}}, "expert_count: found 4, which"),
    "both directions": ({"more": {"llama.attention.causal": False}}, "attention.causal: found False, which"),
    "another head": ({"more": {"llama.attention.key_length": 4}}, "key_length: found 4, which"),
    "NaN": (
        {"more": {"llama.rope.freq_base": float("nan")}},
        "rope.freq_base: found nan, expected a finite number",
    ),
    "an adapter": (
        {"more": {"general.type": "adapter"}},
        "general.type: found 'adapter', expected a whole model",
    ),
    "pieces": ({"tokenizer": "llama"}, "tokenizer.ggml.model: found 'llama', expected gpt2"),
}


def lines_of(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[str]:
    write_gguf(folder / "pico.gguf", **options)
    monkeypatch.setattr(gguf, "package_folder", lambda package: folder)
    return gguf.problems_of(SETTINGS, "models.a")


@pytest.mark.parametrize(("options", "expected"), LOST.values(), ids=LOST)
def test_what_the_conversion_would_lose_is_told(
    options: dict[str, Any], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = lines_of(tmp_path, monkeypatch, **options)
    assert any(
        f"models.a: {tmp_path / 'pico.gguf'}: {expected}" in line or expected in line for line in lines
    ), lines
    with pytest.raises(UserError):
        gguf.write_gguf_model(SETTINGS, tmp_path / "out")


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"llama.rope.scaling.type": "none", "llama.expert_count": 0, "general.type": "model"},
        {"llama.rope.freq_base": 500_000.0, "llama.rope.dimension_count": 8, "llama.attention.key_length": 8},
        {"llama.attention.causal": True, "general.name": "pico", "tokenizer.ggml.add_bos_token": False},
    ],
)
def test_what_is_converted_is_in_order(
    more: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lines_of(tmp_path, monkeypatch, more=more) == []


def test_the_packages_of_the_default_studies_are_in_order() -> None:
    assert gguf.problems_of(GgufPackage(source="gguf-package"), "models.a") == []
