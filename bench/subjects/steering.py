"""Training LoRA on one layer, against PEFT and transformers' Trainer with the same adapter, data and optimiser."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench.fabricated import SHAPES, examples, llama
from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.benchmarks.encoding import IGNORED, Encoded
from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.common.adapters import Training, Work, adapt, train_adapter
from semalign.methods.common.lora import answer_loss
from semalign.training.checkpoint import Checkpoint
from semalign.training.schedule import epoch_batches, total_steps

LORA = Lora()
LIMITS = {"float32": 1e-4, "bfloat16": 0.02}


def with_trainer(adapted: Any, encoded: Sequence[Encoded], settings: Optimisation, seed: int) -> list[float]:
    """The loss of every step, with the batches of `train_adapter` and everything else from Trainer."""
    from torch.utils.data import SequentialSampler
    from transformers import Trainer, TrainingArguments

    class InOrder(Trainer):
        def _get_train_sampler(self, train_dataset: Any = None) -> Any:
            return SequentialSampler(train_dataset or self.train_dataset)

    order, steps = epoch_batches(len(encoded), settings.batch_size, seed), total_steps(len(encoded), settings)
    rows = [encoded[i] for step in range(steps) for i in order(step)]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=settings.batch_size,
            max_steps=steps,
            learning_rate=settings.learning_rate,
            lr_scheduler_type="linear",
            warmup_steps=0,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.clip_norm,
            optim="adamw_torch_fused",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=adapted.device.type == "cpu",
            bf16=False,
            remove_unused_columns=False,
            seed=seed,
        )
        data: list[Any] = [{"item": row} for row in rows]
        trainer = InOrder(model=adapted, args=arguments, train_dataset=data, data_collator=_collate)
        trainer.pop_callback(_printer())
        trainer.train()
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


def _printer() -> Any:
    from transformers.trainer_callback import PrinterCallback

    return PrinterCallback


def _collate(rows: Sequence[dict[str, Encoded]]) -> dict[str, torch.Tensor]:
    """A right-padded batch with labels at the positions of their tokens, because transformers shifts them itself."""
    items = [row["item"] for row in rows]
    shape = (len(items), max(len(item.input_ids) for item in items))
    ids, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    labels = torch.full(shape, IGNORED)
    for row, item in enumerate(items):
        tokens = torch.tensor(item.input_ids)
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
        labels[row, item.answer_start : len(tokens)] = tokens[item.answer_start :]
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


class _Model:
    """One model for both sides; each run removes the last adapter and adds a new one."""

    def __init__(self, size: Size, device: str) -> None:
        shape = SHAPES[size["shape"]]
        self.model, self.adapted = llama(shape, device), None
        self.layer = max(1, round(shape.layers * size["depth"]))

    def fresh(self) -> Any:
        if self.adapted is not None:
            self.model = self.adapted.unload()
        self.model.requires_grad_(False).eval()
        self.adapted = adapt(self.model, [self.layer], LORA, seed=0)
        return self.adapted


def build(size: Size, device: str) -> Sides:
    """The sides with one adapted layer at a share of the depth and the answers' loss; the paper trains 5 epochs."""
    shape = SHAPES[size["shape"]]
    encoded = examples(size["examples"], size["length"], shape.vocabulary)
    settings = Optimisation(learning_rate=1e-3, epochs=size["epochs"], batch_size=size["batch"], warmup=0.0)
    holder = _Model(size, device)

    def ours() -> list[float]:
        with tempfile.TemporaryDirectory() as folder:
            training = Training(settings, 0, "bench", Checkpoint(Path(folder) / "checkpoint"))
            trained = train_adapter(Work(holder.fresh().base_model.model, encoded, 0), answer_loss, training)
        return [row["cross_entropy"] for row in trained.history]

    def check(mine: list[float], theirs: list[float]) -> Check:
        if len(mine) != len(theirs):
            return Check("steps that differ", float(abs(len(mine) - len(theirs))), 0)
        worst = max(abs(a - b) for a, b in zip(mine, theirs, strict=True))
        return Check("largest difference of a step's loss", worst, LIMITS[shape.dtype])

    tokens = sum(len(item.input_ids) for item in encoded) * size["epochs"]
    return Sides(ours, lambda: with_trainer(holder.fresh(), encoded, settings, 0), check, work=tokens)


def _case(depth: float, goal: float, size: Size) -> Case:
    name = f"layer at {100 * depth:.0f} % of the depth"
    whole = {"depth": depth, "epochs": 5, **size}
    return Case(name, whole, 3, goal=Goal(faster=goal), memory=depth == 0.5)


DEPTHS = ((0.5, 1.3), (0.75, 1.8), (1.0, 3.0))
CPU = {"shape": "small", "examples": 16, "length": 64, "batch": 4}
CUDA = {"shape": "llama2-7b", "examples": 64, "length": 200, "batch": 8}
PICO = {"shape": "pico", "examples": 6, "length": 12, "batch": 3}
SUBJECT = Subject(
    "steering: LoRA on one layer",
    "PEFT and transformers' Trainer with the same LoRA",
    {
        "cpu": tuple(_case(depth, goal, CPU) for depth, goal in DEPTHS),
        "cuda": tuple(_case(depth, goal, CUDA) for depth, goal in DEPTHS),
        "quick": (Case("pico", {"depth": 1.0, "epochs": 2, **PICO}, 2, memory=False),),
    },
    build,
    unit="tokens",
)
