"""Sources of models that are made from other artifacts of the study, registered with `@model_source`.

All other sources (built in place, folders, the hub) are in `semalign.models.sources`.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from semalign.runtime.registry import Registry

MakeT = TypeVar("MakeT", bound=Callable[..., dict[str, Any]])

MAKERS: Registry[Callable[..., dict[str, Any]]] = Registry("source", "semalign.models", "model_source")


def model_source(name: str, *, title: str) -> Callable[[MakeT], MakeT]:
    """Register the function that makes models of a source.

    It is called with settings, teacher, text files, folder, checkpoint and identity, and returns the model's origin.
    """
    return lambda make: make


def module_of(source: str) -> str | None:
    """The module that makes models of this source; None if `semalign.models.sources` does."""
    return MAKERS.module_of(source) if source in MAKERS else None


def texts_of(settings: Any) -> tuple[list[str], list[str]]:
    """Texts that a model is made from: names of the study's benchmarks, and paths of the user's own files."""
    texts = getattr(settings, "text", [])
    benchmarks = [text.benchmark for text in texts if hasattr(text, "benchmark")]
    return list(dict.fromkeys(benchmarks)), [text.path for text in texts if hasattr(text, "path")]
