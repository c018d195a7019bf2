"""Semantic bases and the map between two heads, against pseudo-inverses in float64 and their product."""

from typing import Any

import torch

from bench.subject import Case, Check, Goal, Sides, Size, Subject
from semalign.models.loading import Head
from semalign.signals.semantics.bases import unit_rows
from semalign.signals.semantics.maps import build_map

LIMIT = 1e-6


def through_pinv(teacher: torch.Tensor, student: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """S_S S_T^T, where the columns of S are the unit columns of pinv(H), computed in `dtype`."""
    bases = [unit_rows(torch.linalg.pinv(head.to(dtype)).T) for head in (teacher, student)]
    return bases[1].T @ bases[0]


def through_qr(teacher: torch.Tensor, student: torch.Tensor) -> torch.Tensor:
    """The same result by H = Q R, pinv(H) = R^-1 Q^T, for sizes at which singular values take too long."""
    bases = []
    for head in (teacher, student):
        q, r = torch.linalg.qr(head.double())
        bases.append(unit_rows(torch.linalg.solve_triangular(r, q.T, upper=True).T))
    return bases[1].T @ bases[0]


def make_head(size: Size, width: int, device: str, seed: int) -> torch.Tensor:
    """A head [tokens, width]: SmolLM2-135M's (rotated to fewer channels if needed), or one of a given condition."""
    generator = torch.Generator().manual_seed(seed)
    if size["head"] == "real":
        real = real_head()
        if width == real.shape[1]:
            return real.to(device)
        rotation = torch.linalg.qr(torch.randn(real.shape[1], width, generator=generator)).Q
        return (real @ rotation).contiguous().to(device)
    rows = torch.randn(size["tokens"], width, generator=generator).to(device)
    mixing = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64)).Q.to(device)
    scale = torch.logspace(0, -float(torch.tensor(size["condition"]).log10()), width, dtype=torch.float64)
    return (rows.double() * scale.to(device) @ mixing).float()


def real_head() -> torch.Tensor:
    """SmolLM2-135M's LM head [49152, 576], tied to its embedding, from the installed package."""
    from gguf import GGUFReader
    from gguf.quants import dequantize

    from semalign.benchmarks.corpora import package_folder
    from semalign.config.models import GgufPackage

    settings = GgufPackage(source="gguf-package")
    reader = GGUFReader(package_folder(settings.package) / settings.file)
    (tensor,) = (part for part in reader.tensors if part.name == "token_embd.weight")
    return torch.from_numpy(dequantize(tensor.data, tensor.tensor_type)).float().contiguous()


def build(size: Size, device: str) -> Sides:
    """The sides with both heads in float32; the map is the paper's."""
    teacher, student = (
        make_head(size, size[role], device, at) for at, role in enumerate(("teacher", "student"))
    )
    ids = torch.arange(len(teacher))
    heads = [Head(head, head, torch.ones(head.shape[1])) for head in (teacher, student)]

    def ours() -> torch.Tensor:
        return build_map("pinv", heads[0], heads[1], (ids, ids))

    def check(mine: torch.Tensor, theirs: torch.Tensor | None) -> Check:
        expected = through_qr(teacher, student) if theirs is None else theirs
        return Check("relative error of the map", _error(mine, expected), LIMIT)

    def notes() -> dict[str, Any]:
        if not size.get("single", False):
            return {}
        single = through_pinv(teacher, student, torch.float32)
        return {"float32_pinv_error": _error(single.double(), ours())}

    def theirs() -> torch.Tensor:
        return through_pinv(teacher, student, torch.float64)

    return Sides(ours, None if size.get("alone") else theirs, check, notes=notes)


def _error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual - expected).norm() / expected.norm())


GOAL = Goal(faster=5, memory=0.1)
SMALL = {"teacher": 576, "student": 288, "single": True}
SUBJECT = Subject(
    "semantic bases and the map",
    "torch.linalg.pinv of both heads in float64, then the product",
    {
        "cpu": (
            Case("49,152 x 576 and x 288, real", {"head": "real", "tokens": 49152, **SMALL}, 3, goal=GOAL),
            Case(
                "49,152 x 576 and x 288, condition 1e4",
                {"head": "made", "tokens": 49152, "condition": 1e4, **SMALL},
                3,
                memory=False,
                goal=GOAL,
            ),
            Case(
                "32,000 x 2,048 and x 1,024, condition 1e4",
                {"head": "made", "tokens": 32000, "condition": 1e4, "teacher": 2048, "student": 1024},
                1,
                warm=False,
                goal=GOAL,
            ),
        ),
        "cuda": (
            Case(
                "32,000 x 5,120 and x 4,096 (paper: about 10 s a model on an A100), condition 1e4",
                {
                    "head": "made",
                    "tokens": 32000,
                    "condition": 1e4,
                    "teacher": 5120,
                    "student": 4096,
                    "alone": True,
                },
                7,
                goal=Goal(seconds=0.2),
            ),
            Case(
                "32,000 x 2,048 and x 1,024, condition 1e4",
                {"head": "made", "tokens": 32000, "condition": 1e4, "teacher": 2048, "student": 1024},
                2,
                goal=GOAL,
            ),
        ),
        "quick": (
            Case(
                "pico",
                {
                    "head": "made",
                    "tokens": 96,
                    "condition": 100,
                    "teacher": 12,
                    "student": 8,
                    "single": True,
                },
                2,
                memory=False,
            ),
            Case(
                "pico, alone",
                {"head": "made", "tokens": 96, "condition": 100, "teacher": 12, "student": 8, "alone": True},
                2,
                memory=False,
                goal=Goal(seconds=60),
            ),
        ),
    },
    build,
    explanation={
        "cpu": "What is left is arithmetic in float64: half of two Gram matrices, the norms of all rows of "
        "their inverses, and the product of both sides' rows."
    },
)
