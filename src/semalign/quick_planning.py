"""Two shortcuts for Snakemake (9.27) at work on a graph of a thousand jobs; the graph is the same.

Nearly all outputs begin with the wildcard `results/{study}/`, so that Snakemake's index by constant prefixes tells few
rules apart and tries dozens of patterns a file; here they are told apart by the folder that follows. And it asks
Python for the parameters of the same few input functions tens of thousands of times; here once each. Where a version
of Snakemake has other insides, it stays as it is.
"""

import functools
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

ROOT = "results"


def speed_up() -> bool:
    """Put both in; false where this Snakemake has no such places."""
    try:
        from snakemake import common, dag, rules  # type: ignore[import-untyped]

        index, parameters = dag.OutputIndex, common.get_function_params
        index.match, rules.Rule.products, rules.get_function_params  # all that is relied on  # noqa: B018
    except (ImportError, AttributeError):
        return False
    if getattr(index, "by_folder", False):
        return True
    dag.OutputIndex = _by_folder(index)
    common.get_function_params = rules.get_function_params = _once(parameters)
    return True


def _by_folder(index: Any) -> Any:
    """The index of outputs with another first look: by the folder behind `results/<study>/`."""

    class OutputIndex(index):
        by_folder = True

        def __init__(self, rules: Iterable[Any]) -> None:
            self.folders: dict[str | None, list[tuple[Any, str]]] = defaultdict(list)
            for rule in rules:
                for product in rule.products():
                    entry = (rule, str(product.constant_suffix()))
                    self.folders[_folder(str(product.file))].append(entry)

        def match(self, targetfile: str) -> set[Any]:
            target = str(targetfile)
            found = self.folders.get(_folder(target), []) if _folder(target) else []
            return {rule for rule, suffix in (*found, *self.folders[None]) if target.endswith(suffix)}

    return OutputIndex


def _folder(path: str) -> str | None:
    """`cells` of `results/tiny/cells/...`; None where the path, or its pattern, does not tell."""
    root, _, rest = path.partition("/")
    study, _, rest = rest.partition("/")
    folder = rest.partition("/")[0]
    if root != ROOT or not study or not folder or "{" in folder or ("{" in study and not study.endswith("}")):
        return None
    return folder


def _once(parameters: Any) -> Any:
    """The same function, which remembers its answers."""
    known = functools.lru_cache(maxsize=4096)(parameters)

    def ask(function: Any) -> Any:
        try:
            return known(function)
        except TypeError:  # one that can't be a key
            return parameters(function)

    return ask
