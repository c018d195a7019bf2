"""The values of a model's weights: whether they are finite, fit the precision of loading, and are there at all.

The files are read once, at the speed of the disk and in parts, so that memory does not grow with the model.
"""

import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from semalign.models.headers import Entry
from semalign.models.loaded import explained
from semalign.models.naming import HARMLESS, listed
from semalign.models.weights import Weights

PART = 64 * 2**20  # bytes that are read at once
LAYER = re.compile(r".*?\.\d+\.")
LOGGER = logging.getLogger(__name__)


@dataclass
class _Found:
    """Names of a file's tensors with values that are not finite, too large or too small for a type, or all zero."""

    broken: list[str] = field(default_factory=list)
    large: dict[str, float] = field(default_factory=dict)
    small: dict[str, float] = field(default_factory=dict)
    zero: list[str] = field(default_factory=list)


def value_problems(weights: Weights, dtype: torch.dtype, *whole: str) -> list[str]:
    """Tensors with values that are not finite, or that `dtype` does not hold, one line for each file; and parts of the
    model that are zero: the modules `whole`, or all matrices of a layer. Single matrices are only told in the log.
    Without `whole`, zeros are not looked for.
    """
    lines = []
    zero: set[str] = set()
    for path in weights.files:
        entries = {name: entry for name, entry in weights.tensors.items() if entry.path == path}
        found = _look(path, {name: entries[name] for name in entries if not HARMLESS.search(name)}, dtype)
        lines += _lines(path, found, dtype)
        zero |= set(found.zero)
    if not whole:
        return lines
    matrices = {name for name, entry in weights.tensors.items() if len(entry.shape) > 1}
    return lines + _empty(weights, zero, matrices, {f"{module}.weight" for module in whole})


def _lines(path: Path, found: _Found, dtype: torch.dtype) -> list[str]:
    lines, limits, name = [], torch.finfo(dtype), str(dtype).removeprefix("torch.")
    wider = "; choose bfloat16 or float32" if dtype == torch.float16 else ""
    if found.broken:
        lines.append(f"{path}: found NaN or infinity in {listed(found.broken)}, expected finite weights")
    if found.large:
        lines.append(
            f"{path}: found values up to {max(found.large.values()):.3g} in {listed(found.large)}, expected at most "
            f"{limits.max:.3g} for `dtype: {name}`{wider}"
        )
    if found.small:
        lines.append(
            f"{path}: found no value above {max(found.small.values()):.3g} in {listed(found.small)}, all of which "
            f"`dtype: {name}` rounds to zero{wider}"
        )
    return lines


def _empty(weights: Weights, zero: set[str], matrices: set[str], whole: Collection[str]) -> list[str]:
    """Matrices without any value but zero, as in a file whose place was reserved and whose download stopped."""
    layers = {found[0] for name in matrices if (found := LAYER.match(name))}
    empty = {layer for layer in layers if all(name in zero for name in matrices if name.startswith(layer))}
    parts = [*(layer.rstrip(".") for layer in empty), *(zero & set(whole))]
    if parts:
        return [
            f"{weights.source}: found only zeros in {listed(parts)}, expected weights; is the download complete? Copy "
            "or download it again"
        ]
    if single := zero & matrices:
        LOGGER.warning(
            "warning: %s: found only zeros in %s; is the download complete?", weights.source, listed(single)
        )
    return []


def _look(path: Path, entries: Mapping[str, Entry], dtype: torch.dtype) -> _Found:
    """Read the tensors of a file."""
    found = _Found()
    limits = torch.finfo(dtype)
    with explained(path, "can't be read"), safe_open(path, "pt") as file:
        for name, entry in entries.items():
            highest = max((_highest(part) for part in _parts(file, entry)), default=0.0, key=_rank)
            if highest != highest or highest == float("inf"):
                found.broken.append(entry.name)
            elif highest > limits.max:
                found.large[entry.name] = highest
            elif highest == 0:
                found.zero.append(name)
            elif highest <= limits.smallest_normal * limits.eps / 2:
                found.small[entry.name] = highest
    return found


def _rank(value: float) -> float:
    return float("inf") if value != value else value


def _highest(part: torch.Tensor) -> float:
    """The largest absolute value; NaN if there is one. One pass, without a copy."""
    low, high = torch.aminmax(part)
    return max(abs(float(low)), abs(float(high)))


def _parts(file: Any, entry: Entry) -> Iterator[torch.Tensor]:
    """The tensor in parts of bounded size, along its first dimension."""
    if 0 in entry.shape:
        return
    if not entry.shape:
        yield file.get_tensor(entry.name)
        return
    rows = max(1, PART * entry.shape[0] // max(entry.bytes, 1))
    stored = file.get_slice(entry.name)
    for start in range(0, entry.shape[0], rows):
        yield stored[start : start + rows]
