#!/usr/bin/env python3
"""Makes ResNet-50 as torchvision has it, with fixed random weights, and writes what PyTorch answers.

Nothing is downloaded. Three things make the random network as tame as a trained one, so that an error of the engine shows as an error
of the logits and no more:
- batch-norm statistics are measured by passes over images. Untouched, activations grow or die from layer to layer;
- the last batch norm of each residual branch has a small weight, as training leaves it. At 1, each block amplifies rounding: PyTorch's own
  float16 is then off by more than 1 % of the largest logit;
- the mean logits are taken out of the last bias: what is left depends on the image, so that errors are measured against that.
The images are random fields with the spectrum of photographs (1/f), with patches of flat colour for edges.

Needs torch, torchvision, onnx; onnxruntime gives a second opinion where it is installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn

from model_reference import (
    batch_sizes,
    check_dims,
    default_folder,
    device_description,
    device_named,
    digest,
    exact_float32,
    export_onnx,
    max_relative_difference,
    write_index,
    write_tensor,
)

SIDE = 224
# The statistics that torchvision's own weights expect of their images.
MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32).reshape(3, 1, 1)
DEVIATION = np.array([0.229, 0.224, 0.225], dtype=np.float32).reshape(3, 1, 1)
CALIBRATION_BATCH = 64
BRANCH_WEIGHT = 0.25


def random_image(random: np.random.Generator) -> np.ndarray:
    """One normalised image, [3, 224, 224]: a coloured 1/f field under some flat rectangles."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :])
    frequency[0, 0] = 1 / SIDE
    noise = random.standard_normal((3, SIDE, SIDE))
    fields = np.fft.irfft2(np.fft.rfft2(noise) / frequency ** random.uniform(0.7, 1.5), s=(SIDE, SIDE))
    fields /= fields.std()
    # The channels of photographs mostly go together.
    together = random.uniform(0.5, 0.95)
    fields = together * fields[:1] + (1 - together) * fields
    image = random.uniform(0.25, 0.75, (3, 1, 1)) + random.uniform(0.05, 0.3) * fields
    for _ in range(random.integers(0, 6)):
        top, left = random.integers(0, SIDE - 16, 2)
        height, width = random.integers(8, 120, 2)
        image[:, top : top + height, left : left + width] = random.uniform(0, 1, (3, 1, 1))
    return (np.clip(image, 0, 1).astype(np.float32) - MEAN) / DEVIATION


def random_images(count: int, random: np.random.Generator) -> np.ndarray:
    return np.stack([random_image(random) for _ in range(count)]).astype(np.float32)


def make_model(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    model = torchvision.models.resnet50(weights=None)
    for name, module in model.named_modules():
        if name.endswith(".bn3"):
            nn.init.constant_(module.weight, BRANCH_WEIGHT)
    return model


def measure_batch_norms(model: nn.Module, batches: list[torch.Tensor]) -> None:
    """Running statistics as plain averages over the batches (momentum None), not as a decaying trace of them."""
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    model.train()
    with torch.no_grad():
        for batch in batches:
            model(batch)
    model.eval()


def centre_logits(model: nn.Module, batches: list[torch.Tensor]) -> None:
    with torch.no_grad():
        model.fc.bias -= torch.cat([model(batch) for batch in batches]).mean(dim=0)


def logits_of(model: nn.Module, images: np.ndarray, device: str, dtype: torch.dtype) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(images).to(device, dtype)).cpu().numpy()


def by_onnxruntime(path: Path, batches: list[np.ndarray], reference: list[np.ndarray]) -> dict | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = [session.run(["logits"], {"image": images})[0] for images in batches]
    difference = max_relative_difference(np.concatenate(found), np.concatenate(reference))
    if not difference < 1e-4:
        raise SystemExit(f"ONNX Runtime's logits differ from PyTorch's by {difference:.3g} of the largest")
    return {"version": onnxruntime.__version__, "maxRelativeDifference": difference}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=default_folder("resnet50"), help="folder to write to")
    parser.add_argument("--batches", default="1,3,8,32", help="sizes of the reference batches")
    parser.add_argument("--calibration-images", type=int, default=512)
    parser.add_argument("--int8-images", type=int, default=256, help="images in calibration.npy, other than all the rest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="cpu, cuda, or auto: cuda where it is")
    arguments = parser.parse_args()
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    device = device_named(arguments.device)
    exact_float32()

    random = np.random.default_rng(arguments.seed)
    model = make_model(arguments.seed).to(device)
    images = random_images(arguments.calibration_images, random)
    batches = list(torch.from_numpy(images).to(device).split(CALIBRATION_BATCH))
    measure_batch_norms(model, batches)
    centre_logits(model, batches)

    inputs = [random_images(size, random) for size in batch_sizes(arguments.batches)]
    np.save(out / "calibration.npy", random_images(arguments.int8_images, random))
    logits = [logits_of(model, batch, device, torch.float32) for batch in inputs]
    model.double()
    exact = np.concatenate([logits_of(model, batch, device, torch.float64) for batch in inputs])
    model.float()
    rows = np.concatenate(logits)
    if not np.isfinite(rows).all():
        raise SystemExit("expected finite logits; nothing was exported")

    path = out / "resnet50.onnx"
    model.cpu()
    # Two images, not one: an example batch of one could be taken for a constant.
    example = (torch.zeros(2, 3, SIDE, SIDE),)
    dynamic = {0: "batch"}
    exporter = export_onnx(model, example, path, {"image": dynamic}, {"logits": dynamic})
    check_dims(path, {"image": ["batch", 3, SIDE, SIDE], "logits": ["batch", 1000]})

    cases = [
        {
            "inputs": {"image": write_tensor(out, f"image-{index}.bin", "float32", image)},
            "outputs": {"logits": write_tensor(out, f"logits-{index}.bin", "float32", answer)},
        }
        for index, (image, answer) in enumerate(zip(inputs, logits))
    ]
    index = {
        "model": digest(path),
        "cases": cases,
        "seed": arguments.seed,
        "calibrationImages": arguments.calibration_images,
        "int8Images": {"file": "calibration.npy", "count": arguments.int8_images},
        "maxLogit": float(np.abs(rows).max()),
        "pytorch": {
            "version": torch.__version__,
            "device": device_description(device),
            "exporter": exporter,
            "float32AgainstFloat64": max_relative_difference(rows, exact),
        },
        "onnxruntime": by_onnxruntime(path, inputs, logits),
    }
    write_index(out, index, ["numpy", "onnx", "torch", "torchvision"])


if __name__ == "__main__":
    main()
