import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../ui', import.meta.url));

/** For people who work on the page; a few kilobytes in the app. */
const TOOLS = /^(package|tsconfig)\.json$|\.d\.ts$/;

/** A file and all that it loads. */
function loaded(file, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(join(PAGE, file), 'utf8');
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const pattern = file.endsWith('.html') ? /(?:href|src)="([^"]+)"/g : /from '(\.[^']+)'/g;
  for (const [, path] of code.matchAll(pattern)) loaded(normalize(join(dirname(file), path)), seen);
  return seen;
}

test('what is put into the app is the page, and nothing beside it', () => {
  const used = loaded('index.html');
  const there = readdirSync(PAGE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(PAGE, join(entry.parentPath, entry.name)));
  assert.ok(used.size > 40, `${[...used]}`);
  assert.deepEqual(
    there.filter((file) => !used.has(file) && !TOOLS.test(file)),
    [],
  );
});
