# The study's config, its layout, and functions that rules share.
#
# The inputs `settings` and `code` of a job are written while the workflow is parsed (here and in library.smk):
# - `settings`: the part of the config that the job reads, in results/<study>/settings/<section>.json
# - `code`: digests of the script and the library files that it runs, in results/<study>/settings/code/<script>.json
# - `roles`: which models are teacher and student of a pair, in settings/pairs; Snakemake does not see that two inputs
#   have changed places
# - `files`: sizes, times and digests of the user's own files that a model or benchmark is made from,
#   in settings/files
# They are only written if their content changes. An edited config, module or file therefore reruns exactly the jobs
# that depend on it, even in a restored clone.
#
# Rules pass the record (`run.json`) of an artifact to a script, which uses the folder of the record.
import sys
import time
from os import devnull
from pathlib import Path

from semalign.config.base import SPLITS
from semalign.config.extending import config_of, read_config
from semalign.study.definition import study_of
from semalign.runtime.causes import explain
from semalign.runtime.errors import UserError
from semalign.runtime.files import remove_empty, remove_partial
from semalign.runtime.interrupts import end_quietly, hand_over
from semalign.runtime.launch import check_device, check_writable
from semalign.models.registry import texts_of
from semalign.study.oracles import student_of
from semalign.study.own_files import listing_of, write_listings
from semalign.study.planning.budget import budget_line
from semalign.study.preflight import check_pinned, checked, planned, told_of
from semalign.study.tracking.sending import track_or_warn
from semalign.study.verification import check_tables
from semalign.runtime.progress import KILLED, gave_reason
from semalign.runtime.script import prepare_environment
from semalign.runtime.study_lock import hold_study
from semalign.runtime.terminal import closing
from semalign.runtime.fork_server import start_server
from semalign.runtime.snakemake_internals import (
    REPAIRING,
    config_files,
    config_sources,
    fail_once,
    given,
    is_main_process,
    judge_past_ancient_inputs,
    lift_rate_limit,
    makes_all,
    merge_profiles,
    only_looks,
    runs_here,
    shows_progress,
)

STARTED = time.time()
MAIN = is_main_process(workflow)
LOOKS = only_looks(workflow)
if MAIN:
    end_quietly()
judge_past_ancient_inputs()
try:
    if MAIN:
        merge_profiles(workflow)
    SOURCES = config_sources(workflow)
    CONFIG = config_of(config) if SOURCES is None else read_config(*SOURCES)
    STUDY = study_of(CONFIG)
    with CONFIG.naming(told_of):
        LAYOUT, MEASURING = checked(STUDY, whole=makes_all(workflow)) if MAIN else planned(STUDY)
    if MAIN:
        CONFIG.warn()
    # a dry run or `--dag` must not change the settings of a run that is active at the same time
    WRITES = MAIN and hold_study(STUDY.study, only_look=LOOKS)
    if MAIN and not LOOKS:
        with CONFIG.naming():
            check_pinned(STUDY)
    # a dry run, or one that only retrieves, is often started where the jobs will not run
    if WRITES and not LOOKS and runs_here(workflow) and makes_all(workflow):
        check_device(STUDY.device)
    if WRITES and not LOOKS:
        check_writable(Path(LAYOUT.root), depth=3)
    if WRITES:
        # first, since Snakemake removes the outputs of a job before the job can notice that a table was edited
        if not given(REPAIRING):
            check_tables(LAYOUT, *config_files(workflow)[:1])
        LAYOUT.write_settings()
        write_listings(STUDY, LAYOUT.root)
except UserError as error:
    sys.exit(error.report())
except (OSError, MemoryError) as error:
    if line := explain(error):
        sys.exit(f"error: {line}")
    raise

