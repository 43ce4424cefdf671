import type { FrameReport } from './video/frames.js';

declare global {
  interface Window {
    /** Put there by Tauri (`withGlobalTauri`). */
    __TAURI__: {
      core: { invoke(command: string, args?: Record<string, unknown>): Promise<unknown> };
      event: { listen(name: string, handler: (event: { payload: unknown }) => void): Promise<() => void> };
    };
    /** For measurements and end-to-end tests: what has been drawn, and the pixels of a tile. */
    sightline: {
      frames(): FrameReport[];
      pixels(tile: string): Promise<{ width: number; height: number; data: Uint8ClampedArray }>;
    };
  }
}
