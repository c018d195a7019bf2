"""Signals and transfers of fabricated models, and settings that tests share."""

from pathlib import Path
from typing import Any

from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import Encoded, encode
from semalign.config.signals import Activations, Alignment, Attribution, Location, Logits, Pairing, Units
from semalign.methods.laten import HypernetworkOptimisation, Laten
from semalign.methods.stage import Attempt, transfer_knowledge
from semalign.models.loading import load_tokenizer
from semalign.runtime.files import write_json
from semalign.signals import stage as stages
from semalign.signals.distillation.stage import select_units, store_logits
from semalign.signals.location.stage import locate_neurons


def train_split(folder: Path, benchmark: Path) -> list[Encoded]:
    """The train split, encoded by a model's tokenizer."""
    tokenizer = load_tokenizer(folder)
    return [encode(example, tokenizer) for example in read_split(benchmark, "train")]


def make_signals(pair: tuple[Path, Path], benchmark: Path, root: Path) -> dict[str, Path]:
    """Make the signals of SemAlign and of distillation with the functions that the scripts call."""
    teacher, student = pair
    settings = {
        "attribution": Attribution(),
        "pairing": Pairing(),
        "activations": Activations(),
        "alignment": Alignment(),
        "logits": Logits(top_k=5, temperature=2.0, batch_size=4),
        "units": Units(batch_size=4),
    }
    for name, section in settings.items():
        write_json(root / f"{name}.json", section.model_dump())
    out = {name: root / name / "default" for name in settings}
    stages.attribute_layers(teacher, benchmark, root / "attribution.json", out["attribution"])
    stages.pair_layers(teacher, student, benchmark, out["attribution"], root / "pairing.json", out["pairing"])
    stages.extract_activations(
        teacher, benchmark, out["pairing"], root / "activations.json", out["activations"]
    )
    pairing, activations = out["pairing"], out["activations"]
    settings = root / "alignment.json"
    stages.align_states(teacher, student, benchmark, pairing, activations, settings, out["alignment"])
    store_logits(teacher, student, benchmark, root / "logits.json", out["logits"])
    select_units(teacher, student, benchmark, root / "units.json", out["units"])
    return out


def run_transfer(
    pair: tuple[Path, Path],
    benchmark: Path,
    signals: dict[str, Path],
    settings: Any,
    out: Path,
    seed: int = 0,
) -> Path:
    """Run one method as the workflow does, with settings and checkpoint next to `out`; return `out`."""
    teacher, student = pair
    write_json(out.with_name("settings.json"), settings.model_dump(mode="json"))
    attempt = Attempt(seed, out.with_name("checkpoint"), "test")
    written = out.with_name("settings.json")
    transfer_knowledge(student, teacher, benchmark, written, attempt, out, list(signals.values()))
    return out


def locate_in(pair: tuple[Path, Path], benchmark: Path, root: Path, **settings: Any) -> Path:
    """Run LaTen's location stage in a folder below `root`."""
    write_json(root / "location.json", Location(**settings).model_dump())
    locate_neurons(*pair, benchmark, root / "location.json", root / "location" / "default")
    return root / "location" / "default"


def laten_settings(rate: float = 0.03, steps: int | None = None, **changes: Any) -> Laten:
    """Settings of LaTen with few steps of small batches."""
    optimisation = HypernetworkOptimisation(learning_rate=rate, steps=steps)
    return Laten(**{"optimisation": optimisation, "align_batch": 3, **changes})
