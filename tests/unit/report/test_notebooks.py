"""Notebooks: stripped in the repository, executed by one script, readable without a network."""

import json
import re
import subprocess
import sys
from pathlib import Path

import fabricated_analyses as analyses
import fabricated_tables as fabricated
import nbformat
import pandas as pd
import pytest

from semalign.report.notebooks import execute, publish, refuse_paths, render
from semalign.report.reading import read_table, read_tables
from semalign.runtime.causes import explain
from semalign.runtime.errors import UserError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FIGURES = {
    "ablations": ["ablation"],
    "decomposition": ["decomposition"],
    "fairness": ["cost_gain"],
    "figures": ["agreement", "gap_closed", "scores", "similarity"],
    "mechanism": ["attribution", "curves", "displacement", "geometry", "pairing"],
    "tables": [],
}
PARAMETERS = {"study": "tiny", "tables": "results/tiny/tables", "figures": "results/tiny/figures"}


def write_notebook(path: Path, *sources: str) -> Path:
    """A notebook with a parameters cell (`word`) and these code cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_markdown_cell("# A <title>")]
    notebook.cells.append(nbformat.v4.new_code_cell('word = "unset"', metadata={"tags": ["parameters"]}))
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(notebook, path)
    return path


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_sources_are_stripped_and_short(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(notebook["cells"]) < 15
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert [cell["metadata"] for cell in notebook["cells"] if cell["metadata"]] == [{"tags": ["parameters"]}]
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert [cell["id"] for cell in notebook["cells"]] == [str(i) for i in range(len(notebook["cells"]))]
    nbformat.validate(nbformat.from_dict(notebook))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_outcome_is_typed_into_a_notebook(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = " ".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert not re.search(r"\d\.\d|p =|\bpoints? (higher|lower)|outperform|improve", prose)


@pytest.mark.parametrize("name", FIGURES)
def test_every_notebook_becomes_a_page_with_its_figures(name: str, tmp_path: Path) -> None:
    fabricated.write_study(tmp_path / PARAMETERS["tables"], **analyses.analyses())
    out = tmp_path / f"{name}.html"
    publish(ROOT / f"notebooks/{name}.ipynb", PARAMETERS, tmp_path / f"logs/{name}.ipynb", out, tmp_path)
    page = out.read_text(encoding="utf-8")
    drawn = sorted(path.name for path in (tmp_path / PARAMETERS["figures"]).glob("*"))
    assert drawn == [f"{figure}.{suffix}" for figure in FIGURES[name] for suffix in ("png", "svg")]
    assert page.count('src="data:image/png;base64,') == len(FIGURES[name])
    assert page.count(" alt=") == len(FIGURES[name])
    assert "import " not in page  # code is hidden
    assert not re.search(r"""<script|<link|(src|href)=["'](?!data:)|@import|url\(|Traceback""", page)
    assert str(tmp_path) not in page and "/home" not in page
    executed = nbformat.read(tmp_path / f"logs/{name}.ipynb", as_version=4)
    assert any("injected-parameters" in cell.metadata.get("tags", []) for cell in executed.cells)


def test_numbers_on_the_page_follow_the_tables(tmp_path: Path) -> None:
    folder = fabricated.write_study(tmp_path / PARAMETERS["tables"])
    main = pd.read_csv(folder / "main.csv")
    at = (main["method"] == "semalign") & (main["benchmark"] == "facts")
    pages = []
    for difference, p in ((-17.3, 0.002), (17.3, 0.6)):
        main.loc[at, ["vs_student", "vs_student_p"]] = [difference, p]
        main.to_csv(folder / "main.csv", index=False)
        out = tmp_path / "tables.html"
        publish(ROOT / "notebooks/tables.ipynb", PARAMETERS, tmp_path / "log.ipynb", out, tmp_path)
        text = re.sub(r"<[^>]+>", "", out.read_text(encoding="utf-8"))
        pages.append(re.sub(r"\s+", " ", text))
    assert re.search(r"facts.*−17\.3|lower on [1-4] of 4 \([^)]*−17\.3", pages[0])
    assert re.search(r"not significant after correction on [1-4] of 4 \([^)]*\+17\.3", pages[1])


