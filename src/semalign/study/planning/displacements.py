"""Predicted cost of the signal stages that store displacements of the student's states."""

from semalign.config.displacements import Oracle, Pullback, Residual
from semalign.study.planning import artifacts, memory, work
from semalign.study.planning.jobs import Job, Work


def residual_job(pair: Work, settings: Residual, device: work.Device) -> Job:
    """Return the cost of the semantic residual: the student's forward pass, and the recomposition on its bases.

    The teacher's final states are those of the stage `states`, which has its own job. Bases are made on the CPU.
    """
    train, student = pair.texts.splits["train"], pair.student
    seconds = work.forward(student, train.tokens, device) + work.recomposed(
        pair.teacher, student, train.positions, device
    )
    disk = artifacts.rows_bytes(train, {"shared": ("F32", (student.width,))})
    tokens = pair.tokens("train", settings.batch_size)
    peak = memory.residual(pair.teacher, student, tokens, train.positions)
    return Job("recompose_residual", device.start + seconds, disk, peak)


def oracle_job(pair: Work, settings: Oracle, device: work.Device, layers: int) -> Job:
    """Return the cost of reading two students at `layers` layers. The training of the other student has its own job."""
    train, student = pair.texts.splits["train"], pair.student
    disk = artifacts.displacements_bytes(student, train, list(range(1, layers + 1)))
    peak = memory.reading(student, pair.tokens("train", settings.batch_size), layers)
    return Job("read_oracle", device.start + 2 * work.forward(student, train.tokens, device), disk, peak)


def pullback_job(pair: Work, settings: Pullback, device: work.Device, layers: int) -> Job:
    """Return the cost of solving targets through the student's upper layers, in the worst case for its lowest ones."""
    train, student = pair.texts.splits["train"], pair.student
    above = [student.layers - layer for layer in range(1, layers + 1)]
    passes = settings.steps + 1  # two more measure the divergence, without a backward pass
    seconds = work.forward(student, train.tokens, device)
    seconds += sum(passes * work.part(student, train.tokens, one, device) for one in above)
    examples = min(settings.batch_size, train.examples)
    peak = memory.solving(student, examples * train.longest, round(examples * train.answer), above[0])
    disk = artifacts.displacements_bytes(student, train, list(range(1, layers + 1)))
    return Job("solve_pullback", device.start + seconds, disk, peak)
