"""Training of `residual-start`: steering by the semantic residual, then logit distillation of the same adapter.

Each phase has its own schedule, optimiser and checkpoint, and the same seed and examples. An interrupted run does not
repeat a finished phase. The history numbers the updates continuously; a row has the term `layer` or the term `kl`.
"""

from pathlib import Path

from semalign.config.optimisation import Optimisation
from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.adapters import Training, save_adapter, train_adapter
from semalign.methods.common.answers import divergence_loss
from semalign.methods.common.lora import load_student_at_work
from semalign.methods.displaced.residual_start import ResidualStart
from semalign.methods.displaced.semantic_residual import SemanticResidual
from semalign.methods.displaced.semantic_residual.rounds import joined, steer_in_rounds
from semalign.models.transfers import write_transfer
from semalign.signals.distillation.logits import TeacherLogits
from semalign.training.checkpoint import Checkpoint


def steer_then_distil(task: TransferTask[ResidualStart], folder: Path) -> TransferReport:
    """Train a LoRA adapter on the train split and write the transfer folder."""
    work = load_student_at_work(task)
    steered = steer_in_rounds(steering_of(task), work, more_follows=True)
    teacher = TeacherLogits(task.signals["logits"], work.examples)
    checkpoint = Checkpoint(task.checkpoint / "distillation", identity=task.identity)
    training = Training(task.settings.optimisation, task.seed, f"{task.label}, distillation", checkpoint)
    distilled = train_adapter(work, divergence_loss(teacher, label_loss_weight=0.0), training)
    save_adapter(steered.adapted, folder, task.student.name)
    write_transfer(folder, "adapter")
    passes = steered.teacher_passes + teacher.teacher_passes
    return TransferReport(distilled.trainable_parameters, passes, joined([*steered.rounds, distilled]))


def steering_of(task: TransferTask[ResidualStart]) -> TransferTask[SemanticResidual]:
    """The first phase as a task with its own checkpoint folder."""
    own = task.settings
    settings = SemanticResidual(
        layers=own.layers,
        lora=own.lora,
        rho=own.rho,
        optimisation=Optimisation(**own.steering.model_dump()),
    )
    label, checkpoint = f"{task.label}, steering", task.checkpoint / "steering"
    return TransferTask(
        task.student,
        task.teacher,
        task.benchmark,
        task.signals,
        settings,
        task.seed,
        checkpoint,
        label,
        task.identity,
    )
