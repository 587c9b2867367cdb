// TensorRT without anything around it: a plan, and one stream with a context, its memory and its captured graph.
#pragma once

#include <NvInferRuntime.h>

#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "floor_cuda.h"
#include "floor_request.h"

namespace trtnode_floor {

class StderrLogger : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* message) noexcept override {
    if (severity <= Severity::kWARNING) std::cerr << "TensorRT: " << message << '\n';
  }
};

inline std::vector<char> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<char> bytes(static_cast<size_t>(file.tellg()));
  file.seekg(0);
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file) throw std::runtime_error("cannot read " + path);
  return bytes;
}

class Plan {
 public:
  explicit Plan(const std::string& path) {
    const std::vector<char> bytes = ReadFile(path);
    runtime_.reset(CreateRuntime());
    if (!runtime_) throw std::runtime_error("TensorRT made no runtime");
    engine_.reset(runtime_->deserializeCudaEngine(bytes.data(), bytes.size()));
    if (!engine_) throw std::runtime_error("TensorRT did not deserialize " + path);
  }

  nvinfer1::ICudaEngine& engine() const { return *engine_; }

  static int Version() {
    int (*version)() = nullptr;
    Find(Library(), "getInferLibVersion", &version);
    return version();
  }

 private:
  static void* Library() {
    static void* const library = OpenLibrary("libnvinfer.so.10");
    return library;
  }
  static nvinfer1::IRuntime* CreateRuntime() {
    static StderrLogger logger;
    void* (*create)(void* logger, int32_t version) = nullptr;
    Find(Library(), "createInferRuntime_INTERNAL", &create);
    return static_cast<nvinfer1::IRuntime*>(create(&logger, Version()));
  }

  std::unique_ptr<nvinfer1::IRuntime> runtime_;
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
};

inline size_t BitsOf(nvinfer1::DataType type) {
  switch (type) {
    case nvinfer1::DataType::kINT64:
      return 64;
    case nvinfer1::DataType::kFLOAT:
    case nvinfer1::DataType::kINT32:
      return 32;
    case nvinfer1::DataType::kHALF:
    case nvinfer1::DataType::kBF16:
      return 16;
    case nvinfer1::DataType::kINT4:
    case nvinfer1::DataType::kFP4:
      return 4;
    default:
      return 8;
  }
}

struct Tensor {
  std::string name;
  size_t size = 0;
  OwnedPinnedMemory host;
  OwnedDeviceMemory device;
  // An ordinary array: what `arrays=pageable` copies from.
  std::vector<char> pageable;
};

enum class GraphKind { kNone, kNetwork, kWithCopies };

class Slot {
 public:
  Slot(const Plan& plan, const Request& request)
      : cuda_(Cuda::Get()), context_(plan.engine().createExecutionContext()) {
    if (!context_) throw std::runtime_error("TensorRT made no context");
    Check(cuda_.StreamCreate(stream_.put(), CU_STREAM_NON_BLOCKING), "cuStreamCreate");
    SetShapes(plan.engine(), request);
    const std::string graph = request.Text("graph", "on");
    // TensorRT does on the first run of a shape what it may not do while it is captured.
    RunWith(GraphKind::kNone);
    Check(cuda_.StreamSynchronize(stream()), "cuStreamSynchronize");
    if (graph != "off") Capture(graph == "whole" ? GraphKind::kWithCopies : GraphKind::kNetwork);
  }

  CUstream stream() const { return stream_.get(); }
  std::vector<Tensor>& inputs() { return inputs_; }
  std::vector<Tensor>& outputs() { return outputs_; }

  // Copies in, the network, copies out: all of it asynchronous.
  void Run() { RunWith(graph_); }

  void CopyIn() const {
    for (const Tensor& input : inputs_) {
      Check(cuda_.CopyToDevice(input.device.get(), input.host.get(), input.size, stream()),
            "cuMemcpyHtoDAsync");
    }
  }

  void Compute() {
    if (graph_ != GraphKind::kNone) {
      Check(cuda_.GraphLaunch(exec_.get(), stream()), "cuGraphLaunch");
    } else if (!context_->enqueueV3(reinterpret_cast<cudaStream_t>(stream()))) {
      throw std::runtime_error("enqueueV3 failed; TensorRT's words are above");
    }
  }

