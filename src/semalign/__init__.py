"""Cross-scale knowledge transfer between large language models by latent semantic alignment.

`load_study` reads and checks a config file; `load_student` loads the student with the adapter that a method trained.
The other functions work on loaded models (docs/reference/python.md). All names are imported at their first use, so that
`import semalign` loads no library.

These names, their parameters and the fields of what they return are the public interface, versioned by
https://semver.org: before version 1.0 a minor version may change them, and CHANGELOG.md says so.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semalign.api.decomposition import Decomposition, TokenBases, bases, decompose, recompose
    from semalign.api.inputs import Loaded, load
    from semalign.api.layers import LayerScores, attribute_layers, pair_layers
    from semalign.api.maps import shared_tokens, teacher_to_student_map
    from semalign.api.residuals import residual_targets
    from semalign.api.scoring import Scores, evaluate
    from semalign.api.states import LayerStates, align_states, collect_states
    from semalign.api.steering import Steered, steer
    from semalign.benchmarks.base import Example
    from semalign.models.transfers import load_student
    from semalign.runtime.errors import UserError
    from semalign.signals.pairing import LayerPair
    from semalign.study.definition import load_study

__version__ = "0.1.0"
__all__ = [
    "Decomposition",
    "Example",
    "LayerPair",
    "LayerScores",
    "LayerStates",
    "Loaded",
    "Scores",
    "Steered",
    "TokenBases",
    "UserError",
    "__version__",
    "align_states",
    "attribute_layers",
    "bases",
    "collect_states",
    "decompose",
    "evaluate",
    "load",
    "load_student",
    "load_study",
    "pair_layers",
    "recompose",
    "residual_targets",
    "shared_tokens",
    "steer",
    "teacher_to_student_map",
]

_NAMES = {
    "semalign.api.decomposition": ("Decomposition", "TokenBases", "bases", "decompose", "recompose"),
    "semalign.api.inputs": ("Loaded", "load"),
    "semalign.api.layers": ("LayerScores", "attribute_layers", "pair_layers"),
    "semalign.api.maps": ("shared_tokens", "teacher_to_student_map"),
    "semalign.api.residuals": ("residual_targets",),
    "semalign.api.scoring": ("Scores", "evaluate"),
    "semalign.api.states": ("LayerStates", "align_states", "collect_states"),
    "semalign.api.steering": ("Steered", "steer"),
    "semalign.benchmarks.base": ("Example",),
    "semalign.models.transfers": ("load_student",),
    "semalign.runtime.errors": ("UserError",),
    "semalign.signals.pairing": ("LayerPair",),
    "semalign.study.definition": ("load_study",),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'semalign' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names, for completion."""
    return list(__all__)
