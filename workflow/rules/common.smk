# The study's config, its layout, and functions that rules share.
#
# The inputs `settings` and `code` of a job are written while the workflow is parsed (here and in library.smk):
# - `settings`: the part of the config that the job reads, in results/<study>/settings/<section>.json
# - `code`: digests of the script and the library files that it runs, in results/<study>/settings/code/<script>.json
# They are only written if their content changes. An edited config or module therefore reruns exactly the jobs that
# depend on it, even in a restored clone.
#
# Rules pass the record (`run.json`) of an artifact to a script, which uses the folder of the record.
import sys
import time
from os import devnull
from pathlib import Path

from semalign.config.base import SPLITS
from semalign.study.definition import parse_study
from semalign.runtime.errors import UserError
from semalign.runtime.files import remove_partial
from semalign.study.layout import Layout
from semalign.models.registry import texts_of
from semalign.study.preflight import check_pinned, check_study
from semalign.runtime.script import explain_full_disk, prepare_environment
from semalign.runtime.study_lock import hold_study
from semalign.runtime.terminal import closing
from semalign.runtime.fork_server import start_server
from semalign.runtime.snakemake_internals import (
    config_files,
    is_dry_run,
    is_main_process,
    lift_rate_limit,
    runs_here,
    shows_progress,
)

STARTED = time.time()
MAIN = is_main_process(workflow)
DRY = is_dry_run(workflow)
try:
    STUDY = parse_study(config)
    check_study(STUDY)
    LAYOUT = Layout(STUDY)
    # a dry run must not change the settings of a run that is active at the same time
    WRITES = MAIN and hold_study(STUDY.study, only_look=DRY)
    if MAIN and not DRY:
        check_pinned(STUDY)
    if WRITES:
        LAYOUT.write_settings()
except UserError as error:
    sys.exit(error.report())
except OSError as error:
    if line := explain_full_disk(error):
        sys.exit(line)
    raise

prepare_environment(watched=MAIN, device=STUDY.device)
# A time limit or a preemption sends SIGTERM to all processes of a job. The shell must then wait for the script, which
# may be a training run that saves a checkpoint, and tee must live on to log the script's last lines. A job writes to
# its log alone if the run shows progress: the display reads the log.
JOB_OUTPUT = devnull if MAIN and shows_progress(workflow) else "&1"
shell.prefix(f"set -euo pipefail; trap : TERM; tee() (trap '' TERM; exec tee \"$@\" >{JOB_OUTPUT}); ")


def start_local_run():
    """Run the jobs on this machine as forks of one process that has imported the libraries."""
    start_server()
    lift_rate_limit(workflow)


def made_from(wildcards):
    """The inputs of a pruned model: the records of its teacher and of the benchmarks with its text, and own files."""
    settings = STUDY.models[wildcards.model]
    root = f"results/{wildcards.study}"
    teacher = getattr(settings, "teacher", None)
    return {
        "teacher": [f"{root}/models/{teacher}/run.json"] if teacher else [],
        "benchmarks": [f"{root}/benchmarks/{name}/run.json" for name in texts_of(settings)[0]],
        "own": texts_of(settings)[1],
    }


def model_of(role):
    """The record of a pair's teacher or student."""
    return (
        lambda wildcards: f"results/{wildcards.study}/models/{getattr(STUDY.pairs[wildcards.pair], role)}/run.json"
    )


CHECKED = ancient("results/{study}/checks/pairs/{pair}/{benchmark}/run.json")


def readers_of_benchmark(wildcards):
    """The models whose contexts decide which examples a benchmark leaves out, if it leaves out any."""
    readers = LAYOUT.settings.get(f"fitting/{wildcards.benchmark}", {}).get("readers", [])
    return [f"results/{wildcards.study}/models/{name}/run.json" for name in readers]


def fitting_of_benchmark(wildcards):
    """The settings of leaving out examples, if a benchmark leaves out any."""
    name = f"fitting/{wildcards.benchmark}"
    return [f"results/{wildcards.study}/settings/{name}.json"] if name in LAYOUT.settings else []


def upstream(stage, needed):
    """The record of an earlier signal stage that this folder is made from."""

    def record(wildcards):
        name = LAYOUT.upstream(stage, wildcards.name)[needed]
        return f"results/{wildcards.study}/signals/{wildcards.pair}/{wildcards.benchmark}/{needed}/{name}/run.json"

    return record


def signals_of(wildcards):
    """The records of the signal stages that a cell's method reads."""
    root = f"results/{wildcards.study}/signals/{wildcards.pair}/{wildcards.benchmark}"
    needed = LAYOUT.needs(wildcards.method, wildcards.variant)
    names = {need: LAYOUT.stage_name(wildcards.method, wildcards.variant, need) for need in needed}
    return [f"{root}/{stage}/{name}/run.json" for stage, name in names.items()]


def settings_of_method(wildcards):
    """The settings file of a cell's method or of a trial, which may be specific to the benchmark."""
    trial = getattr(wildcards, "trial", None)
    name = LAYOUT.method_settings(wildcards.method, wildcards.variant, wildcards.benchmark, trial)
    return f"results/{wildcards.study}/settings/{name}.json"


def choice_of(wildcards):
    """The record of the search that chooses the learning rate of a variant, if there is one."""
    searched = LAYOUT.searched_variant(wildcards.method, wildcards.variant)
    method = f"{wildcards.pair}/{wildcards.benchmark}/{wildcards.method}"
    return [f"results/{wildcards.study}/choices/{method}/{searched}/run.json"] if searched else []


def trials_of(wildcards):
    """The records of all trials of one search."""
    search = wildcards.pair, wildcards.benchmark, wildcards.method, wildcards.variant
    return [f"{trial}/run.json" for trial in LAYOUT.trial_folders(*search)]


def benchmarks_at(names):
    """The records of benchmarks of the study."""
    return [f"{LAYOUT.root}/benchmarks/{name}/run.json" for name in names]


def options(*names):
    """Command-line options (`--teacher <record>`) for those of the named inputs that a rule has."""

    def join(wildcards, input):
        return " ".join(f"--{name} {getattr(input, name)}" for name in names if input.get(name))

    return join
