"""The commits that the hub's main branches stand at now, written down for good."""

from pathlib import Path

from semalign.config.extending import extended, read_yaml
from semalign.config.revisions import LOCKED, read_revisions, write_revisions
from semalign.models.sources import explained
from semalign.runtime.errors import UserError
from semalign.study.definition import parse_study


def ask_commits(configfile: Path, update: bool = False) -> dict[str, str]:
    """Repository -> commit of every `locked` model of a config, asked from the hub if the file has none.

    New ones are written down; `update` asks for all of them. Raises UserError, in one line, if the hub can't be
    asked.
    """
    data = extended(read_yaml(configfile))
    parse_study(data)  # a mistake in the config is reported first
    known = {} if update else read_revisions()
    models = (data.get("models") or {}).values()
    wanted = dict.fromkeys(model["repository"] for model in models if model.get("revision") == LOCKED)
    asked = {repository: _commit(repository) for repository in wanted if repository not in known}
    if asked:
        write_revisions(asked)
    return {repository: (known | asked)[repository] for repository in wanted}


def _commit(repository: str) -> str:
    import huggingface_hub

    with explained(repository):
        commit = huggingface_hub.HfApi().model_info(repository).sha
    if not commit:
        raise UserError(f"model {repository}: the hub names no commit, expected one")
    return str(commit)
