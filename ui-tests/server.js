/** Serves the page as the app does, with its content security policy, and the fake native side loaded first. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const PAGE = fileURLToPath(new URL('../ui', import.meta.url));
const TESTS = fileURLToPath(new URL('.', import.meta.url));
const POLICY =
  "default-src 'self'; img-src 'self' data: blob:; connect-src 'self' ipc: http://ipc.localhost ws://127.0.0.1:*";
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };

/** @returns {Promise<{url: string, close: () => void}>} */
export async function serve() {
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://page').pathname);
    if (path === '/favicon.ico') return response.writeHead(204).end();
    try {
      const ours = path.startsWith('/tests/');
      const file = path === '/' ? 'index.html' : path;
      let body = await readFile(ours ? join(TESTS, path.slice('/tests'.length)) : join(PAGE, file));
      if (path === '/') {
        const fake = '<script type="module" src="tests/fake-backend.js"></script>';
        body = Buffer.from(body.toString().replace('<script', `${fake}\n    <script`));
      }
      response.writeHead(200, {
        'content-type': TYPES[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream',
        'content-security-policy': POLICY,
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address();
  return { url: `http://127.0.0.1:${port}/`, close: () => server.close() };
}
