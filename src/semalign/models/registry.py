"""The sources of models that a module of their own makes, out of other artifacts of the study."""

from typing import Any

PRUNING = "semalign.models.pruning.recipe"
MAKERS: dict[str, str] = {"pruned": PRUNING}


def module_of(source: str) -> str | None:
    """The module that makes models of this source; None where `semalign.models.sources` does."""
    return MAKERS.get(source)


def texts_of(settings: Any) -> tuple[list[str], list[str]]:
    """What a model reads beside its teacher: benchmarks of the study by name, and files of the user's own."""
    texts = getattr(settings, "text", [])
    benchmarks = [text.benchmark for text in texts if hasattr(text, "benchmark")]
    return list(dict.fromkeys(benchmarks)), [text.path for text in texts if hasattr(text, "path")]
