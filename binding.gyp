{
  # node-gyp users end up in the same script as everyone else: what is compiled stands in CMakeLists.txt alone.
  'targets': [
    {
      'target_name': 'trt_node',
      'type': 'none',
      'actions': [
        {
          'action_name': 'cmake',
          'inputs': ['CMakeLists.txt'],
          'outputs': ['<(module_root_dir)/build/Release/trt_node.node'],
          'action': ['node', '<(module_root_dir)/scripts/build-native.mjs']
        }
      ]
    }
  ]
}
