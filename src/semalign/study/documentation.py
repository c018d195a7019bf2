"""The config's documentation, generated from the models that check it, so that each fact is said once."""

import json
from typing import Any

from semalign.study.definition import Study

INTRODUCTION = """\
# What a study may say

A config file is one study. `snakemake --cores all` reads `config.yaml` (study "tiny"); another one is named with
`--configfile config/real.yaml`. A key that is not given has the default below; an unknown key is an error.
This page is made by `python scripts/document_config.py` from `src/semalign/config/`.

Sections that hold several things by name (`models`, `pairs`, `benchmarks`, `methods`) show their keys once a name.
"""


def config_schema() -> str:
    """The JSON schema of a config file."""
    return json.dumps(Study.model_json_schema(), indent=2) + "\n"


def config_readme() -> str:
    """A table a section: key, type, default, meaning."""
    schema = Study.model_json_schema()
    definitions = schema["$defs"]
    parts = [INTRODUCTION, _table("The study", schema)]
    parts += [
        _table(f"`{name}`", section) for name, section in sorted(definitions.items()) if _shown(section)
    ]
    return "\n".join(parts)


def _shown(section: dict[str, Any]) -> bool:
    return bool(section.get("properties"))


def _table(title: str, section: dict[str, Any]) -> str:
    described = " ".join(section.get("description", "").split("\n\n")[0].split())
    rows = [
        f"| `{key}` | {_type(field)} | {_default(field)} | {_cell(field.get('description', ''))} |"
        for key, field in section["properties"].items()
    ]
    return "\n".join(
        [
            f"## {title}",
            "",
            described,
            "",
            "| key | type | default | meaning |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return f"section `{field['$ref'].rsplit('/', 1)[-1]}`"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    for union in ("anyOf", "oneOf"):
        if union in field:
            return " or ".join(_type(option) for option in field[union])
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type(field.get('items', {}))}"
    if kind == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"names to {_type(field['additionalProperties'])}"
    return str(kind) + _range(field)


def _range(field: dict[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[key]:g}" for key, sign in signs.items() if key in field]
    return f" ({', '.join(limits)})" if limits else ""


def _default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "required"
    return (
        "see its section"
        if isinstance(field["default"], dict) and field["default"]
        else f"`{json.dumps(field['default'])}`"
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
