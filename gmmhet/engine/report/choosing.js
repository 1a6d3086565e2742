// Choosing particles by hand: a lasso or a rectangle over their coordinates, saved as row numbers for gmmhet export.
const COLOURS = [[47, 95, 150], [212, 87, 44]];  // of particles, and of chosen ones

// Whether (x, y) lies inside a closed outline [[x, y], ...], by the number of its edges to the right.
function inOutline(outline, x, y) {
  let inside = false;
  for (let i = 0, j = outline.length - 1; i < outline.length; j = i++) {
    const [ax, ay] = outline[i], [bx, by] = outline[j];
    if ((ay > y) !== (by > y) && x < ax + (y - ay) / (by - ay) * (bx - ax)) inside = !inside;
  }
  return inside;
}

// Marks 1 in chosen for every point inside: how is "new", "add" or "take".
function chooseInside(chosen, xs, ys, outline, how) {
  if (how === "new") chosen.fill(0);
  const across = outline.map(p => p[0]), up = outline.map(p => p[1]);
  const [left, right] = [Math.min(...across), Math.max(...across)], [low, high] = [Math.min(...up), Math.max(...up)];
  for (let i = 0; i < xs.length; i++) {
    if (xs[i] < left || xs[i] > right || ys[i] < low || ys[i] > high) continue;
    if (inOutline(outline, xs[i], ys[i])) chosen[i] = how === "take" ? 0 : 1;
  }
}

function rowText(chosen, name) {
  const rows = [];
  chosen.forEach((mark, i) => { if (mark) rows.push(i + 1); });
  return `# ${rows.length} of ${chosen.length} particles of ${name}: row numbers of the analysed file, from 1\n`
    + rows.join("\n") + "\n";
}

// Round numbers between low and high, about as many as wanted.
function roundNumbers(low, high, wanted) {
  const raw = (high - low) / wanted, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= raw), found = [];
  for (let i = Math.ceil(low / step); i * step <= high; i++) found.push(i * step);
  return found;
}

class Chooser {
  constructor(holder, data) {
    this.data = data;
    this.chosen = new Uint8Array(data.count);
    this.outline = null;
    const controls = make("div", {className: "controls"});
    const names = data.modes.map(m => `mode ${m.number}`);
    const again = () => this.place();
    this.across = choice(controls, "Across", names, again);
    this.up = choice(controls, "Up", [...names, "nothing (spread out)"], again);
    this.up.selectedIndex = Math.min(1, names.length);
    this.tool = choice(controls, "Draw with", ["lasso", "rectangle"], () => {});
    button(controls, "Clear", () => { this.chosen.fill(0); this.draw(); });
    this.save = button(controls, "Save row numbers", () => this.download());
    this.told = make("output", {});
    controls.append(this.told);
    this.canvas = make("canvas", {className: "plane", tabIndex: 0});
    this.canvas.setAttribute("aria-label", holder.dataset.label);
    holder.append(controls, this.canvas);
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"])
      this.canvas.addEventListener(kind, event => this.pointer(kind, event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    this.place();
  }

  // Values across and up; without a second mode every particle has a height of its own, which means nothing.
  place() {
    const modes = this.data.modes, up = modes[this.up.selectedIndex];
    this.x = modes[this.across.selectedIndex];
    this.y = up ?? {low: 0, high: 1, values: this.x.values.map((_, i) => ((i + 1) * 0.61803398875) % 1)};
    this.draw();
  }

  // Edges of the picture in pixels, and between values and pixels.
  frame() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight;
    const margins = [this.x, this.y].map(axis => 0.03 * (axis.high - axis.low || 1));
    return {left: 52, right: width - 10, top: 10, bottom: height - 40, ends: [this.x, this.y].map(
      (axis, k) => [axis.low - margins[k], axis.high + margins[k]])};
  }

  pixels(f, x, y) {
    const [[a, b], [c, d]] = f.ends;
    return [f.left + (x - a) / (b - a) * (f.right - f.left), f.bottom - (y - c) / (d - c) * (f.bottom - f.top)];
  }

  values(f, px, py) {
    const [[a, b], [c, d]] = f.ends;
    return [a + (px - f.left) / (f.right - f.left) * (b - a), c + (f.bottom - py) / (f.bottom - f.top) * (d - c)];
  }

  draw() {
    const ratio = window.devicePixelRatio || 1, canvas = this.canvas, f = this.frame();
    canvas.width = Math.round(canvas.clientWidth * ratio);
    canvas.height = Math.round(canvas.clientHeight * ratio);
    if (!canvas.width || !canvas.height) return;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    this.drawAxes(pen, f);
    pen.drawImage(this.points(f, ratio), 0, 0, canvas.clientWidth, canvas.clientHeight);
    this.layer = make("canvas", {width: canvas.width, height: canvas.height});
    this.layer.getContext("2d").drawImage(canvas, 0, 0);
    this.tell();
  }

  // All particles as a picture: counted pixel by pixel, which is fast without a graphics card too.
  points(f, ratio) {
    const {width, height} = this.canvas, count = this.data.count, [[a, b], [c, d]] = f.ends;
    const side = Math.max(1, Math.round((count < 5000 ? 3 : count < 50000 ? 2 : 1) * ratio));
    const counts = COLOURS.map(() => new Uint16Array(width * height)), xs = this.x.values, ys = this.y.values;
    const across = (f.right - f.left) / (b - a) * ratio, up = (f.bottom - f.top) / (d - c) * ratio;
    for (let i = 0; i < count; i++) {
      const left = Math.round(f.left * ratio + (xs[i] - a) * across - side / 2);
      const top = Math.round(f.bottom * ratio - (ys[i] - c) * up - side / 2), into = counts[this.chosen[i]];
      if (left < 0 || top < 0 || left + side > width || top + side > height) continue;
      for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) into[y * width + x]++;
    }
    const image = new ImageData(width, height), weak = Math.max(Math.min(1, 20000 / count), 0.15);
    for (let i = 0; i < width * height; i++) {
      if (!counts[0][i] && !counts[1][i]) continue;
      const [under, over] = [0.55, 0.9].map((strength, k) => 1 - (1 - strength * weak) ** counts[k][i]);
      const rest = under * (1 - over), alpha = rest + over;
      for (let k = 0; k < 3; k++) image.data[4 * i + k] = (COLOURS[0][k] * rest + COLOURS[1][k] * over) / alpha;
      image.data[4 * i + 3] = 255 * alpha;
    }
    const picture = make("canvas", {width, height});
    picture.getContext("2d").putImageData(image, 0, 0);
    return picture;
  }

