"""The tokenizer that all embedded models share: byte-pair merges learnt on the corpus."""

from functools import lru_cache
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from semalign.benchmarks.tiny.corpus import draw_corpus
from semalign.benchmarks.tiny.facts import world

VOCABULARY = 1024
BOS = "<s>"
EOS = "</s>"
PAD = "<pad>"


@lru_cache(maxsize=1)
def build_tokenizer() -> Any:
    """A transformers fast tokenizer that puts bos before a text; the same for every model and seed."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = [document.text for document in draw_corpus(6_000, benchmark_phrasing=0.5, drill=0.2, seed=0)]
    # Repeat every word and number often enough to become one token, however rare it is in the drawn corpus.
    units = sorted({fact.word for fact in world()}) + [str(number) for number in range(64)]
    tokenizer.train_from_iterator([*texts, *(f" {unit}" for unit in units for _ in range(100))], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, tokenizer.token_to_id(BOS))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
