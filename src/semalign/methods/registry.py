"""Methods by name, and the signal stages that serve single methods.

A new one is a file beside this (or a module of its own), a line here, and its settings in `semalign.config`.
"""

import importlib
from collections.abc import Callable
from pathlib import Path

from semalign.methods.base import Method
from semalign.runtime.errors import UserError

METHODS: dict[str, str] = {
    "student": "semalign.methods.untouched:student",
    "teacher": "semalign.methods.untouched:teacher",
    "semalign": "semalign.methods.semalign.steering:transfer",
    "sft": "semalign.methods.sft:transfer",
    "pissa": "semalign.methods.pissa:transfer",
    "seeking": "semalign.methods.seeking:transfer",
    "laten": "semalign.methods.laten.transfer:transfer",
    "distill-logits": "semalign.methods.distill_logits:transfer",
    "distill-hidden": "semalign.methods.distill_hidden:transfer",
    "flex-kd": "semalign.methods.flex_kd:transfer",
    "distill-states": "semalign.methods.distill_states:transfer",
    "prox": "semalign.methods.experimental.prox.transfer:transfer",
    "self-anchor": "semalign.methods.experimental.self_anchor:transfer",
    "residual-geometry": "semalign.methods.experimental.residual_geometry:transfer",
}


# What single methods read off the teacher: a function of (teacher, student, benchmark, settings, out), all paths.
METHOD_STAGES: dict[str, str] = {
    "logits": "semalign.signals.distillation.stage:store_logits",
    "units": "semalign.signals.distillation.stage:select_units",
    "states": "semalign.signals.distillation.states:store_states",
    "extraction": "semalign.signals.extraction.stage:extract_windows",
    "location": "semalign.signals.location.stage:locate_neurons",
}


def load_method(name: str) -> Method:
    """Import a method's function; raises UserError for an unknown name."""
    module = module_of(name)
    method: Method = getattr(importlib.import_module(module), METHODS[name].split(":")[1])
    return method


def load_stage(name: str) -> Callable[[Path, Path, Path, Path, Path], None]:
    """Import the function of a signal stage, a name of METHOD_STAGES."""
    module, function = METHOD_STAGES[name].split(":")
    stage: Callable[[Path, Path, Path, Path, Path], None] = getattr(importlib.import_module(module), function)
    return stage


def module_of(name: str) -> str:
    """The module that holds a method's function; raises UserError for an unknown name."""
    if name not in METHODS:
        raise UserError(f"method {name!r} is not known; expected one of {', '.join(METHODS)}")
    return METHODS[name].split(":")[0]
