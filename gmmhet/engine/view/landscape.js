// The particles over one or two modes. Points are counted pixel by pixel on the processor: 500,000 of them take a few
// milliseconds, with or without a graphics card.
const RAMP = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [240, 220, 50]];
const PALETTE = [[0, 114, 178], [230, 159, 0], [0, 158, 115], [204, 121, 167], [86, 180, 233], [213, 94, 0],
  [120, 120, 120], [160, 140, 30]];
const MARGIN = {left: 46, right: 10, top: 8, bottom: 34};

function ramp(share) {
  const t = Math.min(1, Math.max(0, share)) * (RAMP.length - 1), i = Math.min(RAMP.length - 2, Math.floor(t)), f = t - i;
  return RAMP[i].map((v, k) => v + f * (RAMP[i + 1][k] - v));
}

class Landscape {
  // data: {count, modes, columns: [Float32Array] a mode}
  constructor(canvas, data) {
    Object.assign(this, {canvas, data, across: 0, up: data.modes > 1 ? 1 : null, style: "points", tool: "look"});
    this.column = null;
    this.selected = null;
    this.point = new Array(data.modes).fill(0);
    this.path = [];
    this.stops = [];
    this.took = 0;
    this.context = canvas.getContext("2d");
    this.inner = document.createElement("canvas");
    this.listeners = {};
    this.reset();
    this.listen();
    new ResizeObserver(() => this.refresh()).observe(canvas);
  }

  on(event, action) { this.listeners[event] = action; }
  tell(event, ...given) { if (this.listeners[event]) this.listeners[event](...given); }

  reset() {
    const span = values => {
      let low = Infinity, high = -Infinity;
      for (const v of values) { if (v < low) low = v; if (v > high) high = v; }
      const margin = Math.max(0.06 * (high - low), 0.25);
      return [low - margin, high + margin];
    };
    this.x = span(this.data.columns[this.across]);
    if (this.up !== null) this.y = span(this.data.columns[this.up]);
    else this.histogram();
    this.refresh();
  }

  histogram() {
    const bins = 80, counts = this.counts = {all: new Uint32Array(bins), some: new Uint32Array(bins), sum: new Float64Array(bins)};
    const values = this.data.columns[this.across], [low, high] = this.x, scale = bins / (high - low);
    for (let i = 0; i < values.length; i++) {
      const b = Math.floor((values[i] - low) * scale);
      if (b < 0 || b >= bins) continue;
      counts.all[b]++;
      if (this.column) counts.sum[b] += this.column.values[i];
      if (this.selected && this.selected[i]) counts.some[b]++;
    }
    this.y = [0, 1.06 * Math.max(1, ...counts.all)];
  }

  area() {
    const ratio = window.devicePixelRatio || 1, w = this.canvas.clientWidth, h = this.canvas.clientHeight;
    return {ratio, w, h, left: MARGIN.left, top: MARGIN.top, wide: Math.max(10, w - MARGIN.left - MARGIN.right),
      high: Math.max(10, h - MARGIN.top - MARGIN.bottom)};
  }

  toPage(x, y) {
    const a = this.area();
    return [a.left + (x - this.x[0]) / (this.x[1] - this.x[0]) * a.wide,
      a.top + (this.y[1] - y) / (this.y[1] - this.y[0]) * a.high];
  }

  toData(px, py) {
    const a = this.area();
    return [this.x[0] + (px - a.left) / a.wide * (this.x[1] - this.x[0]),
      this.y[1] - (py - a.top) / a.high * (this.y[1] - this.y[0])];
  }

