"""How close a student's states are to the paper's targets, for every cell and method.

Targets are computed as for SemAlign, with the study's default settings, but at the answers of test items. Every
transfer of a pair, including the untouched student, is measured at the same positions, layers and interface.
"""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from semalign.analysis.states import draw_rows
from semalign.benchmarks.base import read_split
from semalign.benchmarks.encoding import Encoded, encode
from semalign.config.cells import Cell
from semalign.config.signals import Activations, Alignment
from semalign.models.loading import load_model, load_tokenizer
from semalign.models.states import read_states
from semalign.models.trained_head import read_trained_head
from semalign.models.transfers import load_student
from semalign.models.vocabulary import common_tokens
from semalign.runtime.columns import COLUMNS
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.signals.alignment import align_strongest, interpolate, map_states
from semalign.signals.cka import cka_of_products, gram_diagonal
from semalign.signals.pairing import LayerPair, from_rows
from semalign.signals.semantics.maps import build_bases_pair, build_map, trained_tokens
from semalign.signals.semantics.registry import BASES_MAPS, FITTED_MAPS, HEAD_MAPS

logger = logging.getLogger("semalign")

POSITIONS = 2000  # drawn at random if the answers have more
SECONDS = 5.0  # between two progress messages


@dataclass(frozen=True)
class Place:
    """Where and how states are read: the same for the teacher and for every student."""

    teacher: Path
    student: Path
    benchmark: Path
    count: int
    reading: Activations
    device: str = "cpu"
    dtype: torch.dtype | None = None


class Goal:
    """The targets of one pair, by student layer, and the comparison of students with them."""

    def __init__(self, place: Place, pairing: Path, alignment: Alignment) -> None:
        self.place = place
        self.pairs = from_rows(read_json(pairing / "pairing.json")["pairs"])
        self.encoded, self.pad = _encode(place, place.student)
        self.kept = draw_rows(sum(map(_answer, self.encoded)), POSITIONS)
        states = {layer: rows[self.kept] for layer, rows in self._teacher_states().items()}
        targets = paper_targets(place.teacher, place.student, self.pairs, states, alignment)
        self.targets = {layer: Target(rows) for layer, rows in targets.items()}

    @property
    def layers(self) -> list[int]:
        """The paired student layers."""
        return sorted({pair.student for pair in self.pairs})

    def measure(self, student: Any) -> list[tuple[int, float, float, float]]:
        """(layer, cosine, cosine_centred, cka) of a loaded student, for every paired layer."""
        place = self.place
        states = read_states(
            student, self.encoded, self.layers, place.reading.interface, place.reading.batch_size, self.pad
        )
        return [(layer, *self.targets[layer].compare(states[layer][self.kept])) for layer in self.layers]

    def _teacher_states(self) -> dict[int, Tensor]:
        place = self.place
        encoded, pad = _encode(place, place.teacher)
        for ours, theirs in zip(self.encoded, encoded, strict=True):
            if _answer(ours) != _answer(theirs):
                raise UserError(
                    f"geometry: {place.benchmark}: found an answer of {_answer(theirs)} tokens for the teacher and "
                    f"{_answer(ours)} for the student, expected equal numbers: states are compared by position"
                )
        layers = sorted({layer for pair in self.pairs for layer in (pair.below, pair.above)})
        model = load_model(place.teacher, place.device, place.dtype)
        return read_states(model, encoded, layers, place.reading.interface, place.reading.batch_size, pad)


class Target:
    """Targets [positions, width] of one layer, with the quantities that every comparison needs computed once."""

    def __init__(self, states: Tensor) -> None:
        self.states = states.to(torch.float64)
        self.centred = self.states - self.states.mean(dim=0)
        self.diagonal = gram_diagonal(self.centred)
        self.own = _product(self.centred, self.centred)

    def compare(self, states: Tensor) -> tuple[float, float, float]:
        """Mean cosine with states [positions, width], the same after centring both, and debiased linear CKA."""
        states = states.to(torch.float64)
        centred = states - states.mean(dim=0)
        across = _product(self.centred, centred)
        products = torch.tensor(
            [[self.own, across], [across, _product(centred, centred)]], dtype=torch.float64
        )
        _, debiased = cka_of_products(products, torch.stack([self.diagonal, gram_diagonal(centred)]))
        return _cosine(self.states, states), _cosine(self.centred, centred), float(debiased[0, 1])


def paper_targets(
    teacher: Path, student: Path, pairs: list[LayerPair], states: Mapping[int, Tensor], alignment: Alignment
) -> dict[int, Tensor]:
    """Student layer -> targets [positions, width], from teacher layer -> states [positions, width]."""
    if alignment.map in FITTED_MAPS:
        raise UserError(
            f"analysis.geometry: alignment.map: found {alignment.map!r}, which is fitted to data, expected a map made "
            f"from the heads, one of {', '.join({**BASES_MAPS, **HEAD_MAPS})}"
        )
    untrained = alignment.untrained_rows
    heads = read_trained_head(teacher, untrained), read_trained_head(student, untrained)
    shared = common_tokens(teacher, student, alignment.minimum_shared)
    shared = trained_tokens(alignment.map, *heads, shared)
    options: dict[str, Any] = {"fold_final_norm": alignment.fold_final_norm, "seed": alignment.seed}
    hidden = {p.student: interpolate(states, p.below, p.above, p.weight) for p in pairs}
    if alignment.top is not None:
        bases = build_bases_pair(alignment.map, *heads, shared, **options)
        return {layer: align_strongest(rows, bases, shared, alignment.top) for layer, rows in hidden.items()}
    matrix = build_map(alignment.map, *heads, shared, **options)
    return {layer: map_states(rows, matrix) for layer, rows in hidden.items()}


def geometry_table(goal: Goal, cells: Mapping[Path, Cell]) -> pd.DataFrame:
    """One row per cell and paired layer; cells of the teacher are left out."""
    rows: list[tuple[Any, ...]] = []
    place, logged = goal.place, time.monotonic()
    for done, (folder, cell) in enumerate(cells.items(), start=1):
        transfer = folder / "transfer"
        if read_json(transfer / "transfer.json")["base"] != "student":
            continue
        student = load_student(place.student, place.teacher, transfer, place.device, place.dtype)
        key = (cell.pair, cell.benchmark, cell.method, cell.variant, cell.seed)
        rows += [(*key, *measured) for measured in goal.measure(student)]
        if time.monotonic() - logged > SECONDS or done == len(cells):
            logged = time.monotonic()
            logger.info("geometry: %d of %d cells", done, len(cells))
    return pd.DataFrame(rows, columns=list(COLUMNS["geometry"]))


def _encode(place: Place, model: Path) -> tuple[list[Encoded], int]:
    tokenizer = load_tokenizer(model)
    examples = read_split(place.benchmark, "test")[: place.count]
    return [encode(example, tokenizer) for example in examples], tokenizer.pad_token_id or 0


def _answer(encoded: Encoded) -> int:
    return encoded.positions


def _cosine(left: Tensor, right: Tensor) -> float:
    return float(torch.cosine_similarity(left, right, dim=-1).mean())


def _product(left: Tensor, right: Tensor) -> float:
    """<L L^T, R R^T> = |L^T R|^2 of two matrices [positions, width]: no Gram matrix is formed."""
    return float((left.T @ right).square().sum())
