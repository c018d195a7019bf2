"""Write the config's JSON schema and its table of keys from the models that check it."""

import argparse
from pathlib import Path

from semalign.runtime.script import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", type=Path, default=Path("workflow/schemas/config.schema.json"))
    parser.add_argument("--readme", type=Path, default=Path("config/README.md"))
    arguments = parser.parse_args()

    from semalign.runtime.files import write_text
    from semalign.study.documentation import config_readme, config_schema

    write_text(arguments.schema, config_schema())
    write_text(arguments.readme, config_readme())


if __name__ == "__main__":
    run(main)
