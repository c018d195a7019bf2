"""Settings of prox and its control, and their targets for a fabricated pair."""

from typing import Any

from fabricated_pairs import Pair

from semalign.config.methods import Lora
from semalign.config.optimisation import Optimisation
from semalign.methods.base import TransferTask
from semalign.methods.common.lora import Work, load_student_at_work
from semalign.methods.experimental.anchored.training import Anchor, own_states, read_pairs
from semalign.methods.experimental.prox import Prox
from semalign.methods.experimental.prox.targets import proximal_anchors
from semalign.methods.experimental.self_anchor import SelfAnchor

SMALL: dict[str, Any] = {
    "optimisation": Optimisation(learning_rate=1e-2, steps=8, batch_size=3),
    "lora": Lora(rank=4, projections=["up", "down", "o"]),
}
METHODS = [
    Prox(**SMALL),
    Prox(**SMALL, layers="all", distillation="logits", label_loss_weight=0.5),
    SelfAnchor(**SMALL),
    SelfAnchor(**SMALL, layers="all", distillation="none", label_loss_weight=0.5),
]
TWO = {"pairing.pairs": 2}


def name_of(settings: Any) -> str:
    return f"{settings.method}-{settings.layers}"


def task_of(pair: Pair, settings: Any, **demands: Any) -> TransferTask:
    signals = pair.signals(settings, demands)
    return TransferTask(pair.student, pair.teacher, pair.benchmark, signals, settings, 0, pair.root / "none")


def solved(pair: Pair, settings: Prox, **demands: Any) -> tuple[Work, dict[int, Anchor], dict[int, Anchor]]:
    """The loaded student, its own states and its targets."""
    task = task_of(pair, settings, **demands)
    work = load_student_at_work(task)
    found = read_pairs(task)[0]
    return work, own_states(work, found), proximal_anchors(task, work, found)
