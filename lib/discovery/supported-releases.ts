/** For messages: what the addon's three ABIs drive. */
export const usableReleases = 'TensorRT 10.x, TensorRT 11.x, or TensorRT-RTX 1.5 and newer';
