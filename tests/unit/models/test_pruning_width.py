"""Pruning the residual stream: exact at full width, least squares below it, norms folded, head untied."""

from typing import Any

import numpy as np
import pytest
import torch
from pruning_cases import batches, documents, logits, pico

from semalign.models.pruning.width import fold_norms, narrow, principal_directions, reader_maps

KINDS = ("llama", "mistral", "qwen2", "qwen3")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tied", [False, True])
def test_full_width_is_the_identity(kind: str, tied: bool) -> None:
    model = pico(kind, tied=tied)
    rotated, directions = narrow(model, batches(), 16)
    torch.testing.assert_close(logits(rotated, documents()), logits(model, documents()), rtol=0, atol=1e-4)
    assert directions.shape == (16, 16)
    assert not torch.allclose(rotated.model.embed_tokens.weight, model.model.embed_tokens.weight, atol=1e-2)
    assert not rotated.config.tie_word_embeddings


@pytest.mark.parametrize("kind", KINDS)
def test_folding_changes_no_logit(kind: str) -> None:
    model = pico(kind, tied=True)
    folded = fold_norms(model)
    torch.testing.assert_close(logits(folded, documents()), logits(model, documents()), rtol=0, atol=1e-4)
    assert torch.equal(folded.model.norm.weight, torch.ones(16))
    assert torch.equal(folded.model.embed_tokens.weight, model.model.embed_tokens.weight)


def test_directions_are_the_main_ones_of_all_normed_states() -> None:
    folded = fold_norms(pico())
    found = principal_directions(folded, batches(), 5)
    states = _normed(folded)
    _, _, right = np.linalg.svd(np.concatenate(states), full_matrices=False)
    overlap = np.abs(right[:5] @ found.numpy())
    np.testing.assert_allclose(overlap, np.eye(5), atol=1e-4)


def test_reader_maps_are_numpys_least_squares() -> None:
    folded = fold_norms(pico())
    directions = principal_directions(folded, batches(), 12)
    maps = reader_maps(folded, batches(), directions, ridge=0.0)
    for stream, full, found in zip(_normed(folded, 0), _normed(folded), maps.values(), strict=True):
        short = stream @ directions.numpy()
        short /= np.sqrt((short**2).mean(1, keepdims=True) + folded.config.rms_norm_eps)
        expected = np.linalg.lstsq(short, full, rcond=None)[0].T
        np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-4)


def test_a_narrow_model_runs_and_has_its_shape() -> None:
    smaller, directions = narrow(pico("qwen3"), batches(), 12)
    assert logits(smaller, documents()).isfinite().all()
    assert smaller.config.hidden_size == 12
    assert smaller.lm_head.weight.shape[1] == 12
    torch.testing.assert_close(directions.T @ directions, torch.eye(12, dtype=torch.float64))


def _normed(folded: Any, end: int = 1) -> list[np.ndarray]:
    """Inputs (end 0) or outputs (1) of every norm over all tokens, norms in the model's order, float64."""
    kept: dict[str, list[torch.Tensor]] = {}
    names = [name for name, _ in folded.named_modules() if name.endswith(("layernorm", "model.norm"))]
    handles = [
        folded.get_submodule(name).register_forward_hook(
            lambda _m, args, out, key=name: kept.setdefault(key, []).append((args[0], out)[end][0])
        )
        for name in names
    ]
    for document in documents():
        with torch.no_grad():
            folded(torch.tensor([document.input_ids]))
    for handle in handles:
        handle.remove()
    return [torch.cat(kept[name]).double().numpy() for name in names]
