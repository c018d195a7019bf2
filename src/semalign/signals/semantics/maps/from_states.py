"""Maps fitted to states of both models, as controls for the maps that need no data.

Both maps are fitted on the align split in float64, one map per pair of layers. The rows of `teacher` are directions
h_T / |h_T|, the input that alignment gives a map; the rows of `student` are unscaled states, so that longer states
weigh more. Neither is centred, because a target M h / |h| has no offset and the layer loss is a plain cosine. A centred
fit without its offset would lose the student's common direction: in the default study, the cosine to the untouched
student would fall from about .9 to between .4 and .8. (`vocabulary-least-squares` does centre head rows, whose common
direction shifts all logits alike.)
"""

import torch
from torch import Tensor

from semalign.signals.semantics.registry import semantic_map

# Of the values from 1e-8 to 1, the best or within .002 of it on held-out states of the default study's benchmarks.
RIDGE = 1e-2


@semantic_map("least-squares", title="Least squares on states", made_of="states")
def least_squares(teacher: Tensor, student: Tensor) -> Tensor:
    """M [D_S, D_T] that minimises sum |h_S - M x|^2 + r |M|^2 over states h_S [positions, D_S], x [positions, D_T].

    r is RIDGE times the mean eigenvalue of sum x x^T, which is positions / D_T for unit rows. This keeps the problem
    well conditioned if there are fewer positions than D_T, and hardly affects directions that many positions share.
    """
    within = teacher.T @ teacher
    ridge = RIDGE * within.diagonal().mean()
    within.diagonal().add_(ridge)
    return torch.cholesky_solve(teacher.T @ student, torch.linalg.cholesky(within)).T


@semantic_map("procrustes", title="Procrustes on states", made_of="states")
def procrustes(teacher: Tensor, student: Tensor) -> Tensor:
    """M [D_S, D_T] that maximises the sum of h_S . M x, with orthonormal rows or columns (whichever side is shorter).

    M = U V^T for sum h_S x^T = U D V^T, which is orthogonal Procrustes if the widths are equal. Its scale does not
    affect a cosine. Directions that the positions do not determine (if they are fewer than D_S) are mapped to zero
    instead of to an arbitrary direction.
    """
    left, values, right = torch.linalg.svd(student.T @ teacher, full_matrices=False)
    determined = values > max(left.shape[0], right.shape[1]) * torch.finfo(values.dtype).eps * values[0]
    return (left * determined) @ right
