"""Every trained method on a pair of every architecture: its result loads and has an effect, or it is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_pairs import PAIRS, Pair
from pydantic import TypeAdapter

from semalign.methods.registry import METHODS
from semalign.models.configs import architecture_in
from semalign.models.loading import load_model
from semalign.models.transfers import load_student
from semalign.runtime.errors import UserError
from semalign.study.kinds import Method

TRAINED = [name for name in METHODS if name not in ("student", "teacher")]
PROJECTIONS = ("up", "down", "v", "o")
# (pair, projection) -> message; every architecture with a fused matrix is refused in the same way
REFUSED = {
    ("neox", "v"): "projection 'v' can't be adapted in GPTNeoXForCausalLM",
    ("qwen3-tied", "head"): "projection 'head' can't be adapted in .*student: its embedding and head",
}


def tiny(method: str, projections: list[str]) -> Any:
    """Settings for two updates with visible effect."""
    if method == "laten":
        data: dict[str, Any] = {
            "align_batch": 2,
            "initial_deviation": 0.05,
            "optimisation": {"steps": 2, "learning_rate": 1e-2},
        }
    else:
        data = {
            "lora": {"rank": 4, "projections": projections},
            "optimisation": {"steps": 2, "batch_size": 4, "learning_rate": 1e-2},
        }
    return TypeAdapter(Method).validate_python({"method": method, **data})


@pytest.mark.slow
@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize("name", PAIRS)
def test_every_method_changes_a_student_of_every_architecture(
    name: str, method: str, pairs: Callable[[str], Pair], tmp_path: Path
) -> None:
    pair = pairs(name)
    separate = [one for one in PROJECTIONS if one in architecture_in(pair.student).projections]
    folder = pair.transfer(tiny(method, separate), tmp_path / "transfer")
    tokens = torch.tensor([[1, 40, 50, 60]])
    before = load_model(pair.student)(tokens).logits
    after = load_student(pair.student, pair.teacher, folder)(tokens).logits
    assert after.shape == before.shape
    assert after.isfinite().all()
    assert (after - before).abs().max() > 1e-4


@pytest.mark.parametrize("method", [name for name in TRAINED if name != "laten"])
@pytest.mark.parametrize(("name", "projection"), REFUSED)
def test_what_is_not_supported_is_refused_in_one_line(
    name: str, method: str, projection: str, pairs: Callable[[str], Pair], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=REFUSED[name, projection]) as caught:
        pairs(name).transfer(tiny(method, ["up", projection]), tmp_path / "transfer")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "transfer").exists()
