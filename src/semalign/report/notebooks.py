"""Execute a notebook with parameters and turn it into one page that opens without a network."""

import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from semalign.report.html_page import Link, fill, links
from semalign.runtime.errors import UserError
from semalign.runtime.files import write_text

KERNEL = "python3"
TIMEOUT = 600  # seconds per cell; a notebook only reads tables and draws, so a slower one hangs
LONGEST_SOCKETS = 50  # a socket's path has at most 107 characters, of which its name takes about 55


def publish(
    notebook: Path, parameters: Mapping[str, str], log: Path, out: Path, cwd: Path, pages: Sequence[str] = ()
) -> None:
    """Execute `notebook` with `parameters` in `cwd`; keep the executed copy at `log`, the page at `out`.

    Code is hidden on the page and visible in the executed copy, which also has the traceback of a failed cell.
    Raises UserError for an unknown parameter, for a failed cell, and if the page would show a path of this machine.
    """
    executed = execute(notebook, parameters, log, cwd)
    page = render(executed, _footer(notebook, parameters), links(pages, notebook.stem))
    home = os.environ.get("HOME", "/")
    refuse_paths(page, out, [str(cwd.resolve()), str(Path.cwd()), home, sys.prefix, tempfile.gettempdir()])
    write_text(out, page)


def execute(notebook: Path, parameters: Mapping[str, str], log: Path, cwd: Path) -> Any:
    """Run all cells in this interpreter's own kernel; returns the executed notebook (an nbformat node)."""
    with _own_kernels() as sockets:
        from nbclient.exceptions import DeadKernelError
        from papermill import execute_notebook  # type: ignore[import-untyped]
        from papermill.exceptions import PapermillExecutionError  # type: ignore[import-untyped]

        _check(notebook, parameters)
        log.parent.mkdir(parents=True, exist_ok=True)
        settings = {"cwd": str(cwd), "kernel_name": KERNEL, "progress_bar": False}
        limits = {"execution_timeout": TIMEOUT, "start_timeout": 120}
        quiet = {"extra_arguments": ["--log-level=CRITICAL"], "config": _transport(sockets)}
        try:
            return execute_notebook(str(notebook), str(log), dict(parameters), **settings, **limits, **quiet)
        except PapermillExecutionError as error:
            if f"[Errno {errno.ENOSPC}]" in str(error.evalue):  # reported by the run as a full disk
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"the page of {notebook}") from None
            reason = f"a cell failed with {error.ename}: {error.evalue}"
        except (DeadKernelError, TimeoutError) as error:
            reason = f"the kernel died or hung: {error}"
    raise UserError(f"{notebook}: {' '.join(reason.split())} (more in {log})")


def _check(notebook: Path, parameters: Mapping[str, str]) -> None:
    """Raise UserError for a parameter that the notebook does not declare; papermill only warns."""
    from papermill import inspect_notebook

    if not notebook.is_file():
        raise UserError(f"{notebook}: no such notebook")
    try:
        known = inspect_notebook(str(notebook))
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # text or JSON of another kind
        raise UserError(f"{notebook}: not a notebook ({str(error).strip().partition(chr(10))[0]})") from None
    for name in parameters:
        if name not in known:
            raise UserError(f"{notebook}: unknown parameter {name!r}, expected {', '.join(known) or 'none'}")


def _transport(sockets: str) -> Any:
    """Talk to the kernel through files, since notebooks that start together can choose the same network port."""
    from traitlets.config import Config

    if len(sockets) <= LONGEST_SOCKETS:
        # without this name, all kernels' sockets have the same name in the working directory
        return Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/kernel"}})
    return Config({"KernelManager": {"transport_encryption": "auto"}})


def render(executed: Any, footer: str = "", nav: Sequence[Link] = ()) -> str:
    """The page of an executed notebook: text, tables and embedded images, without scripts or remote content."""
    from nbconvert import HTMLExporter

    page = executed.copy()
    page.cells = [cell for cell in map(_quiet, executed.cells) if cell.cell_type != "code" or cell.outputs]
    exporter = HTMLExporter(template_name="basic", exclude_input=True, exclude_anchor_links=True)
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(page)
    return fill("page", title=_title(page), body=body.strip(), footer=footer, nav=nav)


def refuse_paths(page: str, out: Path, folders: Iterable[str]) -> None:
    """Raise UserError if the text of a page shows one of these folders; embedded images are not searched."""
    text = re.sub(r"data:[\w/+.-]+;base64,[A-Za-z0-9+/=\s]+", "", page)
    for folder in folders:
        if folder != "/" and re.search(rf"(?<![\w/]){re.escape(folder)}(?![\w-])", text):
            raise UserError(
                f"{out}: the page would show {folder}, give parameters relative to the repository root"
            )


def _quiet(cell: Any) -> Any:
    """A cell without its standard error, since warnings name files of this machine."""
    cell = cell.copy()
    if cell.cell_type == "code":
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return cell


def _title(notebook: Any) -> str:
    lines = (
        line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines()
    )
    return next((line.lstrip("# ") for line in lines if line.startswith("# ")), "notebook")


def _footer(notebook: Path, parameters: Mapping[str, str]) -> str:
    settings = ", ".join(f"{name} = {value}" for name, value in parameters.items())
    return f"{notebook.name} executed with {settings}" if settings else f"{notebook.name} with its defaults"


@contextmanager
def _own_kernels() -> Iterator[str]:
    """Use only kernels of this environment, and no user's profile; yields the folder for their sockets."""
    with tempfile.TemporaryDirectory() as folder:
        ours = {
            "JUPYTER_PREFER_ENV_PATH": "1",
            "JUPYTER_DATA_DIR": folder,
            "JUPYTER_CONFIG_DIR": folder,
            "JUPYTER_RUNTIME_DIR": folder,
            "IPYTHONDIR": folder,
            "JUPYTER_PATH": "",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }
        before = {name: os.environ.get(name) for name in ours}
        os.environ.update(ours)
        try:
            yield folder
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)
