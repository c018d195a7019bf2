"""Check that a study's artifacts match its config, the code and each other; or remove those that don't."""

import argparse
import logging
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=Path("config/config.yaml"), help="the study's config file"
    )
    parser.add_argument(
        "--prune", action="store_true", help="remove what does not match, so that the next run makes it again"
    )
    arguments = parser.parse_args()

    from semalign.runtime.study_lock import hold_study
    from semalign.study.definition import load_study
    from semalign.study.layout import Layout
    from semalign.study.verification import prune, verify

    logger = logging.getLogger("semalign")
    layout = Layout(load_study(arguments.config))
    hold_study(layout.study.study)
    layout.write_settings()
    if arguments.prune:
        logger.info("pruned: %d artifacts of %s", len(prune(layout)), arguments.config)
    else:
        logger.info("verified: %d artifacts match %s and each other", verify(layout), arguments.config)


if __name__ == "__main__":
    run(main)
