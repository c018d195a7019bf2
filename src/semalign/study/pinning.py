"""The commits that the hub's main branches stand at now, written down for good."""

import logging
from pathlib import Path

from semalign.config.extending import extended, read_yaml
from semalign.config.revisions import LOCKED, read_revisions, write_revisions
from semalign.models.sources import explained
from semalign.runtime.errors import UserError
from semalign.study.definition import parse_study

LOGGER = logging.getLogger("semalign")


def pin_revisions(configfile: Path, update: bool = False) -> dict[str, str]:
    """Repository -> commit of every `locked` model of a config, asked from the hub where the file has none.

    `update` asks for all of them. Raises UserError, in one line, when the hub can't be asked.
    """
    data = extended(read_yaml(configfile))
    parse_study(data)  # a mistake in the config is told first
    known = {} if update else read_revisions()
    models = data.get("models") or {}
    wanted = dict.fromkeys(
        given["repository"] for given in models.values() if given.get("revision") == LOCKED
    )
    found = {repository: _commit(repository) for repository in wanted if repository not in known}
    if found:
        write_revisions(found)
    for repository in wanted:
        LOGGER.info("%s: %s", repository, found.get(repository) or known[repository])
    return found


def _commit(repository: str) -> str:
    import huggingface_hub

    with explained(repository):
        commit = huggingface_hub.HfApi().model_info(repository).sha
    if not commit:
        raise UserError(f"model {repository}: the hub names no commit, expected one")
    return str(commit)
