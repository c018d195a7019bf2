"""Problems of a file's rows: the first few of each kind, then the number of the others."""

from dataclasses import dataclass, field
from pathlib import Path

SHOWN = 5  # rows per file and kind of problem


def rows_of(count: int) -> str:
    """A number of rows in words."""
    return "1 row" if count == 1 else f"{count:,} rows"


@dataclass
class Findings:
    """Collects the problems of one file; `lines` are what a user reads."""

    path: Path
    _kinds: dict[str, list[str]] = field(default_factory=dict)

    def add(self, line: int, kind: str, text: str) -> None:
        """Add a problem of a line; problems of the same `kind` are counted together."""
        self._kinds.setdefault(kind, []).append(f"{self.path}: line {line}: {text}")

    @property
    def lines(self) -> list[str]:
        """One line per problem, in the order in which the kinds were met."""
        lines = []
        for kind, found in self._kinds.items():
            lines += found[:SHOWN]
            if len(found) > SHOWN:
                lines.append(f"{self.path}: and {len(found) - SHOWN:,} more like these ({kind})")
        return lines
