import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { digits, root, temporaryFolder } from '../support/native-host';
import { runNode } from '../support/native-processes';

const folder = await temporaryFolder();

it('#15 a package without its addon imports, and tells what to do at the first call', async () => {
  // As a clone that nobody compiled: JavaScript and dependencies, neither build/ nor prebuilds/.
  await fs.cp(path.join(root, 'dist'), path.join(folder, 'dist'), { recursive: true });
  await fs.copyFile(path.join(root, 'package.json'), path.join(folder, 'package.json'));
  await fs.symlink(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  const script = path.join(folder, 'first-call.cjs');
  await fs.writeFile(
    script,
    `const { buildEngine } = require('./dist/index.js');
     buildEngine(process.argv[2]).catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`,
  );
  const { stdout, stderr, code } = await runNode(script, [digits]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const error = JSON.parse(stdout) as { code: string; message: string };
  expect(error.code).toBe('ERR_TRT_ADDON_LOAD');
  expect(error.message).toContain('npm run build:native');
  expect(error.message).not.toContain('\n');
});
