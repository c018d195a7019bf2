"""Maps fitted to data, as controls: what a linear map can do that has seen both models' states.

Both are fitted on the align split, one map a pair of layers, in float64. The rows of `teacher` are directions
h_T / |h_T|, as alignment gives them to a map; those of `student` are states as they are, so that a long one
counts more. Neither is centred: a target is M h / |h| without an offset and the layer loss is a plain cosine. A fit
around the means, without its offset, leaves the student's common direction out: on the embedded study the plain
cosine to the untouched student falls from about .9 to between .4 and .8. (`vocabulary-least-squares` centres head
rows, whose common direction shifts all logits alike.)
"""

import torch
from torch import Tensor

from semalign.signals.semantics.registry import semantic_map

# Of 1e-8 to 1, the best or within .002 of it on states that were not fitted, on the embedded study's benchmarks.
RIDGE = 1e-2


@semantic_map("least-squares", title="Least squares on states", made_of="states")
def least_squares(teacher: Tensor, student: Tensor) -> Tensor:
    """M [D_S, D_T] that minimises sum |h_S - M x|^2 + r |M|^2 over states h_S [positions, D_S], x [positions, D_T].

    r is RIDGE times the mean eigenvalue of sum x x^T, which is positions / D_T for unit rows: the solution is well
    conditioned where the positions are fewer than D_T, and directions that many of them share hardly feel it.
    """
    within = teacher.T @ teacher
    ridge = RIDGE * within.diagonal().mean()
    within.diagonal().add_(ridge)
    return torch.cholesky_solve(teacher.T @ student, torch.linalg.cholesky(within)).T


@semantic_map("procrustes", title="Procrustes on states", made_of="states")
def procrustes(teacher: Tensor, student: Tensor) -> Tensor:
    """The M [D_S, D_T] with orthonormal rows (or columns, the shorter side) that has the largest sum of h_S . M x.

    M = U V^T for sum h_S x^T = U D V^T; where the widths are equal that is orthogonal Procrustes. Its scale does
    not matter to a cosine. Directions that no position determines (fewer positions than D_S) are mapped to zero
    rather than turned at random.
    """
    left, values, right = torch.linalg.svd(student.T @ teacher, full_matrices=False)
    determined = values > max(left.shape[0], right.shape[1]) * torch.finfo(values.dtype).eps * values[0]
    return (left * determined) @ right
