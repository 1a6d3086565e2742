// Which particles are chosen: conditions that all have to hold.
class Selection {
  // landscape: whose data.columns hold the coordinates. about: of the result.
  constructor(landscape, about) {
    Object.assign(this, {landscape, about, range: null, sure: null, lasso: null, named: null});
    this.mask = null;
  }

  clear() {
    Object.assign(this, {range: null, sure: null, lasso: null, named: null});
    this.landscape.band = null;
    this.update();
  }

  // polygon: [[x, y], ...] of coordinates on the modes that are shown.
  setLasso(polygon) {
    const {across, up, data} = this.landscape, xs = data.columns[across], ys = data.columns[up];
    const mask = new Uint8Array(xs.length);
    const low = [0, 1].map(k => Math.min(...polygon.map(p => p[k]))), high = [0, 1].map(k => Math.max(...polygon.map(p => p[k])));
    for (let i = 0; i < xs.length; i++) {
      const x = xs[i], y = ys[i];
      if (x < low[0] || x > high[0] || y < low[1] || y > high[1]) continue;
      let inside = 0;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        const [xa, ya] = polygon[a], [xb, yb] = polygon[b];
        if (ya > y !== yb > y && x < (xb - xa) * (y - ya) / (yb - ya) + xa) inside ^= 1;
      }
      mask[i] = inside;
    }
    this.lasso = mask;
    this.update();
  }

  // band: [from, to] on the mode across.
  setRange(band) {
    this.range = band && {mode: this.landscape.across, from: Number(band[0].toFixed(4)), to: Number(band[1].toFixed(4))};
    this.update();
  }

  async setSure(deviation) {
    if (!(deviation > 0)) this.sure = null;
    else {
      const mode = this.range ? this.range.mode : this.landscape.across;
      const found = await packed("/api/column?name=gmmhetLatentSd" + (mode + 1));
      this.sure = {mode, deviation, values: new Float32Array(found.data)};
    }
    this.update();
  }

  // One category of the column that points are coloured by; the same again: none.
  setCategory(column, category) {
    const same = this.named && this.named.column === column && this.named.category === category;
    this.named = same ? null : {column, category};
    this.update();
  }

  get any() { return Boolean(this.range || this.sure || this.lasso || this.named); }

  update() {
    const n = this.landscape.data.count, {range, sure, lasso, named} = this;
    const mask = this.mask = this.any ? new Uint8Array(n) : null;
    this.count = 0;
    if (mask) {
      const values = range && this.landscape.data.columns[range.mode];
      for (let i = 0; i < n; i++) {
        if (range && !(values[i] >= range.from && values[i] <= range.to)) continue;
        if (sure && !(sure.values[i] <= sure.deviation)) continue;
        if (lasso && !lasso[i]) continue;
        if (named && named.column.values[i] !== named.category) continue;
        mask[i] = 1;
        this.count++;
      }
    }
    this.landscape.selected = mask;
    if (this.landscape.up === null) this.landscape.histogram();
    this.landscape.refresh();
    if (this.changed) this.changed();
  }

  // Rows, from 1, that a mask holds.
  static rows(mask) {
    const found = [];
    for (let i = 0; i < mask.length; i++) if (mask[i]) found.push(i + 1);
    return found;
  }

  // What gmmhet export needs to know: conditions that it has itself, and row numbers for the others.
  asked() {
    const asked = {};
    if (this.range) Object.assign(asked, {mode: this.range.mode + 1, from: this.range.from, to: this.range.to});
    if (this.sure && (!this.range || this.sure.mode === this.range.mode))
      Object.assign(asked, {mode: this.sure.mode + 1, confidence: this.sure.deviation});
    if (this.lasso || this.named || (this.sure && this.range && this.sure.mode !== this.range.mode))
      asked.ids = Selection.rows(this.mask);
    return asked;
  }
}

// Pictures of the chosen particles: the average and a few images.
async function showImages(element, ids) {
  const {about, data} = await packed("/api/selection", {ids}), side = about.side, all = new Uint8Array(data);
  element.replaceChildren();
  for (let k = 0; (k + 1) * side * side <= all.length; k++) {
    const canvas = make("canvas", {width: side, height: side, role: "img"}), image = new ImageData(side, side);
    const words = k ? `image ${k}` : `average of ${about.averaged}`;
    canvas.setAttribute("aria-label", words);
    for (let i = 0; i < side * side; i++)
      image.data.set([...new Array(3).fill(all[k * side * side + (side - 1 - Math.floor(i / side)) * side + i % side]), 255], 4 * i);
    canvas.getContext("2d").putImageData(image, 0, 0);
    element.append(make("figure", {}, canvas, make("figcaption", {textContent: words})));
  }
  element.append(make("p", {className: "hint", textContent:
    `${about.count.toLocaleString("en")} particles; ${(side * about.pixel).toFixed(0)} \u00c5 across; ${WORDS.not_turned}`}));
}
