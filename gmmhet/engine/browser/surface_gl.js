// A surface drawn by WebGL 2: smooth shading, depth, and hatching for what no particle supports.
// Meshes are those of surface.js: {position, normal, colour (0..255), triangles}.
const VERTEX = `#version 300 es
in vec3 position; in vec3 normal; in vec3 colour;
uniform mat3 rotation; uniform vec3 centre; uniform vec2 scale; uniform float radius;
out vec3 n; out vec3 c; out float depth;
void main() {
  vec3 p = rotation * (position - centre);
  n = rotation * normal; c = colour; depth = p.z / radius;
  gl_Position = vec4(p.xy * scale, -0.6 * depth, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
in vec3 n; in vec3 c; in float depth;
uniform float hatch; uniform float stripe;
out vec4 result;
void main() {
  vec3 m = normalize(gl_FrontFacing ? n : -n);
  float key = max(0.0, dot(m, normalize(vec3(-0.45, 0.6, 0.66))));
  float fill = 0.5 + 0.5 * m.y;
  float shine = pow(max(0.0, dot(m, normalize(vec3(-0.25, 0.35, 0.9)))), 40.0);
  float rim = smoothstep(0.0, 0.55, m.z);
  vec3 lit = c * (0.3 + 0.55 * key + 0.2 * fill) * (0.6 + 0.4 * rim) + 0.16 * shine;
  lit = mix(lit, vec3(1.0), clamp(0.16 - 0.2 * depth, 0.0, 0.4));
  if (hatch > 0.5) {
    float band = mod(gl_FragCoord.x + gl_FragCoord.y, 2.0 * stripe);
    lit = mix(lit, vec3(1.0), band < stripe ? 0.45 : 0.85);
  }
  result = vec4(lit, 1.0);
}`;

class SurfacePicture {
  // camera: {rotation (9, rows right, up, to the eye), centre (3), radius, zoom}, shared by all pictures of a page.
  constructor(canvas, camera) {
    this.canvas = canvas;
    this.camera = camera;
    const gl = this.gl = canvas.getContext("webgl2", {antialias: true, alpha: true, preserveDrawingBuffer: true});
    this.failed = !gl;
    if (!gl) return;
    const program = this.program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.place = {};
    for (const name of ["rotation", "centre", "scale", "radius", "hatch", "stripe"])
      this.place[name] = gl.getUniformLocation(program, name);
    this.buffers = {};
    for (const name of ["position", "normal", "colour", "triangles"]) this.buffers[name] = gl.createBuffer();
    gl.enable(gl.DEPTH_TEST);
    this.count = 0;
  }

  show(mesh, hatched) {
    this.mesh = mesh;
    this.hatched = hatched;
    if (this.failed) return;
    const gl = this.gl, upload = (name, data, size) => {
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.bufferData(gl.ARRAY_BUFFER, data, gl.DYNAMIC_DRAW);
      const at = gl.getAttribLocation(this.program, name);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, data instanceof Uint8Array ? gl.UNSIGNED_BYTE : gl.FLOAT,
        data instanceof Uint8Array, 0, 0);
    };
    upload("position", mesh.position, 3);
    upload("normal", mesh.normal, 3);
    upload("colour", Uint8Array.from(mesh.colour), 3);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.buffers.triangles);
    gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.triangles, gl.DYNAMIC_DRAW);
    this.count = mesh.triangles.length;
    this.refresh();
  }

  refresh() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.draw(); });
  }

  draw() {
    const {canvas, gl, camera} = this;
    if (this.failed || !canvas.clientWidth) return;
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    const w = Math.round(canvas.clientWidth * ratio), h = Math.round(canvas.clientHeight * ratio);
    if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, {width: w, height: h});
    gl.viewport(0, 0, w, h);
    gl.clearColor(1, 1, 1, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const r = camera.rotation, size = 0.94 * camera.zoom / camera.radius, least = Math.min(w, h);
    gl.uniformMatrix3fv(this.place.rotation, true, r);
    gl.uniform3fv(this.place.centre, camera.centre);
    gl.uniform2f(this.place.scale, size * least / w, size * least / h);
    gl.uniform1f(this.place.radius, camera.radius);
    gl.uniform1f(this.place.hatch, this.hatched ? 1 : 0);
    gl.uniform1f(this.place.stripe, 4 * ratio);
    if (this.count) gl.drawElements(gl.TRIANGLES, this.count, gl.UNSIGNED_INT, 0);
  }

  // Length in Angstrom of a scale bar of about a fifth of the picture, and its width in pixels of the page.
  bar() {
    const pixels = 0.47 * this.camera.zoom / this.camera.radius *
      Math.min(this.canvas.clientWidth, this.canvas.clientHeight);
    const wanted = 0.2 * this.canvas.clientWidth / pixels, power = 10 ** Math.floor(Math.log10(wanted));
    const length = power * (wanted / power >= 5 ? 5 : wanted / power >= 2 ? 2 : 1);
    return {length, width: length * pixels};
  }
}

// The rotation turned by angles (radians) about the upward and the rightward axis of the view.
function turnedBy(rotation, right, down) {
  const c = Math.cos(right), s = Math.sin(right), d = Math.cos(down), t = Math.sin(down);
  const step = [c, 0, s, s * t, d, -c * t, -s * d, t, c * d], next = new Array(9).fill(0);
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++) for (let k = 0; k < 3; k++)
    next[3 * i + j] += step[3 * i + k] * rotation[3 * k + j];
  const unit = v => { const l = Math.hypot(...v); return v.map(x => x / l); };
  const a = unit(next.slice(0, 3)), b0 = next.slice(3, 6), dot = a[0] * b0[0] + a[1] * b0[1] + a[2] * b0[2];
  const b = unit(b0.map((v, i) => v - dot * a[i]));
  return [...a, ...b, ...cross(a, b)];
}

// Dragging, wheel and arrow keys on a canvas turn and zoom a camera.
function steer(canvas, camera, changed) {
  let last = null;
  canvas.tabIndex = 0;
  canvas.addEventListener("pointerdown", e => {
    last = [e.clientX, e.clientY];
    canvas.setPointerCapture(e.pointerId);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
  canvas.addEventListener("pointermove", e => {
    if (!last) return;
    camera.rotation = turnedBy(camera.rotation, (e.clientX - last[0]) * 0.009, (e.clientY - last[1]) * 0.009);
    last = [e.clientX, e.clientY];
    changed();
  });
  const zoom = by => { camera.zoom = Math.min(8, Math.max(0.4, camera.zoom * by)); changed(); };
  canvas.addEventListener("wheel", e => { e.preventDefault(); zoom(Math.exp(-e.deltaY * 0.0012)); }, {passive: false});
  canvas.addEventListener("keydown", e => {
    const by = {ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15]}[e.key];
    if (by) camera.rotation = turnedBy(camera.rotation, ...by);
    else if (e.key === "+" || e.key === "-") return zoom(e.key === "+" ? 1.15 : 1 / 1.15);
    else return;
    e.preventDefault();
    changed();
  });
}
