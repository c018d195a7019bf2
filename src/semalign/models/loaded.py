"""Whether a loaded model is what its files say, and errors of the libraries in one line."""

import contextlib
import errno
import math
import re
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from semalign.models.architectures import architecture_of
from semalign.models.naming import HARMLESS, listed, own_name
from semalign.models.weights import Weights
from semalign.runtime.errors import UserError

CLASS = re.compile(r"<class '([\w.]+)'>")
LONGEST = 300  # characters of another library's message
TRIAL = 8  # tokens
MEMORY = (
    "allocate memory",
    f"os error {errno.ENOMEM})",
    "can't start new thread",
    "out of memory",
    "bad_alloc",
    "failed to map",
)


@contextlib.contextmanager
def explained(path: Path, what: str) -> Iterator[None]:
    """Turn errors of transformers, safetensors and the system into one line; a lack of memory is named as such."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # the libraries raise all kinds for files that they do not expect
        if lacks_memory(error):
            raise UserError(f"{path}: not enough memory to load it{_limit()}") from error
        raise UserError(f"{path}: {what} ({_in_one_line(error)})") from error


def lacks_memory(error: BaseException) -> bool:
    """Whether memory or address space is what an error lacks."""
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    if isinstance(error, SystemError) and resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        return True  # what Python raises if it has no memory for the exception
    return any(text in str(error).lower() for text in MEMORY)


def _limit() -> str:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return "; expected more free memory, a smaller `dtype`, or a smaller model"
    return f"; this session may use {limit / 2**30:.1f} GiB of address space, raise it (ulimit -v)"


def _in_one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    text = CLASS.sub(r"\1", text).replace("NoneType", "null")  # as a user's JSON file says it
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def check_room(weights: Weights, bytes_each: int) -> None:
    """Raise UserError if a limit of address space leaves no room for the files, which are mapped, and the weights.

    Without room the libraries fail in many ways, some of which never end.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    held = sum(math.prod(entry.shape) for entry in weights.tensors.values()) * bytes_each
    files = sum(path.stat().st_size for path in weights.files)
    try:
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except OSError:  # another system than Linux
        used = 0
    if used + held + files > limit:
        raise UserError(
            f"{weights.folder}: not enough memory to load it: {(held + files) / 2**30:.1f} GiB more than the "
            f"{used / 2**30:.1f} GiB in use{_limit()}"
        )


def check_loaded(model: Any, info: Mapping[str, Any], weights: Weights, name: str) -> None:
    """Raise UserError if a tensor of the files is not in the model, one of the model's was not read, or the head is
    another one than `read_head` reads.

    `info` is transformers' own account of the loading. The config of a model whose head is not its embedding says so
    afterwards, as some folders have both and a config that ties them.
    """
    facts = architecture_of(name)
    if type(model).__name__ != name:
        raise UserError(
            f"{weights.folder / 'config.json'}: transformers loads it as {type(model).__name__}, expected {name} from "
            "its `architectures`"
        )
    stored = {tensor for tensor in weights.tensors if not HARMLESS.search(tensor)}
    held = {own_name(facts, tensor) for tensor in model.state_dict()}
    pair = {f"{facts.head}.weight", f"{facts.embedding}.weight"}
    missing = {own_name(facts, tensor) for tensor in info["missing_keys"]} | (held - stored - pair)
    if not shares_matrix(model) or not stored & pair:
        missing |= pair - stored
    more = (stored - held) | {tensor for tensor in info["unexpected_keys"] if not HARMLESS.search(tensor)}
    other = {entry[0] for entry in info["mismatched_keys"]}
    lines = [
        f"{weights.source}: found {what} {listed(names)}, expected just the tensors of {name}"
        for what, names in (("no", missing), ("also", more), ("another shape of", other))
        if names
    ]
    if shares_matrix(model) and pair <= stored and not model.config.tie_word_embeddings:
        lines.append(f"{weights.source}: the loaded model has one matrix as embedding and head, expected two")
    lines += [f"{weights.source}: {message}" for message in info["error_msgs"]]
    if lines:
        raise UserError(*lines)
    model.config.tie_word_embeddings = shares_matrix(model)


def check_runs(model: Any, weights: Weights) -> None:
    """Raise UserError if the model can't read a short text, or if its logits for it are not finite.

    Finite weights can be too large for their products, and some settings make every result NaN.
    """
    import torch

    width = min(TRIAL, model.config.max_position_embeddings)
    ids = torch.linspace(0, model.config.vocab_size - 1, width, device=model.device).long()[None]
    with explained(weights.folder, "the model that config.json describes can't run"), torch.no_grad():
        logits = model(ids, use_cache=False).logits
    if not logits.isfinite().all():
        dtype = str(model.dtype).removeprefix("torch.")
        other = "" if dtype == "float32" else ", or set a wider `dtype` (bfloat16, float32)"
        raise UserError(
            f"{weights.folder}: found NaN or infinity in the logits that the model computes in {dtype}, expected "
            f"finite ones: values in {weights.source.name} or config.json are damaged; copy or download them "
            f"again{other}"
        )


def shares_matrix(model: Any) -> bool:
    """Whether the embedding of a loaded model is its head, whatever its config says."""
    head, embedding = model.get_output_embeddings().weight, model.get_input_embeddings().weight
    if head.device != embedding.device:  # parts of one matrix that accelerate has put on two devices
        return bool(model.config.tie_word_embeddings)
    return head is embedding or (head.numel() > 0 and head.data_ptr() == embedding.data_ptr() != 0)
