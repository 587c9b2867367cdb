"""What make-resnet50.py, make-minilm.py and make-decoder.py share: the folder, the exporter, the reference files.

A reference is a JSON index (`reference.json`) beside raw little-endian files, so that Node reads it without a library.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import re
from pathlib import Path

import numpy as np

OPSET = 17
ENVIRONMENT_VARIABLE = "TRT_NODE_TEST_MODELS"
TYPES = {"float32": "<f4", "int64": "<i8"}


def default_folder(model: str) -> Path:
    """Where the tests look for it; nothing of it is in the repository."""
    return Path(os.environ.get(ENVIRONMENT_VARIABLE) or ".cache/models") / model


def write_tensor(folder: Path, file: str, type_name: str, values: np.ndarray) -> dict:
    array = np.ascontiguousarray(values, dtype=TYPES[type_name])
    (folder / file).write_bytes(array.tobytes())
    return {"file": file, "type": type_name, "dims": list(array.shape)}


def digest(path: Path) -> dict:
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 24):
            sha256.update(block)
    return {"file": path.name, "sha256": sha256.hexdigest(), "sizeBytes": path.stat().st_size}


def write_index(folder: Path, index: dict, packages: list[str]) -> None:
    """Writes reference.json and prints it without its long lists."""
    versions = {"python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in packages}
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    index = {**index, "versions": versions, "date": date}
    (folder / "reference.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    brief = {
        key: f"{len(value)} entries" if isinstance(value, list) else value
        for key, value in index.items()
    }
    print(json.dumps(brief, indent=2))


def export_onnx(
    model: object, arguments: tuple, path: Path, inputs: dict[str, dict], outputs: dict[str, dict]
) -> str:
    """Exports by torch's TorchScript exporter, whose graph every TensorRT parser reads. `inputs` and `outputs` map names
    to their dynamic axes. Returns the exporter's name."""
    import torch

    options = {
        "input_names": list(inputs),
        "output_names": list(outputs),
        "dynamic_axes": {name: axes for name, axes in {**inputs, **outputs}.items() if axes},
        "opset_version": OPSET,
        "do_constant_folding": True,
    }
    # Newer releases have a second exporter and made it the default; it starts at opset 18.
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    torch.onnx.export(model, arguments, str(path), **options)
    return f"torch.onnx.export, TorchScript, opset {OPSET}"


def check_dims(path: Path, expected: dict[str, list[int | str]]) -> None:
    """Stops unless the inputs and outputs are those, e.g. {"image": ["batch", 3, 224, 224]}. Exporters do not know every dim of an
    output: where they made up a name, the expected one is written."""
    import onnx

    model = onnx.load(str(path), load_external_data=False)
    found = {}
    for value in model.graph.output:
        for dim, known in zip(value.type.tensor_type.shape.dim, expected.get(value.name, [])):
            if isinstance(known, str):
                dim.dim_param = known
            elif not dim.HasField("dim_value"):
                dim.dim_value = known
    for value in [*model.graph.input, *model.graph.output]:
        dims = value.type.tensor_type.shape.dim
        found[value.name] = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in dims]
    if found != expected:
        raise SystemExit(f"expected {path} to have {expected} but found {found}")
    onnx.save_model(model, str(path))
    onnx.checker.check_model(str(path))


def max_relative_difference(values: np.ndarray, reference: np.ndarray) -> float:
    """max|a - b| / max|b|, NaN when there is one in either."""
    a, b = values.astype(np.float64), reference.astype(np.float64)
    return float(np.abs(a - b).max() / np.abs(b).max())


def exact_float32() -> None:
    """Float32 that is float32 on GPUs too, and the same kernels each time."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def device_named(name: str) -> str:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return name


def device_description(device: str) -> str:
    import torch

    if not device.startswith("cuda"):
        return "cpu"
    return f"{torch.cuda.get_device_name(device)}, TF32 off"


def batch_sizes(text: str) -> list[int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        raise SystemExit(f"expected --batches like 1,3,8 but received {text!r}")
    return [int(size) for size in text.split(",")]