  refresh() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => { this.pending = 0; this.draw(); });
  }

  draw() {
    const a = this.area(), c = this.context;
    if (!this.canvas.clientWidth) return;
    const [w, h] = [Math.round(a.w * a.ratio), Math.round(a.h * a.ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) Object.assign(this.canvas, {width: w, height: h});
    c.setTransform(a.ratio, 0, 0, a.ratio, 0, 0);
    c.fillStyle = "#fff";
    c.fillRect(0, 0, a.w, a.h);
    if (this.up === null) this.bars(c, a); else this.cloud(c, a);
    this.axes(c, a);
    this.marks(c, a);
  }

  // Counts, and sums of the colour's values, in every pixel.
  cloud(c, a) {
    const dense = this.style === "density", side = dense ? 3 : 1;
    const wide = Math.ceil(a.wide * a.ratio / side), high = Math.ceil(a.high * a.ratio / side), n = wide * high;
    if (!this.count || this.count.length !== n) {
      this.count = new Float32Array(n);
      this.sum = new Float32Array(n);
      this.chosen = new Float32Array(n);
    }
    const {count, sum, chosen} = this, xs = this.data.columns[this.across], ys = this.data.columns[this.up];
    count.fill(0); sum.fill(0); chosen.fill(0);
    const sx = wide / (this.x[1] - this.x[0]), sy = high / (this.y[1] - this.y[0]), x0 = this.x[0], y1 = this.y[1];
    const values = this.column && this.column.values, some = this.selected, total = xs.length;
    const named = values && this.column.categories;
    const spread = dense ? 0 : total > 100000 ? 0 : total > 15000 ? 1 : Math.round((total > 3000 ? 1 : 2) * a.ratio);
    const started = performance.now(), step = this.moving ? Math.max(1, Math.ceil(this.took / 12)) : 1;
    for (let i = 0; i < total; i += step) {
      const px = (xs[i] - x0) * sx | 0, py = (y1 - ys[i]) * sy | 0;
      if (px < spread || py < spread || px >= wide - spread || py >= high - spread) continue;
      const v = values ? values[i] : 0, s = some && some[i] ? 1 : 0;
      for (let q = py - spread; q <= py + spread; q++)
        for (let at = q * wide + px - spread, end = at + 2 * spread; at <= end; at++) {
          count[at]++; chosen[at] += s;
          if (named) sum[at] = v; else sum[at] += v;  // of categories the last one drawn
        }
    }
    this.took = (performance.now() - started) * step;  // of all points
    this.canvas.dataset.took = this.took.toFixed(1);
    if (dense) for (const grid of named ? [count, chosen] : [count, sum, chosen]) blur(grid, wide, high, 2);
    this.paint(c, a, wide, high);
  }

  paint(c, a, wide, high) {
    const {count, sum, chosen} = this, n = count.length;
    if (this.inner.width !== wide || this.inner.height !== high) Object.assign(this.inner, {width: wide, height: high});
    const inner = this.inner.getContext("2d"), image = inner.createImageData(wide, high);
    const pixels = new Uint32Array(image.data.buffer), table = this.table();
    let most = 0;
    for (let i = 0; i < n; i++) if (count[i] > most) most = count[i];
    const scale = 1 / Math.log(1 + most), steps = table.length - 1, named = this.column && this.column.categories;
    const low = this.column ? this.column.low : 0, span = this.column ? this.column.high - low : 1;
    const any = this.selected, dense = this.style === "density", floor = dense ? 0 : 0.45;
    for (let i = 0; i < n; i++) {
      if (count[i] < 1e-3) continue;
      const height = Math.log(1 + count[i]) * scale, mean = named ? sum[i] : sum[i] / count[i];
      let packed;
      if (!this.column) packed = table[Math.round((1 - height) * steps)];
      else if (named) packed = table[Math.round(mean) % table.length];
      else packed = table[Math.max(0, Math.min(steps, Math.round((mean - low) / span * steps)))];
      let alpha = Math.round(255 * (floor + (1 - floor) * height));
      if (any) {
        if (dense ? chosen[i] > 0.5 * count[i] : chosen[i] > 0) packed = 0x0c41c2;
        else alpha = Math.round(alpha * 0.4);
      }
      pixels[i] = packed | alpha << 24;
    }
    inner.putImageData(image, 0, 0);
    c.imageSmoothingEnabled = dense;
    c.drawImage(this.inner, a.left, a.top, a.wide, a.high);
  }

  table() {
    const pack = ([r, g, b]) => Math.round(r) | Math.round(g) << 8 | Math.round(b) << 16;
    if (this.column && this.column.categories) return PALETTE.map(pack);
    const dark = [[20, 60, 105], [60, 110, 160]];
    if (!this.column) return Array.from({length: 64}, (_, i) => pack(dark[0].map((v, k) => v + i / 63 * (dark[1][k] - v))));
    return Array.from({length: 256}, (_, i) => pack(ramp(i / 255)));
  }

  bars(c, a) {
    const {all, some, sum} = this.counts, bins = all.length, [low, high] = this.x;
    const at = i => this.toPage(low + i / bins * (high - low), 0)[0], base = this.toPage(0, 0)[1];
    c.save();
    c.beginPath();
    c.rect(a.left, a.top, a.wide, a.high);
    c.clip();
    for (let i = 0; i < bins; i++) {
      if (!all[i]) continue;
      let colour = [86, 122, 160];
      if (this.column && !this.column.categories)
        colour = ramp((sum[i] / all[i] - this.column.low) / (this.column.high - this.column.low));
      c.fillStyle = this.selected ? "#c3ced9" : `rgb(${colour.map(Math.round)})`;
      const top = this.toPage(0, all[i])[1];
      c.fillRect(at(i), top, at(i + 1) - at(i) - 0.5, base - top);
      if (!some[i]) continue;
      c.fillStyle = "#c2410c";
      const part = this.toPage(0, some[i])[1];
      c.fillRect(at(i), part, at(i + 1) - at(i) - 0.5, base - part);
    }
    c.restore();
  }

  axes(c, a) {
    c.strokeStyle = "#8793a0";
    c.lineWidth = 1;
    c.strokeRect(a.left + 0.5, a.top + 0.5, a.wide - 1, a.high - 1);
    c.fillStyle = "#3d4854";
    c.font = "12px system-ui, sans-serif";
    c.textAlign = "center";
    c.textBaseline = "top";
    for (const v of ticks(this.x, a.wide / 80)) c.fillText(label(v), this.toPage(v, 0)[0], a.top + a.high + 4);
    c.fillText(`coordinate, mode ${this.across + 1} (standard deviations)`, a.left + a.wide / 2, a.top + a.high + 18);
    c.textAlign = "right";
    c.textBaseline = "middle";
    for (const v of ticks(this.y, a.high / 50)) c.fillText(label(v), a.left - 5, this.toPage(0, v)[1]);
    c.save();
    c.translate(9, a.top + a.high / 2);
    c.rotate(-Math.PI / 2);
    c.textAlign = "center";
    c.fillText(this.up === null ? WORDS.count : `coordinate, mode ${this.up + 1}`, 0, 0);
    c.restore();
  }

  marks(c, a) {
    c.save();
    c.beginPath();
    c.rect(a.left, a.top, a.wide, a.high);
    c.clip();
    const at = point => this.up === null ? [this.toPage(point[this.across], 0)[0], a.top + a.high - 8]
      : this.toPage(point[this.across], point[this.up]);
    const line = (points, colour, dash) => {
      c.setLineDash(dash);
      for (const [width, style] of [[4, "#fff"], [2, colour]]) {
        c.lineWidth = width; c.strokeStyle = style; c.beginPath();
        points.forEach((p, i) => i ? c.lineTo(...at(p)) : c.moveTo(...at(p)));
        c.stroke();
      }
      c.setLineDash([]);
    };
    if (this.path.length) line(this.path, "#111", []);
    if (this.stops.length) line(this.stops, "#7c2d92", [5, 4]);
    for (const [points, colour] of [[this.path, "#111"], [this.stops, "#7c2d92"]])
      for (const p of points) { c.beginPath(); c.arc(...at(p), 3, 0, 7); c.fillStyle = colour; c.fill(); }
    if (this.drawn && this.drawn.length > 1) {
      c.beginPath();
      this.drawn.forEach(([x, y], i) => i ? c.lineTo(x, y) : c.moveTo(x, y));
      c.closePath();
      c.fillStyle = "rgba(194,65,12,.12)"; c.strokeStyle = "#c2410c"; c.lineWidth = 1.5;
      c.fill(); c.stroke();
    }
    if (this.band) {
      const [from, to] = this.band.map(v => this.toPage(v, 0)[0]);
      c.fillStyle = "rgba(194,65,12,.12)"; c.strokeStyle = "#c2410c";
      c.fillRect(from, a.top, to - from, a.high); c.strokeRect(from, a.top - 2, to - from, a.high + 4);
    }
    const [x, y] = at(this.point);
    for (const [width, style] of [[4, "#fff"], [1.8, "#111"]]) {
      c.lineWidth = width; c.strokeStyle = style; c.beginPath();
      if (this.up === null) { c.moveTo(x, a.top); c.lineTo(x, a.top + a.high); }
      else { c.arc(x, y, 7, 0, 7); c.moveTo(x - 12, y); c.lineTo(x + 12, y); c.moveTo(x, y - 12); c.lineTo(x, y + 12); }
      c.stroke();
    }
    c.restore();
  }

  listen() {
    const canvas = this.canvas, place = e => {
      const box = canvas.getBoundingClientRect();
      return [e.clientX - box.left, e.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", e => {
      canvas.setPointerCapture(e.pointerId);
      const at = place(e);
      if (e.button === 2 || e.shiftKey) this.grab = {at, x: [...this.x], y: [...this.y]};
      else if (this.tool === "lasso" && this.up !== null) { this.drawn = [at]; this.band = null; }
      else if (this.tool === "range" || this.tool === "lasso") {
        const v = this.toData(...at)[0];
        this.band = [v, v]; this.drawn = null; this.ranging = true;
      } else if (this.tool === "path") { this.stops.push(this.given(at)); this.tell("stops"); }
      else this.tell("hold", this.given(at));
      this.refresh();
    });
    canvas.addEventListener("pointermove", e => {
      const at = place(e);
      if (this.grab) this.pan(at);
      else if (this.ranging) { this.band[1] = this.toData(...at)[0]; this.refresh(); }
      else if (this.drawn && e.buttons) { this.drawn.push(at); this.refresh(); }
      else if (this.tool === "look") this.tell("follow", this.given(at), e.buttons > 0);
    });
    const up = () => {
      this.grab = null;
      if (this.ranging) {
        this.ranging = false;
        this.band.sort((p, q) => p - q);
        this.tell("range", this.band[1] > this.band[0] ? this.band : null);
      } else if (this.drawn && this.drawn.length > 2) this.tell("lasso", this.drawn.map(p => this.toData(...p)));
      this.drawn = null;
      this.refresh();
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("contextmenu", e => e.preventDefault());
    canvas.addEventListener("wheel", e => {
      e.preventDefault();
      this.zoom(this.toData(...place(e)), Math.exp(e.deltaY * 0.0012));
    }, {passive: false});
    canvas.addEventListener("keydown", e => {
      const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]}[e.key];
      if (e.key === "Escape") { this.tell("release"); return; }
      if (!step) return;
      e.preventDefault();
      const given = {[this.across]: this.point[this.across] + step[0] * 0.02 * (this.x[1] - this.x[0])};
      if (this.up !== null) given[this.up] = this.point[this.up] + step[1] * 0.02 * (this.y[1] - this.y[0]);
      this.tell("hold", given);
    });
  }

  // Coordinates, by mode from 0, at a place of the canvas.
  given(at) {
    const [x, y] = this.toData(...at);
    return this.up === null ? {[this.across]: x} : {[this.across]: x, [this.up]: y};
  }

  // While something moves, as many points are drawn as there is time for; all, as soon as it rests.
  move() {
    this.moving = true;
    clearTimeout(this.rest);
    this.rest = setTimeout(() => { this.moving = false; this.refresh(); }, 160);
    this.refresh();
  }

  pan(at) {
    const a = this.area(), dx = (at[0] - this.grab.at[0]) / a.wide, dy = (at[1] - this.grab.at[1]) / a.high;
    const {x, y} = this.grab;
    this.x = x.map(v => v - dx * (x[1] - x[0]));
    if (this.up !== null) this.y = y.map(v => v + dy * (y[1] - y[0]));
    else this.histogram();
    this.move();
  }

  zoom([x, y], by) {
    this.x = this.x.map(v => x + (v - x) * by);
    if (this.up !== null) this.y = this.y.map(v => y + (v - y) * by);
    else this.histogram();
    this.move();
  }
}

