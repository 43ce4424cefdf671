/** Paints the triangles of the charts with WebGL2. Invariant: what is painted depends on the scene and on nothing before it, but for the textures. */
import { link, smooth } from '../video/shader.js';
import { parseScene, VERTEX_BYTES } from './wire.js';

const VERTEX = `#version 300 es
layout(location = 0) in vec2 place;
layout(location = 1) in vec2 texel;
layout(location = 2) in vec4 tint;
uniform vec2 size;
out vec2 at;
out vec4 color;
void main() {
  at = texel;
  color = tint;
  gl_Position = vec4(2.0 * place.x / size.x - 1.0, 1.0 - 2.0 * place.y / size.y, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision mediump float;
in vec2 at;
in vec4 color;
uniform sampler2D image;
out vec4 result;
void main() {
  result = color * texture(image, at);
}`;

export class ChartPainter {
  /** The native side is to give triangles. */
  pixels = false;
  /** @type {import('./wire.js').Scene | null} what was painted last */
  #scene = null;
  /** @type {Map<number, WebGLTexture>} */
  #textures = new Map();

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {WebGL2RenderingContext} gl
   * @param {WebGLProgram} program
   */
  constructor(canvas, gl, program) {
    this.canvas = canvas;
    this.gl = gl;
    gl.useProgram(program);
    this.size = gl.getUniformLocation(program, 'size');
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    for (const index of [0, 1, 2]) gl.enableVertexAttribArray(index);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, VERTEX_BYTES, 0);
    gl.vertexAttribPointer(1, 2, gl.FLOAT, false, VERTEX_BYTES, 8);
    gl.vertexAttribPointer(2, 4, gl.UNSIGNED_BYTE, true, VERTEX_BYTES, 16);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.enable(gl.SCISSOR_TEST);
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @returns {ChartPainter | null} null without WebGL2
   */
  static on(canvas) {
    const gl = canvas.getContext('webgl2', { alpha: false, antialias: false, preserveDrawingBuffer: true });
    const program = gl && link(gl, VERTEX, FRAGMENT);
    return gl && program ? new ChartPainter(canvas, gl, program) : null;
  }

  /** @param {ArrayBuffer} frame */
  paint(frame) {
    const { gl, canvas } = this;
    const scene = (this.#scene = parseScene(frame, this.#scene));
    const [width, height] = [Math.round(scene.width * scene.scale), Math.round(scene.height * scene.scale)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    for (const texture of scene.textures) this.#store(texture);
    const [red, green, blue, alpha] = scene.background;
    gl.viewport(0, 0, width, height);
    gl.scissor(0, 0, width, height);
    gl.clearColor(red / 255, green / 255, blue / 255, alpha / 255);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.size, scene.width, scene.height);
    for (const mesh of scene.meshes) this.#mesh(mesh, scene.scale, height);
    for (const id of scene.freed) {
      gl.deleteTexture(this.#textures.get(id) ?? null);
      this.#textures.delete(id);
    }
  }

  release() {
    this.gl.getExtension('WEBGL_lose_context')?.loseContext();
  }

  /** @param {import('./wire.js').Texture} texture */
  #store({ id, x, y, width, height, texels }) {
    const { gl } = this;
    const known = this.#textures.get(id);
    const texture = known ?? gl.createTexture();
    this.#textures.set(id, texture);
    gl.bindTexture(gl.TEXTURE_2D, texture);
    if (!known) smooth(gl);
    if (x < 0) gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, texels);
    else gl.texSubImage2D(gl.TEXTURE_2D, 0, x, y, width, height, gl.RGBA, gl.UNSIGNED_BYTE, texels);
  }

  /**
   * @param {import('./wire.js').Mesh} mesh
   * @param {number} scale
   * @param {number} height of the canvas in pixels; the scissor counts from below
   */
  #mesh(mesh, scale, height) {
    const { gl } = this;
    const [left, top, right, bottom] = /** @type {[number, number, number, number]} */ (
      mesh.clip.map((side) => Math.max(0, Math.round(side * scale)))
    );
    if (right <= left || bottom <= top) return;
    gl.scissor(left, height - bottom, right - left, bottom - top);
    gl.bindTexture(gl.TEXTURE_2D, this.#textures.get(mesh.texture) ?? null);
    gl.bufferData(gl.ARRAY_BUFFER, mesh.vertices, gl.STREAM_DRAW);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.indices, gl.STREAM_DRAW);
    gl.drawElements(gl.TRIANGLES, mesh.count, gl.UNSIGNED_INT, 0);
  }
}
