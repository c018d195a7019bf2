"""Snakemake has the internals that this project relies on. If a test fails, read snakemake_internals.py first."""

import ast
import dataclasses
import inspect
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest

from semalign.runtime import snakemake_internals as internals

ROOT = Path(__file__).parents[3]
SNAKEFILE = """
    import sys
    from semalign.runtime import snakemake_internals as internals

    print("configs", *internals.config_files(workflow))
    print("progress", internals.shows_progress(workflow))
    print("main", internals.is_main_process(workflow), "looks", internals.only_looks(workflow), file=sys.stderr)

    onstart:
        print("here", internals.runs_here(workflow))
        print("before", type(workflow.scheduler.job_rate_limiter).__name__)
        internals.lift_rate_limit(workflow)
        print("after", workflow.scheduler.job_rate_limiter)

    rule all:
        output: "results/s/made"
        shell: "cat {internals.STATE}/locks/*.lock > {output}"
"""


def test_the_module_is_written_for_the_pinned_version() -> None:
    pins = (ROOT / "requirements.lock").read_text().splitlines()
    assert f"snakemake=={internals.WRITTEN_FOR}" in pins
    assert version("snakemake") == internals.WRITTEN_FOR


def test_the_classes_have_the_attributes_in_use() -> None:
    from snakemake.api import Workflow
    from snakemake.settings.types import OutputSettings

    for name in ("is_main_process", "local_exec", "scheduler"):
        assert isinstance(inspect.getattr_static(Workflow, name), property), name
    assert "output_settings" in {field.name for field in dataclasses.fields(Workflow)}
    read = {"dryrun", "log_handler_settings", "verbose", "printshellcmds"}
    assert read <= {field.name for field in dataclasses.fields(OutputSettings)}
    assert "self.configfiles = " in inspect.getsource(Workflow)


def test_the_command_line_is_a_local_variable_that_has_config_files_and_targets() -> None:
    from snakemake.cli import args_to_api
    from snakemake.settings.types import ConfigSettings

    assert "args" in inspect.signature(args_to_api).parameters
    source = inspect.getsource(args_to_api)
    assert "configfiles=args.configfile" in source and "args.targets" in source
    # the logger is made before the config files are read
    assert source.index("with SnakemakeApi(output_settings)") < source.index("ConfigSettings(")
    assert {"config", "configfiles"} <= {field.name for field in dataclasses.fields(ConfigSettings)}
    assert internals.arguments() is None


def test_the_scheduler_still_has_a_rate_limiter_and_none_means_no_limit() -> None:
    import snakemake.api  # noqa: F401 - first: its modules import each other
    from snakemake.scheduling.job_scheduler import JobRateLimiter, JobScheduler

    assert JobRateLimiter.get_free_jobs
    assert "self.job_rate_limiter = " in inspect.getsource(JobScheduler.__init__)
    assert "if self.job_rate_limiter is None:" in inspect.getsource(JobScheduler.job_selector)
    assert "if self.job_rate_limiter is not None:" in inspect.getsource(JobScheduler.schedule)


def test_locks_are_files_in_one_folder_that_name_artifacts() -> None:
    import snakemake.api  # noqa: F401
    from snakemake.persistence.file import FilePersistence

    source = inspect.getsource(FilePersistence)
    assert 'os.path.join(self.path, "locks")' in source
    assert ".lock" in inspect.getsource(FilePersistence._write_locks)


@pytest.mark.slow
def test_the_kind_of_a_run_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(textwrap.dedent(SNAKEFILE))
    lines = run(tmp_path)
    assert {"main True looks False", "here True", "before JobRateLimiter", "after None"} <= lines
    assert (tmp_path / "results/s/made").read_text().split() == ["results/s/made"]
    for option in ("--dry-run", "--dag", "--summary", "--list-rules", "--list-input-changes"):
        assert "main True looks True" in run(tmp_path, option), option
    assert "main True looks False" in run(tmp_path, "--touch")


RETRIED = """
    from semalign.runtime import snakemake_internals as internals

    onstart:
        internals.fail_once(workflow, lambda logs: "said" in open(logs[0]).read())

    rule all:
        output: "made"
        log: "a.log"
        shell: "echo x >> tries; echo {config[word]} > {log}; exit 1"
"""


@pytest.mark.slow
@pytest.mark.parametrize(("word", "tries"), [("killed", 4), ("said", 1)])
def test_a_job_that_said_why_it_failed_is_not_tried_again(tmp_path: Path, word: str, tries: int) -> None:
    (tmp_path / "Snakefile").write_text(textwrap.dedent(RETRIED))
    ended = call(tmp_path, "--retries", "3", "--config", f"word={word}")
    assert ended.returncode == 1
    assert (tmp_path / "tries").read_text().split() == ["x"] * tries


