// The rotatable pictures: one class for the canvas and its camera, one for what is shown in it.
// All views of a page turn together, so that they can be compared.
const views = [];
const PLAIN = [150, 172, 199];

class View {
  constructor(element, data) {
    this.element = element;
    this.data = data;
    this.canvas = make("canvas", {tabIndex: 0, className: "stage"});
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", element.dataset.label + ". Drag or use the arrow keys to turn it.");
    element.append(this.canvas);
    this.renderer = new Renderer(this.canvas);
    this.zoom = 1;
    this.visible = true;
    this.speed = 1;
    this.listen();
    new IntersectionObserver(entries => {
      this.visible = entries[entries.length - 1].isIntersecting;
      if (this.visible) this.refresh();
    }).observe(this.canvas);
    new ResizeObserver(() => this.refresh()).observe(this.canvas);
    views.push(this);
  }

  listen() {
    const canvas = this.canvas;
    let last = null;
    canvas.addEventListener("pointerdown", e => {
      last = [e.clientX, e.clientY];
      canvas.setPointerCapture(e.pointerId);
      canvas.focus({preventScroll: true});
    });
    canvas.addEventListener("pointerup", () => { last = null; });
    canvas.addEventListener("pointercancel", () => { last = null; });
    canvas.addEventListener("pointermove", e => {
      if (!last) return;
      turn((e.clientX - last[0]) * 0.009, (e.clientY - last[1]) * 0.009);
      last = [e.clientX, e.clientY];
    });
    canvas.addEventListener("wheel", e => {
      if (document.activeElement !== canvas && !e.ctrlKey) return;  // the page scrolls until the picture is clicked
      e.preventDefault();
      this.zoomBy(Math.exp(-e.deltaY * 0.0012));
    }, {passive: false});
    canvas.addEventListener("keydown", e => {
      const by = {ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15]}[e.key];
      if (by) { turn(...by); e.preventDefault(); }
      if (e.key === "+" || e.key === "-") this.zoomBy(e.key === "+" ? 1.15 : 1 / 1.15);
    });
  }

  zoomBy(factor) {
    this.zoom = Math.min(8, Math.max(0.4, this.zoom * factor));
    this.refresh();
  }

  // Draw soon: coarse at once, sharp when nothing has changed for a moment.
  refresh() {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      if (!this.visible) return;
      this.scene();  // surfaces not yet made are made here, so that only drawing is timed
      const started = performance.now();
      this.draw(this.speed);
      const took = performance.now() - started;
      this.speed = Math.min(1, Math.max(0.45, this.speed * (took > 45 ? 0.8 : took < 18 ? 1.15 : 1)));
      clearTimeout(this.rest);
      const sharp = Math.min(2, Math.max(1.5, window.devicePixelRatio || 1));
      if (!this.playing) this.rest = setTimeout(() => this.draw(sharp), 160);
    });
  }

  // What stands for this view on paper: pictures with captions.
  printed() { return [this.picture("")]; }

  picture(caption) {
    const shown = this.visible, figure = make("figure", {}), image = make("img", {alt: caption});
    this.visible = true;
    this.draw(2);
    this.visible = shown;
    image.src = this.canvas.toDataURL();
    figure.append(image, make("figcaption", {textContent: caption}));
    return figure;
  }

  draw(sharpness) {
    if (!this.visible || !this.canvas.clientWidth) return;
    const {centre, radius, wide, high} = this.data, [w, h] = [this.canvas.clientWidth, this.canvas.clientHeight];
    const scale = 0.47 * Math.min(w / wide, h / high, 1.3 * Math.min(w, h) / radius) * this.zoom;
    this.renderer.draw(this.scene(), {rotation: this.data.rotation, centre, radius, scale}, sharpness);
  }
}

