#!/usr/bin/env python3
"""bpe_train - check bpe-train against the BpeTrainer of Hugging Face's `tokenizers`.

usage: bpe_train.py [ROUNDS [SEED]]

Makes random texts (words over few letters, so that counts tie; digits, apostrophes, blanks, letters
beyond ASCII), learns a vocabulary of each with both, for each --pre, and compares tokens, ids and merges;
then the ids that the file gives, loaded by `tokenizers`, with those of the library's own. The program is
bpe-train on PATH. Prints a line for each --pre; exits 1 at the first difference.
"""
import json
import random
import subprocess
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
         r"\s*[\r\n]+|\s+(?!\S)|\s+")
ByteLevel = pre_tokenizers.ByteLevel
PRE = {
    "gpt2": lambda: ByteLevel(add_prefix_space=False, use_regex=True),
    "smollm": lambda: pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), ByteLevel(add_prefix_space=False, use_regex=True)]),
    "qwen2": lambda: pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(QWEN2), behavior="isolated", invert=False),
        ByteLevel(add_prefix_space=False, use_regex=False)]),
}
SPECIALS = [["<|endoftext|>"], ["<s>", "</s>", "<pad>"], ["a"], ["ab", "<|endoftext|>"]]
LETTERS = ["ab", "abc", "aábcéß", "abcdefghij", "日本語かな", "абв", "a😀b", "xyzXYZ"]
MARKS = [" ", " ", " ", " ", "  ", "\n", "\r\n", "\t", "'s", "'LL ", ".", "!?", " - ", "\u00a0", "\u2003", "7", "42",
         " 1999", "٣"]


def random_text(r):
    letters = r.choice(LETTERS)
    parts = []
    for _ in range(r.randrange(1, 60)):
        parts.append("".join(r.choice(letters) for _ in range(r.randrange(1, 8))))
        parts.append(r.choice(MARKS))
    return "".join(parts)


def by_library(pre, texts, vocab, min_count, specials):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = PRE[pre]()
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocab, min_frequency=min_count, show_progress=False,
        special_tokens=[AddedToken(s, special=True, normalized=False) for s in specials],
        initial_alphabet=ByteLevel.alphabet()))
    return json.loads(t.to_str()), t


def by_program(pre, texts, vocab, min_count, specials):
    command = ["bpe-train", "--quiet", "--pre", pre, "--vocab", str(vocab), "--min-count", str(min_count),
               "--field", "text"]
    for s in specials:
        command += ["--special", s]
    records = "".join(json.dumps({"text": t}) + "\n" for t in texts)
    out = subprocess.run(command, input=records, capture_output=True, text=True, check=True).stdout
    return json.loads(out), Tokenizer.from_str(out)


def differs(pre, r):
    texts = [random_text(r) for _ in range(r.randrange(1, 40))]
    specials = r.choice(SPECIALS)
    vocab = r.choice([257 + len(specials), 300, 400, 1000])
    min_count = r.choice([1, 2, 5])
    (want, library), (got, ours) = (f(pre, texts, vocab, min_count, specials) for f in (by_library, by_program))
    if want["model"]["vocab"] != got["model"]["vocab"]:
        return "vocabularies"
    if [list(m) for m in want["model"]["merges"]] != got["model"]["merges"]:
        return "merges"
    texts += [random_text(r) for _ in range(5)]
    if any(library.encode(t).ids != ours.encode(t).ids for t in texts):
        return "ids"
    return None


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    for pre in PRE:
        for k in range(rounds):
            part = differs(pre, random.Random(f"{seed} {pre} {k}"))
            if part:
                sys.exit(f"{pre}: text {k}: the {part} differ")
        print(f"{pre}: {rounds} of {rounds} equal")


main()
