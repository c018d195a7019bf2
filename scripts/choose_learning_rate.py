"""Choose a method's learning rate by the validation scores of its trials."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--trials", type=Path, nargs="+", required=True, help="folders of trials, one a learning rate"
    )
    parser.add_argument("--pair", required=True, help="name of the pair")
    parser.add_argument("--benchmark", required=True, help="name of the benchmark")
    parser.add_argument("--method", required=True, help="name of the method")
    parser.add_argument("--variant", default="default", help="name of the variant")
    parser.add_argument("--out", type=Path, required=True, help="folder of the choice")
    arguments = parser.parse_args()

    from semalign.statistics.learning_rates import choose_learning_rate

    names = {name: getattr(arguments, name) for name in ("pair", "benchmark", "method", "variant")}
    choose_learning_rate(arguments.trials, names, arguments.out)


if __name__ == "__main__":
    run(main)
