// The odd models that try TensorRT alone: its parser and its kernels. The binding only carries their inputs and outputs.
import { oddModels } from '../support/odd-models';
import { buildOdd, describeOdd } from './odd-engines';

const models = oddModels.filter(({ tries }) => tries === 'TensorRT');
describeOdd(models, await buildOdd(models));
