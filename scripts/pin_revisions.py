"""Ask the hub for the commits of a config's `locked` models and write them into config/revisions.lock."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", type=Path, required=True, help="config file of a study")
    parser.add_argument("--update", action="store_true", help="ask again for those that are written down")
    arguments = parser.parse_args()

    from semalign.study.pinning import pin_revisions

    pin_revisions(arguments.configfile, update=arguments.update)


if __name__ == "__main__":
    run(main, online=True)
