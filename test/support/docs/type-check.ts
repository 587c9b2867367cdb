import path from 'node:path';
import ts from 'typescript';
import { root } from './pages';

/** A module to check, by an absolute path that need not exist. */
export interface CheckedModule {
  readonly file: string;
  readonly code: string;
}

const options: ts.CompilerOptions = {
  ...{ strict: true, noEmit: true, skipLibCheck: true, types: ['node'] },
  ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  ...{ allowJs: true, checkJs: true },
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  typeRoots: [path.join(root, 'node_modules', '@types')],
  paths: { 'trt-node': [path.join(root, 'lib/index.ts')] },
};

const thirdParty = path.join(root, 'test/support/docs/third-party.d.ts');

/** What TypeScript says against modules that use trt-node's public API and nothing that is installed beside it. */
export function typeProblems(modules: readonly CheckedModule[]): string[] {
  const code = new Map(modules.map((module) => [module.file, module.code]));
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (file) => code.has(file) || fileExists(file);
  host.readFile = (file) => code.get(file) ?? readFile(file);
  host.getSourceFile = (file, languageVersion, ...rest) => {
    const text = code.get(file);
    return text === undefined
      ? getSourceFile(file, languageVersion, ...rest)
      : ts.createSourceFile(file, text, languageVersion);
  };
  const program = ts.createProgram([...code.keys(), thirdParty], options, host);
  return [...code.keys()].flatMap((file) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(file)).map(described),
  );
}

function described({ file, start, messageText }: ts.Diagnostic): string {
  const text = ts.flattenDiagnosticMessageText(messageText, '\n');
  if (file === undefined || start === undefined) return text;
  const { line } = file.getLineAndCharacterOfPosition(start);
  return `${path.relative(root, file.fileName)}:${line + 1}: ${text}`;
}
