"""All code that relies on Snakemake's internals, i.e. on attributes and files that are not part of its public API.

No other module may use them. This module is written for the version in requirements.lock, and its tests fail if
another version differs. In that case, check every function of this file first and change `WRITTEN_FOR` last.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from semalign.runtime.cluster_resources import merge_defaults, merge_rules
from semalign.runtime.errors import UserError
from semalign.runtime.provenance import portable

WRITTEN_FOR = "9.27.1"
# folder of Snakemake's own state, below the folder that it runs in
STATE = Path(".snakemake")
# the logger plugin in src/snakemake_logger_plugin_semalign
LOGGER = "semalign"


DEFAULTS, OF_RULES = "default-resources", "set-resources"
# options with which Snakemake only shows something: it runs no job and changes no result
LOOKING = (
    *("dryrun", "dag", "rulegraph", "filegraph", "d3dag", "summary", "detailed_summary", "lint"),
    *("list_rules", "list_target_rules", "print_compilation", "list_conda_envs", "list_untracked"),
    *("list_changes", "list_input_changes", "list_params_changes", "report", "archive", "containerize"),
    "generate_unit_tests",
)
# options that remove or mark results, so that what is stored may be damaged
REPAIRING = ("touch", "unlock", "cleanup_metadata", "delete_all_output", "delete_temp_output")


def arguments() -> Any:
    """The options of the command line and of profiles that this process of Snakemake was started with.

    None if Snakemake's function that parses them is not running, such as in a test.
    """
    frame = sys._getframe()
    while frame and frame.f_code.co_name != "args_to_api":
        frame = frame.f_back  # type: ignore[assignment]
    return frame.f_locals.get("args") if frame else None


def given(options: tuple[str, ...]) -> list[str]:
    """Those of these options that this process was started with, as a user writes them."""
    started = arguments()
    names = (name for name in options if getattr(started, name, None) not in (None, False))
    return [f"--{name.replace('_', '-')}" for name in names]


def is_main_process(workflow: Any) -> bool:
    """Return whether this process is the run itself, and not a job of it that parses the workflow again (cluster)."""
    return bool(workflow.is_main_process)


def only_looks(workflow: Any) -> bool:
    """Return whether this run only plans (`--dry-run`) or shows something (`--dag`, `--summary`)."""
    return bool(workflow.output_settings.dryrun or given(LOOKING))


def runs_here(workflow: Any) -> bool:
    """Return whether jobs run on this machine; false with a cluster's executor."""
    return bool(workflow.local_exec)


def config_files(workflow: Any) -> list[str]:
    """Return the config files of this run as a user would name them, those outside the folder by their last part."""
    return [portable(path) for path in workflow.configfiles]


def makes_all(workflow: Any) -> bool:
    """Return whether this run makes the whole study, and not only some targets."""
    targets = getattr(arguments(), "targets", None)
    return is_main_process(workflow) and not set(targets or ()) - {"all"}


def config_sources(workflow: Any) -> tuple[list[str], dict[str, Any]] | None:
    """Return the config files of this run from weakest to strongest, and the settings of its command line.

    None if another workflow uses this one as a module and passes the config on.
    """
    if workflow.modifier.skip_configfile:
        return None
    settings = workflow.config_settings
    named = [Path(path) for path in settings.configfiles]
    default = [path for path in map(Path, workflow.configfiles) if path not in named]
    return [_short(path) for path in (*default, *named)], dict(settings.config)


def has_config(workflow: Any) -> bool:
    """Return whether the command line says what the study is, so that the default config is not read."""
    settings = workflow.config_settings
    return bool(settings.configfiles) or bool({"study", "extends"} & set(settings.config))


def _short(path: Path) -> str:
    """A path relative to the working directory, if it is below it."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def shows_progress(workflow: Any) -> bool:
    """Return whether this run shows its progress by our own logger plugin, not by Snakemake's messages."""
    settings = workflow.output_settings
    return LOGGER in settings.log_handler_settings and not (settings.verbose or settings.printshellcmds)


def lift_rate_limit(workflow: Any) -> None:
    """Remove the limit on job starts per second. Call this in `onstart`, when the scheduler exists.

    With the limiter, every finished job wakes the scheduler once per second for the rest of the run. After a few
    hundred jobs this keeps a core busy. On one machine, `--cores` limits the jobs anyway.
    """
    workflow.scheduler.job_rate_limiter = None


