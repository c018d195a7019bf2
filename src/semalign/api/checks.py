"""Checks of the numbers and tensors that a user gives: what would be wrong without an error later ends in one line."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from semalign.runtime.errors import UserError


def whole(name: str, value: Any, least: int = 1) -> int:
    """A whole number, also of numpy or torch. Raises UserError for anything else, and for less than `least`."""
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise UserError(f"{name}: found {value!r}, expected a whole number from {least} on")
    return number


def layer_numbers(name: str, given: Iterable[Any], depth: int) -> list[int]:
    """The layers, each once, in the given order. Raises UserError unless they are numbers from 1 to `depth`."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise UserError(f"{name}: found {given!r}, expected a list of layers, such as [1]")
    numbers = [whole(name, each) for each in given]
    if not numbers:
        raise UserError(f"{name}: found none, expected some")
    if max(numbers) > depth:
        raise UserError(f"{name}: found {max(numbers)}, expected layers of the model, 1 to {depth}")
    return list(dict.fromkeys(numbers))


def states_of(name: str, value: Any) -> Tensor:
    """States as [positions, width]. Raises UserError for another type or shape, and for values that are not finite."""
    if not isinstance(value, Tensor) or value.ndim not in (1, 2):
        found = list(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise UserError(f"{name}: found {found}, expected a tensor [positions, width] or [width]")
    states = value.detach().cpu().reshape(-1, value.shape[-1])
    if not states.isfinite().all():
        raise UserError(f"{name}: found values that are not finite, expected finite states")
    return states


def same_positions(sides: Sequence[Any], widths: tuple[int, int]) -> None:
    """Raise UserError unless these are (teacher, student) states of the same positions, of the models' widths."""
    if len(sides) != len(widths):
        raise UserError(f"states: found {len(sides)}, expected those of teacher and student")
    rows = [states_of("states", side) for side in sides]
    found = tuple(side.shape[1] for side in rows)
    if found != widths:
        raise UserError(f"states: found widths {found}, expected those of teacher and student, {widths}")
    if len(rows[0]) != len(rows[1]):
        raise UserError(
            f"states: found {len(rows[0])} positions of the teacher and {len(rows[1])} of the student, expected the "
            "same positions"
        )


def token_ids(given: Any, known: Tensor) -> Tensor:
    """Ids of tokens [n]. Raises UserError for none, for anything but whole numbers, and for one that is not `known`."""
    tokens = torch.as_tensor(given)
    if not len(tokens) or tokens.ndim != 1 or tokens.is_floating_point() or tokens.dtype == torch.bool:
        raise UserError(f"tokens: found {list(tokens.shape)} of {tokens.dtype}, expected ids of tokens [n]")
    missing = int((~torch.isin(tokens, known)).sum())
    if missing:
        raise UserError(f"tokens: found {missing} without a basis, expected none")
    return tokens


def length(name: str, value: Any) -> float:
    """A finite number from 0 on. Raises UserError for anything else."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:
        raise UserError(f"{name}: found {value!r}, expected a finite number from 0 on")
    return float(value)
