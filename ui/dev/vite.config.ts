// For development only: the pages with the made-up answers of mock_backend.mjs,
// or, with SIGHTLINE=http://127.0.0.1:3000, with those of a running server.
import react from '@vitejs/plugin-react';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const server = process.env['SIGHTLINE'];

const mockBackend: Plugin = {
  name: 'mock-backend',
  async configureServer({ middlewares }) {
    const { answer } = (await import(new URL('./mock_backend.mjs', import.meta.url).href)) as {
      answer: (request: unknown, response: unknown, next: () => void) => void;
    };
    middlewares.use(answer);
  },
};

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  plugins: [react(), ...(server ? [] : [mockBackend])],
  server: { host: '127.0.0.1', ...(server ? { proxy: { '/api': server } } : {}) },
});
