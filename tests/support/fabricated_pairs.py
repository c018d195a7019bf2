"""Pairs of fabricated models of every architecture, and the signals that methods need for them."""

from collections.abc import Callable
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

from fabricated_models import write_model
from fabricated_signals import run_transfer

from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.config.signals import UPSTREAM, Signals
from semalign.methods.sft import Sft
from semalign.runtime.files import write_json
from semalign.signals.distillation.stage import select_units, store_logits, store_states
from semalign.signals.extraction.stage import extract_windows
from semalign.signals.location.stage import locate_neurons
from semalign.signals.oracle.stage import read_oracle
from semalign.signals.pullback.stage import solve_pullback
from semalign.signals.residual.stage import recompose_residual
from semalign.signals.stage import align_states, attribute_layers, extract_activations, pair_layers

STAGES: dict[str, Callable[..., None]] = {
    "attribution": attribute_layers,
    "pairing": pair_layers,
    "activations": extract_activations,
    "alignment": align_states,
    "logits": store_logits,
    "units": select_units,
    "states": store_states,
    "extraction": extract_windows,
    "location": locate_neurons,
    "residual": recompose_residual,
    "pullback": solve_pullback,
    "oracle": read_oracle,
}
TEACHER, STUDENT = {"layers": 4, "width": 48, "seed": 1}, {"layers": 3, "width": 32, "seed": 2}
# name -> architecture and options of teacher and student
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


class Pair:
    """Two sealed models, and the signal stages that were run for them so far."""

    def __init__(self, root: Path, name: str, benchmark: Path) -> None:
        of_teacher, of_student = PAIRS[name]
        self.root, self.benchmark = root, benchmark
        self.teacher = write_model(root / "teacher", **TEACHER, **of_teacher)
        self.student = write_model(root / "student", **STUDENT, **of_student)
        self.made: dict[str, Path] = {}

    def signal(self, stage: str, demands: dict[str, Any]) -> Path:
        """The stage's folder, run with the settings that the method demands."""
        wanted = {key.partition(".")[2]: value for key, value in demands.items() if key.startswith(stage)}
        before = [self.signal(name, demands) for name in UPSTREAM.get(stage, ())]
        key = f"{stage} {wanted} {[str(folder) for folder in before]}"
        if key not in self.made:
            out = self.root / "signals" / str(len(self.made)) / stage
            settings = self.root / "settings.json"
            write_json(settings, getattr(Signals(), stage).model_dump() | wanted)
            with chdir(
                self.root
            ):  # records name folders by their path from the working directory, and no others
                self._run(stage)(*before, settings, out)
            self.made[key] = out
        return self.made[key]

    def _run(self, stage: str) -> Callable[..., None]:
        """The stage's function with the pair's folders bound."""
        if stage == "oracle":
            return self._read_oracle
        if stage in ("attribution", "activations"):
            return partial(STAGES[stage], self.teacher, self.benchmark)
        return partial(STAGES[stage], self.teacher, self.student, self.benchmark)

    def _read_oracle(self, pairing: Path, settings: Path, out: Path) -> None:
        """Read the student that fine-tuning trains for two updates on the paired layers."""
        optimisation = Optimisation(steps=2, batch_size=4, learning_rate=1e-2)
        sft = Sft(lora=Lora(rank=4, projections=["up", "down"]), optimisation=optimisation)
        folders = self.teacher, self.student
        trained = run_transfer(folders, self.benchmark, {"pairing": pairing}, sft, out.parent / "sft")
        read_oracle(*folders, self.benchmark, pairing, trained, settings, out)

    def signals(self, settings: Any, demands: dict[str, Any] | None = None) -> dict[str, Path]:
        """Folders of the signals that a method needs; `demands` are added to the method's own."""
        wanted = {**settings.demands, **(demands or {})}
        return {stage: self.signal(stage, wanted) for stage in settings.needs}

    def transfer(
        self, settings: Any, out: Path, seed: int = 0, demands: dict[str, Any] | None = None
    ) -> Path:
        """Run a method with the signals it needs; `demands` are added to the method's own."""
        signals = self.signals(settings, demands)
        return run_transfer((self.teacher, self.student), self.benchmark, signals, settings, out, seed)
