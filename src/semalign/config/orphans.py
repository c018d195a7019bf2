"""What a config file takes along when it removes benchmarks, methods or the search of the file that it extends.

A study of other data keeps the models and methods of the file that it extends, and has no use for that file's analyses,
contrasts and rungs on benchmarks that are gone. Only what the weaker file says is left out. What a file says itself is
kept, so that a mistake in it is reported.
"""

import copy
from typing import Any

# notebooks that can't do without an analysis -> that analysis
NOTEBOOKS = {"decomposition": "decomposition"}


def without_orphans(
    below: dict[str, Any], above: dict[str, Any], joined: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return the merged config without what only `below` says of things that `above` removed, and the keys left out."""
    orphans = _Orphans(below, above, joined)
    for find in (_benchmarks_of_methods, _ladder, _analyses, _ablations, _contrasts, _search, _notebooks):
        find(orphans)
    return orphans.data, orphans.left_out


class _Orphans:
    """A merged config from which keys are removed; `gone` are the benchmarks that no pair is trained on any more."""

    def __init__(self, below: dict[str, Any], above: dict[str, Any], joined: dict[str, Any]) -> None:
        self.below, self.above, self.data = below, above, copy.deepcopy(joined)
        self.gone = _trained(below) - _trained(joined)
        self.left_out: list[str] = []

    @property
    def methods(self) -> set[Any]:
        """The methods that are gone."""
        return set(_section(self.below, "methods")) - set(_section(self.data, "methods"))

    def of(self, *keys: str) -> Any:
        """The value at a key that only the weaker files give; None if there is none."""
        *path, last = keys
        return None if last in _section(self.above, *path) else _section(self.data, *path).get(last)

    def drop(self, *keys: str) -> None:
        """Remove a key, unless the strongest file says something of it."""
        if self.of(*keys) is not None:
            del _section(self.data, *keys[:-1])[keys[-1]]
            self.left_out.append(".".join(keys))

    def keep(self, gone: set[Any], *keys: str) -> bool:
        """Remove entries from a list of the weaker files; returns whether none is left."""
        entries = self.of(*keys)
        if not isinstance(entries, list) or gone.isdisjoint(filter(_is_name, entries)):
            return False
        left = [entry for entry in entries if entry not in gone]
        _section(self.data, *keys[:-1])[keys[-1]] = left
        return not left


def _benchmarks_of_methods(orphans: _Orphans) -> None:
    """Methods whose only benchmarks are gone."""
    for name in list(_section(orphans.data, "methods")):
        if orphans.keep(orphans.gone, "methods", name, "benchmarks"):
            orphans.drop("methods", name)


def _ladder(orphans: _Orphans) -> None:
    """A ladder without benchmarks or without two rungs, and methods that are only rungs of it."""
    without_benchmarks = orphans.keep(orphans.gone, "analysis", "ladder", "benchmarks")
    rungs = orphans.of("analysis", "ladder", "rungs")
    orphans.keep(orphans.methods, "analysis", "ladder", "rungs")
    left = _section(orphans.data, "analysis", "ladder").get("rungs")
    if without_benchmarks or (rungs and isinstance(left, list) and len(left) < 2):
        orphans.drop("analysis", "ladder")
    left = _section(orphans.data, "analysis", "ladder").get("rungs") or []
    if isinstance(left, list) and any(
        name not in _section(orphans.data, "methods") for name in left if _is_name(name)
    ):
        return  # a misspelt rung, which may be any of them
    for name in list(_section(orphans.data, "methods")):
        if _section(orphans.data, "methods", name).get("rung") is True and name not in left:
            orphans.drop("methods", name)


def _analyses(orphans: _Orphans) -> None:
    """Analyses of a benchmark or of methods that are gone."""
    for section in ("similarity", "displacement", "geometry"):
        if _in(orphans.of("analysis", section, "benchmark"), orphans.gone):
            orphans.drop("analysis", section)
    if _in(orphans.of("analysis", "displacement", "reference"), orphans.methods):
        orphans.drop("analysis", "displacement")
    if orphans.keep(orphans.methods, "analysis", "similarity", "methods"):
        orphans.drop("analysis", "similarity")
    removed = set(_section(orphans.below, "benchmarks")) - set(_section(orphans.data, "benchmarks"))
    if _in(orphans.of("analysis", "decomposition", "prompts"), removed):
        orphans.drop("analysis", "decomposition")


def _ablations(orphans: _Orphans) -> None:
    """Axes of methods that are gone, or of the method in place of which another one is varied."""
    before, after = (_section(data, "ablations").get("method") for data in (orphans.below, orphans.data))
    if before != after or _in(before, orphans.methods):
        for axis in list(_section(orphans.data, "ablations", "axes")):
            orphans.drop("ablations", "axes", axis)
        if before == after:
            orphans.drop("ablations", "method")
    for name in list(_section(orphans.data, "ablations", "others")):
        if name in orphans.methods:
            orphans.drop("ablations", "others", name)


def _contrasts(orphans: _Orphans) -> None:
    """Contrasts with methods that are gone."""
    contrasts, gone = orphans.of("contrasts"), orphans.methods
    if isinstance(contrasts, list):
        of_gone = [one for one in contrasts if isinstance(one, list) and any(_in(name, gone) for name in one)]
        orphans.data["contrasts"] = [one for one in contrasts if one not in of_gone]
        orphans.left_out += [f"contrasts [{', '.join(map(str, one))}]" for one in of_gone]


def _search(orphans: _Orphans) -> None:
    """What is said of a search that is gone."""
    before, after = (_section(data, "search").get("learning_rates") for data in (orphans.below, orphans.data))
    if before and not after:
        orphans.drop("search", "widen")
        for name in _section(orphans.data, "methods"):
            for key in ("searched", "search", "learning_rates"):
                orphans.drop("methods", name, key)


def _notebooks(orphans: _Orphans) -> None:
    """Notebooks whose analysis is gone."""
    analyses = _section(orphans.data, "analysis")
    had = _section(orphans.below, "analysis")
    gone = {
        name for name, analysis in NOTEBOOKS.items() if analysis in had and not _asked(analyses, analysis)
    }
    if isinstance(notebooks := orphans.of("notebooks"), list):
        orphans.left_out += [f"notebook {name}" for name in notebooks if _in(name, gone)]
        orphans.keep(gone, "notebooks")


def _asked(analyses: dict[str, Any], name: str) -> bool:
    return any(_section(analyses, name).values())


def _trained(data: dict[str, Any]) -> set[Any]:
    """The benchmarks that pairs are trained on."""
    every = list(_section(data, "benchmarks"))
    names = (_section(data, "pairs", pair).get("benchmarks") or every for pair in _section(data, "pairs"))
    return {name for own in names if isinstance(own, list) for name in own if _is_name(name)}


def _section(data: Any, *keys: str) -> dict[str, Any]:
    """The section at a key, or an empty one if there is none; a config may still be wrong."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _in(value: Any, names: set[Any]) -> bool:
    return _is_name(value) and value in names


def _is_name(value: Any) -> bool:
    return isinstance(value, str)
