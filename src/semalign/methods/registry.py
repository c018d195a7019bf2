"""Methods by name. A new one is a file beside this, a line here, and its settings in `semalign.config.methods`."""

import importlib

from semalign.errors import UserError
from semalign.methods.base import Method

METHODS: dict[str, str] = {
    "student": "semalign.methods.untouched:student",
    "teacher": "semalign.methods.untouched:teacher",
    "semalign": "semalign.methods.semalign:transfer",
    "sft": "semalign.methods.sft:transfer",
    "pissa": "semalign.methods.pissa:transfer",
    "seeking": "semalign.methods.seeking:transfer",
    "laten": "semalign.methods.laten:transfer",
    "distill-logits": "semalign.methods.distill_logits:transfer",
    "distill-hidden": "semalign.methods.distill_hidden:transfer",
    "flex-kd": "semalign.methods.flex_kd:transfer",
    "distill-states": "semalign.methods.distill_states:transfer",
    "prox": "semalign.methods.prox:transfer",
    "self-anchor": "semalign.methods.self_anchor:transfer",
}


def load_method(name: str) -> Method:
    """Import a method's function; raises UserError for an unknown name."""
    method: Method = getattr(importlib.import_module(module_of(name)), METHODS[name].split(":")[1])
    return method


def module_of(name: str) -> str:
    """The module that holds a method's function; raises UserError for an unknown name."""
    if name not in METHODS:
        raise UserError(f"method {name!r} is not known; expected one of {', '.join(METHODS)}")
    return METHODS[name].split(":")[0]
