"""Execute one notebook with parameters and write it as a page of HTML."""

import argparse
from pathlib import Path

from semalign.runtime.errors import UserError
from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--notebook", type=Path, required=True, help="the notebook to execute")
    parser.add_argument(
        "--parameter",
        "-p",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a parameter of the notebook; paths are relative to --cwd",
    )
    parser.add_argument("--executed", type=Path, required=True, help="where the executed notebook is kept")
    parser.add_argument("--out", type=Path, required=True, help="the page (HTML)")
    parser.add_argument(
        "--cwd", type=Path, default=Path(), help="folder the notebook runs in (default: this one)"
    )
    parser.add_argument("--record", type=Path, help="where to note what the page is made from")
    parser.add_argument("--reads", type=Path, nargs="*", default=[], help="files the record names as read")
    parser.add_argument("--leaves", type=Path, nargs="*", default=[], help="figures the record names")
    arguments = parser.parse_args()

    if not arguments.cwd.is_dir():
        raise UserError(f"--cwd: found {arguments.cwd}, expected a folder")
    from semalign.report.notebooks import publish
    from semalign.runtime.provenance import Run

    run = Run("notebook")
    publish(arguments.notebook, dict(arguments.parameter), arguments.executed, arguments.out, arguments.cwd)
    if arguments.record:
        for path in (arguments.notebook, *arguments.reads):
            run.read(str(path), path)
        run.note(arguments.record, [arguments.out, *arguments.leaves])


if __name__ == "__main__":
    run(main)
