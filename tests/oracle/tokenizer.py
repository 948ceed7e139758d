#!/usr/bin/env python3
"""tokenizer - check tokenize against Hugging Face's `tokenizers` and transformers.

usage: tokenizer.py [--seed N] [--rounds N] [--templates DIR] [--speed FILE] TOKENIZER...
       tokenizer.py --write-chats > tests/fixtures/templates/chats.jsonl

TOKENIZER is a tokenizer.json, a folder that holds one, or "llama3": one in the manner of Llama 3, learned here
from the sources of this tree. Each is asked for the ids of the strings under tests/fixtures, of every code point
of planes 0 to 3 and 14 among letters, digits and blanks, and of random strings; special tokens once as such, once
as text; then for the text of the ids, and of random ids. Conversations are drawn at random and given to every
template, a *.jinja file of DIR; without it those of tests/fixtures, which have the form of the models' they are
named after, with less said of tools. A template that tokenize does not know is named.
--write-chats prints a few conversations as transformers writes them by each template.
--speed times both on a text, in turn, and prints the ratio of the medians of five. The program is tokenize on
PATH. The seed is a new one each time, and printed. Exits 1 if anything differs.
"""
import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

TREE = Path(__file__).resolve().parents[2]
TEMPLATES = TREE / "tests/fixtures/templates"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
MARKS = ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>",
         "<|endoftext|>"]
PARTS = ["a", "b", "The", "film", "don't", "I'LL", "we'Ve", "'\u017f", "0", "7", "1994", "3.5", " ", " ", " ", "  ", "\t", "\n",
         "\r\n", "\n\n", "\u00a0", "\u2003", "\u3000", "\u180e", ".", "!?", "...", "->", "{}", "<|", "|>", "é", "e\u0301", "\u0301", "ẞ",
         "Привет", "мир", "Ελληνικά", "你好", "世界", "日本語", "かな", "한국어", "\u1100\u1161\u11a8", "שלום", "مرحبا", "नमस्ते", "ไทย", "😀", "👩🏾‍🚀", "🇫🇷",
         "½", "Ⅳ", "٣", "²", "𝟘", "\u200d", "\ufe0f", "\ufeff", "\x01", "\x7f", "\x85", "if (x)\n\t{", "x_1", "#", "\U00011de5", "\U00016ff5"]
TALK = PARTS + ["<think>", "</think>", "\n", "<|im_end|>", "<|eot_id|>", "yes", "<tool_response>", "</tool_response>", "\x1c", "\u2028"]


def random_text(r):
    parts = [r.choice(PARTS) if r.random() < 0.9 else chr(r.choice([r.randrange(1, 0xd800), r.randrange(0xe000, 0x110000)]))
             for _ in range(r.randrange(1, 60))]
    return "".join(p * (r.randrange(1, 40) if r.random() < 0.02 else 1) for p in parts)


def code_points():
    """Each code point alone between letters, digits, marks and blanks, a hundred to a string."""
    points = [c for c in range(1, 0x40000) if not 0xd800 <= c < 0xe000] + list(range(0xe0000, 0xf0000))
    for i in range(0, len(points), 100):
        yield "".join(f"a{chr(c)}b{chr(c)}1 {chr(c)}{chr(c)}. \n{chr(c)}'s" for c in points[i:i + 100])


def fixture_texts():
    for path in sorted(TREE.glob("tests/fixtures/tokenizers/*/encode.jsonl")):
        yield from (json.loads(line)["text"] for line in path.open())


def run(folder, options, records):
    lines = "".join(json.dumps(r) + "\n" for r in records)
    out = subprocess.run(["tokenize", "-m", folder, *options], input=lines.encode(), capture_output=True, check=False)
    if out.returncode:
        return out.stderr.decode().strip()
    return [json.loads(line) for line in out.stdout.splitlines()]


