"""Columns of a study's tables, which the statistics and analyses write and the report reads."""


def _named(text: str) -> tuple[str, ...]:
    return tuple(text.split())


KEYS = ("pair", "benchmark", "method", "variant")
# measures of a cell: agreement with the teacher and cost of the training
COSTS = _named("teacher_kl teacher_agreement train_seconds peak_memory_mb trainable_parameters")
# floating-point operations in matrix products; tables of earlier versions do not have them
FLOPS = _named("train_flops search_flops signal_flops")
# costs before the training: the search for a learning rate and the teacher's signals
SPENT = (
    *_named(
        "learning_rate searched search_seconds signal_seconds signal_memory_mb signal_mb teacher_passes trials"
    ),
    *FLOPS,
)
MAIN = (
    *KEYS,
    *_named(
        """seeds items score score_low score_high vs_student vs_student_p vs_best_baseline vs_best_baseline_p
        gap_closed gap_closed_low gap_closed_high"""
    ),
    *COSTS,
    "paper",
)
COLUMNS: dict[str, tuple[str, ...]] = {
    "main": MAIN,
    "ablations": (*MAIN, "axis", "value", "vs_default", "vs_default_p"),
    "parts": _named(
        """pair benchmark part method variant seeds items score score_low score_high
        vs_student vs_student_low vs_student_high"""
    ),
    "agreement": _named(
        """pair benchmark method variant seeds items
        teacher_kl teacher_kl_low teacher_kl_high kl_vs_student kl_vs_student_low kl_vs_student_high
        teacher_agreement teacher_agreement_low teacher_agreement_high
        agreement_vs_student agreement_vs_student_low agreement_vs_student_high"""
    ),
    "bits": _named(
        """pair benchmark method variant seeds items bits bits_low bits_high
        vs_student vs_student_low vs_student_high"""
    ),
    "free_text": (
        *_named("pair benchmark method variant seeds items"),
        *_named("exact exact_low exact_high exact_vs_student exact_vs_student_low exact_vs_student_high"),
        *_named("lenient lenient_low lenient_high"),
        *_named("lenient_vs_student lenient_vs_student_low lenient_vs_student_high"),
        *_named("token_f1 token_f1_low token_f1_high"),
        *_named("token_f1_vs_student token_f1_vs_student_low token_f1_vs_student_high"),
    ),
    "changes": _named(
        """pair benchmark method variant seed change rank id prompt reference student_text adapter_text
        student_match adapter_match nats"""
    ),
    "seeds": (*KEYS, "seed", "items", "score", *COSTS, *SPENT),
    "comparisons": _named(
        """table pair benchmark method variant against baseline difference difference_low difference_high
        p p_holm test discordance"""
    ),
    "contrasts": _named(
        """pair benchmark method other seeds items difference difference_low difference_high p p_holm test
        seconds_ratio flops_ratio train_flops_ratio"""
    ),
    "detectable": _named(
        "table pair benchmark against items seeds tests discordance detectable detectable_holm"
    ),
    "costs": _named(
        """pair benchmark method variant seeds learning_rate searched trainable_parameters
        train_seconds train_seconds_low train_seconds_high search_seconds signal_seconds
        peak_memory_mb signal_memory_mb signal_mb teacher_passes trials train_flops search_flops signal_flops"""
    ),
    "study_costs": _named(
        """pair benchmark method trials seeds signal_seconds search_seconds seed_seconds study_seconds grid_seconds
        signal_flops search_flops seed_flops study_flops grid_flops"""
    ),
    "ladder": (
        *_named("pair benchmark method rung below seeds items score score_low score_high"),
        *_named("score_vs_below score_vs_below_low score_vs_below_high score_p score_p_holm"),
        *_named("teacher_kl teacher_kl_low teacher_kl_high"),
        *_named("kl_vs_below kl_vs_below_low kl_vs_below_high kl_p kl_p_holm"),
        *_named("teacher_agreement teacher_agreement_low teacher_agreement_high"),
        *_named(
            "agreement_vs_below agreement_vs_below_low agreement_vs_below_high agreement_p agreement_p_holm"
        ),
    ),
    "dose": _named(
        """pair benchmark method variant seeds items learning_rate updates loss_start loss_end drop drop_low drop_high
        score score_low score_high vs_student vs_student_low vs_student_high vs_student_p
        teacher_kl teacher_kl_low teacher_kl_high kl_vs_student kl_vs_student_low kl_vs_student_high
        teacher_agreement teacher_agreement_low teacher_agreement_high"""
    ),
    "search": _named(
        """pair benchmark method variant learning_rate settings widened items score score_low score_high
        student gain chosen at_edge"""
    ),
    "lengths": _named("benchmark examples left_out cut tokens_cut most_cut"),
    "ranking": _named(
        """pair benchmark method seed rank ship items validation validation_low validation_high
        vs_student vs_student_low vs_student_high test_score test_score_low test_score_high
        train_seconds train_flops"""
    ),
    "benchmarks": _named(
        """model benchmark protocol items metric score score_low score_high empty published published_source
        shots samples max_new_tokens batch_size dtype items_per_second tokens_per_second generate_seconds
        isolation task_version lm_eval"""
    ),
    "decomposition": _named(
        """model bases folded interface layer depth cosine cosine_low cosine_high cosine_sd cosine_p05 cosine_p95
        shuffled isotropic tokens prompts"""
    ),
    "head": _named(
        """model bases folded top1_agreement top1_low top1_high cosine isotropic deviation
        shuffled_top1 isotropic_top1 used_rows left_out_rows"""
    ),
    "similarity": _named(
        "pair benchmark method comparison left right left_layer right_layer cka cka_debiased"
    ),
    "crossing": _named(
        """pair map folded top1_agreement top1_low top1_high positions tokens teacher_left_out student_left_out"""
    ),
    "displacement": (
        *KEYS,
        *_named("seed kind interface reference layer cosine cosine_low cosine_high size positions"),
    ),
    "geometry": (*KEYS, "seed", "layer", "cosine", "cosine_centred", "cka"),
    "curves": (*KEYS, "seed", "step", "term", "loss"),
    "attribution": _named("""pair benchmark name layer share share_low share_high examples critical"""),
    "pairing": _named(
        """pair benchmark name student_layer teacher_layer critical below above weight
        teacher_layers student_layers shared_tokens student_tokens teacher_left_out student_left_out"""
    ),
}
# columns that tables of earlier versions do not have; the report works without them
LATER: dict[str, tuple[str, ...]] = {
    "ablations": ("vs_default", "vs_default_p"),
    "seeds": ("searched", "trials", *FLOPS),
    "costs": ("searched", "trials", *FLOPS),
    "contrasts": ("seconds_ratio", "flops_ratio", "train_flops_ratio"),
    "search": ("variant", "settings", "widened", "student", "gain"),
    "pairing": ("shared_tokens", "student_tokens", "teacher_left_out", "student_left_out"),
    "head": ("used_rows", "left_out_rows"),
    "crossing": ("tokens", "teacher_left_out", "student_left_out"),
}