def fail_once(workflow: Any, gave_reason: Callable[[list[str]], bool]) -> None:
    """Let a job that gave a reason in its logs fail without a retry, which is for jobs that were killed or lost.

    Call this in `onstart`, when the scheduler exists.
    """
    scheduler = workflow.scheduler
    handle = scheduler._handle_error

    def handle_once(job: Any, *arguments: Any, **options: Any) -> Any:
        if job.restart_times > job.attempt - 1 and gave_reason([str(log) for log in getattr(job, "log", ())]):
            job.attempt = job.restart_times + 1
        return handle(job, *arguments, **options)

    scheduler._handle_error = handle_once


def merge_profiles(workflow: Any) -> None:
    """Complete resources of a cluster's profile that a later profile or option replaced as a whole.

    Call this before the rules, which copy the defaults.
    """
    started = arguments()
    if started is None or started.executor in (None, "local"):
        return
    layers = [_read_profile(name) for name in started.profile or ()]
    typed = {key: list(_words_after(f"--{key}", sys.argv)) for key in (DEFAULTS, OF_RULES)}
    layers.append({key: words for key, words in typed.items() if words})
    settings = workflow.resource_settings
    # what a single profile sets is left to Snakemake
    if len(defaults := [layer[DEFAULTS] for layer in layers if DEFAULTS in layer]) > 1:
        settings.default_resources = _parse(merge_defaults(defaults), defaults="full")
        vars(settings).pop("_parsed_default_resources", None)  # a cached property
    if len(rules := [layer[OF_RULES] for layer in layers if OF_RULES in layer]) > 1:
        merged = merge_rules(rules)
        settings.overwrite_resources = {rule: _parse(values) for rule, values in merged.items()}
        vars(settings).pop("_parsed_overwrite_resources", None)


def _parse(values: dict[str, Any], **options: Any) -> Any:
    from snakemake.resources import Resources  # type: ignore[import-untyped]

    words = [f"{name}={_expression(value)}" for name, value in values.items()]
    return Resources.parse(words, allow_expressions=True, **options)


def _expression(value: Any) -> Any:
    """A value as Snakemake's own reader of profiles writes it: quoted if it is a text that looks like a number."""
    try:
        return repr(value) if isinstance(value, str) and float(value) is not None else value
    except ValueError:
        return value


def _read_profile(name: str) -> dict[str, Any]:
    """The content of a profile, as Snakemake looks for it."""
    import yaml
    from snakemake.cli import get_profile_dir  # type: ignore[import-untyped]

    found = get_profile_dir(name)
    if not found:
        return {}
    try:
        content = yaml.safe_load(Path(found[1]).read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{found[1]}: not valid YAML ({' '.join(str(error).split())})") from None
    return content if isinstance(content, dict) else {}


def _words_after(option: str, words: list[str]) -> Iterator[str]:
    """The values of an option on the command line."""
    inside = False
    for word in words:
        if word.startswith("-"):
            name, _, value = word.partition("=")
            inside = name == option
            if inside and value:
                yield value
        elif inside:
            yield word


def remove_stale_locks(study: str) -> None:
    """Remove Snakemake's lock files that name artifacts of this study.

    A killed run does not remove them, and the next run would refuse to start. `snakemake --unlock` would also remove
    those of other studies, which may be running.
    """
    for lock in (STATE / "locks").glob("*.lock"):
        if f"results/{study}/" in lock.read_text(encoding="utf-8", errors="replace"):
            lock.unlink(missing_ok=True)


def judge_past_ancient_inputs() -> None:
    """Let Snakemake see changed inputs of a job although the job that makes an `ancient` input of it has to run.

    Without this, such a job is not looked at (`masked` in `DAG.update_needrun`), since it counts as one that runs after
    the other in any case, which `ancient` then prevents: changed settings would go unnoticed for a whole run.
    """
    from snakemake.dag import DAG  # type: ignore[import-untyped]

    update, walk = DAG.update_needrun, DAG.bfs
    if hasattr(DAG, "judging"):
        return

    async def update_needrun(self: Any, *arguments: Any, **options: Any) -> None:
        self.judging = True
        try:
            await update(self, *arguments, **options)
        finally:
            self.judging = False

    def bfs(self: Any, direction: Any, *jobs: Any, **options: Any) -> Any:
        along = _Fresh(direction) if self.judging and direction is self.depending else direction
        return walk(self, along, *jobs, **options)

    DAG.judging, DAG.update_needrun, DAG.bfs = False, update_needrun, bfs


class _Fresh:
    """The jobs that depend on a job by more than `ancient` inputs."""

    def __init__(self, depending: Any) -> None:
        self.depending = depending

    def __getitem__(self, job: Any) -> dict[Any, Any]:
        after = self.depending[job].items()
        return {other: files for other, files in after if not all(file.is_ancient for file in files)}
