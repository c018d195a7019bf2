"""The command line of the benches."""

import os
from pathlib import Path
from typing import Literal


def bench(
    device: Literal["cpu", "cuda"] = "cpu",
    only: list[str] | None = None,
    quick: bool = False,
    threads: int | None = None,
    out: Path = Path("results/benchmarks"),
    page: Path | None = None,
    write_only: bool = False,
) -> None:
    """Measure speed and memory against the usual alternatives; write one file per subject and their table.

    Args:
        device: Where models run.
        only: Subjects to run. Default: all except the study.
        quick: Tiny sizes, to check that everything runs; the numbers mean nothing.
        threads: Number of threads of both sides. Default: all cores.
        out: Folder of the results.
        page: Page of the documentation with a summary and the table, written again.
        write_only: Write the tables and the page from the results in the folder, without measuring.
    """
    from bench.table import write_tables

    if not write_only:
        from bench.run import run_suite

        run_suite(out, device, only or [], quick, threads or os.cpu_count() or 1)
    write_tables(out, page)
