# The study's config, its layout, and the functions that rules share.
#
# No job makes the inputs `settings` and `code`; parsing writes them (below, and in library.smk).
# - `settings`: what a job reads of the config, as results/<study>/settings/<section>.json;
# - `code`: the digests of the script and of the library files that it runs, as results/<study>/settings/code/<script>.json.
# Either is written only when its content changes, so an edited config or module reruns what depends on it and nothing
# else, in a restored clone too.
#
# Scripts are given the record (`run.json`) of each artifact and take the folder that it is in.
import sys
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
from semalign.runtime.fork_server import start_server
from semalign.runtime.snakemake_internals import is_dry_run, is_main_process, lift_rate_limit, runs_here

MAIN = is_main_process(workflow)
DRY = is_dry_run(workflow)
try:
    STUDY = parse_study(config)
    check_study(STUDY)
    LAYOUT = Layout(STUDY)
    # a dry run beside a run at work must not change the settings under it
    WRITES = MAIN and hold_study(STUDY.study, only_look=DRY)
    if MAIN and not DRY:
        check_pinned(STUDY)
    if WRITES:
        LAYOUT.write_settings()
except UserError as error:
    sys.exit(f"error: {error}")
except OSError as error:
    if line := explain_full_disk(error):
        sys.exit(line)
    raise

prepare_environment(watched=MAIN, device=STUDY.device)
# A time limit or a preemption sends SIGTERM to all processes of a job. The shell waits for the script, which may be a
# training that saves itself, and tee for the script's last words.
shell.prefix("set -euo pipefail; trap : TERM; tee() (trap '' TERM; exec tee \"$@\"); ")


def start_local_run():
    """Jobs on this machine are forks of one process that has imported the libraries."""
    start_server()
    lift_rate_limit(workflow)


def made_from(wildcards):
    """The records of what a model is made from: a pruned one's teacher, and the benchmarks that its text is in."""
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
    """The settings of a cell's method, or of a trial of it; some benchmarks have their own."""
    trial = getattr(wildcards, "trial", None)
    name = LAYOUT.method_settings(wildcards.method, wildcards.variant, wildcards.benchmark, trial)
    return f"results/{wildcards.study}/settings/{name}.json"


def choice_of(wildcards):
    """The record of the search for the learning rate, where this variant takes it from there."""
    searched = LAYOUT.searched_variant(wildcards.method, wildcards.variant)
    at = f"{wildcards.pair}/{wildcards.benchmark}/{wildcards.method}"
    return [f"results/{wildcards.study}/choices/{at}/{searched}/run.json"] if searched else []


def trials_of(wildcards):
    """The records of all trials of one search."""
    of = wildcards.pair, wildcards.benchmark, wildcards.method, wildcards.variant
    return [f"{trial}/run.json" for trial in LAYOUT.trial_folders(*of)]


def benchmarks_at(names):
    """The records of benchmarks of the study."""
    return [f"{LAYOUT.root}/benchmarks/{name}/run.json" for name in names]


def options(*names):
    """The options of a script for those of these inputs that there are: `--teacher <record>`."""

    def join(wildcards, input):
        return " ".join(f"--{name} {getattr(input, name)}" for name in names if input.get(name))

    return join
