// TEST ONLY. The library of TensorRT's standard plugins: it tells its core that it was asked to register them.

extern "C" void trtNodeStubRegisterPlugins();

extern "C" __attribute__((visibility("default"))) bool initLibNvInferPlugins(void*, const char*) {
  trtNodeStubRegisterPlugins();
  return true;
}
