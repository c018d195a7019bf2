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
    readme: Path | None = None,
) -> None:
    """Measure speed and memory against what one would use instead; write one file per subject and their table.

    Args:
        device: Where models run.
        only: These subjects alone.
        quick: Pico sizes: shows that it runs, measures nothing.
        threads: Of both sides; all cores unless it is given.
        out: Folder of the results.
        readme: Page whose part between the marks is written again.
    """
    from bench.run import run_suite
    from bench.table import write_tables

    run_suite(out, device, only or [], quick, threads or os.cpu_count() or 1)
    write_tables(out, readme)
