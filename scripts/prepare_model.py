"""Make one model of the study a plain Hugging Face folder."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--settings", type=Path, required=True, help="the model's section of the config, as JSON"
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="where a long training saves itself")
    parser.add_argument("--teacher", type=Path, help="folder of the model that a pruned one is cut out of")
    parser.add_argument(
        "--benchmarks", type=Path, nargs="*", default=[], help="folders of the benchmarks that its text is in"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    arguments = parser.parse_args()

    from semalign.models.stage import prepare_model

    prepare_model(
        arguments.settings, arguments.checkpoint, arguments.out, arguments.teacher, arguments.benchmarks
    )


if __name__ == "__main__":
    run(main, online=True)
