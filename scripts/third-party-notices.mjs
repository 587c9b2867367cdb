#!/usr/bin/env node
/**
 * THIRD-PARTY-NOTICES.md: what the package contains of others, with their licences as they wrote them. What npm installs beside the
 * package brings its own.
 *
 *   node scripts/third-party-notices.mjs           write it
 *   node scripts/third-party-notices.mjs --check   fail when it is not what would be written
 */
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { main, root, StepError } from './process.mjs';
import { pythonTool, pythonToolVersion } from './python-tool.mjs';

const file = path.join(root, 'THIRD-PARTY-NOTICES.md');

/** The packages whose code stands in dist or in the binary. */
const packages = [
  {
    name: 'chart.js',
    license: 'LICENSE.md',
    where: 'in every HTML report, and for them in `dist/report`',
  },
  { name: '@kurkle/color', license: 'LICENSE.md', where: 'as a part of Chart.js' },
  { name: 'node-addon-api', license: 'LICENSE.md', where: 'compiled into the addon' },
  { name: 'node-api-headers', license: 'LICENSE', where: 'compiled into the addon' },
];

export function notices() {
  // Zig's folder has the sources of what it links.
  const zig = path.dirname(pythonTool('ziglang'));
  const llvm = fs.readFileSync(path.join(zig, 'lib', 'libcxx', 'LICENSE.TXT'), 'utf8');
  const zigLicense = fs.readFileSync(path.join(zig, 'LICENSE'), 'utf8');
  const sections = [
    ...packages.map(({ name, license, where }) => {
      const folder = path.join(root, 'node_modules', name);
      const { version } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
      const text = fs.readFileSync(path.join(folder, license), 'utf8');
      return section(`${name} ${version}`, `Contained ${where}.`, text);
    }),
    section(
      'libc++, libc++abi and libunwind',
      `Parts of the LLVM project, linked into the addon, as Zig ${pythonToolVersion('ziglang')} brings them.`,
      llvm,
    ),
    section('Zig compiler runtime', 'Linked into the addon.', zigLicense),
    section(
      'TensorRT headers',
      'Headers of TensorRT 10, TensorRT 11 and TensorRT-RTX, compiled into the addon. They are under the Apache License 2.0, whose text is in ' +
        '`LICENSE`. Nothing else of TensorRT is contained.',
      'SPDX-FileCopyrightText: Copyright (c) 1993-2026 NVIDIA CORPORATION & AFFILIATES. All rights reserved.\nSPDX-License-Identifier: Apache-2.0\n',
    ),
  ];
  const intro =
    'trt-node is under the Apache License 2.0 (`LICENSE`). Its package contains these works of others, under their own licences. Made by ' +
    '`scripts/third-party-notices.mjs` of the repository.';
  return `# Third-party notices\n\n${intro}\n\n${sections.join('\n')}`;
}

function section(title, contained, text) {
  const license = text
    .trim()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
  return `## ${title}\n\n${contained}\n\n\`\`\`text\n${license}\n\`\`\`\n`;
}

await main(() => {
  const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
  const text = notices();
  if (!values.check) {
    fs.writeFileSync(file, text);
    return 0;
  }
  const there = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
  if (there === text) return 0;
  throw new StepError(
    `${path.relative(root, file)} is not what the licences of the packages come to: run \`node scripts/third-party-notices.mjs\``,
  );
});
