// Up to four surfaces with one camera: the first follows the point, the others stay.
const MOST_PANES = 4, DUST = 0.02, PLAIN = [150, 172, 199];
const DIVERGING = [[43, 94, 160], [150, 180, 215], [205, 208, 212], [240, 165, 95], [196, 78, 10]];
const HEAT = [[58, 95, 149], [159, 179, 204], [230, 226, 216], [235, 160, 103], [184, 41, 31]];

function blend(stops, share) {
  const t = Math.min(1, Math.max(0, share)) * (stops.length - 1), i = Math.min(stops.length - 2, Math.floor(t)), f = t - i;
  return stops[i].map((v, k) => v + f * (stops[i + 1][k] - v));
}

// Values of an 8-bit volume at places [3n, Angstrom], by trilinear interpolation; 0 outside.
function sample(volume, data, places) {
  const [nz, ny, nx] = volume.shape, out = new Float32Array(places.length / 3);
  for (let i = 0; i < out.length; i++) {
    const [x, y, z] = [0, 1, 2].map(k => (places[3 * i + k] - volume.origin[k]) / volume.pixel);
    const [a, b, c] = [x, y, z].map(Math.floor);
    if (a < 0 || b < 0 || c < 0 || a >= nx - 1 || b >= ny - 1 || c >= nz - 1) continue;
    const [u, v, w] = [x - a, y - b, z - c];
    for (let k = 0; k < 8; k++) {
      const [p, q, r] = [k & 1, k >> 1 & 1, k >> 2];
      out[i] += data[((c + r) * ny + b + q) * nx + a + p] * (p ? u : 1 - u) * (q ? v : 1 - v) * (r ? w : 1 - w);
    }
  }
  return out;
}

// Triangles of a mesh but for those of small separate pieces, which are noise of maps from particles.
function withoutDust({n, triangles}) {
  const parent = Uint32Array.from({length: n}, (_, i) => i), size = new Uint32Array(n);
  const root = i => {
    while (parent[i] !== i) i = parent[i] = parent[parent[i]];
    return i;
  };
  for (let t = 0; t < triangles.length; t += 3)
    for (const k of [1, 2]) parent[root(triangles[t + k])] = root(triangles[t]);
  let most = 0;
  for (let t = 0; t < triangles.length; t += 3) most = Math.max(most, ++size[root(triangles[t])]);
  const kept = [];
  for (let t = 0; t < triangles.length; t += 3)
    if (size[root(triangles[t])] >= DUST * most) kept.push(triangles[t], triangles[t + 1], triangles[t + 2]);
  return Uint32Array.from(kept);
}

class Panes {
  // about: of the result. camera.rotation is the first view.
  constructor(element, about) {
    this.element = element;
    this.about = about;
    this.camera = {rotation: about.view, centre: [0, 0, 0], radius: 100, zoom: 1};
    this.panes = [];
    this.paint = "plain";
    this.level = 127;
    this.serial = 0;
  }

  // The consensus (for differences, and the frame of the pictures) and the Gaussians (for displacements).
  async start() {
    const zero = this.about.modes.map(m => `${m.number}:0`).join(",");
    this.consensus = asVolume(await packed("/api/shape?at=" + zero));
    const found = await packed("/api/gaussians"), all = new Float32Array(found.data), n = 3 * found.about.count;
    this.gaussians = {centres: all.subarray(0, n), width: found.about.width,
      steps: Array.from({length: found.about.fields}, (_, k) => all.subarray(n * (k + 1), n * (k + 2)))};
    const low = [Infinity, Infinity, Infinity], high = [-Infinity, -Infinity, -Infinity];
    const mesh = isoSurface(this.consensus, 127);
    for (let i = 0; i < mesh.position.length; i++) {
      low[i % 3] = Math.min(low[i % 3], mesh.position[i]);
      high[i % 3] = Math.max(high[i % 3], mesh.position[i]);
    }
    if (mesh.n) {
      const centre = this.camera.centre = low.map((v, k) => (v + high[k]) / 2);
      let radius = 0;
      for (let i = 0; i < mesh.position.length; i += 3)
        radius = Math.max(radius, Math.hypot(...centre.map((v, k) => mesh.position[i + k] - v)));
      this.camera.radius = 1.12 * radius;
    }
    this.live = this.add("live");
  }

  add(kind) {
    if (this.panes.length >= MOST_PANES) throw new Error(WORDS.full);
    const canvas = make("canvas", {role: "img"}), caption = make("figcaption"), rule = make("div", {className: "rule"});
    const figure = make("figure", {}, canvas, caption, rule);
    const pane = {kind, canvas, caption, rule, figure, picture: new SurfacePicture(canvas, this.camera)};
    if (kind !== "live") {
      const off = make("button", {className: "off", textContent: "\u00d7", title: "Remove"});
      off.setAttribute("aria-label", "Remove this map");
      off.addEventListener("click", () => this.remove(pane));
      figure.append(off);
    }
    if (pane.picture.failed) caption.append("WebGL 2 is not available in this browser");
    steer(canvas, this.camera, () => this.refresh());
    new ResizeObserver(() => this.refresh()).observe(canvas);
    this.panes.push(pane);
    this.element.append(figure);
    this.element.dataset.count = this.panes.length;
    return pane;
  }

