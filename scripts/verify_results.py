"""Check that a study's artifacts match its config and each other; with --prune, remove those that don't."""

import argparse
import logging
from pathlib import Path

from semalign.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=Path("config/config.yaml"), help="the study's config file"
    )
    parser.add_argument(
        "--prune", action="store_true", help="remove what does not match, so that it is made again"
    )
    arguments = parser.parse_args()

    from semalign.config.study import load_study
    from semalign.layout import Layout
    from semalign.verification import prune, verify

    layout = Layout(load_study(arguments.config))
    if arguments.prune:
        prune(layout)
    count = verify(layout)
    logging.getLogger("semalign").info(
        "verified: %d artifacts match %s and each other", count, arguments.config
    )


if __name__ == "__main__":
    run(main)