  void CopyOut() const {
    for (const Tensor& output : outputs_) {
      Check(cuda_.CopyToHost(output.host.get(), output.device.get(), output.size, stream()),
            "cuMemcpyDtoHAsync");
    }
  }

 private:
  void SetShapes(nvinfer1::ICudaEngine& engine, const Request& request) {
    const int profile = request.Integer("profile", 0);
    const auto stream_handle = reinterpret_cast<cudaStream_t>(stream());
    if (!context_->setOptimizationProfileAsync(profile, stream_handle)) {
      throw std::runtime_error("TensorRT refused profile " + std::to_string(profile));
    }
    const int count = engine.getNbIOTensors();
    for (int i = 0; i < count; ++i) {
      const char* name = engine.getIOTensorName(i);
      if (engine.getTensorIOMode(name) != nvinfer1::TensorIOMode::kINPUT) continue;
      const std::vector<int64_t> dims = request.Dims(std::string("shape.") + name);
      nvinfer1::Dims64 shape = {};
      shape.nbDims = static_cast<int32_t>(dims.size());
      for (size_t axis = 0; axis < dims.size(); ++axis) shape.d[axis] = dims[axis];
      if (!context_->setInputShape(name, shape)) {
        throw std::runtime_error(std::string("TensorRT refused the dims of ") + name);
      }
    }
    for (int i = 0; i < count; ++i) Place(engine, engine.getIOTensorName(i), request);
    Check(cuda_.StreamSynchronize(stream()), "cuStreamSynchronize");
  }

  void Place(nvinfer1::ICudaEngine& engine, const char* name, const Request& request) {
    const bool is_input = engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
    Tensor tensor;
    tensor.name = name;
    const nvinfer1::Dims64 shape = context_->getTensorShape(name);
    size_t elements = 1;
    for (int axis = 0; axis < shape.nbDims; ++axis) {
      if (shape.d[axis] < 0) throw std::runtime_error(tensor.name + " has dims of the data's own");
      elements *= static_cast<size_t>(shape.d[axis]);
    }
    tensor.size = (elements * BitsOf(engine.getTensorDataType(name)) + 7) / 8;
    const size_t room = tensor.size > 0 ? tensor.size : 1;
    Check(cuda_.MemHostAlloc(tensor.host.put(), room, 0), "cuMemHostAlloc");
    Check(cuda_.MemAlloc(tensor.device.put(), room), "cuMemAlloc");
    if (is_input) {
      tensor.pageable = ReadFile(request.Text("input." + tensor.name));
      if (tensor.pageable.size() != tensor.size) {
        throw std::runtime_error(tensor.name + " needs " + std::to_string(tensor.size) +
                                 " bytes, its file has " + std::to_string(tensor.pageable.size()));
      }
      std::memcpy(tensor.host.get(), tensor.pageable.data(), tensor.size);
    }
    if (!context_->setTensorAddress(name, reinterpret_cast<void*>(tensor.device.get()))) {
      throw std::runtime_error("TensorRT refused the address of " + tensor.name);
    }
    (is_input ? inputs_ : outputs_).push_back(std::move(tensor));
  }

  void Capture(GraphKind kind) {
    OwnedGraph graph;
    Check(cuda_.StreamBeginCapture(stream(), CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
          "cuStreamBeginCapture");
    if (kind == GraphKind::kWithCopies) CopyIn();
    Compute();
    if (kind == GraphKind::kWithCopies) CopyOut();
    Check(cuda_.StreamEndCapture(stream(), graph.put()), "cuStreamEndCapture");
    Check(cuda_.GraphInstantiate(exec_.put(), graph.get(), 0), "cuGraphInstantiateWithFlags");
    Check(cuda_.GraphUpload(exec_.get(), stream()), "cuGraphUpload");
    Check(cuda_.StreamSynchronize(stream()), "cuStreamSynchronize");
    graph_ = kind;
  }

  void RunWith(GraphKind kind) {
    if (kind != GraphKind::kWithCopies) CopyIn();
    Compute();
    if (kind != GraphKind::kWithCopies) CopyOut();
  }

  const Cuda& cuda_;
  OwnedStream stream_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  OwnedGraphExec exec_;
  GraphKind graph_ = GraphKind::kNone;
};

}  // namespace trtnode_floor
