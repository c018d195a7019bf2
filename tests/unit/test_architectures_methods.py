"""Every trained method on a pair of every architecture: what it hands over loads and matters, or it refuses."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fabricated_models import write_model
from pydantic import TypeAdapter

from semalign import stages
from semalign.config.methods import Method
from semalign.config.signals import UPSTREAM, Signals
from semalign.distillation.stages import select_units, store_logits
from semalign.distillation.states import store_states
from semalign.errors import UserError
from semalign.extraction.stage import extract_windows
from semalign.files import write_json
from semalign.location.stage import locate_neurons
from semalign.methods.registry import METHODS
from semalign.models.loading import load_model
from semalign.models.transfers import load_student

TRAINED = [name for name in METHODS if name not in ("student", "teacher")]
TEACHER, STUDENT = {"layers": 4, "width": 48, "seed": 1}, {"layers": 3, "width": 32, "seed": 2}
# name -> architecture and further facts of teacher and student
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "llama": ({"kind": "llama"}, {"kind": "llama"}),
    "mistral": ({"kind": "mistral"}, {"kind": "mistral"}),
    "qwen2": ({"kind": "qwen2"}, {"kind": "qwen2"}),
    "qwen3-tied": ({"kind": "qwen3", "tied": True}, {"kind": "qwen3", "tied": True}),
    "gemma3-tied": ({"kind": "gemma3", "tied": True}, {"kind": "gemma3", "tied": True}),
    "neox": ({"kind": "neox"}, {"kind": "neox"}),
    "qwen2-padded": ({"kind": "qwen2", "vocabulary": 272}, {"kind": "qwen2", "vocabulary": 264}),
    "mixed": ({"kind": "llama"}, {"kind": "gemma3", "tied": True}),
}
SEPARATE = ["up", "down", "v", "o"]
FUSED = ["up", "down", "o"]  # what GPT-NeoX has apart
PARTS: dict[str, Callable[..., None]] = {
    "logits": store_logits,
    "units": select_units,
    "extraction": extract_windows,
    "location": locate_neurons,
    "states": store_states,
}
# what is refused, as (pair, method, projections) -> the line; everything else must work
REFUSED = {
    ("neox", name, "v"): "projection 'v' can't be adapted in GPTNeoXForCausalLM"
    for name in TRAINED
    if name != "laten"
} | {
    ("qwen3-tied", name, "head"): "projection 'head' can't be adapted in .*student: its embedding and head"
    for name in TRAINED
    if name != "laten"
}


class Pair:
    """Two sealed models, and the signal stages made for them so far."""

    def __init__(self, root: Path, name: str, benchmark: Path) -> None:
        of_teacher, of_student = PAIRS[name]
        self.root, self.benchmark = root, benchmark
        self.teacher = write_model(root / "teacher", **TEACHER, **of_teacher)
        self.student = write_model(root / "student", **STUDENT, **of_student)
        self.made: dict[str, Path] = {}

    def signal(self, stage: str, demands: dict[str, Any]) -> Path:
        """The stage's folder, with what the method demands of it set."""
        wanted = {key.partition(".")[2]: value for key, value in demands.items() if key.startswith(stage)}
        key = f"{stage} {wanted}"
        if key not in self.made:
            out = self.root / "signals" / str(len(self.made)) / stage
            settings = self.root / "settings.json"
            before = [self.signal(name, demands) for name in UPSTREAM.get(stage, ())]
            write_json(settings, getattr(Signals(), stage).model_dump() | wanted)
            self._run(stage)(*before, settings, out)
            self.made[key] = out
        return self.made[key]

    def _run(self, stage: str) -> Callable[..., None]:
        if stage in PARTS:
            return lambda *rest: PARTS[stage](self.teacher, self.student, self.benchmark, *rest)
        if stage in ("attribution", "activations"):
            function = {"attribution": stages.attribute, "activations": stages.extract}[stage]
            return lambda *rest: function(self.teacher, self.benchmark, *rest)
        function = {"pairing": stages.pair, "alignment": stages.align}[stage]
        return lambda *rest: function(self.teacher, self.student, *rest)

    def transfer(
        self, settings: Any, out: Path, seed: int = 0, demands: dict[str, Any] | None = None
    ) -> Path:
        """Run a method with what it needs; `demands` come beside the method's own."""
        wanted = {**settings.demands, **(demands or {})}
        signals = {stage: self.signal(stage, wanted) for stage in settings.needs}
        write_json(self.root / "method.json", settings.model_dump(mode="json"))
        stages.transfer(
            *(self.student, self.teacher, self.benchmark, signals, self.root / "method.json", seed),
            *(out.with_name("checkpoint"), "test", out),
        )
        return out


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, pico_benchmark: Path) -> Callable[[str], Pair]:
    made: dict[str, Pair] = {}

    def get(name: str) -> Pair:
        if name not in made:
            made[name] = Pair(tmp_path_factory.mktemp(name), name, pico_benchmark)
        return made[name]

    return get


def tiny(method: str, projections: list[str]) -> Any:
    """Settings of two updates that are large enough to see."""
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


@pytest.mark.parametrize("method", TRAINED)
@pytest.mark.parametrize("name", PAIRS)
def test_every_method_changes_a_student_of_every_architecture(
    name: str, method: str, pairs: Callable[[str], Pair], tmp_path: Path
) -> None:
    pair = pairs(name)
    folder = pair.transfer(tiny(method, FUSED if name == "neox" else SEPARATE), tmp_path / "transfer")
    tokens = torch.tensor([[1, 40, 50, 60]])
    before = load_model(pair.student)(tokens).logits
    after = load_student(pair.student, pair.teacher, folder)(tokens).logits
    assert after.shape == before.shape
    assert after.isfinite().all()
    assert (after - before).abs().max() > 1e-4


@pytest.mark.parametrize(("name", "method", "projection"), REFUSED)
def test_what_is_not_supported_is_refused_in_one_line(
    name: str, method: str, projection: str, pairs: Callable[[str], Pair], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=REFUSED[name, method, projection]) as caught:
        pairs(name).transfer(tiny(method, ["up", projection]), tmp_path / "transfer")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "transfer").exists()
