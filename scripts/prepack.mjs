#!/usr/bin/env node
/**
 * `prepack`: npm runs it before `npm pack` and `npm publish`, which would otherwise pack whatever lies in dist and prebuilds,
 * on a fresh clone nothing. TypeScript is compiled here; the published binary takes minutes and is asked for instead.
 */
import { ensureTypeScript } from './ensure.mjs';
import { main } from './process.mjs';
import { requirePrebuilt } from './prebuild-native.mjs';

await main(() => {
  requirePrebuilt();
  ensureTypeScript();
});