prepare_environment(watched=MAIN, device=STUDY.device)
# A time limit or a preemption sends SIGTERM to all processes of a job. The shell must then wait for the script, which
# may be a training run that saves a checkpoint, and tee must live on to log the script's last lines. A job writes to
# its log alone if the run shows progress: the display reads the log.
JOB_OUTPUT = devnull if MAIN and shows_progress(workflow) else "&1"
TEE = f"tee() (trap '' TERM; exec tee \"$@\" >{JOB_OUTPUT})"
# a script that was killed can't say so in its log; braces are doubled, since Snakemake fills in the prefix
PYTHON = (
    'python() {{ trap : TERM; local code=0; command python "$@" || code=$?; case $code in'
    f' 137) echo "error: {KILLED}9 (out of memory, or from outside)";;'
    f' 13[0-6]|138|139) echo "error: {KILLED}$((code - 128))";;'
    ' 126|127) echo "error: found no python that starts, expected the one of this environment in PATH";;'
    " esac; return $code; }}"
)
shell.prefix(f"set -euo pipefail; trap : TERM; {TEE}; {PYTHON}; ")


def start_local_run():
    """Run the jobs on this machine as forks of one process that has imported the libraries."""
    start_server()
    lift_rate_limit(workflow)


def made_from(wildcards):
    """The inputs of a model: of a pruned one the records of its teacher and of the benchmarks with its text; own files."""
    settings = STUDY.models[wildcards.model]
    root = f"results/{wildcards.study}"
    teacher = getattr(settings, "teacher", None)
    return {
        "teacher": [f"{root}/models/{teacher}/run.json"] if teacher else [],
        "benchmarks": [f"{root}/benchmarks/{name}/run.json" for name in texts_of(settings)[0]],
        "files": files_of("models", wildcards.model),
    }


def files_of(section, name):
    """The list of the user's own files that a model or benchmark is made from; empty for any that has none."""
    return listing_of(STUDY, LAYOUT.root, section, name)


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


def answers_of_benchmark(wildcards):
    """The record of a model's answers, if a benchmark has them for labels."""
    folder = LAYOUT.answered_folder(wildcards.benchmark)
    return [f"{folder}/run.json"] if folder else []


def upstream(stage, needed):
    """The record of an earlier signal stage that this folder is made from."""

    def record(wildcards):
        name = LAYOUT.upstream(stage, wildcards.name)[needed]
        return f"results/{wildcards.study}/signals/{wildcards.pair}/{wildcards.benchmark}/{needed}/{name}/run.json"

    return record


def read_student(wildcards):
    """The student that an oracle reads, which another method trains with another seed."""
    settings = LAYOUT.settings[f"oracle/{wildcards.name}"]
    cell = student_of(wildcards.pair, wildcards.benchmark, settings)
    return f"{LAYOUT.cell_folder(cell)}/transfer/run.json"


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
    """The record of the search that chooses the learning rate and other searched settings of a variant, if any."""
    searched = LAYOUT.searched_variant(wildcards.method, wildcards.variant)
    method = f"{wildcards.pair}/{wildcards.benchmark}/{wildcards.method}"
    return [f"results/{wildcards.study}/choices/{method}/{searched}/run.json"] if searched else []


def trials_of(wildcards):
    """The records of all trials of one search."""
    search = wildcards.pair, wildcards.benchmark, wildcards.method, wildcards.variant
    return [f"{trial}/run.json" for trial in LAYOUT.trial_folders(*search)]


def untouched_of(wildcards):
    """The record of the trial of the untouched student."""
    return f"{LAYOUT.untouched(wildcards.pair, wildcards.benchmark)}/run.json"


def further_of(end):
    """The settings of the trials that may follow beyond one end of a search's grid."""
    return lambda wildcards: LAYOUT.further_settings(
        wildcards.method, wildcards.variant, wildcards.benchmark, end
    )


def kept_of(wildcards):
    """The option for searched keys that a variant sets itself, whatever was chosen for its method."""
    kept = LAYOUT.fixed(wildcards.method, wildcards.variant)
    return f"--kept {' '.join(kept)}" if kept and choice_of(wildcards) else ""


def benchmarks_at(names):
    """The records of benchmarks of the study."""
    return [f"{LAYOUT.root}/benchmarks/{name}/run.json" for name in names]


def options(*names):
    """Command-line options (`--teacher <record>`) for those of the named inputs that a rule has."""

    def join(wildcards, input):
        return " ".join(f"--{name} {getattr(input, name)}" for name in names if input.get(name))

    return join
