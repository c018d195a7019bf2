"""Collect the finished cells of a study into its tables."""

import argparse
import json
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from semalign.config.base import Strict
from semalign.config.statistics import StatisticsSettings
from semalign.runtime.errors import UserError
from semalign.runtime.files import read_json
from semalign.runtime.provenance import Run, portable
from semalign.runtime.script import run
from semalign.statistics.tables.collect import collect_tables
from semalign.statistics.tables.order import Order

Section = TypeVar("Section", bound=Strict)


def main() -> None:
    """Arguments in, tables out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--cells", nargs="+", required=True, help="folders of cells, or one JSON file with their list"
    )
    parser.add_argument(
        "--order", required=True, help="JSON file: pairs, benchmarks, methods, axes in row order"
    )
    parser.add_argument("--settings", help="JSON file with the statistics section; default: its defaults")
    parser.add_argument("--out", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--record", type=Path, help="where to note what the tables are made from")
    arguments = parser.parse_args()
    cells = _cells(arguments.cells)
    settings = _read(arguments.settings, StatisticsSettings) if arguments.settings else StatisticsSettings()
    run = Run("tables", arguments.settings)
    written = collect_tables(cells, _read(arguments.order, Order), settings, arguments.out)
    if arguments.record:
        for name in (arguments.order, *cells):
            run.read(portable(name), name)
        run.note(arguments.record, written)


def _cells(given: list[str]) -> list[str]:
    if len(given) != 1 or not given[0].endswith(".json"):
        return given
    listed = _json(given[0])
    if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
        raise UserError(f"{given[0]}: found something else, expected a list of folders")
    return listed


def _read(path: str, section: type[Section]) -> Section:
    try:
        return section.model_validate(_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _json(path: str) -> object:
    if not Path(path).is_file():
        raise UserError(f"{path}: no such file, expected JSON")
    try:
        return read_json(path)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None


if __name__ == "__main__":
    run(main)
