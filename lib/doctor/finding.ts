/** Stable: programs and issue reports may match on them. */
export type FindingId =
  // no driver, or one that does not start
  | 'driver-missing'
  | 'driver-library-missing'
  | 'driver-library-broken'
  | 'driver-too-old'
  | 'driver-mismatch'
  | 'driver-init-failed'
  | 'kernel-module-missing'
  | 'device-nodes-missing'
  | 'device-nodes-denied'
  | 'fabric-manager-missing'
  | 'stub-libcuda'
  // containers and WSL
  | 'container-host-without-driver'
  | 'container-without-toolkit'
  | 'container-started-without-gpus'
  | 'driver-capabilities-without-compute'
  | 'driver-capabilities-without-utility'
  | 'wsl'
  | 'wsl-without-driver'
  | 'wsl-linux-driver'
  // which GPUs there are
  | 'cuda-visible-devices-empty'
  | 'cuda-visible-devices-invalid'
  | 'mig'
  | 'mig-without-instances'
  | 'compute-mode-prohibited'
  | 'compute-mode-exclusive'
  // TensorRT
  | 'several-tensorrt'
  | 'library-dependency-missing'
  // speed
  | 'cuda-launch-blocking'
  | 'gpu-throttled'
  | 'gpu-busy'
  | 'pcie-link-reduced'
  | 'power-limit-reduced';

/** Something about a machine that explains what does not work, or not as fast as it could. */
export interface Finding {
  readonly id: FindingId;
  /** `problem`: keeps a job from running. `warning`: may. `note`: worth knowing. */
  readonly severity: 'problem' | 'warning' | 'note';
  /** One line for a person. */
  readonly title: string;
  /** What was seen, each in one line. */
  readonly evidence: readonly string[];
  /** What to do about it. */
  readonly nextStep: string;
}
