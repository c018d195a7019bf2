"""Registry of methods: each is a function with the decorator `@method`, in a file that also holds its settings.

Snakemake checks configs against these settings whenever it parses the workflow. To keep that fast, such a file must not
import torch, directly or indirectly, at module level; the method's function does so instead.
"""

from collections.abc import Callable
from typing import Any

from semalign.methods.base import Method, SettingsT, Transfer
from semalign.runtime.registry import Registry

METHODS: Registry[Method[Any]] = Registry("method", "semalign.methods", "method")


def method(
    name: str, *, title: str, settings: type[SettingsT], paper: str = ""
) -> Callable[[Transfer[SettingsT]], Method[SettingsT]]:
    """Register a method; `title` is its printed name, `paper` its publication (arXiv:...).

    Raises ValueError if the settings' `method` has another name.
    """
    named = settings.model_fields["method"].default
    if named != name:
        raise ValueError(f"method {name!r}: {settings.__name__}.method: found {named!r}, expected {name!r}")
    return lambda transfer: Method(name, settings, transfer)
