"""Look-up of the current commits of hub repositories, to pin them in config/revisions.lock."""

from pathlib import Path

from semalign.config.extending import read_config
from semalign.config.revisions import LOCKED, read_revisions, write_revisions
from semalign.models.sources import explained
from semalign.runtime.errors import UserError
from semalign.study.definition import study_of


def ask_commits(configfile: Path, update: bool = False) -> dict[str, str]:
    """Return repository -> commit for every `locked` model of a config.

    Commits that the lock file lacks are requested from the hub and written to it; `update` requests all of them.
    Raises UserError if the hub can't be reached.
    """
    config = read_config([configfile])
    study_of(config)  # report mistakes in the config before contacting the hub
    data = config.data
    known = {} if update else read_revisions()
    models = (data.get("models") or {}).values()
    wanted = dict.fromkeys(model["repository"] for model in models if model.get("revision") == LOCKED)
    fetched = {repository: _commit(repository) for repository in wanted if repository not in known}
    if fetched:
        write_revisions(fetched)
    return {repository: (known | fetched)[repository] for repository in wanted}


def _commit(repository: str) -> str:
    import huggingface_hub

    with explained(repository):
        commit = huggingface_hub.HfApi().model_info(repository).sha
    if not commit:
        raise UserError(f"model {repository}: found no commit on the hub, expected one")
    return str(commit)