function turn(right, down) {
  const data = views[0].data, r = data.rotation;
  const c = Math.cos(right), s = Math.sin(right), d = Math.cos(down), t = Math.sin(down);
  const step = [c, 0, s, s * t, d, -c * t, -s * d, t, c * d];
  const next = new Array(9);
  for (let i = 0; i < 3; i++) for (let j = 0; j < 3; j++)
    next[3 * i + j] = step[3 * i] * r[j] + step[3 * i + 1] * r[3 + j] + step[3 * i + 2] * r[6 + j];
  data.rotation = orthonormal(next);
  for (const view of views) if (view.visible) view.refresh();
}

function orthonormal(r) {
  const a = unit(r.slice(0, 3)), along = a[0] * r[3] + a[1] * r[4] + a[2] * r[5];
  const b = unit([r[3] - along * a[0], r[4] - along * a[1], r[5] - along * a[2]]);
  return [...a, ...b, ...cross(a, b)];
}

function unit(v) {
  const length = Math.hypot(...v);
  return v.map(x => x / length);
}

// The Gaussians, coloured by a quantity; the map they were fitted to as glass around them.
class MoleculeView extends View {
  constructor(element, data) {
    super(element, data);
    this.legend = make("div", {className: "legend"});
    const row = make("div", {className: "controls"});
    this.colouring = choice(row, "Colour by", data.colourings.map(c => c.name), () => this.recolour());
    if (data.series.consensus) this.envelope = box(row, "map around them", false, () => this.refresh());
    button(row, "Reset view", () => resetViews());
    element.append(this.legend, row);
    this.recolour();
  }

  recolour() {
    const {name, values, low, high, ramp, unit: words} = this.data.colourings[this.colouring.selectedIndex];
    this.colours = new Uint8Array(3 * values.length);
    for (let i = 0; i < values.length; i++) this.colours.set(ramped(ramp, (values[i] - low) / (high - low)), 3 * i);
    showLegend(this.legend, `${name} (${words})`, low, high, ramp);
    this.refresh();
  }

  scene() {
    const {position, radius} = this.data.gaussians;
    const glass = [];
    if (this.envelope && this.envelope.checked) {
      const {volumes, levelByte} = this.data.series.consensus;
      this.shell = this.shell || paint(isoSurface(volumes[0], levelByte), [120, 140, 165]);
      glass.push(this.shell);
    }
    return {spheres: {position, radius, colour: this.colours}, glass};
  }
}

// A series of maps along a mode: iso-surfaces or moving Gaussians, arrows, the first map as glass, slices.
class MovieView extends View {
  constructor(element, data) {
    super(element, data);
    this.names = element.dataset.series.split(" ");
    this.forward = true;
    this.meshes = new Map();
    this.below = make("div", {});
    if (this.names.length > 1) this.tabs();
    element.append(this.below);
    this.select(this.names[0]);
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (element.dataset.autoplay && !calm) this.play(true);
  }

  // One button a series, above the picture.
  tabs() {
    const row = make("div", {className: "tabs"});
    this.buttons = this.names.map(name => button(row, name.replace(/mode/, "Mode "), () => this.select(name)));
    this.element.prepend(row);
  }

  select(name) {
    const playing = this.playing;
    this.play(false);
    this.series = this.data.series[name];
    const moving = this.series.volumes.length > 1;
    this.mode = moving ? this.data.modes.find(m => m.number === this.series.mode) : undefined;
    this.level = this.series.levelByte;
    (this.buttons || []).forEach((b, i) => b.setAttribute("aria-pressed", this.names[i] === name));
    this.below.replaceChildren();
    this.controls();
    this.slices = new Slices(this.below, this.series);
    this.choose();
    this.show(0);
    this.play(Boolean(playing));
  }