class Tally:
    def __init__(self):
        self.compared = self.different = 0

    def add(self, what, text, got, want):
        self.compared += 1
        if got == want:
            return
        self.different += 1
        if self.different <= 5:
            print(f"  {what}: {ascii(text)[:200]}\n    got  {ascii(got)[:200]}\n    want {ascii(want)[:200]}")


def check_texts(folder, library, r, rounds, tally):
    texts = list(dict.fromkeys(fixture_texts())) + list(code_points()) + [random_text(r) for _ in range(rounds)]
    added = [t.content for t in library.get_added_tokens_decoder().values()]
    texts += [random_text(r).replace(" ", r.choice(added or [" "])) for _ in range(rounds)]
    for special in (True, False):
        library.encode_special_tokens = not special
        records = run(folder, [] if special else ["--no-special"], [{"text": t} for t in texts])
        if isinstance(records, str):
            sys.exit(records)
        for text, rec in zip(texts, records, strict=True):
            tally.add("ids", text, rec["tokens"], library.encode(text, add_special_tokens=False).ids)
    library.encode_special_tokens = False
    pieces = run(folder, ["--pieces"], [{"text": t} for t in texts[:500]])
    for text, rec in zip(texts, pieces):
        tally.add("pieces", text, rec["pieces"], library.encode(text, add_special_tokens=False).tokens)
    ids = [rec["tokens"] for rec in pieces]
    ids += [[r.randrange(library.get_vocab_size() + 5) for _ in range(r.randrange(20))] for _ in range(rounds)]
    for special in (True, False):
        for want, rec in zip(ids, run(folder, ["--decode"] + ([] if special else ["--no-special"]), [{"tokens": i} for i in ids])):
            tally.add("text", want, rec["text"], library.decode(want, skip_special_tokens=not special))


def random_talk(r):
    roles = ["user", "assistant"] * 6 + ["system"]
    messages = [{"role": r.choice(roles), "content": "".join(r.choice(TALK) for _ in range(r.randrange(0, 9)))}
                for _ in range(r.randrange(1, 7))]
    if r.random() < 0.3:
        messages[-1]["reasoning_content"] = r.choice(["", "\n", "so\n", "<think>x"])
    return messages


def write_template(folder, template, r):
    """In one of the three places where a template may stand."""
    config = {"bos_token": "<|begin_of_text|>", "eos_token": {"content": "<|im_end|>"}}
    place = r.randrange(3)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    if place == 0:
        config["chat_template"] = template
    elif place == 1:
        config["chat_template"] = [{"name": "tool_use", "template": "{{ x }}"}, {"name": "default", "template": template}]
    else:
        config["chat_template"] = "{{ not this one }}"
        (folder / "chat_template.jinja").write_text(template)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def read_templates(folder):
    return {p.stem: p.read_text() for p in sorted(folder.glob("*.jinja"))}


def render(fast, template, talk, generate):
    return fast.apply_chat_template(talk, chat_template=template, tokenize=False, add_generation_prompt=generate,
                                    date_string="26 Jul 2024")


def check_chats(library, templates, r, rounds, tally):
    library.add_special_tokens(MARKS)
    fast = PreTrainedTokenizerFast(tokenizer_object=library, bos_token="<|begin_of_text|>", eos_token="<|im_end|>")
    refused = []
    with tempfile.TemporaryDirectory() as tmp:
        library.save(tmp + "/tokenizer.json")
        for name, template in templates.items():
            write_template(Path(tmp), template, r)
            talks = [random_talk(r) for _ in range(rounds)]
            for generate in (False, True):
                got = run(tmp, ["--generate"] if generate else [], [{"messages": t} for t in talks])
                if isinstance(got, str):
                    refused.append(f"{name} ({got.split(': ')[-1][:40]}...)" if "none of those known" not in got else name)
                    break
                for talk, rec in zip(talks, got, strict=True):
                    text = render(fast, template, talk, generate)
                    tally.add(name, talk, rec["tokens"], library.encode(text, add_special_tokens=False).ids)
    return refused


