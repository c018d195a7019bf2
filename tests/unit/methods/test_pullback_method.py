"""The method pullback: its targets, its training, and what it reads."""

from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import Pair
from pydantic import ValidationError
from safetensors.torch import load_file

from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.displaced.pullback import PullbackTargets
from semalign.models.loading import load_model
from semalign.models.transfers import load_student
from semalign.runtime.files import read_json, read_jsonl
from semalign.runtime.provenance import check

SMALL: dict[str, Any] = {
    "optimisation": Optimisation(learning_rate=2e-2, steps=40, batch_size=6),
    "lora": Lora(rank=8, projections=["up", "down", "v", "o"]),
}


def losses(folder: Path) -> list[float]:
    return [row["layer"] for row in read_jsonl(folder / "history.jsonl")]


@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_the_first_loss_is_one_minus_the_mean_cosine_of_state_and_target(
    scale: float, llama: Pair, tmp_path: Path
) -> None:
    settings = PullbackTargets(scale=scale, **SMALL)
    folder = llama.transfer(settings, tmp_path / "transfer")
    (row,) = read_json(llama.signals(settings)["pullback"] / "pullback.json")["layers"]
    if scale == 1.0:
        assert losses(folder)[0] == pytest.approx(1 - row["cosine"], rel=1e-4)
    else:
        assert 0 < losses(folder)[0] < 0.6 * (1 - row["cosine"])
    assert losses(folder)[-1] < 0.5 * losses(folder)[0]


def test_the_trained_student_is_nearer_to_the_teacher_and_only_paired_layers_change(
    llama: Pair, tmp_path: Path
) -> None:
    """The divergence on the train split, which the solve lowered through the layers above the steered one."""
    settings = PullbackTargets(loss="squared", **SMALL)
    folder = llama.transfer(settings, tmp_path / "transfer")
    (row,) = read_json(llama.signals(settings)["pullback"] / "pullback.json")["layers"]
    adapter = load_file(folder / "adapter_model.safetensors")
    assert {int(name.split("layers.")[1].split(".")[0]) for name in adapter} == {row["layer"] - 1}
    from pullback_cases import case_of

    case = case_of(llama)
    before, after = (
        torch.cat([_divergence(case, model, index) for index in range(6)]).mean().item()
        for model in (load_model(llama.student), load_student(llama.student, llama.teacher, folder))
    )
    assert before == pytest.approx(row["divergence_before"], rel=1e-4)
    assert row["divergence_after"] < after < 0.9 * before


def _divergence(case: Any, model: Any, index: int) -> torch.Tensor:
    item = case.examples[index]
    logits = model(torch.tensor([item.input_ids])).logits[0, item.answer_start - 1 : -1]
    taught = case.teacher.log_probs([index])
    return (taught.exp() * (taught - logits.log_softmax(-1)[:, case.teacher.ids])).sum(-1).detach()


def test_it_reads_the_pairing_and_the_displacements(llama: Pair, tmp_path: Path) -> None:
    assert set(PullbackTargets().needs) == {"pairing", "pullback"}
    assert set(PullbackTargets(divergence_weight=1.0).needs) == {"pairing", "pullback", "logits"}
    folder = llama.transfer(PullbackTargets(**SMALL), tmp_path / "transfer")
    assert check(folder)["cost"]["teacher_passes"] == 6 + 6


@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"loss": "l1"}, {"layers": "all"}, {"layers": "last"}])
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PullbackTargets(**wrong)