  controls() {
    const element = this.below, player = make("div", {className: "controls player"});
    this.legend = make("div", {className: "legend"});
    this.playButton = button(player, "▶ Play", () => this.play(!this.playing));
    const last = this.series.volumes.length - 1;
    this.slider = make("input", {type: "range", min: 0, max: last, value: 0, ariaLabel: "frame"});
    this.slider.addEventListener("input", () => { this.play(false); this.show(Number(this.slider.value)); });
    this.place = make("output", {});
    player.append(this.slider, this.place);
    player.hidden = last === 0;
    const row = make("div", {className: "controls"});
    const kinds = this.element.dataset.plain ? ["surface"] : ["surface", "Gaussians"];
    this.what = choice(row, "Show", kinds, () => this.choose());
    const colourings = this.mode ? ["nothing", "displacement", "density change"] : ["nothing"];
    this.colouring = choice(row, "Colour by", colourings, () => this.choose());
    if (this.mode) {
      this.colouring.selectedIndex = this.element.dataset.plain ? 0 : this.mode.mostlyDensity ? 2 : 1;
      const text = this.mode.stretch > 1 ? `arrows (${this.mode.stretch} × longer)` : "arrows";
      this.arrows = box(row, text, false, () => this.refresh());
    }
    this.first = box(last ? row : make("div", {}), "first map as glass", false, () => this.refresh());
    const label = make("label", {textContent: "Threshold "});
    this.threshold = make("input", {type: "range", min: 3, max: 250, value: this.level, className: "threshold"});
    this.threshold.addEventListener("input", () => {
      this.level = Number(this.threshold.value);
      this.meshes.clear();
      this.refresh();
    });
    label.append(this.threshold);
    row.append(label);
    button(row, "Reset view", () => resetViews());
    element.append(this.legend, player, row);
  }

  play(on) {
    this.playing = on;
    clearInterval(this.timer);
    if (!this.playButton) return;
    this.playButton.textContent = on ? "❚❚ Pause" : "▶ Play";
    const count = this.series.volumes.length;
    if (on) this.timer = setInterval(() => {
      if (!this.visible) return;
      if (this.frame === count - 1) this.forward = false;
      if (this.frame === 0) this.forward = true;
      this.show(this.frame + (this.forward ? 1 : -1));
    }, Math.min(550, Math.max(110, 2200 / count)));
    else this.refresh();
  }

  show(frame) {
    this.frame = Math.min(Math.max(frame, 0), this.series.volumes.length - 1);
    this.slider.value = this.frame;
    this.place.textContent = this.series.labels[this.frame];
    this.slices.show(this.frame);
    if (this.element.dataset.autoplay) this.mark();
    this.refresh();
  }

  // The histogram of this mode beside the movie, with a marker at the frame's coordinate; those of others are hidden.
  mark() {
    for (const figure of document.querySelectorAll("figure[data-follows]")) {
      const {follows, low, high, ends} = figure.dataset, [left, right] = ends.split(" ").map(Number);
      figure.hidden = Number(follows) !== this.series.mode;
      const share = (this.series.coordinates[this.frame] - low) / (high - low), marker = figure.querySelector(".marker");
      marker.setAttribute("visibility", share >= 0 && share <= 1 ? "visible" : "hidden");
      marker.setAttribute("transform", `translate(${left + share * (right - left)} 0)`);
    }
  }

  // On paper: both ends of the movie.
  printed() {
    const last = this.series.volumes.length - 1, now = this.frame;
    const pictures = [...new Set([0, last])].map(frame => {
      this.frame = frame;
      return this.picture(this.series.labels[frame]);
    });
    this.frame = now;
    return pictures;
  }

  // The quantity behind the colours, one value a Gaussian, over the whole path from first to last map.
  choose() {
    const which = this.colouring.selectedIndex, span = this.series.span;
    this.meshes.clear();
    this.legend.hidden = !which;
    if (which) {
      const {position, amplitude} = this.mode, length = j => Math.hypot(...position.subarray(3 * j, 3 * j + 3));
      this.quantity = this.series.amounts ? this.farthest(which === 1) :
        amplitude.map((u, j) => span * (which === 1 ? length(j) : 100 * u));
      const most = this.quantity.reduce((a, v) => Math.max(a, Math.abs(v)), 1e-6);
      const {heat, change} = this.data.ramps;
      [this.low, this.high, this.ramp] = which === 1 ? [0, most, heat] : [-most, most, change];
      const reach = this.series.amounts ? "at most along the curve" : "first to last map";
      const title = which === 1 ? `displacement, ${reach} (Å)` : `density change, ${reach} (%)`;
      showLegend(this.legend, title, this.low, this.high, this.ramp);
    }
    this.refresh();
  }

