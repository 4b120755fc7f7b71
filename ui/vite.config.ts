import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The server answers index.html for every path outside /api, so assets are
// addressed from the root.
export default defineConfig({
  base: '/',
  plugins: [react()],
  build: { target: 'es2021', sourcemap: false, assetsInlineLimit: 0, chunkSizeWarningLimit: 800 },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