MERGED = """
    import sys
    from semalign.runtime import snakemake_internals as internals

    internals.merge_profiles(workflow)

    rule all:
        output: "made"

    for each in workflow.rules:
        asked = {name: resource.raw for name, resource in each.resources.items() if not name.startswith("_")}
        print({name: raw for name, raw in asked.items() if name not in ("disk_mb", "tmpdir")}, file=sys.stderr)
"""


@pytest.mark.slow
def test_a_second_profile_keeps_the_resources_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(textwrap.dedent(MERGED))
    for name, text in {
        "first": "executor: slurm\njobs: 1\ndefault-resources: {mem_mb: 7, runtime: 8}\n"
        "set-resources: {all: {gres: gpu:1}}",
        "site": "default-resources: {slurm_account: '123'}\nset-resources: {all: {runtime: 9}}",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(text)
    expected = {"mem_mb": 7, "runtime": 9, "slurm_account": "'123'", "gres": "gpu:1"}
    profiles = ("--profile", "first", "--profile", "site")
    lines = call(tmp_path, "--dry-run", *profiles).stderr.splitlines()
    assert expected in [ast.literal_eval(line) for line in lines if line.startswith("{")]
    lines = call(tmp_path, "--dry-run", *profiles, "--default-resources", "mem_mb=6").stderr.splitlines()
    assert expected | {"mem_mb": 6} in [ast.literal_eval(line) for line in lines if line.startswith("{")]


@pytest.mark.slow
def test_our_logger_is_a_plugin_that_snakemake_finds(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(textwrap.dedent(SNAKEFILE))
    (tmp_path / "own.yaml").write_text("a: 1")
    ours = run(tmp_path, "--configfile", "own.yaml", "--logger", internals.LOGGER)
    assert {"configs own.yaml", "progress True"} <= ours
    for plain in ("--verbose", "--printshellcmds"):
        assert "progress False" in run(tmp_path, "--forceall", "--logger", internals.LOGGER, plain)
    assert "progress False" in run(tmp_path, "--forceall")


def run(folder: Path, *arguments: str) -> set[str]:
    """Run the small workflow and return the lines that it prints."""
    ended = call(folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    return {*ended.stdout.splitlines(), *ended.stderr.splitlines()}


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def test_only_the_locks_of_a_study_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    locks = tmp_path / internals.STATE / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text("results/s/a\n")
    (locks / "1.output.lock").write_text("results/t/a\n")
    internals.remove_stale_locks("s")
    assert [path.name for path in locks.iterdir()] == ["1.output.lock"]


def test_no_other_file_uses_internals() -> None:
    files = [*ROOT.glob("workflow/**/*.smk"), ROOT / "workflow/Snakefile", *ROOT.glob("src/**/*.py")]
    internal = (
        "workflow.scheduler",
        "workflow.output_settings",
        "workflow.configfiles",
        "workflow.resource_settings",
        "_handle_error",
        ".is_main_process",
        ".local_exec",
        "workflow.config_settings",
        "workflow.modifier",
        "args_to_api",
    )
    using = {path.name for path in files if any(name in path.read_text() for name in internal)}
    assert using == {"snakemake_internals.py"}


def test_jobs_of_a_cluster_run_are_on_other_machines() -> None:
    assert not internals.runs_here(SimpleNamespace(local_exec=False))


ANCIENT = """
    from semalign.runtime import snakemake_internals as internals

    internals.judge_past_ancient_inputs()

    rule all:
        input: "answer"

    rule check:
        input: "settings"
        output: "checked"
        shell: "cp {input} {output}"

    rule answer:
        input: ancient("checked"), "own"
        output: "answer"
        shell: "cat {input} > {output}"
"""


def test_a_changed_input_is_seen_although_an_ancient_one_is_made_again(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(textwrap.dedent(ANCIENT))

    def made(settings: str, own: str) -> str:
        for name, text in (("settings", settings), ("own", own)):
            if not (tmp_path / name).is_file() or (tmp_path / name).read_text() != text:
                (tmp_path / name).write_text(text)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return (tmp_path / "answer").read_text()

    assert made("1", "a") == "1a"
    assert made("2", "b") == "2b"
    assert made("3", "b") == "2b", "a check that is made again alone starts nothing"
    assert (tmp_path / "checked").read_text() == "3"