CHATS = [
    [{"role": "user", "content": " Hi \u2003"}],
    [{"role": "system", "content": "Be brief.\n"}, {"role": "user", "content": "1 + 1?"},
     {"role": "assistant", "content": "<think>\nso\n</think>\n\n2"}, {"role": "user", "content": "And {{ 2 }}?"},
     {"role": "assistant", "content": "4 "}],
    [{"role": "user", "content": "A"}, {"role": "assistant", "content": "\nB"}, {"role": "system", "content": "C"},
     {"role": "assistant", "content": "\nD", "reasoning_content": "\nbecause"}, {"role": "assistant", "content": "E"},
     {"role": "user", "content": "<tool_response>F</tool_response>"}, {"role": "assistant", "content": "x</think>G"}],
    [{"role": "assistant", "content": "It's <think>\n</think>H"}],
]


def write_chats():
    fast = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), bos_token="<|begin_of_text|>", eos_token="<|im_end|>")
    for name, template in read_templates(TEMPLATES).items():
        for talk in CHATS:
            for generate in (False, True):
                print(json.dumps({"template": name, "messages": talk, "generate": generate,
                                  "text": render(fast, template, talk, generate)}, ensure_ascii=False, separators=(",", ":")))


def learn_llama3(folder):
    text = [p.read_text() for p in sorted(TREE.glob("lib/*/*.c")) + sorted(TREE.glob("man/*")) + sorted(TREE.glob("*.md"))]
    t = Tokenizer(models.BPE(ignore_merges=True))
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(LLAMA3), behavior="isolated", invert=False),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(text, trainers.BpeTrainer(vocab_size=3000, show_progress=False,
                                                    initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.add_special_tokens(MARKS[:4])
    t.save(folder + "/tokenizer.json")


def seconds(f):
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def speed(folder, library, path):
    """The program with its start and output against the library's encoding alone."""
    text = path.read_text()
    ours, theirs = [], []
    for _ in range(5):
        ours.append(seconds(lambda: subprocess.run(["tokenize", "-m", folder, "--whole", path], stdout=subprocess.DEVNULL, check=True)))
        theirs.append(seconds(lambda: library.encode(text, add_special_tokens=False)))
    ours, theirs = statistics.median(ours), statistics.median(theirs)
    print(f"  {ours:.3f} s, {theirs:.3f} s by tokenizers: {theirs / ours:.1f} times as fast")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--rounds", type=int, default=500)
    parser.add_argument("--templates", type=Path, default=TEMPLATES)
    parser.add_argument("--speed", type=Path)
    parser.add_argument("--write-chats", action="store_true")
    parser.add_argument("tokenizers", nargs="*")
    args = parser.parse_args()
    if args.write_chats:
        return write_chats()
    templates = read_templates(args.templates)
    print("seed", args.seed)
    bad = 0
    for name in args.tokenizers:
        with tempfile.TemporaryDirectory() as tmp:
            if name == "llama3":
                learn_llama3(tmp)
            folder = tmp if name == "llama3" else name
            library = Tokenizer.from_file(folder if folder.endswith(".json") else folder + "/tokenizer.json")
            library.no_truncation()
            library.no_padding()
            tally, chats, r = Tally(), Tally(), random.Random(f"{args.seed} {name}")
            check_texts(folder, library, r, args.rounds, tally)
            if args.speed:
                speed(folder, library, args.speed)
            refused = check_chats(library, templates, r, args.rounds // 5, chats)
            bad += tally.different + chats.different
            print(f"{name}: {tally.compared} texts compared, {tally.different} different; {chats.compared} conversations by "
                  f"{len(templates) - len(refused)} templates, {chats.different} different; refused: {', '.join(refused) or 'none'}")
    return 1 if bad else 0


sys.exit(main())
