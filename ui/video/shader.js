/**
 * Draws I420 with WebGL2: three textures of one byte, one triangle.
 *
 * Invariant: memory is asked for only when the size of the picture changes.
 */
import { chromaSide } from './wire.js';

const VERTEX = `#version 300 es
uniform bool mirrored;
out vec2 at;
void main() {
  vec2 corner = vec2(float((gl_VertexID << 1) & 2), float(gl_VertexID & 2));
  at = vec2(mirrored ? 1.0 - corner.x : corner.x, 1.0 - corner.y);
  gl_Position = vec4(corner * 2.0 - 1.0, 0.0, 1.0);
}`;

/** ITU-R BT.601, limited range: what VP8 decoders give. */
const FRAGMENT = `#version 300 es
precision mediump float;
in vec2 at;
out vec4 color;
uniform sampler2D planeY, planeU, planeV;
void main() {
  float y = (texture(planeY, at).r - 0.0627451) * 1.1643836;
  float u = texture(planeU, at).r - 0.5019608;
  float v = texture(planeV, at).r - 0.5019608;
  color = vec4(y + 1.5960267 * v, y - 0.3917623 * u - 0.8129676 * v, y + 2.0172321 * u, 1.0);
}`;

const NAMES = ['planeY', 'planeU', 'planeV'];

/**
 * @param {HTMLCanvasElement} canvas
 * @param {boolean} [mirrored]
 * @returns {import('./painter.js').Painter | null} null where there is no WebGL2
 */
export function shaderPainter(canvas, mirrored = false) {
  const gl = canvas.getContext('webgl2', {
    alpha: false,
    antialias: false,
    depth: false,
    desynchronized: true,
    // Without it WebKitGTK shows black when the layout changes between two pictures.
    preserveDrawingBuffer: true,
    failIfMajorPerformanceCaveat: true,
  });
  if (!gl) return null;
  const program = link(gl, VERTEX, FRAGMENT);
  if (!program) return null;
  gl.useProgram(program);
  gl.uniform1i(gl.getUniformLocation(program, 'mirrored'), Number(mirrored));
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  NAMES.forEach((name, unit) => plane(gl, program, name, unit));

  let width = 0;
  let height = 0;
  return {
    kind: 'webgl2',
    draw(picture) {
      const changed = picture.width !== width || picture.height !== height;
      if (changed) {
        canvas.width = width = picture.width;
        canvas.height = height = picture.height;
        gl.viewport(0, 0, width, height);
      }
      const [halfWidth, halfHeight] = [chromaSide(width), chromaSide(height)];
      upload(gl, 0, picture.y, width, height, changed);
      upload(gl, 1, picture.u, halfWidth, halfHeight, changed);
      upload(gl, 2, picture.v, halfWidth, halfHeight, changed);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    },
    finish() {
      // Reading waits for the drawing; `finish` of the context does not everywhere.
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
    },
    release() {
      // Browsers keep about sixteen contexts; waiting for the collector would take them from calls that follow.
      gl.getExtension('WEBGL_lose_context')?.loseContext();
    },
  };
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {string} vertex
 * @param {string} fragment
 * @returns {WebGLProgram | null}
 */
export function link(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [type, source] of /** @type {[number, string][]} */ ([
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ])) {
    const shader = gl.createShader(type);
    if (!shader || !program) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {WebGLProgram} program
 * @param {string} name
 * @param {number} unit
 */
function plane(gl, program, name, unit) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  smooth(gl);
  gl.uniform1i(gl.getUniformLocation(program, name), unit);
}

/** @param {WebGL2RenderingContext} gl */
export function smooth(gl) {
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

/**
 * @param {WebGL2RenderingContext} gl
 * @param {number} unit
 * @param {Uint8Array} bytes
 * @param {number} width
 * @param {number} height
 * @param {boolean} changed
 */
function upload(gl, unit, bytes, width, height, changed) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  if (changed) gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, width, height, 0, gl.RED, gl.UNSIGNED_BYTE, bytes);
  else gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RED, gl.UNSIGNED_BYTE, bytes);
}