def test_a_real_study_has_the_decomposition_alone(tmp_path: Path) -> None:
    tables = tmp_path / PARAMETERS["tables"]
    tables.mkdir(parents=True)
    frame = fabricated.decomposition_table({"m": 2}).query("interface == 'block'")
    frame.to_csv(tables / "decomposition.csv", index=False)
    notebook = ROOT / "notebooks/decomposition.ipynb"
    command = [sys.executable, str(ROOT / "scripts/execute_notebook.py"), "--notebook", str(notebook)]
    command += ["--executed", "log.ipynb", "--out", "a.html"]
    for name, value in PARAMETERS.items():
        command += ["--parameter", name, value]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stderr == "" and done.stdout == ""
    publish(notebook, PARAMETERS, tmp_path / "log.ipynb", tmp_path / "b.html", tmp_path)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_kernel_is_this_interpreter_whatever_the_user_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = tmp_path / "share/kernels/python3"
    kernel.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "other", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
    startup = tmp_path / "ipython/profile_default/startup"
    startup.mkdir(parents=True)
    (startup / "user.py").write_text("profile = 'loaded'", encoding="utf-8")
    for name in ("JUPYTER_PATH", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "share"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = write_notebook(
        tmp_path / "n.ipynb",
        "import os, sys; print(sys.executable, os.getcwd(), word, 'profile' in globals())",
    )
    (tmp_path / "here").mkdir()
    executed = execute(notebook, {"word": "given"}, tmp_path / "log.ipynb", tmp_path / "here")
    assert executed.cells[-1].outputs[0].text.split() == [
        sys.executable,
        str(tmp_path / "here"),
        "given",
        "False",
    ]


def test_a_failing_cell_is_one_line_and_leaves_its_traceback(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "n.ipynb", "before = 1", "raise ValueError('two\\nlines')")
    out, log = tmp_path / "n.html", tmp_path / "logs/n.ipynb"
    with pytest.raises(
        UserError, match=r"n\.ipynb: a cell failed with ValueError: two lines \(more in .*n\.ipynb\)"
    ):
        publish(notebook, {}, log, out, tmp_path)
    assert not out.exists()
    assert "Traceback" in log.read_text(encoding="utf-8")


def test_unknown_parameters_and_notebooks_are_user_errors(tmp_path: Path) -> None:
    notebook = write_notebook(tmp_path / "n.ipynb")
    with pytest.raises(UserError, match="unknown parameter 'wrod', expected word"):
        publish(notebook, {"wrod": "x"}, tmp_path / "log.ipynb", tmp_path / "n.html", tmp_path)
    with pytest.raises(UserError, match="no such notebook"):
        publish(tmp_path / "m.ipynb", {}, tmp_path / "log.ipynb", tmp_path / "m.html", tmp_path)


def test_pages_show_no_path_of_this_machine(tmp_path: Path) -> None:
    out = tmp_path / "n.html"
    with pytest.raises(UserError, match="the page would show /some/clone, give parameters relative"):
        refuse_paths("<p>read from /some/clone/results</p>", out, ["/some/clone"])
    allowed = [
        "results/some/clone",
        "/some/clone-of-mine",
        'src="data:image/png;base64,AAA /some/clone/AA=="',
    ]
    for text in allowed:
        refuse_paths(f"<p>{text}</p>".replace("AAA /", "AAA/"), out, ["/some/clone", "/"])


def test_warnings_stay_off_the_page() -> None:
    cell = nbformat.v4.new_code_cell("x = 1")
    cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text="/somewhere/file.py: warning")]
    text = nbformat.v4.new_markdown_cell("# A <title> & more")
    page = render(nbformat.v4.new_notebook(cells=[text, cell]))
    assert "warning" not in page and "x = 1" not in page
    assert "<title>A &lt;title&gt; &amp; more</title>" in page


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = fabricated.write_study(tmp_path / "tables")
    assert read_table(folder, "ablations").query("axis == 'map'")["value"].unique().tolist() == [
        "pinv",
        "random",
        "None",
    ]
    assert read_table(folder, "main")["vs_student_p"].isna().sum() == 4
    folded = read_table(folder, "decomposition")["folded"]
    assert folded.dtype == bool and folded.any() and not folded.all()
    assert sorted(read_tables(folder, ["main"], optional=["head", "absent"])) == ["head", "main"]


def test_missing_tables_and_columns_are_user_errors(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"main\.csv: no such table"):
        read_table(tmp_path, "main")
    (tmp_path / "main.csv").write_text("pair,benchmark\ntiny,facts\n", encoding="utf-8")
    with pytest.raises(UserError, match="column 'method' is missing, found pair, benchmark"):
        read_table(tmp_path, "main")
    (tmp_path / "main.csv").write_text("", encoding="utf-8")
    with pytest.raises(UserError, match="not a table"):
        read_table(tmp_path, "main")


def test_paths_hold_from_the_notebooks_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fabricated.write_study(tmp_path / PARAMETERS["tables"])
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert len(read_table(PARAMETERS["tables"], "main")) == 20


def test_a_file_that_is_no_notebook_is_one_line(tmp_path: Path) -> None:
    for text in ("not JSON", "[]", '{"cells": 3}'):
        (tmp_path / "a.ipynb").write_text(text)
        with pytest.raises(UserError, match=r"a\.ipynb: not a notebook"):
            execute(tmp_path / "a.ipynb", {}, tmp_path / "log.ipynb", tmp_path)


def test_a_disk_that_is_full_in_a_cell_is_told_as_elsewhere(tmp_path: Path) -> None:
    code = "raise OSError(28, 'No space left on device')"
    cell = {"cell_type": "code", "metadata": {}, "source": code, "outputs": [], "execution_count": None}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = tmp_path / "full.ipynb"
    notebook.write_text(json.dumps({"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))
    with pytest.raises(OSError) as refused:
        execute(notebook, {}, tmp_path / "log.ipynb", tmp_path)
    assert (explain(refused.value) or "").startswith("the disk is full while writing the page of")
