import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Ajv2020, type AnySchema } from 'ajv/dist/2020';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReportDocument } from '../../lib/report/document';
import { readPageAssets } from '../../lib/report/html/page-assets';
import { checkReportPath, writeReport } from '../../lib/report/write-report';
import { sampleReport } from '../support/sample-report';

const root = path.resolve(__dirname, '..', '..');
const report = sampleReport({ samples: 50, layers: 20 });
let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'trt-node-report-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const file = (name: string) => path.join(folder, name);

describe('writeReport', () => {
  it('writes by the ending', async () => {
    for (const name of ['a.html', 'a.md', 'a.json', 'b.HTML'])
      await writeReport(file(name), report);
    expect(fs.readFileSync(file('a.html'), 'utf8')).toMatch(/^<!doctype html>/);
    expect(fs.readFileSync(file('b.HTML'), 'utf8')).toMatch(/^<!doctype html>/);
    expect(fs.readFileSync(file('a.md'), 'utf8')).toContain(`\n# ${report.title}\n`);
    expect(JSON.parse(fs.readFileSync(file('a.json'), 'utf8'))).toEqual(report);
    // Nothing half-written stays behind.
    expect(fs.readdirSync(folder).sort()).toEqual(['a.html', 'a.json', 'a.md', 'b.HTML']);
  });

  it.each(['a.htm', 'a.txt', 'report', 'a.json.gz', '.html'])('refuses %s', async (name) => {
    await expect(writeReport(file(name), report)).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
      message: expect.stringMatching(/\.html.*\.md.*\.json/),
    });
    await expect(checkReportPath(file(name))).rejects.toMatchObject({
      code: 'ERR_TRT_INVALID_ARG',
    });
  });

  it('replaces a report, and an empty file', async () => {
    for (const name of ['a.html', 'a.md', 'a.json']) {
      fs.writeFileSync(file(name), '');
      await writeReport(file(name), report);
      await checkReportPath(file(name));
      await writeReport(file(name), { ...report, title: 'the second' });
      expect(fs.readFileSync(file(name), 'utf8')).toContain('the second');
    }
  });

  it('leaves what is no report alone', async () => {
    for (const [name, content] of [
      ['package.json', '{ "name": "mine" }'],
      ['README.md', '# Mine\n'],
      ['index.html', '<!doctype html><title>Mine</title>'],
    ] as const) {
      fs.writeFileSync(file(name), content);
      await expect(checkReportPath(file(name))).rejects.toMatchObject({ code: 'ERR_TRT_WRITE' });
      await expect(writeReport(file(name), report)).rejects.toMatchObject({
        code: 'ERR_TRT_WRITE',
      });
      expect(fs.readFileSync(file(name), 'utf8')).toBe(content);
    }
  });

  it('says where it cannot write', async () => {
    fs.mkdirSync(file('folder.json'));
    fs.writeFileSync(file('plain'), '');
    for (const name of ['none/a.json', 'plain/a.json', 'folder.json']) {
      await expect(writeReport(file(name), report), name).rejects.toMatchObject({
        code: 'ERR_TRT_WRITE',
      });
      await expect(checkReportPath(file(name)), name).rejects.toMatchObject({
        code: 'ERR_TRT_WRITE',
      });
    }
  });

  it('accepts beforehand what it will write', async () => {
    await expect(checkReportPath(file('a.html'))).resolves.toBeUndefined();
    expect(fs.readdirSync(folder)).toEqual([]);
  });
});

describe('parts of the page', () => {
  it('are asked for by name where they are missing', async () => {
    await expect(readPageAssets(folder)).rejects.toMatchObject({
      code: 'ERR_TRT_INTERNAL',
      message: expect.stringContaining('npm run build:ts'),
    });
  });

  it('bring the notices of what is in them', async () => {
    const { script, style } = await readPageAssets();
    expect(script).toMatch(/^\/\*!\nchart\.js 4/);
    expect(script.match(/Permission is hereby granted/g)).toHaveLength(2);
    expect(`${script}${style}`).not.toMatch(/<\/(script|style)/i);
  });
});

describe('schemas/report.schema.json', () => {
  const schema = JSON.parse(
    fs.readFileSync(path.join(root, 'schemas', 'report.schema.json'), 'utf8'),
  ) as AnySchema;
  const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

  const problemsOf = (value: unknown) => {
    void validate(value);
    return validate.errors ?? [];
  };

  async function written(document: ReportDocument): Promise<unknown> {
    await writeReport(file('a.json'), document);
    return JSON.parse(fs.readFileSync(file('a.json'), 'utf8'));
  }

  it('is what a JSON report is', async () => {
    expect(problemsOf(await written(report))).toEqual([]);
    const [first] = report.sections;
    const document: ReportDocument = {
      ...report,
      sections: [
        first!,
        {
          kind: 'histogram',
          id: 'h',
          title: 'H',
          unit: 'ms',
          series: [{ name: 'a', values: [NaN, 1] }],
        },
      ],
    };
    expect(problemsOf(await written(document))).toEqual([]);
  });

  it.each([
    ['another schema', { schema: 'trt-node/manifest' }],
    ['another version', { schemaVersion: 2 }],
    ['a member that nobody knows', { colour: 'red' }],
    ['a section of no kind', { sections: [{ kind: 'pie', id: 'a', title: 'A' }] }],
    [
      'a section with a member of another kind',
      { sections: [{ kind: 'notes', id: 'a', title: 'A', notes: [], layers: [] }] },
    ],
    ['a section without its content', { sections: [{ kind: 'facts', id: 'a', title: 'A' }] }],
  ])('refuses %s', async (_, change) => {
    expect(problemsOf({ ...((await written(report)) as object), ...change })).not.toEqual([]);
  });
});
