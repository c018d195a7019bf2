"""Problems of a file's rows: the first few of each kind, then the number of the others."""

from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 5  # rows per file and kind of problem


def rows_of(count: int) -> str:
    """A number of rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"


class Numbers(dict[str, int]):
    """Id -> the number of its row, counted in `unit`s of its file."""

    def __init__(self, unit: str = "line") -> None:
        super().__init__()
        self.unit = unit

    def of(self, id_: str) -> str:
        """The place of a row in words."""
        return f"{self.unit} {self[id_]}"


@dataclass
class Findings:
    """Collects the problems of one file; `lines` are what a user reads. Its rows are counted in `unit`s."""

    path: Path
    unit: str = "line"
    _kinds: dict[str, list[str]] = field(default_factory=dict)

    def add(self, line: int, kind: str, text: str) -> None:
        """Add a problem of a line; problems of the same `kind` are counted together."""
        self._kinds.setdefault(kind, []).append(f"{self.path}: {self.unit} {line}: {text}")

    @property
    def lines(self) -> list[str]:
        """One line per problem, in the order in which the kinds were met."""
        lines = []
        for kind, found in self._kinds.items():
            lines += found[:SHOWN]
            if len(found) > SHOWN:
                lines.append(f"{self.path}: and {len(found) - SHOWN:,} more like these ({kind})")
        return lines
