"""ONNX Runtime's outputs, on its CPU."""

from __future__ import annotations

import ctypes
from pathlib import Path

import ml_dtypes
import numpy as np
import onnxruntime
from onnx import TensorProto

Tensors = dict[str, np.ndarray]


def outputs_of(model: Path, runs: list[Tensors]) -> list[Tensors]:
    options = onnxruntime.SessionOptions()
    # As the model has it: fused kernels for Q/DQ and float16 round elsewhere than the model says.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return [run(session, names, inputs) for inputs in runs]


def run(session: onnxruntime.InferenceSession, names: list[str], inputs: Tensors) -> Tensors:
    feeds = {name: to_value(array) for name, array in inputs.items()}
    return dict(zip(names, map(from_value, session.run_with_ort_values(names, feeds)), strict=True))


def to_value(array: np.ndarray) -> onnxruntime.OrtValue:
    array = np.asarray(array)
    if array.dtype == ml_dtypes.bfloat16:
        bits = array.view(np.uint16)
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, TensorProto.BFLOAT16)
    return onnxruntime.OrtValue.ortvalue_from_numpy(array)


def from_value(value: onnxruntime.OrtValue) -> np.ndarray:
    if value.element_type() != TensorProto.BFLOAT16:
        return value.numpy()
    # numpy() knows no bfloat16.
    dims = value.shape()
    raw = ctypes.string_at(value.data_ptr(), int(np.prod(dims)) * 2)
    return np.frombuffer(raw, ml_dtypes.bfloat16).reshape(dims).copy()
