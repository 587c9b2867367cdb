#!/usr/bin/env python3
"""Makes models/odd: small ONNX files of odd kinds, and cases.json with what ONNX Runtime answers and what a build does.

    python -m venv /tmp/odd && /tmp/odd/bin/pip install onnx onnxruntime ml_dtypes
    /tmp/odd/bin/python scripts/make-odd-models.py

The models are the same bytes on every machine; the answers may differ in the last bit with the CPU.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx.external_data_helper import (
    convert_model_to_external_data,
    write_external_data_tensors,
)

from odd_models import (
    absurd_shapes,
    element_types,
    graphs,
    layers,
    names,
    operators,
    quantization,
    shapes,
)
from odd_models.case import Case, Difference, Expectation, Tolerance
from odd_models.encode import tensor_as_json
from odd_models.reference import outputs_of

KINDS = (
    operators,
    layers,
    element_types,
    quantization,
    shapes,
    absurd_shapes,
    graphs,
    names,
)
LARGEST_MODEL = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = Path(__file__).parent.parent / "models" / "odd"
    parser.add_argument("--output", type=Path, default=default, help="default: models/odd")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)

    cases = [case for module in KINDS for case in module.cases()]
    if len({case.name for case in cases}) != len(cases):
        sys.exit("two cases have one name")
    described = [describe(case, write(case, folder)) for case in cases]
    expected = {file for case in cases for file in files_of(case)} | {"cases.json", "README.md"}
    for stale in folder.iterdir():
        if stale.name not in expected:
            stale.unlink()
    (folder / "cases.json").write_text(as_text(described), encoding="utf-8")
    runs = sum(len(case.runs) for case in cases)
    print(f"{len(cases)} models, {runs} runs, in {folder}")


def files_of(case: Case) -> list[str]:
    return [f"{case.name}.onnx", *([f"{case.name}.bin"] if case.external else [])]


def write(case: Case, folder: Path) -> Path:
    file = folder / f"{case.name}.onnx"
    proto = case.model
    if case.external:
        convert_model_to_external_data(proto, location=f"{case.name}.bin", size_threshold=0)
        (folder / f"{case.name}.bin").unlink(missing_ok=True)
        proto = write_external_data_tensors(proto, str(folder))
    file.write_bytes(proto.SerializeToString(deterministic=True))
    size = file.stat().st_size
    if size > LARGEST_MODEL:
        sys.exit(f"{file.name} has {size} bytes: these models stay under {LARGEST_MODEL}")
    return file


def describe(case: Case, file: Path) -> dict[str, object]:
    print(f"  {case.name}")
    runs = []
    if case.runs and not (case.tensorrt.codes and case.rtx.codes):
        runs = list(zip(case.runs, outputs_of(file, case.runs), strict=True))
    if case.tensorrt.differs:
        check_difference(case, [outputs for _, outputs in runs])
    return {
        "name": case.name,
        "what": case.what,
        "tries": case.tries,
        "file": file.name,
        "profiles": case.profiles,
        "inputNames": case.input_names,
        "tensorrt": expectation(case.tensorrt),
        "rtx": expectation(case.rtx),
        "tolerance": vars(case.tolerance) if runs else None,
        "runs": [
            {"inputs": all_as_json(inputs), "outputs": all_as_json(outputs)}
            for inputs, outputs in runs
        ],
    }


def check_difference(case: Case, right: list[dict]) -> None:
    """A test tells a wrong answer from a right one only where the tolerance lies between them."""
    for answers, wrong in zip(right, case.tensorrt.differs.outputs, strict=True):
        for name, array in wrong.items():
            if is_near(array, answers[name], case.tolerance):
                sys.exit(f"{case.name}: the wrong {name} is as good as the right one")


def is_near(a: np.ndarray, b: np.ndarray, tolerance: Tolerance) -> bool:
    if np.shape(a) != np.shape(b):
        return False
    limit = tolerance.absolute + tolerance.relative * np.max(np.abs(b))
    return bool(np.max(np.abs(a - b)) <= limit)


def all_as_json(tensors: dict) -> dict[str, object]:
    return {name: tensor_as_json(array) for name, array in tensors.items()}


def expectation(given: Expectation) -> dict[str, object]:
    described: dict[str, object] = {"builds": not given.codes}
    if given.codes:
        described |= {"codes": list(given.codes), "reason": given.reason}
    if given.compute_capabilities:
        described["computeCapabilities"] = list(given.compute_capabilities)
    if given.differs:
        described["differs"] = difference(given.differs)
    return described


def difference(given: Difference) -> dict[str, object]:
    return {
        "version": given.version,
        "what": given.what,
        "outputs": [all_as_json(outputs) for outputs in given.outputs],
    }


def as_text(cases: list[dict[str, object]]) -> str:
    """JSON with a line per fact, per run and per tensor: a change of one number is a change of one line."""
    head = {
        "generator": "scripts/make-odd-models.py",
        "onnx": onnx.__version__,
        "onnxruntime": onnxruntime.__version__,
    }
    lines = [
        "{",
        *(f"  {dump(key)}: {dump(value)}," for key, value in head.items()),
        '  "cases": [',
    ]
    for case in cases:
        lines.append("    {")
        facts = [
            f"      {dump(key)}: {dump(value)}" for key, value in case.items() if key != "runs"
        ]
        lines.append(",\n".join([*facts, f'      "runs": [{runs_as_text(case["runs"])}]']))
        lines.append("    }" if case is cases[-1] else "    },")
    return "\n".join([*lines, "  ]", "}", ""])


def runs_as_text(runs: list[dict[str, dict[str, object]]]) -> str:
    if not runs:
        return ""
    return "\n" + ",\n".join(run_as_text(run) for run in runs) + "\n      "


def run_as_text(run: dict[str, dict[str, object]]) -> str:
    parts = []
    for side, tensors in run.items():
        lines = ",\n".join(
            f"            {dump(name)}: {dump(tensor)}" for name, tensor in tensors.items()
        )
        parts.append(
            f'          "{side}": {{\n{lines}\n          }}'
            if lines
            else f'          "{side}": {{}}'
        )
    return "        {\n" + ",\n".join(parts) + "\n        }"


def dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


if __name__ == "__main__":
    main()
