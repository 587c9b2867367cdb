#!/usr/bin/env python3
"""Makes models/digits: trains the small CNN, exports it to ONNX, and writes what its answers should be.

Needs torch, scikit-learn and onnx; onnxruntime gives a second opinion where it is installed. No network: the images are
scikit-learn's bundled digits. Everything runs on the CPU in float32, so that no GPU's TF32 is in the reference.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import inspect
import json
import platform
import sys
from pathlib import Path

import numpy as np
import onnx
import sklearn
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

OPSET = 17
HELD_OUT = 360
SCALE = 1.0 / 16.0
MINIMUM_ACCURACY = 0.985
MAXIMUM_MODEL_BYTES = 200_000
BATCH = 64


class DigitsNet(nn.Module):
    """Three convolutions over 8x8 images, one linear layer over the 4x4 that is left; 19 thousand weights."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
        )
        self.dropout = nn.Dropout(0.3)
        self.classifier = nn.Linear(32 * 4 * 4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.dropout(torch.flatten(self.features(images), 1)))


def shifted(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Each image moved by up to one pixel either way, zeros coming in."""
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    moves = torch.randint(0, 3, (images.shape[0], 2), generator=generator).tolist()
    return torch.stack(
        [padded[i, :, dy : dy + 8, dx : dx + 8] for i, (dy, dx) in enumerate(moves)]
    )


def train(images: torch.Tensor, labels: torch.Tensor, seed: int, epochs: int) -> DigitsNet:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = DigitsNet()
    steps = (images.shape[0] + BATCH - 1) // BATCH
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=8e-3, epochs=epochs, steps_per_epoch=steps
    )
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    model.train()
    for epoch in range(epochs):
        total = 0.0
        order = torch.randperm(images.shape[0], generator=generator)
        for indices in order.split(BATCH):
            optimizer.zero_grad()
            loss = loss_of(model(shifted(images[indices], generator)), labels[indices])
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(indices)
        if (epoch + 1) % 10 == 0:
            print(f"epoch {epoch + 1:3d}/{epochs}  loss {total / images.shape[0]:.4f}", flush=True)
    return model.eval()


def export(model: DigitsNet, path: Path) -> str:
    """Exports by the TorchScript exporter, whose graph every TensorRT parser reads; by dynamo where it is gone."""
    # Two images, not one: an example batch of one could be taken for a constant.
    example = torch.zeros(2, 1, 8, 8)
    known = inspect.signature(torch.onnx.export).parameters
    common = {"input_names": ["images"], "output_names": ["logits"], "opset_version": OPSET}
    classic = {
        **common,
        "dynamic_axes": {"images": {0: "batch"}, "logits": {0: "batch"}},
        "do_constant_folding": True,
    }
    if "dynamo" in known:
        classic["dynamo"] = False
    try:
        torch.onnx.export(model, (example,), str(path), **classic)
        exporter = "torch.onnx.export, TorchScript"
    except Exception as error:
        if "dynamo" not in known:
            raise
        print(f"TorchScript export failed ({error!r}); exporting by dynamo", file=sys.stderr)
        modern = {
            **common,
            "dynamo": True,
            "dynamic_shapes": {"images": {0: torch.export.Dim("batch", min=1, max=65536)}},
        }
        if "external_data" in known:
            modern["external_data"] = False
        torch.onnx.export(model, (example,), str(path), **modern)
        exporter = "torch.onnx.export, dynamo"
    tidy(path)
    return exporter


def tidy(path: Path) -> None:
    """One file, without the exporter's notes: they hold paths of the machine that ran it."""
    model = onnx.load(str(path))
    model.doc_string = ""
    model.graph.doc_string = ""
    del model.metadata_props[:]
    noted = [model.graph, *model.graph.node, *model.graph.input, *model.graph.output]
    noted += model.graph.initializer
    for part in noted:
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    # Exporters differ in what they call the batch and in which other dims they know.
    for value, rest in ((model.graph.input[0], [1, 8, 8]), (model.graph.output[0], [10])):
        del value.type.tensor_type.shape.dim[:]
        value.type.tensor_type.shape.dim.add().dim_param = "batch"
        for size in rest:
            value.type.tensor_type.shape.dim.add().dim_value = size
    del model.graph.value_info[:]
    onnx.save_model(model, str(path), save_as_external_data=False)
    leftover = path.with_name(path.name + ".data")
    if leftover.exists():
        leftover.unlink()


def check(path: Path) -> None:
    model = onnx.load(str(path), load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    expect("opset", opset, OPSET)
    external = [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    expect("weights outside the file", external, [])
    expect("inputs", [value.name for value in model.graph.input], ["images"])
    expect("outputs", [value.name for value in model.graph.output], ["logits"])
    for value, rest in ((model.graph.input[0], [1, 8, 8]), (model.graph.output[0], [10])):
        expect(f"element type of {value.name}", value.type.tensor_type.elem_type, onnx.TensorProto.FLOAT)
        dims = value.type.tensor_type.shape.dim
        expect(f"dims of {value.name} after the batch", [d.dim_value for d in dims[1:]], rest)
        expect(f"batch of {value.name} is dynamic", dims[0].HasField("dim_value"), False)
    if path.stat().st_size >= MAXIMUM_MODEL_BYTES:
        raise SystemExit(f"{path} has {path.stat().st_size} bytes, more than {MAXIMUM_MODEL_BYTES}")


def expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise SystemExit(f"expected {what} to be {expected!r} but found {found!r}")


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def by_onnxruntime(path: Path, images: np.ndarray, labels: np.ndarray, reference: np.ndarray) -> dict | None:
    try:
        import onnxruntime
    except ImportError:
        print("onnxruntime is not installed: no second opinion in reference.json", file=sys.stderr)
        return None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images})
    (one,) = session.run(["logits"], {"images": images[:1]})
    expect("dims of one image's logits", tuple(one.shape), (1, 10))
    difference = float(np.abs(logits - reference).max() / np.abs(reference).max())
    if difference > 1e-5:
        raise SystemExit(f"ONNX Runtime's logits differ from PyTorch's by {difference:.3g} of the largest")
    return {
        "version": onnxruntime.__version__,
        "accuracy": accuracy(logits, labels),
        "maxRelativeDifference": difference,
    }


def write_held_out(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    rows = ",\n".join("    " + json.dumps(row.tolist(), separators=(",", ":")) for row in images)
    path.write_text(
        "{\n"
        f'  "dims": [{len(images)}, 1, 8, 8],\n'
        f'  "scale": {SCALE},\n'
        f'  "labels": {json.dumps(labels.tolist(), separators=(",", ":"))},\n'
        f'  "images": [\n{rows}\n  ]\n'
        "}\n",
        encoding="utf-8",
    )


def digest(path: Path) -> dict:
    data = path.read_bytes()
    return {"file": path.name, "sha256": hashlib.sha256(data).hexdigest(), "sizeBytes": len(data)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("models/digits"), help="folder to write to")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=60)
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)

    # The order of a sum changes its last bits: the same threads each time, the same algorithms.
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)

    pixels, labels = load_digits(return_X_y=True)
    pixels = pixels.astype(np.int64)
    train_pixels, held_pixels, train_labels, held_labels = train_test_split(
        pixels, labels.astype(np.int64), test_size=HELD_OUT, stratify=labels, random_state=0
    )

    def scaled(values: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray((values * SCALE).astype(np.float32).reshape(-1, 1, 8, 8))

    model = train(
        torch.from_numpy(scaled(train_pixels)),
        torch.from_numpy(train_labels),
        arguments.seed,
        arguments.epochs,
    )
    held_images = scaled(held_pixels)
    with torch.no_grad():
        logits = model(torch.from_numpy(held_images)).numpy().astype("<f4")
    held_accuracy = accuracy(logits, held_labels)
    print(f"held-out accuracy {held_accuracy:.4f} ({len(held_labels)} images)")
    if held_accuracy < MINIMUM_ACCURACY:
        raise SystemExit(f"expected an accuracy of at least {MINIMUM_ACCURACY}; nothing was written")

    onnx_path = out / "digits.onnx"
    exporter = export(model, onnx_path)
    check(onnx_path)
    onnxruntime_result = by_onnxruntime(onnx_path, held_images, held_labels, logits)
    write_held_out(out / "held-out.json", held_pixels, held_labels)
    logits_path = out / "reference-logits.f32"
    logits_path.write_bytes(logits.tobytes())

    reference = {
        "model": digest(onnx_path),
        "logits": {**digest(logits_path), "type": "float32, little-endian", "dims": list(logits.shape)},
        "data": {
            "name": "scikit-learn load_digits",
            "train": len(train_labels),
            "heldOut": len(held_labels),
            "splitSeed": 0,
        },
        "training": {"seed": arguments.seed, "epochs": arguments.epochs, "device": "cpu"},
        "pytorch": {
            "version": torch.__version__,
            "accuracy": held_accuracy,
            "precision": "float32 on the CPU (no TF32)",
            "exporter": exporter,
        },
        "onnxruntime": onnxruntime_result,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnx": onnx.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    }
    (out / "reference.json").write_text(json.dumps(reference, indent=2) + "\n", encoding="utf-8")
    for name in ("digits.onnx", "held-out.json", "reference-logits.f32", "reference.json"):
        print(f"{out / name}  {(out / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
