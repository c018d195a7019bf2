"""The level of a study's tests, the coverage of its intervals, the names of methods, and which ones are controls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semalign.config.statistics import StatisticsSettings
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import check_file

FILE = "levels.json"
# words in the name of a control, and how others begin, for tables that do not list their controls
CHANCE = {"random", "shuffled"}
OWN = ("self-anchor", "oracle", "semantic-residual-student")
_DEFAULTS = StatisticsSettings()


@dataclass(frozen=True)
class Levels:
    """The levels that the tables were computed with."""

    alpha: float = _DEFAULTS.alpha
    confidence: float = _DEFAULTS.confidence
    titles: Mapping[str, str] = field(default_factory=dict)
    controls: Sequence[str] | None = None  # None: recognised by name

    def is_control(self, method: str) -> bool:
        """Whether a method is a control: it uses random signals, only the student's own, or another method's result."""
        if self.controls is not None:
            return method in self.controls
        return not CHANCE.isdisjoint(method.split("-")) or method.startswith(OWN)

    @property
    def percent(self) -> str:
        """The coverage as readers see it, with its sign."""
        return f"{100 * self.confidence:g} %"

    @property
    def tails(self) -> tuple[float, float]:
        """The two quantiles that bound an interval."""
        tail = round((1 - self.confidence) / 2, 12)
        return tail, 1 - tail


STANDARD = Levels()  # for a study that does not set its statistics


def read_levels(folder: Path) -> Levels:
    """Read the levels from the folder of a study's tables; the default ones for tables of earlier versions.

    Raises UserError if the file is not in the form that the tables' stage writes.
    """
    path = folder / FILE
    if not path.is_file():
        return STANDARD
    check_file(path)
    try:
        content: dict[str, Any] = read_json(path)
        controls = None if content.get("controls") is None else list(content["controls"])
        return Levels(
            float(content["alpha"]), float(content["confidence"]), dict(content["titles"]), controls
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: found {error!r}, expected an object with alpha, confidence and titles"
        ) from None
