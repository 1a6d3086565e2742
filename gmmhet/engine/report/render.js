// A small software renderer: depth buffer, smooth shading, ambient occlusion, outlines, one layer of glass.
// It needs no WebGL, so it draws the same on a laptop, a phone and a remote desktop.
class Renderer {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.inner = document.createElement("canvas");
    this.width = this.height = 0;
  }

  resize(width, height) {
    if (width === this.width && height === this.height) return;
    Object.assign(this, {width, height});
    this.inner.width = width;
    this.inner.height = height;
    const n = width * height;
    this.image = this.inner.getContext("2d").createImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    const layer = () => ({
      depth: new Float32Array(n), nx: new Float32Array(n), ny: new Float32Array(n), rgb: new Uint32Array(n)});
    this.solid = layer();
    this.glass = layer();
  }

  // scene: {spheres: {position, radius, colour}, solid: [mesh], glass: [mesh]}.
  // camera: {rotation 9, centre 3, radius, scale px/A}.
  // All lengths Angstrom; view axes x right, y up, z towards the eye.
  draw(scene, camera, sharpness) {
    const width = Math.max(2, Math.round(this.canvas.clientWidth * sharpness));
    const height = Math.max(2, Math.round(this.canvas.clientHeight * sharpness));
    this.resize(width, height);
    this.camera = {...camera, scale: camera.scale * sharpness};
    this.solid.depth.fill(-1e9);
    this.glass.depth.fill(-1e9);
    if (scene.spheres) this.spheres(scene.spheres);
    for (const mesh of scene.solid || []) this.mesh(mesh, this.solid);
    for (const mesh of scene.glass || []) this.mesh(mesh, this.glass);
    this.shade(camera.radius, Boolean((scene.glass || []).length));
    this.inner.getContext("2d").putImageData(this.image, 0, 0);
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    const w = Math.round(this.canvas.clientWidth * ratio), h = Math.round(this.canvas.clientHeight * ratio);
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, {width: w, height: h});
    this.context.imageSmoothingQuality = "high";
    this.context.clearRect(0, 0, w, h);
    this.context.drawImage(this.inner, 0, 0, w, h);
    this.scaleBar(camera.scale * ratio, ratio, h);
  }

  view(x, y, z) {
    const {rotation: r, centre: c, scale} = this.camera;
    x -= c[0]; y -= c[1]; z -= c[2];
    return [this.width / 2 + scale * (r[0] * x + r[1] * y + r[2] * z),
            this.height / 2 - scale * (r[3] * x + r[4] * y + r[5] * z), r[6] * x + r[7] * y + r[8] * z];
  }

  spheres({position, radius, colour}) {
    const {depth, nx, ny, rgb} = this.solid, {width, height} = this, scale = this.camera.scale;
    for (let i = 0; i < radius.length; i++) {
      const r = radius[i] * scale;
      if (r < 0.3) continue;
      const [cx, cy, cz] = this.view(position[3 * i], position[3 * i + 1], position[3 * i + 2]);
      const packed = colour[3 * i] | colour[3 * i + 1] << 8 | colour[3 * i + 2] << 16;
      const x0 = Math.max(0, Math.ceil(cx - r)), x1 = Math.min(width - 1, Math.floor(cx + r));
      const y0 = Math.max(0, Math.ceil(cy - r)), y1 = Math.min(height - 1, Math.floor(cy + r));
      for (let y = y0; y <= y1; y++)
        for (let x = x0; x <= x1; x++) {
          const u = (x - cx) / r, v = (cy - y) / r, left = 1 - u * u - v * v;
          if (left <= 0) continue;
          const z = cz + radius[i] * Math.sqrt(left), at = y * width + x;
          if (z <= depth[at]) continue;
          depth[at] = z; nx[at] = u; ny[at] = v; rgb[at] = packed;
        }
    }
  }

  mesh(mesh, layer) {
    const {depth, nx, ny, rgb} = layer, {width, height} = this, {rotation: r} = this.camera, n = mesh.n;
    const sx = new Float32Array(n), sy = new Float32Array(n), sz = new Float32Array(n);
    const vx = new Float32Array(n), vy = new Float32Array(n), p = mesh.position, m = mesh.normal, colour = mesh.colour;
    for (let i = 0, k = 0; i < n; i++, k += 3) {
      [sx[i], sy[i], sz[i]] = this.view(p[k], p[k + 1], p[k + 2]);
      vx[i] = r[0] * m[k] + r[1] * m[k + 1] + r[2] * m[k + 2];
      vy[i] = r[3] * m[k] + r[4] * m[k + 1] + r[5] * m[k + 2];
    }
    const t = mesh.triangles;
    for (let k = 0; k < t.length; k += 3) {
      const a = t[k], b = t[k + 1], c = t[k + 2];
      const ax = sx[a], ay = sy[a], bx = sx[b], by = sy[b], cx = sx[c], cy = sy[c];
      const area = (cx - ax) * (by - ay) - (bx - ax) * (cy - ay);  // positive for faces towards the eye (y runs down)
      if (area <= 0) continue;
      const x0 = Math.max(0, Math.ceil(Math.min(ax, bx, cx)));
      const x1 = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx)));
      const y0 = Math.max(0, Math.ceil(Math.min(ay, by, cy)));
      const y1 = Math.min(height - 1, Math.floor(Math.max(ay, by, cy)));
      for (let y = y0; y <= y1; y++)
        for (let x = x0; x <= x1; x++) {
          const wa = ((cx - x) * (by - y) - (bx - x) * (cy - y)) / area;
          const wb = ((ax - x) * (cy - y) - (cx - x) * (ay - y)) / area;
          const wc = 1 - wa - wb;
          if (wa < 0 || wb < 0 || wc < 0) continue;
          const z = wa * sz[a] + wb * sz[b] + wc * sz[c], at = y * width + x;
          if (z <= depth[at]) continue;
          depth[at] = z;
          nx[at] = wa * vx[a] + wb * vx[b] + wc * vx[c];
          ny[at] = wa * vy[a] + wb * vy[b] + wc * vy[c];
          let packed = 0;
          for (let q = 2; q >= 0; q--)
            packed = packed << 8 | (wa * colour[3 * a + q] + wb * colour[3 * b + q] + wc * colour[3 * c + q]);
          rgb[at] = packed;
        }
    }
  }

  shade(radius, glassy) {
    const {width, height, pixels} = this, {depth, nx, ny, rgb} = this.solid, glass = this.glass;
    const reach = Math.max(2, Math.round(0.05 * radius * this.camera.scale)), range = 0.13 * radius;
    const ring = [];
    for (let k = 0; k < 10; k++) {
      const r = reach * (0.3 + 0.7 * (k % 5) / 4), angle = 2.4 * k;
      ring.push([Math.round(r * Math.cos(angle)), Math.round(r * Math.sin(angle))]);
    }
    for (let y = 0, at = 0; y < height; y++)
      for (let x = 0; x < width; x++, at++) {
        let red = 255, green = 255, blue = 255, alpha = 0;
        const z = depth[at];
        if (z > -1e8) {
          let hidden = 0;
          for (const [dx, dy] of ring) {
            const u = x + dx, v = y + dy;
            if (u < 0 || v < 0 || u >= width || v >= height) continue;
            const step = depth[v * width + u] - z;
            if (step > 0.012 * radius) hidden += step < range ? 1 : range / step;
          }
          let outline = 0;
          if (x > 0 && y > 0 && x < width - 1 && y < height - 1)
            for (const near of [at - 1, at + 1, at - width, at + width])
              if (z - depth[near] > 0.1 * radius) outline = 1;
          const light = lightOn(nx[at], ny[at]) * (1 - 0.042 * hidden) * (outline ? 0.5 : 1);
          const fog = Math.min(0.45, Math.max(0, 0.22 * (1 - z / radius)));
          const shine = highlight(nx[at], ny[at]) * (1 - 0.08 * hidden);
          const c = rgb[at];
          red = fogged((c & 255) * light + shine, fog);
          green = fogged((c >> 8 & 255) * light + shine, fog);
          blue = fogged((c >> 16 & 255) * light + shine, fog);
          alpha = 255;
        }
        if (glassy && glass.depth[at] > -1e8 && glass.depth[at] > z + 0.004 * radius) {
          const g2 = Math.min(1, glass.nx[at] ** 2 + glass.ny[at] ** 2), rim = g2 * g2;
          const share = 0.13 + 0.6 * rim, light = 0.75 + 0.25 * lightOn(glass.nx[at], glass.ny[at]), c = glass.rgb[at];
          red = red * (1 - share) + (c & 255) * light * share;
          green = green * (1 - share) + (c >> 8 & 255) * light * share;
          blue = blue * (1 - share) + (c >> 16 & 255) * light * share;
          alpha = 255;
        }
        pixels[at] = red | green << 8 | blue << 16 | alpha << 24;
      }
  }

  scaleBar(scale, ratio, height) {
    const wanted = 0.22 * this.canvas.width / scale, power = 10 ** Math.floor(Math.log10(wanted));
    const length = power * (wanted / power >= 5 ? 5 : wanted / power >= 2 ? 2 : 1), c = this.context;
    const x = 14 * ratio, y = height - 16 * ratio;
    c.fillStyle = "#20262e";
    c.fillRect(x, y, length * scale, 3 * ratio);
    c.font = `${13 * ratio}px system-ui, sans-serif`;
    c.fillText(`${length} Å`, x, y - 6 * ratio);
  }
}

// Key light from the upper left, a weak one from the right, and ambient light.
function lightOn(nx, ny) {
  const nz = Math.sqrt(Math.max(0, 1 - nx * nx - ny * ny));
  const key = Math.max(0, -0.38 * nx + 0.48 * ny + 0.79 * nz), fill = Math.max(0, 0.8 * nx + 0.2 * ny + 0.3 * nz);
  return 0.47 + 0.53 * key + 0.16 * fill;
}

function highlight(nx, ny) {
  const nz = Math.sqrt(Math.max(0, 1 - nx * nx - ny * ny));
  return 60 * Math.max(0, -0.2 * nx + 0.25 * ny + 0.946 * nz) ** 40;
}

function fogged(value, fog) {
  return Math.min(255, value) * (1 - fog) + 255 * fog;
}