  // Largest displacement of each Gaussian (Å) from the first map, or change of its density (%), along a curve.
  farthest(moves) {
    const out = new Float32Array(this.data.gaussians.radius.length), start = this.centres(0);
    const weight = (along, j) => along.reduce((sum, [field, t]) => sum + t * field.amplitude[j], 0);
    for (let frame = 1; frame < this.series.amounts.length; frame++) {
      const now = this.centres(frame), [before, after] = [this.along(0), this.along(frame)];
      for (let j = 0; j < out.length; j++) {
        const value = moves ? Math.hypot(now[3 * j] - start[3 * j], now[3 * j + 1] - start[3 * j + 1],
          now[3 * j + 2] - start[3 * j + 2]) : 100 * (weight(after, j) - weight(before, j));
        if (Math.abs(value) > Math.abs(out[j])) out[j] = value;
      }
    }
    return out;
  }

  // [field, amount] of a frame: [mode, coordinate] for all modes that it is not at 0 of, or functions along curves.
  along(frame) {
    const {places, coordinates, amounts} = this.series;
    if (amounts) return this.data.fields.map((field, k) => [field, amounts[frame][k]]);
    return places ? this.data.modes.map((mode, k) => [mode, places[frame][k]]) : [[this.mode, coordinates[frame]]];
  }

  centres(frame) {
    const out = Float32Array.from(this.data.gaussians.position);
    for (const [mode, z] of this.along(frame))
      for (let i = 0; i < out.length; i++) out[i] += z * mode.position[i];
    return out;
  }

  surface(frame, level, plain) {
    const key = `${frame} ${plain}`;
    if (!this.meshes.has(key)) {
      const mesh = isoSurface(this.series.volumes[frame], level);
      if (plain || !this.colouring.selectedIndex) paint(mesh, plain ? [70, 90, 120] : PLAIN);
      else {
        const values = spreadOver(mesh, this.centres(frame), this.quantity, this.data.gaussians.width);
        for (let i = 0; i < mesh.n; i++) mesh.colour.set(this.colourOf(values[i]), 3 * i);
      }
      this.meshes.set(key, mesh);
    }
    return this.meshes.get(key);
  }

  scene() {
    const scene = {solid: [], glass: []}, arrows = this.arrows && this.arrows.checked;
    if (this.what.selectedIndex === 1) scene.spheres = this.gaussians(this.frame);
    else (arrows ? scene.glass : scene.solid).push(this.surface(this.frame, this.level, false));
    if (arrows) scene.solid.push(this.mode.arrowMesh);
    if (this.first.checked) scene.glass.push(this.surface(0, this.level, true));
    return scene;
  }

  colourOf(value) {
    return ramped(this.ramp, (value - this.low) / (this.high - this.low));
  }

  gaussians(frame) {
    const {radius} = this.data.gaussians, n = radius.length, along = this.along(frame);
    const change = j => along.reduce((sum, [mode, z]) => sum + z * mode.amplitude[j], 1);
    const sizes = radius.map((r, j) => r * Math.cbrt(Math.max(0, change(j))));
    const colour = new Uint8Array(3 * n);
    for (let j = 0; j < n; j++)
      colour.set(this.colouring.selectedIndex ? this.colourOf(this.quantity[j]) : PLAIN, 3 * j);
    return {position: this.centres(frame), radius: sizes, colour};
  }
}

function resetViews() {
  views[0].data.rotation = views[0].data.start.slice();
  for (const view of views) { view.zoom = 1; view.refresh(); }
}

window.addEventListener("beforeprint", () => {
  for (const view of views) {
    const paper = view.paper || (view.paper = make("div", {className: "paper"}));
    paper.replaceChildren(...view.printed());
    view.canvas.after(paper);
    view.refresh();
  }
});
