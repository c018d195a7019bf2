"""Resources of jobs on a cluster, merged from several profiles.

Snakemake replaces `default-resources` and `set-resources` of an earlier profile as a whole, so that three lines with a
site's account and partition would drop memory, run time and the signal before the time limit. Here they are merged
name by name, as profiles are read.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Values = dict[str, Any]
EXTRA, SIGNAL = "slurm_extra", "--signal"
# names of which a job may have one only, in groups
ALTERNATIVES = (
    ("mem_mb", "mem", "mem_mib", "mem_mb_per_cpu", "mem_per_cpu", "mem_mb_per_gpu"),
    ("runtime", "runtime_min", "walltime", "time_min"),
    ("gres", "gpu", "gpus", "gpu_model"),
    ("cpus_per_task", "cpus_per_gpu"),
)


def merge_defaults(layers: Iterable[Any]) -> Values:
    """The default resources of all profiles, the last one first in rank; a value of null removes a name."""
    merged: Values = {}
    for layer in layers:
        merged = _above(merged, _pairs(layer))
    return merged


def merge_rules(layers: Iterable[Any]) -> dict[str, Values]:
    """The resources of single rules of all profiles, the last one first in rank."""
    merged: dict[str, Values] = {}
    for layer in layers:
        for rule, values in _rules(layer).items():
            merged[rule] = _above(merged.get(rule, {}), values)
    return {rule: values for rule, values in merged.items() if values}


def _above(below: Values, values: Values) -> Values:
    """`below` with the values of a later profile, without the names that these replace."""
    replaced = {other for name in values for group in ALTERNATIVES if name in group for other in group}
    kept = {name: value for name, value in below.items() if name not in replaced}
    given = {name: value for name, value in values.items() if value is not None}
    extra, signal = given.get(EXTRA), below.get(EXTRA)
    if isinstance(extra, str) and isinstance(signal, str) and SIGNAL in signal and SIGNAL not in extra:
        given[EXTRA] = repr(f"{_bare(extra)} {_bare(signal)}")  # quoted, as an expression of Snakemake
    return {name: value for name, value in (kept | given).items() if name in given or name not in values}


def _bare(text: str) -> str:
    """A text without the quotes that Snakemake's expressions need."""
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _pairs(layer: Any) -> Values:
    """Resources as a mapping, whether a profile has a mapping or a list of `name=value`."""
    if isinstance(layer, Mapping):
        return dict(layer)
    words = layer.split() if isinstance(layer, str) else (layer or ())
    pairs = (str(word).split("=", 1) for word in words if "=" in str(word))
    return {name: int(value) if value.isdecimal() else value for name, value in pairs}


def _rules(layer: Any) -> dict[str, Values]:
    """Resources by rule, whether a profile has a mapping or a list of `rule:name=value`."""
    if isinstance(layer, Mapping):
        return {rule: dict(values) for rule, values in layer.items() if isinstance(values, Mapping)}
    rules: dict[str, Values] = {}
    for name, value in _pairs(layer).items():
        rule, _, resource = name.partition(":")
        rules.setdefault(rule, {})[resource] = value
    return rules
