import { coldStartSteps, type ColdStartFigures } from './cold-start-record';
import type { MetricNames, Metrics } from './limits';

/** What limits of cold starts can be about. */
export const coldStartMetrics: MetricNames = {
  spans: [...coldStartSteps, 'whole', 'wholeLoad', 'warmInference'],
  main: 'whole',
  scalars: {},
};

export function metricsOfColdStart({ samples }: ColdStartFigures): Metrics {
  const { steps, warmInference, whole, wholeLoad } = samples;
  return {
    main: 'whole',
    scalars: {},
    spans: {
      ...Object.fromEntries(coldStartSteps.map((step) => [step, steps.map((each) => each[step])])),
      ...{ warmInference, whole, wholeLoad },
    },
  };
}
