import path from 'node:path';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import { LentBytes } from '../../lib/lent-bytes';
import { checkedExternalDataOption, modelSourceOf } from '../../lib/model-source';

const none = new Map<string, LentBytes>();
const invalid = expect.objectContaining({ code: 'ERR_TRT_INVALID_ARG' }) as Error;

describe('a model', () => {
  it('is a path, which is made absolute, or a file: URL', () => {
    expect(modelSourceOf('a/b.onnx', none)).toEqual({ path: path.resolve('a/b.onnx') });
    expect(modelSourceOf(pathToFileURL('/a/b ü.onnx'), none)).toEqual({ path: '/a/b ü.onnx' });
  });

  it('is bytes, with their external data', () => {
    const bytes = new LentBytes('model', Uint8Array.of(1, 2));
    const data = new Map([['w.bin', bytes]]);
    expect(modelSourceOf(Uint8Array.of(1, 2), data)).toEqual({ bytes, externalData: data });
    expect(modelSourceOf(Buffer.of(1, 2), none)).toEqual({ bytes, externalData: none });
  });

  it.each([
    ['a number', 7],
    ['nothing', undefined],
    ['an empty path', ''],
    ['a web address', new URL('https://example.org/a.onnx')],
    ['another typed array', new Float32Array(4)],
    ['an ArrayBuffer', new ArrayBuffer(4)],
  ])('is not %s', (_, model) => {
    expect(() => modelSourceOf(model, none)).toThrow(invalid);
  });

  it('#35 is no buffer that was transferred', () => {
    const bytes = new Uint8Array(4);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(() => modelSourceOf(bytes, none)).toThrow(invalid);
    expect(() => checkedExternalDataOption({ 'w.bin': bytes })).toThrow(invalid);
  });

  it('that is a path has its external data beside it', () => {
    const given = checkedExternalDataOption({ 'w.bin': new Uint8Array(1) });
    expect(() => modelSourceOf('a.onnx', given)).toThrow(invalid);
    expect(modelSourceOf('a.onnx', checkedExternalDataOption({}))).toHaveProperty('path');
  });
});

class Weights {
  readonly 'w.bin' = new Uint8Array(1);
}

describe('externalData', () => {
  it('says what it received in place of a plain object', () => {
    expect(() => checkedExternalDataOption(new Map())).toThrow(/\bMap\b/);
  });

  it.each([
    ['without a prototype', Object.assign(Object.create(null) as object, { w: new Uint8Array(1) })],
    ['of another realm', vm.runInNewContext('({ w: new Uint8Array(1) })')],
  ])('is an object %s too', (_, value: unknown) => {
    expect([...checkedExternalDataOption(value).keys()]).toEqual(['w']);
  });

  it('is kept by the normal spelling of its locations', () => {
    const bytes = new Uint8Array(1);
    expect([...checkedExternalDataOption({ './a//b.bin': bytes }).keys()]).toEqual(['a/b.bin']);
    expect([...checkedExternalDataOption(undefined).keys()]).toEqual([]);
    const proto: unknown = Object.fromEntries([['__proto__', bytes]]);
    expect([...checkedExternalDataOption(proto).keys()]).toEqual(['__proto__']);
  });

  it.each([
    ['null', null],
    ['an array', [new Uint8Array(1)]],
    ['bytes without a location', new Uint8Array(0)],
    ['text', { 'w.bin': 'text' }],
    ['another typed array', { 'w.bin': new Float32Array(1) }],
    ['an absolute location', { '/w.bin': new Uint8Array(1) }],
    ['a location outside', { '../w.bin': new Uint8Array(1) }],
    ['an empty location', { '': new Uint8Array(1) }],
    ['a folder', { 'w/': new Uint8Array(1) }],
    ['a Map', new Map([['w.bin', new Uint8Array(1)]])],
    ['an instance of a class', new Weights()],
    ['two names of one file', { 'w.bin': new Uint8Array(1), './w.bin': new Uint8Array(1) }],
  ])('is not %s', (_, value) => {
    expect(() => checkedExternalDataOption(value)).toThrow(invalid);
  });
});
