# The choice of a search that goes on beyond its grid (`search.widen` above 0). Which trials follow depends on the scores
# within the grid, so one job trains and scores them, one after the other, into the folders that the rules of search.smk
# would use. It keeps what is there and still matches. Inputs `settings` and `code`: see common.smk.


rule widen_search:
    input:
        trials=trials_of,
        untouched=untouched_of,
        roles="results/{study}/settings/pairs/{pair}.json",
        teacher=model_of("teacher"),
        student=model_of("student"),
        benchmark="results/{study}/benchmarks/{benchmark}/run.json",
        checked=CHECKED,
        signals=signals_of,
        lowest=further_of("lowest"),
        highest=further_of("highest"),
        answering="results/{study}/settings/validation.json",
        judging="results/{study}/settings/judging-validation.json",
        settings="results/{study}/settings/searches/{method}/{variant}.json",
        code=library_of_widening,
    output:
        choice="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/choice.json",
        trials="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/trials.jsonl",
        record="results/{study}/choices/{pair}/{benchmark}/{method}/{variant}/run.json",
    log:
        "results/{study}/logs/choices/{pair}/{benchmark}/{method}/{variant}.log",
    priority: 20
    conda:
        "../../environment.yml"
    params:
        further=options("signals", "lowest", "highest"),
        seed=STUDY.search.seed,
        search="search/{pair}/{benchmark}/{method}/{variant}",
    message:
        "{wildcards.pair} {wildcards.benchmark}: {wildcards.method} {wildcards.variant}: widen the search and choose"
    shell:
        "python scripts/widen_search.py --trials {input.trials} --untouched {input.untouched}"
        " --settings {input.settings} --student {input.student} --teacher {input.teacher}"
        " --benchmark {input.benchmark} {params.further} --answering {input.answering} --judging {input.judging}"
        " --seed {params.seed} --checkpoints results/{wildcards.study}/checkpoints/{params.search}"
        " --search results/{wildcards.study}/{params.search} --pair {wildcards.pair}"
        " --method {wildcards.method} --variant {wildcards.variant} --out {output.record} 2>&1 | tee {log}"
