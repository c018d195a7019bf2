"""Self-anchor, prox's control: the same training with the student's own initial states as targets.

Block outputs of the paired layers stay near what they were while the answers teach, by logit distillation or by
cross-entropy. Of the teacher only the logits and the choice of the layers are read: whatever this gains over the
same loss without an anchor is regularisation and not alignment (findings of the prototype, section G-B).
"""

from pathlib import Path

from semalign.methods.base import TransferReport, TransferTask
from semalign.methods.common.anchored import own_states, read_pairs, train_anchored
from semalign.methods.common.lora import load_student_at_work


def transfer(task: TransferTask, folder: Path) -> TransferReport:
    """Train on the train split near the student's own states."""
    work = load_student_at_work(task)
    pairs, passes = read_pairs(task)
    return train_anchored(task, work, own_states(work, pairs), folder, passes)
