"""The predicted peak of a stage at work, from what it reads: noted in its record beside the measured one."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from semalign.runtime.files import read_json, read_jsonl
from semalign.study.planning import memory
from semalign.study.planning.memory import Peak
from semalign.study.planning.shapes import ModelShape, read_model_shape


def read_dtype(folder: Path) -> str:
    """The precision that a prepared model's folder asks for."""
    path = folder / "loading.json"
    return str(read_json(path)["dtype"]) if path.is_file() else "float32"


class Read:
    """What a stage read: shapes of its models, and tokens of the splits of its benchmark."""

    def __init__(self, paths: Mapping[str, Path], settings: Mapping[str, Any]) -> None:
        self.paths, self.settings = paths, settings

    def model(self, role: str) -> ModelShape:
        """The shape of the teacher or the student, in the precision it is loaded in."""
        return read_model_shape(self.paths[role], self.settings.get("dtype") or read_dtype(self.paths[role]))

    def longest(self, split: str) -> tuple[int, int]:
        """(tokens of the longest example, of its answer), under the tokenizer of the model that reads them."""
        from tokenizers import Tokenizer

        role = "teacher" if "teacher" in self.paths else "student"
        tokenizer = Tokenizer.from_file(str(self.paths[role] / "tokenizer.json"))
        rows = read_jsonl(self.paths["benchmark"] / f"{split}.jsonl")
        row = max(rows, key=lambda row: len(row["prompt"]) + len(row["answer"]))
        prompt, answer = (len(tokenizer.encode(row[key]).ids) for key in ("prompt", "answer"))
        return prompt + answer + 2, answer + 1

    def batch(self, split: str, size: int) -> int:
        """Tokens of a padded batch of the longest."""
        return size * self.longest(split)[0]


def _training(read: Read) -> Peak:
    settings, student = read.settings, read.model("student")
    if "lora" not in settings:
        return memory.hypernetworks(read.model("teacher"), student, memory.PORTION, settings["rate"])
    size = settings["optimisation"].get("micro_batch") or settings["optimisation"]["batch_size"]
    tokens, positions = read.longest("train")
    adapted, above = student.layers, student.layers
    if settings.get("layers") == "paired":
        stages = ("alignment", "pairing")
        pairing = next((read.paths[stage] / f"{stage}.json" for stage in stages if stage in read.paths), None)
        pairs = [pair["student"] for pair in read_json(pairing)["pairs"]] if pairing else [1]
        adapted, above = len(pairs), student.layers - min(pairs) + 1
    lora = settings["lora"]
    return memory.training(
        student, size * tokens, size * positions, adapted, above, lora["rank"], lora["projections"]
    )


def _reading(layers: int, logits: bool) -> Callable[[Read], Peak]:
    def expect(read: Read) -> Peak:
        tokens = read.batch("train", read.settings["batch_size"])
        return memory.reading(read.model("teacher"), tokens, layers, logits)

    return expect


EXPECTED: dict[str, Callable[[Read], Peak]] = {
    "attribution": lambda read: memory.attribution(read.model("teacher"), read.longest("extract")[0]),
    "activations": _reading(2, False),
    "logits": _reading(1, True),
    "states": _reading(1, True),
    "units": _reading(1, True),
    "extraction": lambda read: memory.sensitivity(read.model("teacher"), read.longest("extract")[0]),
    "alignment": lambda read: memory.bases(read.model("teacher"), read.model("student")),
    "reference": lambda read: memory.reading(
        read.model("teacher"), read.batch(read.settings["split"], read.settings["batch_size"])
    ),
    "transfer": _training,
}


def expected_peak(stage: str, paths: Mapping[str, Path], settings: Mapping[str, Any]) -> Peak | None:
    """The predicted peak of a stage that reads these folders; None for one that runs no model, or that is unknown."""
    if stage not in EXPECTED or (stage == "transfer" and not {"lora", "rate"} & settings.keys()):
        return None
    return EXPECTED[stage](Read(paths, settings))


def device_memory(
    stage: str, paths: Mapping[str, Path], settings: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Predicted and measured peak in MB over all GPUs of this process; None where none is in use."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    measured = sum(torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count()))
    peak = expected_peak(stage, paths, settings)
    return {
        "predicted_mb": round(peak.total / 1e6, 1) if peak else None,
        "peak_mb": round(measured / 1e6, 1),
        "gpus": torch.cuda.device_count(),
    }
