// Iso-surfaces of 8-bit volumes (naive surface nets) and small meshes.
// A mesh: {n, position, normal, colour (0..255): Float32Array of 3n; triangles: Uint32Array}.

// volume: {data: Uint8Array, shape: [nz, ny, nx], origin: [x, y, z], pixel}. level: 0..255.
// Outside the volume counts as empty, so that every surface is closed.
function isoSurface(volume, level) {
  const [nz, ny, nx] = volume.shape, data = volume.data;
  const px = nx + 2, py = ny + 2, pz = nz + 2, plane = px * py;
  const padded = new Uint8Array(plane * pz);
  for (let z = 0; z < nz; z++)
    for (let y = 0; y < ny; y++)
      padded.set(data.subarray((z * ny + y) * nx, (z * ny + y + 1) * nx), (z + 1) * plane + (y + 1) * px + 1);
  const vertexOf = new Int32Array(padded.length).fill(-1);
  const points = [], triangles = [];
  const corner = [0, 1, px, px + 1, plane, plane + 1, plane + px, plane + px + 1];
  const edges = [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]];
  for (let z = 0; z < pz - 1; z++)
    for (let y = 0; y < py - 1; y++)
      for (let x = 0; x < px - 1; x++) {
        const base = z * plane + y * px + x;
        let inside = 0;
        for (let c = 0; c < 8; c++) if (padded[base + corner[c]] > level) inside++;
        if (inside === 0 || inside === 8) continue;
        let sx = 0, sy = 0, sz = 0, count = 0;
        for (const [a, b] of edges) {
          const va = padded[base + corner[a]], vb = padded[base + corner[b]];
          if ((va > level) === (vb > level)) continue;
          const t = (level - va) / (vb - va);
          sx += (a & 1) + t * ((b & 1) - (a & 1));
          sy += (a >> 1 & 1) + t * ((b >> 1 & 1) - (a >> 1 & 1));
          sz += (a >> 2) + t * ((b >> 2) - (a >> 2));
          count++;
        }
        vertexOf[base] = points.length / 3;
        points.push(x + sx / count, y + sy / count, z + sz / count);
      }
  const steps = [1, px, plane];
  // One quad around every grid edge that crosses the level, seen counter-clockwise from the empty side.
  for (let z = 0; z < pz - 1; z++)
    for (let y = 0; y < py - 1; y++)
      for (let x = 0; x < px - 1; x++) {
        const here = z * plane + y * px + x;
        const full = padded[here] > level;
        for (let axis = 0; axis < 3; axis++) {
          if (full === (padded[here + steps[axis]] > level)) continue;
          const u = steps[(axis + 1) % 3], v = steps[(axis + 2) % 3];
          const a = vertexOf[here - u - v], b = vertexOf[here - v], c = vertexOf[here], d = vertexOf[here - u];
          if (full) triangles.push(a, b, c, a, c, d);
          else triangles.push(a, c, b, a, d, c);
        }
      }
  const position = new Float32Array(points.length);
  for (let i = 0; i < points.length; i++) position[i] = volume.origin[i % 3] + (points[i] - 1) * volume.pixel;
  return finishMesh(position, Uint32Array.from(triangles));
}

// Normals are the area-weighted mean of the faces around a vertex.
function finishMesh(position, triangles) {
  const normal = new Float32Array(position.length), p = position;
  for (let t = 0; t < triangles.length; t += 3) {
    const a = 3 * triangles[t], b = 3 * triangles[t + 1], c = 3 * triangles[t + 2];
    const ux = p[b] - p[a], uy = p[b + 1] - p[a + 1], uz = p[b + 2] - p[a + 2];
    const vx = p[c] - p[a], vy = p[c + 1] - p[a + 1], vz = p[c + 2] - p[a + 2];
    const n0 = uy * vz - uz * vy, n1 = uz * vx - ux * vz, n2 = ux * vy - uy * vx;
    for (const i of [a, b, c]) { normal[i] += n0; normal[i + 1] += n1; normal[i + 2] += n2; }
  }
  for (let i = 0; i < normal.length; i += 3) {
    const length = Math.hypot(normal[i], normal[i + 1], normal[i + 2]) || 1;
    normal[i] /= length; normal[i + 1] /= length; normal[i + 2] /= length;
  }
  return {n: position.length / 3, position, normal, colour: new Float32Array(position.length).fill(160), triangles};
}

