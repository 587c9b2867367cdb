import type { TinyModel } from './onnx-writer';

/** Non-maximum suppression by one of TensorRT's standard plugins. */
export const nms: TinyModel = {
  inputs: [
    { name: 'boxes', type: 'float32', dims: [1, 3, 4] },
    { name: 'scores', type: 'float32', dims: [1, 3, 1] },
  ],
  outputs: [
    { name: 'num_detections', type: 'int32', dims: [1, 1] },
    { name: 'detection_boxes', type: 'float32', dims: [1, 3, 4] },
    { name: 'detection_scores', type: 'float32', dims: [1, 3] },
    { name: 'detection_classes', type: 'int32', dims: [1, 3] },
  ],
  nodes: [
    {
      op: 'EfficientNMS_TRT',
      inputs: ['boxes', 'scores'],
      outputs: ['num_detections', 'detection_boxes', 'detection_scores', 'detection_classes'],
      attributes: {
        max_output_boxes: 3,
        background_class: -1,
        score_activation: 0,
        box_coding: 0,
      },
      floatAttributes: { score_threshold: 0.25, iou_threshold: 0.5 },
    },
  ],
};