  remove(pane) {
    this.panes.splice(this.panes.indexOf(pane), 1);
    pane.figure.remove();
    this.element.dataset.count = this.panes.length;
    const lose = pane.picture.gl && pane.picture.gl.getExtension("WEBGL_lose_context");
    if (lose) lose.loseContext();
    this.refresh();
  }

  refresh() {
    for (const pane of this.panes) {
      pane.picture.refresh();
      const bar = pane.picture.bar();
      pane.rule.textContent = `${bar.length} \u00c5`;
      pane.rule.style.width = `${bar.width}px`;
    }
  }

  // Show a volume with what is known of it: {title, note, warn, point, local}.
  set(pane, volume, about) {
    Object.assign(pane, {volume, about, meshed: null});
    this.update(pane);
  }

  update(pane) {
    if (!pane.volume) return;
    const {volume, about} = pane;
    if (!pane.meshed || pane.meshed.level !== this.level) {
      pane.meshed = isoSurface(volume, this.level);
      if (pane.kind === "file") pane.meshed.triangles = withoutDust(pane.meshed);
      pane.meshed.level = this.level;
    }
    this.colour(pane, pane.meshed);
    pane.picture.show(pane.meshed, about.warn);
    pane.caption.replaceChildren(make("b", {textContent: about.title}),
      make("span", {textContent: about.note || "", className: about.warn ? "warning" : ""}));
    pane.canvas.setAttribute("aria-label", `Surface: ${about.title}. ${about.note || ""} Drag or use the arrow keys to turn it.`);
    pane.canvas.dataset.shown = ++this.serial;
    this.refresh();
  }

  again() { for (const pane of this.panes) this.update(pane); }

  colour(pane, mesh) {
    let values = null, stops = HEAT, span = null;
    if (this.paint === "difference") {
      const inside = mesh.position.map((v, i) => v - mesh.normal[i] * 0.5 * pane.volume.pixel);
      const gain = sample(this.consensus, this.consensus.data, inside).map(v => 1 - v / 127);
      // Maps of particles have a greyscale and a sharpness of their own: what all their surface shares is no difference.
      const usual = pane.kind === "file" && gain.length ? Float32Array.from(gain).sort()[gain.length >> 1] : 0;
      values = gain.map(v => 0.5 + 0.5 * (v - usual));
      [stops, span] = [DIVERGING, ["less than the consensus", "more than the consensus"]];
    } else if (this.paint === "displacement" && pane.about.point) {
      const {centres, steps, width} = this.gaussians, moved = Float32Array.from(centres), lengths = [];
      pane.about.amounts.forEach((t, k) => { for (let i = 0; i < moved.length; i++) moved[i] += t * steps[k][i]; });
      for (let i = 0; i < moved.length; i += 3)
        lengths.push(Math.hypot(moved[i] - centres[i], moved[i + 1] - centres[i + 1], moved[i + 2] - centres[i + 2]));
      const most = this.largest();
      values = spreadOver(mesh, moved, lengths, width).map(v => v / most);
      span = ["0 \u00c5 from the consensus", `${most.toFixed(1)} \u00c5`];
    } else if (this.paint === "resolution" && pane.local) {
      values = sample(pane.local, pane.local.data, mesh.position).map(v => v / 255);
      span = [`${pane.local.low.toFixed(1)} \u00c5`, `${pane.local.high.toFixed(1)} \u00c5`];
    }
    if (span) this.span = {stops, span};
    if (!values) { paint(mesh, PLAIN); return; }
    for (let i = 0; i < mesh.n; i++) mesh.colour.set(blend(stops, values[i]), 3 * i);
  }

  // Largest displacement over the particles' usual range, so that all pictures have one scale.
  largest() {
    if (this.most) return this.most;
    let most = 0;
    for (const step of this.gaussians.steps)
      for (let i = 0; i < step.length; i += 3) most = Math.max(most, Math.hypot(step[i], step[i + 1], step[i + 2]));
    return this.most = Math.max(1e-3, 2 * most);
  }

  // A map of the result beside the others.
  async addFile(entry) {
    const pane = this.add("file"), volume = asVolume(await packed("/api/volume?name=" + encodeURIComponent(entry.file)));
    if (entry.local)
      pane.local = asVolume(await packed("/api/volume?kind=resolution&name=" + encodeURIComponent(entry.local)));
    const told = [entry.count && `${entry.count.toLocaleString("en")} ${this.about.unit}`,
      entry.resolution && `${entry.resolution.toFixed(1)} \u00c5`].filter(Boolean).join(", ");
    this.set(pane, volume, {title: entry.file, note: told, point: entry.coordinates});
    return pane;
  }
}

function asVolume({about, data}) {
  return {...about, data: new Uint8Array(data)};
}
