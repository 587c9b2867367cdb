import { describe, expect, it } from 'vitest';
import { engineLayers, parseEngineInformation } from '../../lib/engine-information';

/** As TensorRT 10.6 writes it, with the name of a layer as it is. */
const inspected = (name: string): string =>
  `{"Layers": [{
  "Name": "${name}",
  "LayerType": "PointWiseV2",
  "Outputs": [{"Name": "y", "Format/Datatype": "Row major linear FP32"}],
  "TacticValue": "0x0000000000000018"
}],
"Bindings": ["x", "y"]
}`;
const layerNamed = (name: string) => ({
  name,
  type: 'PointWiseV2',
  outputTypes: ['Row major linear FP32'],
  tactic: '0x0000000000000018',
});

const layersOf = (engineInformation: string | null, engineInformationReason: string | null) =>
  engineLayers({ engineInformation, engineInformationReason });

describe('the layers of an engine', () => {
  it('are read from the inspector’s JSON', () => {
    expect(layersOf(inspected('conv \\"1\\"'), null)).toEqual({ layers: [layerNamed('conv "1"')] });
  });

  it('are known by name alone where the inspector gives no more', () => {
    expect(layersOf('{"Layers": ["conv"]}', null)).toEqual({
      layers: [{ name: 'conv', type: 'unknown', outputTypes: [] }],
    });
  });

  it('keep every control character that the inspector left unescaped in a name', () => {
    const controls = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).join('');
    const name = `tab\there, escaped \\n, ${controls}.`;
    const meant = `tab\there, escaped \n, ${controls}.`;
    expect(layersOf(inspected(name), null)).toEqual({ layers: [layerNamed(meant)] });
  });

  it.each([
    ['quotes and a newline in a name', inspected('"quoted"\n')],
    ['a backslash in a name', inspected('back\\slash')],
    ['text that was cut off', inspected('x').slice(0, -30)],
    ['no text', ''],
    ['no layers', '{"Bindings": []}'],
    ['layers that are none', '{"Layers": [null]}'],
    ['no object', '[]'],
  ])('are not known, and the reason says why: %s', (_, json) => {
    const { layers, layersReason } = layersOf(json, null);
    expect(layers).toBeNull();
    expect(layersReason).toMatch(/inspector/);
  });

  it('are not known where there was no inspection, for its own reason', () => {
    expect(layersOf(null, 'no GPU')).toEqual({ layers: null, layersReason: 'no GPU' });
    expect(layersOf(null, null)).toEqual({ layers: null });
  });
});

describe('an inspection', () => {
  it('is all that TensorRT says', () => {
    expect(parseEngineInformation('{"Layers": ["a\tb"], "Bindings": ["x"]}')).toEqual({
      Layers: ['a\tb'],
      Bindings: ['x'],
    });
  });

  it.each(['', 'not JSON', '{"a": "b"c"}', 'null', '[]', '"text"'])('is never %j', (json) => {
    expect(() => parseEngineInformation(json)).toThrow();
  });
});