  // While an outline is drawn: it alone, over the particles as they were drawn.
  trace() {
    const pen = this.canvas.getContext("2d"), ratio = window.devicePixelRatio || 1;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.layer, 0, 0);
    pen.scale(ratio, ratio);
    this.drawOutline(pen, this.frame());
  }

  drawAxes(pen, f) {
    pen.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    pen.font = "13px system-ui, Arial, sans-serif";
    const bare = this.y.number === undefined;
    for (const [ticks, along] of [[roundNumbers(...f.ends[0], 7), 0], [bare ? [] : roundNumbers(...f.ends[1], 6), 1]])
      for (const value of ticks) {
        const [px, py] = along ? this.pixels(f, f.ends[0][0], value) : this.pixels(f, value, f.ends[1][0]);
        pen.strokeStyle = "#e8ecf0";
        pen.beginPath();
        pen.moveTo(px, py);
        pen.lineTo(along ? f.right : px, along ? py : f.top);
        pen.stroke();
        pen.fillStyle = "#20262e";
        pen.textAlign = along ? "right" : "center";
        pen.fillText(short(value), along ? px - 6 : px, along ? py + 4 : py + 17);
      }
    pen.strokeStyle = "#8a94a0";
    pen.strokeRect(f.left, f.top, f.right - f.left, f.bottom - f.top);
    pen.fillStyle = "#5b6470";
    pen.textAlign = "center";
    pen.fillText(`mode ${this.x.number} (standard deviations)`, (f.left + f.right) / 2, f.bottom + 34);
    if (bare) return;
    pen.save();
    pen.translate(13, (f.top + f.bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(`mode ${this.y.number} (standard deviations)`, 0, 0);
    pen.restore();
  }

  drawOutline(pen, f) {
    pen.strokeStyle = "#20262e";
    pen.setLineDash([5, 4]);
    pen.beginPath();
    for (const [x, y] of this.corners()) pen.lineTo(...this.pixels(f, x, y));
    pen.closePath();
    pen.stroke();
    pen.setLineDash([]);
  }

  // The outline as drawn: of a rectangle only the first and last point are kept.
  corners() {
    if (this.tool.selectedIndex === 0) return this.outline;
    const [[a, b], [c, d]] = [this.outline[0], this.outline[this.outline.length - 1]];
    return [[a, b], [c, b], [c, d], [a, d]];
  }

  pointer(kind, event) {
    const f = this.frame(), at = this.values(f, event.offsetX, event.offsetY);
    if (kind === "pointerdown") {
      this.canvas.setPointerCapture(event.pointerId);
      this.outline = [at];
      event.preventDefault();
    } else if (this.outline && kind === "pointermove") {
      this.outline.push(at);
      event.preventDefault();
      this.trace();
    } else if (this.outline) {
      const how = event.shiftKey ? "add" : event.altKey ? "take" : "new";
      if (kind === "pointerup" && this.outline.length > 2)
        chooseInside(this.chosen, this.x.values, this.y.values, this.corners(), how);
      this.outline = null;
      event.preventDefault();
      this.draw();
    }
  }

  tell() {
    const number = this.chosen.reduce((sum, mark) => sum + mark, 0);
    this.told.textContent = `${number.toLocaleString("en")} of ${this.data.count.toLocaleString("en")} particles chosen`;
    this.save.disabled = number === 0;
  }

  download() {
    const url = URL.createObjectURL(new Blob([rowText(this.chosen, this.data.name)], {type: "text/plain"}));
    make("a", {href: url, download: `${this.data.name}_rows.txt`}).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}

async function startChoosing() {
  const holder = document.querySelector(".chooser");
  if (!holder) return;
  try {
    const data = JSON.parse(document.getElementById("particles").textContent);
    for (const mode of data.modes) {
      const steps = await unpack(mode.values, Uint16Array);
      mode.values = Float32Array.from(steps, s => mode.low + s / data.levels * (mode.high - mode.low));
    }
    holder.querySelector(".waiting").remove();
    new Chooser(holder, data);
  } catch (error) {
    const note = holder.querySelector(".waiting");
    if (note) note.textContent = `Cannot be drawn (${error.message}); a browser from 2023 or later is needed.`;
    throw error;
  }
}

startChoosing();