// Arrows from starts to ends (both 3n, Angstrom) with a shaft of the given radius.
function arrowMesh(starts, ends, radius, colour) {
  const points = [], triangles = [], sides = 7;
  for (let i = 0; i < starts.length; i += 3) {
    const d = [ends[i] - starts[i], ends[i + 1] - starts[i + 1], ends[i + 2] - starts[i + 2]];
    const length = Math.hypot(...d);
    if (length < 1e-6) continue;
    const w = d.map(v => v / length);
    const helper = Math.abs(w[0]) < 0.7 ? [1, 0, 0] : [0, 1, 0];
    let u = cross(w, helper);
    const norm = Math.hypot(...u);
    u = u.map(v => v / norm);
    const v = cross(w, u);
    const head = Math.min(0.45 * length, 5 * radius), shaft = length - head;
    const ring = (along, r) => {
      const first = points.length / 3;
      for (let s = 0; s < sides; s++) {
        const angle = 2 * Math.PI * s / sides, c = Math.cos(angle) * r, q = Math.sin(angle) * r;
        for (let k = 0; k < 3; k++) points.push(starts[i + k] + along * w[k] + c * u[k] + q * v[k]);
      }
      return first;
    };
    const join = (low, high) => {
      for (let s = 0; s < sides; s++) {
        const next = (s + 1) % sides;
        triangles.push(low + s, low + next, high + next, low + s, high + next, high + s);
      }
    };
    const tail = ring(0, 0);
    join(tail, ring(0, radius));
    const back = ring(0, radius);
    join(back, ring(shaft, radius));
    const disc = ring(shaft, radius);
    join(disc, ring(shaft, 2.4 * radius));
    join(ring(shaft, 2.4 * radius), ring(length, 0));
  }
  return paint(finishMesh(Float32Array.from(points), Uint32Array.from(triangles)), colour);
}

function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function paint(mesh, colour) {
  for (let i = 0; i < mesh.colour.length; i++) mesh.colour[i] = colour[i % 3];
  return mesh;
}

// A quantity known at the Gaussians (centres 3n, values n), read at the vertices as a Gaussian-weighted mean.
function spreadOver(mesh, centres, values, width) {
  const cell = 3 * width, cells = new Map(), out = new Float32Array(mesh.n);
  const at = x => Math.floor(x / cell) + 512, key = (x, y, z) => (at(x) * 1024 + at(y)) * 1024 + at(z);
  for (let j = 0; j < values.length; j++) {
    const k = key(centres[3 * j], centres[3 * j + 1], centres[3 * j + 2]);
    if (!cells.has(k)) cells.set(k, []);
    cells.get(k).push(j);
  }
  for (let i = 0; i < mesh.n; i++) {
    const x = mesh.position[3 * i], y = mesh.position[3 * i + 1], z = mesh.position[3 * i + 2];
    let sum = 0, weight = 1e-12;
    for (let a = -1; a <= 1; a++) for (let b = -1; b <= 1; b++) for (let c = -1; c <= 1; c++) {
      for (const j of cells.get(key(x + a * cell, y + b * cell, z + c * cell)) || []) {
        const d2 = (x - centres[3 * j]) ** 2 + (y - centres[3 * j + 1]) ** 2 + (z - centres[3 * j + 2]) ** 2;
        const w = Math.exp(-d2 / (2 * width * width));
        sum += w * values[j];
        weight += w;
      }
    }
    out[i] = sum / weight;
  }
  return out;
}