// Three running means of a radius, along rows and columns: nearly a Gaussian.
function blur(grid, wide, high, radius) {
  const line = new Float32Array(Math.max(wide, high));
  const run = (start, step, length) => {
    let total = 0;
    for (let i = 0; i < length; i++) line[i] = grid[start + i * step];
    for (let i = -radius; i < length; i++) {
      if (i + radius < length) total += line[i + radius];
      if (i - radius - 1 >= 0) total -= line[i - radius - 1];
      if (i >= 0) grid[start + i * step] = total / (2 * radius + 1);
    }
  };
  for (let pass = 0; pass < 2; pass++) {
    for (let y = 0; y < high; y++) run(y * wide, 1, wide);
    for (let x = 0; x < wide; x++) run(x, wide, high);
  }
}

function ticks([low, high], about) {
  const raw = (high - low) / Math.max(2, about), power = 10 ** Math.floor(Math.log10(raw));
  const step = power * (raw / power > 5 ? 10 : raw / power > 2 ? 5 : raw / power > 1 ? 2 : 1), found = [];
  for (let v = Math.ceil(low / step) * step; v <= high; v += step) found.push(Math.abs(v) < step / 1e6 ? 0 : v);
  return found;
}

const label = v => Number(v.toPrecision(4)).toLocaleString("en", {maximumFractionDigits: 4}).replace("-", "\u2212");
