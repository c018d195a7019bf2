"""Cross-scale knowledge transfer between large language models by latent semantic alignment.

`load_study` reads and checks a config file; `load_student` loads the student with the adapter that a method trained.
Both are imported at their first use, so that `import semalign` loads no library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semalign.models.transfers import load_student
    from semalign.study.definition import load_study

__version__ = "0.1.0"
__all__ = ["__version__", "load_student", "load_study"]

_HOMES = {"load_student": "semalign.models.transfers", "load_study": "semalign.study.definition"}


def __getattr__(name: str) -> Any:
    """Import a public function from its module when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'semalign' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
